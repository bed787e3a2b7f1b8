IPv4 routes: where they go among equals, and what the kernel removes in silence.
The numbers are those of the traps in the kernel tests.

== T7 the four ways to add
full
link wan up
addr 192.0.2.9/24 dev wan
add default via 192.0.2.1 dev wan metric 100
then
append default via 192.0.2.2 dev wan metric 100
prepend default via 192.0.2.3 dev wan metric 100
> new default via 192.0.2.2 dev wan metric 100
> new default via 192.0.2.3 dev wan metric 100
| default via 192.0.2.3 dev wan metric 100
| default via 192.0.2.1 dev wan metric 100
| default via 192.0.2.2 dev wan metric 100
# replace takes the place of the first, whatever its gateway
replace default via 192.0.2.4 dev wan metric 100
> new default via 192.0.2.4 dev wan metric 100 was default via 192.0.2.3 dev wan metric 100
| default via 192.0.2.4 dev wan metric 100
| default via 192.0.2.1 dev wan metric 100
| default via 192.0.2.2 dev wan metric 100
touches 203.0.113.1
leaves 2001:db8::1
# an event that the dump already told
append default via 192.0.2.1 dev wan metric 100
> nothing
| default via 192.0.2.4 dev wan metric 100
| default via 192.0.2.1 dev wan metric 100
| default via 192.0.2.2 dev wan metric 100
# another metric is another route
add default via 192.0.2.5 dev wan metric 50
del default via 192.0.2.1 dev wan metric 100
| default via 192.0.2.5 dev wan metric 50
| default via 192.0.2.4 dev wan metric 100
| default via 192.0.2.2 dev wan metric 100
? 203.0.113.1
= via 192.0.2.5 dev wan
# without it, defaults of equal metric all count: which is used is the neighbours' affair
del default via 192.0.2.5 dev wan metric 50
? 203.0.113.1
= via 192.0.2.2 dev wan + via 192.0.2.4 dev wan

== T7 equal routes that are no defaults are used in order
full
link wan up
198.51.100.0/24 via 192.0.2.1 dev wan
then
append 198.51.100.0/24 via 192.0.2.2 dev wan
? 198.51.100.1
= via 192.0.2.1 dev wan
prepend 198.51.100.0/24 via 192.0.2.3 dev wan
? 198.51.100.1
= via 192.0.2.3 dev wan
del 198.51.100.0/24 via 192.0.2.3 dev wan
del 198.51.100.0/24 via 192.0.2.1 dev wan
? 198.51.100.1
= via 192.0.2.2 dev wan

== a TOS matches itself or is 0, and the more exact is tried first
full
link wan up
198.51.100.0/24 via 192.0.2.1 dev wan
198.51.100.0/24 tos 0x10 via 192.0.2.2 dev wan
? 198.51.100.1
= via 192.0.2.1 dev wan
? 198.51.100.1 tos 0x10
= via 192.0.2.2 dev wan
? 198.51.100.1 tos 0x08
= via 192.0.2.1 dev wan

== T1 a link goes down: its routes are gone unsaid, the local one stays
full
link lo up
link wan up
addr 192.0.2.9/24 dev wan
192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.9
default via 192.0.2.1 dev wan
default via 192.0.2.1 dev wan table 100
local 192.0.2.9 dev wan table local proto kernel scope host src 192.0.2.9
then
link wan down
> new link wan down was link wan up
> del implied 192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.9
> del implied default via 192.0.2.1 dev wan
> del implied default via 192.0.2.1 dev wan table 100
| local 192.0.2.9 dev wan table local proto kernel scope host src 192.0.2.9
? 198.51.100.1
= ENETUNREACH
? 192.0.2.9
= local dev wan
# and on its way up it says what it has
link wan up
add 192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.9
? 192.0.2.1
= dev wan
? 198.51.100.1
= ENETUNREACH

== T3 carrier loss changes no route
full
link wan up
default via 192.0.2.1 dev wan
then
link wan up nocarrier
> new link wan up nocarrier was link wan up
touches 198.51.100.1
? 198.51.100.1
= via 192.0.2.1 dev wan

== T3 unless the link's routes are to be ignored without carrier
full
link wan up nocarrier
link lte up
default via 192.0.2.1 dev wan metric 10
default via 198.51.100.1 dev lte metric 20
then
netconf inet wan ignore_routes_with_linkdown on
touches 203.0.113.1
? 203.0.113.1
= via 198.51.100.1 dev lte
netconf inet6 wan ignore_routes_with_linkdown on
netconf inet wan ignore_routes_with_linkdown off
? 203.0.113.1
= via 192.0.2.1 dev wan
netconf inet all ignore_routes_with_linkdown on
? 203.0.113.1
= via 198.51.100.1 dev lte
link wan up
? 203.0.113.1
= via 192.0.2.1 dev wan

== T4 the last address takes the routes along, one of several does not
full
link wan up
addr 192.0.2.9/24 dev wan
addr 192.0.2.10/24 dev wan secondary
192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.9
default via 192.0.2.1 dev wan
then
del addr 192.0.2.10/24 dev wan secondary
> del addr 192.0.2.10/24 dev wan secondary
del addr 192.0.2.9/24 dev wan
> del addr 192.0.2.9/24 dev wan
> del implied 192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.9
> del implied default via 192.0.2.1 dev wan
|

== T4 a link that never had an address keeps its routes
full
link wan up
link tun up
addr 192.0.2.9/24 dev wan
198.51.100.0/24 dev tun scope link
then
del addr 192.0.2.9/24 dev wan
| 198.51.100.0/24 dev tun scope link

