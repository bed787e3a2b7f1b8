# Which link owns an address, and what becomes of those that move.
link lo up
link eth0 up
link eth1 up
addr 127.0.0.1/8 dev lo
addr 192.0.2.2/25 dev eth0
addr 192.0.2.130/25 dev eth1
addr 2001:db8::2/64 dev eth0
addr 2001:db8:1::2/64 dev eth1
192.0.2.0/25 dev eth0 scope link src 192.0.2.2
192.0.2.128/25 dev eth1 scope link src 192.0.2.130
2001:db8::/64 dev eth0 metric 256
2001:db8:1::/64 dev eth1 metric 256

== bridged             # eth0 becomes a port, br0 takes address and routes
default via 192.0.2.1 dev eth0
-6 default via 2001:db8::1 dev eth0 metric 1024
then
link br0 up kind bridge
link eth0 up master br0
del addr 192.0.2.2/25 dev eth0
del addr 2001:db8::2/64 dev eth0
addr 192.0.2.2/25 dev br0
addr 2001:db8::2/64 dev br0
192.0.2.0/25 dev br0 scope link src 192.0.2.2
add default via 192.0.2.1 dev br0
del -6 default via 2001:db8::1 dev eth0 metric 1024
add -6 default via 2001:db8::1 dev br0 metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp 192.0.2.2:4000 192.0.2.9:22 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep

== bridged-private          # the same gateway, and so the same translator
addr 192.168.1.2/24 dev eth0
192.168.1.0/24 dev eth0 scope link src 192.168.1.2
default via 192.168.1.1 dev eth0
then
link br0 up kind bridge
link eth0 up master br0
del addr 192.168.1.2/24 dev eth0
addr 192.168.1.2/24 dev br0
192.168.1.0/24 dev br0 scope link src 192.168.1.2
replace default via 192.168.1.1 dev br0
tcp 192.168.1.2:4000 198.51.100.7:443 = keep

== half-bridged          # the address still on the port
default via 192.0.2.1 dev eth0
then
link br0 up kind bridge
link eth0 up master br0
replace default via 192.0.2.1 dev br0
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== unbridged
link br0 up kind bridge
link p0 up master br0
addr 203.0.113.2/24 dev br0
default via 203.0.113.1 dev br0
then
link p0 up
addr 203.0.113.2/24 dev p0
del link br0
add default via 203.0.113.1 dev p0
tcp 203.0.113.2:4000 198.51.100.7:443 = keep

== port-of-a-bond-of-a-bridge
link br0 up kind bridge
link bond0 up kind bond master br0
link p0 up master bond0
addr 203.0.113.2/24 dev p0
default via 203.0.113.1 dev br0
then
replace default via 203.0.113.1 dev bond0
tcp 203.0.113.2:4000 198.51.100.7:443 = keep
then
replace default via 192.0.2.1 dev eth0
tcp 203.0.113.2:4000 198.51.100.7:443 = gateway-gone by br0

== freed-port              # the port leaves the bridge, which so no longer owns its address
link br0 up kind bridge
link p0 up master br0
addr 203.0.113.2/24 dev p0
default via 203.0.113.1 dev br0
then
link p0 up
tcp 203.0.113.2:4000 198.51.100.7:443 = keep

== vrrp                    # the address moves to another link of the device
addr 203.0.113.2/24 dev eth0
203.0.113.0/24 dev eth0 scope link src 203.0.113.2
198.51.100.0/24 via 203.0.113.1 dev eth0
then
addr 203.0.113.2/24 dev eth1
replace 203.0.113.0/24 dev eth1 scope link src 203.0.113.2
replace 198.51.100.0/24 via 203.0.113.1 dev eth1
del addr 203.0.113.2/24 dev eth0
tcp 203.0.113.2:4000 198.51.100.7:443 = keep

== moved-away-path-stays
198.51.100.0/24 via 192.0.2.1 dev eth0
then
addr 192.0.2.2/25 dev eth1
del addr 192.0.2.2/25 dev eth0
addr 192.0.2.3/25 dev eth0
add 198.51.100.0/24 via 192.0.2.1 dev eth0
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== moved-away-path-elsewhere     # eth1 has it, packets leave by a third
link eth2 up
addr 203.0.113.2/24 dev eth2
198.51.100.0/24 via 192.0.2.1 dev eth0
then
addr 192.0.2.2/25 dev eth1
del addr 192.0.2.2/25 dev eth0
add 198.51.100.0/24 via 203.0.113.1 dev eth2
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone

