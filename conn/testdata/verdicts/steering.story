# What steers a flow besides its peer: rules, marks, owners, bound links, source
# prefixes, VRFs.
link lo up
link wan up
link lte up
addr 127.0.0.1/8 dev lo
addr 192.0.2.2/25 dev wan
addr 192.0.2.130/25 dev lte
addr 2001:db8::2/64 dev wan
addr 2001:db8:1::2/64 dev lte
192.0.2.0/25 dev wan scope link src 192.0.2.2
192.0.2.128/25 dev lte scope link src 192.0.2.130
2001:db8::/64 dev wan metric 256
2001:db8:1::/64 dev lte metric 256
rule 0: from all lookup local
rule 32766: from all lookup main
rule 32767: from all lookup default
-6 rule 0: from all lookup local
-6 rule 32766: from all lookup main

== marked-flow-follows-its-table
rule 100: from all fwmark 0x7 lookup 7
default via 192.0.2.1 dev wan
default via 192.0.2.129 dev lte table 7
then
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route by wan
tcp 192.0.2.130:4000 198.51.100.7:443 mark 7 = keep by lte
then
del default via 192.0.2.129 dev lte table 7
tcp 192.0.2.130:4000 198.51.100.7:443 mark 7 = no-route by lte

== marked-rerouted-and-back
rule 100: from all fwmark 0x7 lookup 7
default via 192.0.2.1 dev wan
default via 192.0.2.129 dev lte table 7
then
replace default via 192.0.2.1 dev wan table 7
tcp 192.0.2.130:4000 198.51.100.7:443 mark 7 = gateway-gone by lte
tcp 192.0.2.2:4000 198.51.100.7:443 = keep by wan
then
replace default via 192.0.2.129 dev lte table 7
tcp 192.0.2.130:4000 198.51.100.7:443 mark 7 = keep by lte

== mark-unknown-with-mark-rules
rule 100: from all fwmark 0x7/0xff lookup 7
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
default via 192.0.2.1 dev wan table 7
then
del default via 192.0.2.1 dev wan metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = keep (is routed by its mark, which cannot be read)
tcp 192.0.2.2:4000 198.51.100.7:443 mark 7 = keep

== mark-unknown-rerouted
rule 100: from all fwmark 0x7/0xff lookup 7
default via 192.0.2.1 dev wan
default via 192.0.2.1 dev wan table 7
then
add 198.51.100.0/24 via 192.0.2.129 dev lte
tcp 192.0.2.2:4000 198.51.100.7:443 = rerouted
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = keep (is routed by its mark, which cannot be read)

== mark-unknown-some-mark-has-a-way
rule 100: from all fwmark 0x7/0xff lookup 7
default via 192.0.2.1 dev wan
default via 192.0.2.129 dev lte table 7
then
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = keep (is routed by its mark, which cannot be read)
then
link wan up nocarrier
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = keep (is routed by its mark, which cannot be read)

== mark-unknown-no-mark-has-a-way
rule 100: from all fwmark 0x7/0xff lookup 7
default via 192.0.2.1 dev wan
default via 192.0.2.1 dev wan table 7
then
del default via 192.0.2.1 dev wan
del default via 192.0.2.1 dev wan table 7
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = no-route

== mark-unknown-link-down-for-every-mark
rule 100: from all fwmark 0x7/0xff lookup 7
default via 192.0.2.1 dev wan
default via 192.0.2.1 dev wan table 7
then
link wan up nocarrier
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = link-down

== mark-unknown-source-gone
rule 100: from all fwmark 0x7/0xff lookup 7
default via 192.0.2.1 dev wan
addr 192.0.2.3/25 dev wan
then
del addr 192.0.2.2/25 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = source-gone

== mark-unknown-without-mark-rules
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
then
del default via 192.0.2.1 dev wan metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = gateway-gone

== mark-rule-added-now         # the mark counts as soon as a rule asks for it
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
then
rule 100: from all fwmark 0x7 lookup 7
add default via 192.0.2.129 dev lte table 7
tcp 192.0.2.2:4000 198.51.100.7:443 mark 7 = rerouted
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp 192.0.2.2:4000 198.51.100.7:443 nomark = keep