== T5 the primary takes the secondary along, and both the default
full
link wan up
addr 192.0.2.1/24 dev wan
addr 192.0.2.5/24 dev wan secondary
default via 192.0.2.254 dev wan
then
del addr 192.0.2.5/24 dev wan secondary
del addr 192.0.2.1/24 dev wan
> del addr 192.0.2.5/24 dev wan secondary
> del addr 192.0.2.1/24 dev wan
> del implied default via 192.0.2.254 dev wan
|

== T5 a secondary that is promoted keeps the default
full
link wan up
addr 192.0.2.1/24 dev wan
addr 192.0.2.5/24 dev wan secondary
192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.1
default via 192.0.2.254 dev wan
then
del addr 192.0.2.1/24 dev wan
del 192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.1
addr 192.0.2.5/24 dev wan
add 192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.5
| default via 192.0.2.254 dev wan
| 192.0.2.0/24 dev wan proto kernel scope link src 192.0.2.5

== T6 routes that prefer an address go with it, on any link
full
link wan up
link lan up
addr 192.0.2.9/24 dev wan
addr 192.0.2.10/24 dev wan
addr 198.51.100.9/24 dev lan
203.0.113.0/24 via 198.51.100.1 dev lan src 192.0.2.9
default via 198.51.100.1 dev lan src 198.51.100.9
then
del addr 192.0.2.9/24 dev wan
> del addr 192.0.2.9/24 dev wan
> del implied 203.0.113.0/24 via 198.51.100.1 dev lan src 192.0.2.9
# the kernel may say so too: nothing new
del 203.0.113.0/24 via 198.51.100.1 dev lan src 192.0.2.9
> nothing

== T9 multipath legs follow their links
full
link a up
link b up
default nexthop via 192.0.2.1 dev a weight 1 nexthop via 198.51.100.1 dev b weight 3
? 203.0.113.1
= via 192.0.2.1 dev a + via 198.51.100.1 dev b
link a down
> new link a down was link a up
touches 203.0.113.1
? 203.0.113.1
= via 198.51.100.1 dev b
? 203.0.113.1 oif b
= via 198.51.100.1 dev b
link a up
? 203.0.113.1 oif a
= via 192.0.2.1 dev a
link b down
link a down
> new link a down was link a up
> new link b down was link b up
> del implied default nexthop via 192.0.2.1 dev a weight 1 nexthop via 198.51.100.1 dev b weight 3

== T11 a link that is gone takes all that was bound to it along
full
link a up
link b up
addr 192.0.2.9/24 dev a
addr 2001:db8::9/64 dev a
default via 192.0.2.1 dev a
198.51.100.0/24 nexthop via 192.0.2.1 dev a weight 1 nexthop via 203.0.113.1 dev b weight 1
203.0.113.0/24 dev b
then
del link a
> del link if2 up name a
> del addr 192.0.2.9/24 dev if2 label a
> del addr 2001:db8::9/64 dev if2
> del implied default via 192.0.2.1 dev if2
> del implied 198.51.100.0/24 nexthop via 192.0.2.1 dev if2 weight 1 nexthop via 203.0.113.1 dev b weight 1
| 203.0.113.0/24 dev b

== T14 types that refuse, and one that leaves it to the next rule
full
link wan up
rule 100: from all lookup 100
rule 32766: from all lookup main
default via 192.0.2.1 dev wan
unreachable 198.51.100.0/25
prohibit 198.51.100.128/26
blackhole 198.51.100.192/27
throw 203.0.113.0/24 table 100
203.0.113.0/25 dev wan table 100
default via 192.0.2.2 dev wan table 100
? 203.0.113.1
= 100: dev wan
? 203.0.113.200
= 32766: via 192.0.2.1 dev wan
del rule 100: from all lookup 100
? 198.51.100.1
= 32766: EHOSTUNREACH unreachable 198.51.100.0/25
? 198.51.100.129
= 32766: EACCES prohibit 198.51.100.128/26
? 198.51.100.193
= 32766: EINVAL blackhole 198.51.100.192/27
# they survive the link, and bind those that are bound to it
link wan down
? 198.51.100.1
= 32766: EHOSTUNREACH unreachable 198.51.100.0/25
? 203.0.113.1
= ENETUNREACH

== the source must be the device's, or there is no answer
full
link lo up
link wan up
addr 192.0.2.9/24 dev wan
local 203.0.113.0/24 dev lo table local scope host
default via 192.0.2.1 dev wan
? 198.51.100.1 from 192.0.2.9
= via 192.0.2.1 dev wan
? 198.51.100.1 from 192.0.2.10
= ENETUNREACH
? 198.51.100.1 from 192.0.2.10 iif wan
= via 192.0.2.1 dev wan
? 198.51.100.1 from 203.0.113.7
= via 192.0.2.1 dev wan

== a bound socket has no other way out
full
link wan up
link lte up
default via 192.0.2.1 dev wan
? 198.51.100.1 oif wan
= via 192.0.2.1 dev wan
? 198.51.100.1 oif lte
= ENETUNREACH
? 198.51.100.1 oif gone
= ENODEV
198.51.100.0/24 via 203.0.113.1 dev lte
? 198.51.100.1 oif wan
= via 192.0.2.1 dev wan
? 198.51.100.1
= via 203.0.113.1 dev lte

== a gateway of the other family
full
link wan up
default via inet6 fe80::1 dev wan
? 198.51.100.1
= via fe80::1 dev wan