== source-on-lo            # iBGP, anycast: either uplink will do
addr 203.0.113.2/32 dev lo
addr 2001:db8:5::2/128 dev lo
default via 192.0.2.1 dev eth0 metric 10
default via 192.0.2.129 dev eth1 metric 20
-6 default via 2001:db8::1 dev eth0 metric 10
-6 default via 2001:db8:1::1 dev eth1 metric 20
then
del default via 192.0.2.1 dev eth0 metric 10
del -6 default via 2001:db8::1 dev eth0 metric 10
tcp 203.0.113.2:4000 198.51.100.7:443 = keep by eth0
tcp [2001:db8:5::2]:4000 [2001:db8:ff::7]:443 = keep by eth0
then
add 198.51.100.0/24 via 192.0.2.1 dev eth0
tcp 203.0.113.2:4000 198.51.100.7:443 = keep
then
link eth0 down
tcp 203.0.113.2:4000 198.51.100.7:443 = keep
then
link eth1 up nocarrier
tcp 203.0.113.2:4000 198.51.100.7:443 = link-down
tcp [2001:db8:5::2]:4000 [2001:db8:ff::7]:443 = link-down

== source-on-lo-last-link-down
addr 203.0.113.2/32 dev lo
default via 192.0.2.1 dev eth0
then
link eth0 up nocarrier
tcp 203.0.113.2:4000 198.51.100.7:443 = link-down by eth0
then
del default via 192.0.2.1 dev eth0
link eth0 up
tcp 203.0.113.2:4000 198.51.100.7:443 = no-route
then
del addr 203.0.113.2/32 dev lo
tcp 203.0.113.2:4000 198.51.100.7:443 = source-gone

== asymmetric          # answers to what came by eth1 leave by eth0
default via 192.0.2.1 dev eth0 metric 10
default via 192.0.2.129 dev eth1 metric 20
then
del default via 192.0.2.1 dev eth0 metric 10
tcp 192.0.2.130:22 198.51.100.7:4000 = keep by eth0
tcp 192.0.2.2:22 198.51.100.7:4000 = gateway-gone by eth0

== asymmetric-rerouted
link eth2 up
addr 203.0.113.2/24 dev eth2
default via 192.0.2.1 dev eth0 metric 10
then
add default via 203.0.113.1 dev eth2 metric 5
tcp 192.0.2.130:22 198.51.100.7:4000 = keep by eth0
tcp 192.0.2.2:22 198.51.100.7:4000 = rerouted by eth0

== ecmp-leg-lost
default nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 192.0.2.129 dev eth1 weight 1
-6 default metric 1024 nexthop via 2001:db8::1 dev eth0 weight 1 nexthop via 2001:db8:1::1 dev eth1 weight 1
then
replace default via 192.0.2.129 dev eth1
del -6 default via 2001:db8::1 dev eth0 metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by eth0
tcp 192.0.2.130:4000 198.51.100.7:443 = keep by eth1
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = gateway-gone by eth0
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 = keep by eth1

== ecmp-leg-down
default nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 192.0.2.129 dev eth1 weight 1
-6 default metric 1024 nexthop via 2001:db8::1 dev eth0 weight 1 nexthop via 2001:db8:1::1 dev eth1 weight 1
then
link eth0 up nocarrier
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down by eth0
tcp 192.0.2.130:4000 198.51.100.7:443 = keep by eth1
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = link-down by eth0
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 = keep by eth1

== ecmp-leg-added
default via 192.0.2.1 dev eth0
then
replace default nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 192.0.2.129 dev eth1 weight 9
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== ecmp-leg-down-before       # its flows leave by the other one, which does not own their source
default nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 192.0.2.129 dev eth1 weight 1
link eth0 up nocarrier
then
replace default nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 192.0.2.129 dev eth1 weight 9
tcp 192.0.2.2:4000 198.51.100.7:443 = keep by eth1
tcp 192.0.2.130:4000 198.51.100.7:443 = keep by eth1
then
replace default via 192.0.2.129 dev eth1
tcp 192.0.2.2:4000 198.51.100.7:443 = keep by eth1

== equal-defaults          # of equal metric: either may be in use
default via 192.0.2.1 dev eth0
append default via 192.0.2.129 dev eth1
then
del default via 192.0.2.129 dev eth1
tcp 192.0.2.2:4000 198.51.100.7:443 = keep by eth0
tcp 192.0.2.130:4000 198.51.100.7:443 = gateway-gone by eth1

== equal-defaults-first-lost
default via 192.0.2.1 dev eth0
append default via 192.0.2.129 dev eth1
then
del default via 192.0.2.1 dev eth0
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by eth0
tcp 192.0.2.130:4000 198.51.100.7:443 = keep by eth1