== wireguard               # wg-quick: everything unmarked goes into the tunnel
link wg0 up
addr 198.18.0.2/24 dev wg0
default via 192.0.2.1 dev wan
then
add default dev wg0 table 51820 scope link
rule 32764: from all lookup main suppress_prefixlength 0
rule 32765: not from all fwmark 0xca6c lookup 51820
tcp 192.0.2.2:4000 198.51.100.7:443 = rerouted by wan
tcp 192.0.2.2:51820 198.51.100.1:51820 mark 0xca6c = keep by wan
tcp 192.0.2.2:4000 192.0.2.9:22 = keep

== wireguard-goes
link wg0 up
addr 198.18.0.2/24 dev wg0
default via 192.0.2.1 dev wan
default dev wg0 table 51820 scope link
rule 32764: from all lookup main suppress_prefixlength 0
rule 32765: not from all fwmark 0xca6c lookup 51820
then
del rule 32764: from all lookup main suppress_prefixlength 0
del rule 32765: not from all fwmark 0xca6c lookup 51820
tcp 198.18.0.2:4000 198.51.100.7:443 = rerouted by wg0
then
del link wg0
tcp 198.18.0.2:4000 198.51.100.7:443 = source-gone by wg0

== owners                 # uid rules, as Android has them
rule 100: from all uidrange 1000-1999 lookup 7
-6 rule 100: from all uidrange 1000-1999 lookup 7
default via 192.0.2.1 dev wan
default via 192.0.2.129 dev lte table 7
-6 default via 2001:db8::1 dev wan metric 1024
-6 default via 2001:db8:1::1 dev lte table 7 metric 1024
then
del default via 192.0.2.129 dev lte table 7
del -6 default via 2001:db8:1::1 dev lte table 7 metric 1024
tcp 192.0.2.130:4000 198.51.100.7:443 uid 1000 = gateway-gone by lte
tcp 192.0.2.2:4000 198.51.100.7:443 uid 999 = keep
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 uid 1999 = gateway-gone by lte
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 uid 2000 = keep

== source-rules            # each address by its own uplink
rule 100: from 192.0.2.2 lookup 1
rule 101: from 192.0.2.130 lookup 2
default via 192.0.2.1 dev wan table 1
default via 192.0.2.129 dev lte table 2
default via 192.0.2.1 dev wan
then
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
then
del default via 192.0.2.129 dev lte table 2
tcp 192.0.2.130:4000 198.51.100.7:443 = no-route by lte
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== rule-deleted
rule 100: from 192.0.2.130 lookup 2
default via 192.0.2.129 dev lte table 2
default via 192.0.2.1 dev wan
then
del rule 100: from 192.0.2.130 lookup 2
tcp 192.0.2.130:4000 198.51.100.7:443 = rerouted by lte
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== rule-refuses
default via 192.0.2.1 dev wan
then
rule 50: to 198.51.100.0/24 prohibit
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route
tcp 192.0.2.2:4000 203.0.113.7:443 = keep

== rule-by-port
rule 100: from all ipproto tcp dport 443 lookup 7
default via 192.0.2.129 dev lte table 7
default via 192.0.2.1 dev wan
then
del default via 192.0.2.129 dev lte table 7
tcp 192.0.2.130:4000 198.51.100.7:443 = gateway-gone by lte
tcp 192.0.2.2:4000 198.51.100.7:22 = keep

== type-of-service             # which is not read of a socket
rule 100: from all tos 0x10 lookup 7
default via 192.0.2.1 dev wan table 7
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
then
del default via 192.0.2.1 dev wan metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = keep (may be routed by its type of service)
then
replace default via 192.0.2.129 dev lte table 7
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by wan
then
del default via 192.0.2.129 dev lte metric 20
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route by wan
then
del default via 192.0.2.129 dev lte table 7
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route by wan

== type-of-service-that-leads-elsewhere
rule 100: from all tos 0x10 lookup main
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
then
link wan down
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down by wan

== type-of-service-of-a-route
default tos 0x10 via 192.0.2.1 dev wan
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
then
del default via 192.0.2.1 dev wan metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = keep (may be routed by its type of service)
then
del default tos 0x10 via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by wan

== throw-goes-on
rule 100: from all lookup 7
throw 198.51.100.0/24 table 7
default via 192.0.2.1 dev wan table 7
default via 192.0.2.1 dev wan
then
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route
tcp 192.0.2.2:4000 203.0.113.7:443 = keep

