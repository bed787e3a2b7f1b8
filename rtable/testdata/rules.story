T18: policy rules, with every selector, and what they pass over.

== each selector
full
link lo up
link wan up
link lte up
addr 192.0.2.9/24 dev wan
addr 198.51.100.9/24 dev lte
rule 10: from 198.51.100.9 lookup 10
rule 20: from all to 203.0.113.0/25 lookup 20
rule 30: from all fwmark 0x1/0xff lookup 30
rule 40: from all uidrange 1000-1999 lookup 40
rule 50: from all iif lte lookup 50
rule 60: from all oif lte lookup 60
rule 70: from all ipproto tcp dport 443-444 lookup 70
rule 80: from all sport 1000 lookup 80
rule 90: from all tos 0x10 lookup 90
rule 95: not from all fwmark 0x2 lookup 95
rule 32766: from all lookup main
default via 192.0.2.10 dev lte table 10
default via 192.0.2.20 dev lte table 20
default via 192.0.2.30 dev lte table 30
default via 192.0.2.40 dev lte table 40
default via 192.0.2.50 dev lte table 50
default via 192.0.2.60 dev lte table 60
default via 192.0.2.70 dev lte table 70
default via 192.0.2.80 dev lte table 80
default via 192.0.2.90 dev lte table 90
default via 192.0.2.95 dev lte table 95
default via 192.0.2.1 dev wan
? 203.0.113.200 mark 2
= 32766: via 192.0.2.1 dev wan
? 203.0.113.200 mark 2 from 198.51.100.9
= 10: via 192.0.2.10 dev lte
? 203.0.113.1 mark 2
= 20: via 192.0.2.20 dev lte
? 203.0.113.200 mark 0x101
= 30: via 192.0.2.30 dev lte
? 203.0.113.200 mark 2 uid 1999
= 40: via 192.0.2.40 dev lte
? 203.0.113.200 mark 2 uid 2000
= 32766: via 192.0.2.1 dev wan
? 203.0.113.200 mark 2 iif lte
= 50: via 192.0.2.50 dev lte
? 203.0.113.200 mark 2 oif lte
= 60: via 192.0.2.60 dev lte
? 203.0.113.200 mark 2 ipproto 6 dport 444
= 70: via 192.0.2.70 dev lte
? 203.0.113.200 mark 2 ipproto 17 dport 444
= 32766: via 192.0.2.1 dev wan
? 203.0.113.200 mark 2 sport 1000
= 80: via 192.0.2.80 dev lte
? 203.0.113.200 mark 2 sport 1001
= 32766: via 192.0.2.1 dev wan
? 203.0.113.200 mark 2 tos 0x10
= 90: via 192.0.2.90 dev lte
? 203.0.113.200
= 95: via 192.0.2.95 dev lte

== the rules of wg-quick
full
link wan up
link wg0 up
rule 32764: from all lookup main suppress_prefixlength 0
rule 32765: not from all fwmark 0xca6c lookup 51820
rule 32766: from all lookup main
default via 192.0.2.1 dev wan
192.0.2.0/24 dev wan scope link
default dev wg0 table 51820
? 203.0.113.1
= 32765: dev wg0
? 192.0.2.5
= 32764: dev wan
? 203.0.113.1 mark 0xca6c
= 32766: via 192.0.2.1 dev wan

== suppress by the group of the link
full
link wan up group 7
link lte up
rule 10: from all lookup 10 suppress_ifgroup 7
rule 32766: from all lookup main
default dev wan table 10
default dev lte
? 203.0.113.1
= 32766: dev lte
link wan up
touches 203.0.113.1
? 203.0.113.1
= 10: dev wan

== refusals, nop and goto
full
link wan up
rule 10: from all to 203.0.113.0/26 unreachable
rule 20: from all to 203.0.113.64/26 prohibit
rule 30: from all to 203.0.113.128/26 blackhole
rule 40: from all nop
rule 50: from all uidrange 1-1 goto 70
rule 60: from all unreachable
rule 70: from all lookup main
default dev wan
? 203.0.113.1
= 10: ENETUNREACH
? 203.0.113.65
= 20: EACCES
? 203.0.113.129
= 30: EINVAL
? 203.0.113.193
= 60: ENETUNREACH
? 203.0.113.193 uid 1
= 70: dev wan
# a goto to nowhere does nothing
del rule 70: from all lookup main
touches 203.0.113.1
? 203.0.113.193 uid 1
= 60: ENETUNREACH

== the order of equal rules is that of arrival
full
link a up
link b up
default dev a table 1
default dev b table 2
then
rule 100: from all lookup 1
rule 100: from all lookup 2
? 203.0.113.1
= 100: dev a
del rule 100: from all lookup 1
rule 100: from all lookup 1
touches 203.0.113.1
? 203.0.113.1
= 100: dev b

== a full state that holds the same rules in another order
full
link a up
link b up
rule 100: from all lookup 1
rule 100: from all lookup 2
default dev a table 1
default dev b table 2
full
link a up
link b up
rule 100: from all lookup 2
rule 100: from all lookup 1
default dev a table 1
default dev b table 2
> nothing
touches 203.0.113.1
? 203.0.113.1
= 100: dev b

== without rules: local, main, default
full
link lo up
link wan up
local 203.0.113.1 dev lo table local scope host
203.0.113.0/24 dev wan
default via 192.0.2.1 dev wan table default
? 203.0.113.1
= local dev lo
? 203.0.113.2
= dev wan
? 198.51.100.1
= via 192.0.2.1 dev wan

== a rename moves the rules that go by name
full
link wan up
rule 10: from all oif wan2 prohibit
rule 32766: from all lookup main
default dev wan
? 203.0.113.1 oif wan
= 32766: dev wan
link wan up name wan2
touches 203.0.113.1
? 203.0.113.1 oif wan
= 10: EACCES

== a VRF has its own table
full
link lo up
link red up kind vrf table 10
link port up master red
link wan up
addr 192.0.2.9/24 dev port
rule 1000: from all lookup [l3mdev-table]
rule 32766: from all lookup main
default via 192.0.2.1 dev port table 10
default via 198.51.100.1 dev wan
? 203.0.113.1
= 32766: via 198.51.100.1 dev wan
? 203.0.113.1 oif red
= 1000: via 192.0.2.1 dev port
? 203.0.113.1 oif port
= 1000: via 192.0.2.1 dev port
# a port that leaves it is bound to main again
link port up
touches 203.0.113.1
? 203.0.113.1 oif port
= ENETUNREACH