== nexthop-object-replaced
nexthop id 10 via 192.0.2.1 dev eth0
default nhid 10 via 192.0.2.1 dev eth0
then
replace nexthop id 10 via 192.0.2.129 dev eth1
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by eth0

== nexthop-object-other-gateway
nexthop id 10 via 192.0.2.1 dev eth0
default nhid 10 via 192.0.2.1 dev eth0
then
replace nexthop id 10 via 192.0.2.3 dev eth0
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== nexthop-object-deleted
nexthop id 10 via 192.0.2.1 dev eth0
default nhid 10 via 192.0.2.1 dev eth0
then
del nexthop id 10 via 192.0.2.1 dev eth0
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route

== nexthop-object-becomes-blackhole
nexthop id 10 via 192.0.2.1 dev eth0
default nhid 10 via 192.0.2.1 dev eth0
then
replace nexthop id 10 blackhole
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route

== nexthop-group-member-lost
nexthop id 10 via 192.0.2.1 dev eth0
nexthop id 11 via 192.0.2.129 dev eth1
nexthop id 20 group 10/11
default nhid 20 nexthop via 192.0.2.1 dev eth0 weight 1 nexthop via 192.0.2.129 dev eth1 weight 1
then
replace nexthop id 20 group 11
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by eth0
tcp 192.0.2.130:4000 198.51.100.7:443 = keep by eth1

== default-without-gateway       # a point-to-point link
link ppp0 up
addr 203.0.113.2 peer 203.0.113.1/32 dev ppp0
default dev ppp0 scope link
then
replace default via 192.0.2.1 dev eth0
tcp 203.0.113.2:4000 198.51.100.7:443 = gateway-gone by ppp0
tcp 192.0.2.2:4000 198.51.100.7:443 = keep by ppp0

== ipv6-gateway-of-ipv4           # RFC 8950
default via inet6 fe80::1 dev eth0
then
replace default via inet6 fe80::2 dev eth1
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone

== same-address-on-two-links
addr 192.0.2.2/32 dev eth1
default via 192.0.2.1 dev eth0
then
replace default via 192.0.2.129 dev eth1
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== failover-to-a-link-without-carrier
default via 192.0.2.1 dev eth0 metric 10
default via 192.0.2.129 dev eth1 metric 20
link eth1 up nocarrier
then
del default via 192.0.2.1 dev eth0 metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by eth0
tcp 192.0.2.130:4000 198.51.100.7:443 = link-down by eth0        # home, and home is down

== rerouted-to-a-link-without-carrier
default via 192.0.2.1 dev eth0
link eth1 up nocarrier
then
add 198.51.100.0/24 via 192.0.2.129 dev eth1
tcp 192.0.2.2:4000 198.51.100.7:443 = rerouted by eth0

== failover-of-a-source-on-lo-to-a-link-without-carrier
addr 203.0.113.2/32 dev lo
default via 192.0.2.1 dev eth0 metric 10
default via 192.0.2.129 dev eth1 metric 20
link eth1 up nocarrier
then
del default via 192.0.2.1 dev eth0 metric 10
tcp 203.0.113.2:4000 198.51.100.7:443 = link-down by eth0

== failover-to-an-owner-without-carrier
addr 192.0.2.2/32 dev eth1
default via 192.0.2.1 dev eth0 metric 10
default via 192.0.2.129 dev eth1 metric 20
link eth1 up nocarrier
then
del default via 192.0.2.1 dev eth0 metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down by eth0

== failover-after-the-link-died          # the link was down before the route went
default via 192.0.2.1 dev eth0 metric 10
default via 192.0.2.129 dev eth1 metric 20
link eth0 up nocarrier
then
del default via 192.0.2.1 dev eth0 metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by eth0

== route-names-the-source        # an address that a tunnel's policy carries over any link
addr 203.0.113.2/32 dev eth0
addr 2001:db8:5::2/128 dev eth0
default via 192.0.2.1 dev eth0 src 203.0.113.2
-6 default via 2001:db8::1 dev eth0 src 2001:db8:5::2 metric 1024
then
replace default via 192.0.2.129 dev eth1 src 203.0.113.2
replace -6 default via 2001:db8:1::1 dev eth1 src 2001:db8:5::2 metric 1024
tcp 203.0.113.2:4000 198.51.100.7:443 = keep by eth0          # dialled anew it would go the same way
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by eth0
tcp [2001:db8:5::2]:4000 [2001:db8:ff::7]:443 = keep by eth0
then
link eth1 up nocarrier
tcp 203.0.113.2:4000 198.51.100.7:443 = gateway-gone by eth0