== throw-comes
rule 100: from all lookup 7
default via 192.0.2.1 dev wan table 7
default via 192.0.2.129 dev lte
then
add throw 198.51.100.0/24 table 7
tcp 192.0.2.2:4000 198.51.100.7:443 = rerouted by wan

== bound                   # SO_BINDTODEVICE: other ways out do not count
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
then
del default via 192.0.2.129 dev lte metric 20
tcp 192.0.2.130:4000 198.51.100.7:443 oif lte = no-route by lte
tcp 192.0.2.2:4000 198.51.100.7:443 oif wan = keep by wan

== bound-to-the-worse
default via 192.0.2.129 dev lte metric 20
-6 default via 2001:db8:1::1 dev lte metric 20
then
add default via 192.0.2.1 dev wan metric 10
add -6 default via 2001:db8::1 dev wan metric 10
tcp 192.0.2.130:4000 198.51.100.7:443 oif lte = keep by lte
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 oif lte = keep by lte

== bound-link-down
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
then
link lte down
tcp 192.0.2.130:4000 198.51.100.7:443 oif lte = link-down by lte
tcp 192.0.2.2:4000 198.51.100.7:443 oif wan = keep

== bound-without-a-route       # IPv4 then takes the peer for one on the link, and in a tunnel that will do
link tun0 up flags 0x100c1
addr 198.18.0.2/24 dev tun0
198.51.100.0/24 dev tun0 scope link
then
del 198.51.100.0/24 dev tun0 scope link
tcp 198.18.0.2:4000 198.51.100.7:443 oif tun0 = keep by tun0
tcp 198.18.0.2:4000 198.51.100.7:443 oif tun0 mapped = keep by tun0
tcp 198.18.0.2:4000 198.51.100.7:443 = no-route by tun0
then
add unreachable 198.51.100.0/24
tcp 198.18.0.2:4000 198.51.100.7:443 oif tun0 = keep by tun0
then
link tun0 down
tcp 198.18.0.2:4000 198.51.100.7:443 oif tun0 = link-down by tun0

== bound-on-link
then
del 192.0.2.0/25 dev wan scope link src 192.0.2.2
tcp 192.0.2.2:4000 192.0.2.9:22 oif wan = keep by wan
tcp 192.0.2.2:4000 192.0.2.9:22 = no-route by wan

== bound-without-a-route-ipv6
link tun0 up flags 0x100c1
addr 2001:db8:2::2/64 dev tun0
-6 default dev tun0 metric 1024
then
del -6 default dev tun0 metric 1024
tcp [2001:db8:2::2]:4000 [2001:db8:ff::7]:443 oif tun0 = no-route by tun0

== link-local-peer         # its link is part of its address
addr fe80::2/64 dev wan
addr fe80::2/64 dev lte
fe80::/64 dev wan metric 256
fe80::/64 dev lte metric 256
then
link lte down
tcp [fe80::2]:4000 [fe80::9]:22 oif lte = link-down by lte
tcp [fe80::2]:4000 [fe80::9]:22 oif wan = keep by wan

== source-specific         # RFC 8028: each prefix by the router that gave it
-6 default from 2001:db8::/64 via fe80::1 dev wan metric 1024
-6 default from 2001:db8:1::/64 via fe80::1 dev lte metric 1024
then
del -6 default from 2001:db8:1::/64 via fe80::1 dev lte metric 1024
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep by wan
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 = no-route by lte

== source-specific-falls-back
-6 default from 2001:db8:1::/64 via fe80::1 dev lte metric 1024
-6 default via fe80::1 dev wan metric 1024
then
del -6 default from 2001:db8:1::/64 via fe80::1 dev lte metric 1024
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 = gateway-gone by lte

== vrf
link red up kind vrf table 10
link p0 up master red
addr 203.0.113.2/25 dev p0
203.0.113.0/25 dev p0 scope link table 10
default via 203.0.113.1 dev p0 table 10
default via 192.0.2.1 dev wan
rule 1000: from all lookup [l3mdev-table]
then
del default via 203.0.113.1 dev p0 table 10
del default via 192.0.2.1 dev wan
add default via 192.0.2.129 dev lte
tcp 203.0.113.2:4000 198.51.100.7:443 oif red = gateway-gone      # it leaks into the main table
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by wan
then
add unreachable default table 10 metric 4278198272
tcp 203.0.113.2:4000 198.51.100.7:443 oif red = no-route
tcp 203.0.113.2:4000 203.0.113.9:443 oif red = keep
