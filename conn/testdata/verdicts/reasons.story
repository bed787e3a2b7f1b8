# Each reason, in both families. The device has an Ethernet uplink, a modem that
# stands by, and a LAN.
link lo up
link wan up
link lte up
link lan up
addr 127.0.0.1/8 dev lo
addr ::1/128 dev lo
addr 192.0.2.2/25 dev wan
addr 192.0.2.130/25 dev lte
addr 10.0.0.1/24 dev lan
addr 2001:db8::2/64 dev wan
addr 2001:db8:1::2/64 dev lte
192.0.2.0/25 dev wan scope link src 192.0.2.2
192.0.2.128/25 dev lte scope link src 192.0.2.130
10.0.0.0/24 dev lan scope link src 10.0.0.1
2001:db8::/64 dev wan metric 256
2001:db8:1::/64 dev lte metric 256

== nothing-changed
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
tcp 192.0.2.2:4000 198.51.100.7:443 = keep by wan
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep by wan

== default-route-deleted
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
del default via 192.0.2.1 dev wan
del -6 default via 2001:db8::1 dev wan metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route by wan
tcp 192.0.2.2:4000 198.51.100.7:443 mapped = no-route
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = no-route by wan
tcp 192.0.2.2:4000 192.0.2.9:22 = keep                 # a net route of its own
tcp 10.0.0.1:22 10.0.0.7:4000 = keep
tcp [2001:db8::2]:4000 [2001:db8::9]:22 = keep

== one-family-only
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
del -6 default via 2001:db8::1 dev wan metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp 192.0.2.2:4000 198.51.100.7:443 mapped = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = no-route

== refused-by-unreachable
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
add unreachable 198.51.100.0/24
add unreachable 2001:db8:ff::/48 dev lo metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route
tcp 192.0.2.2:4000 203.0.113.7:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = no-route
tcp [2001:db8::2]:4000 [2001:db8:fe::7]:443 = keep

== refused-by-prohibit
default via 192.0.2.1 dev wan
then
add prohibit 198.51.100.0/24
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route

== refused-by-blackhole
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
add blackhole 198.51.100.7
add blackhole 2001:db8:ff::7 dev lo metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route
tcp 192.0.2.2:4000 198.51.100.8:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = no-route

== throw-without-rules
default via 192.0.2.1 dev wan
then
add throw 198.51.100.0/24       # goes on to the default table, which is empty
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route
tcp 192.0.2.2:4000 203.0.113.7:443 = keep

== refused-by-default-of-last-resort   # what networkd and others leave behind
default via 192.0.2.1 dev wan
unreachable default metric 4278198272
then
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route

== source-deleted
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
addr 192.0.2.3/25 dev wan
addr 2001:db8::3/64 dev wan
then
del addr 192.0.2.2/25 dev wan
del addr 2001:db8::2/64 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = source-gone by wan
tcp 192.0.2.2:4000 198.51.100.7:443 mapped = source-gone
tcp 192.0.2.2:4000 192.0.2.9:443 = source-gone
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = source-gone

== source-deleted-and-back
default via 192.0.2.1 dev wan
then
del addr 192.0.2.2/25 dev wan
del 192.0.2.0/25 dev wan scope link src 192.0.2.2
then
addr 192.0.2.2/25 dev wan
192.0.2.0/25 dev wan scope link src 192.0.2.2
add default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== source-gone-before-no-route
default via 192.0.2.1 dev wan
then
del addr 192.0.2.2/25 dev wan       # the last of the link: its routes go with it
tcp 192.0.2.2:4000 198.51.100.7:443 = source-gone

== link-down-ipv4        # the kernel removes the routes, and says nothing
default via 192.0.2.1 dev wan
then
link wan down
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down by wan
tcp 192.0.2.2:4000 192.0.2.9:22 = link-down by wan
tcp 10.0.0.1:22 10.0.0.7:4000 = keep

== link-down-ipv6        # the addresses go with the link, but for those kept
-6 default via 2001:db8::1 dev wan metric 1024
then
link wan down
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = link-down
then
del addr 2001:db8::2/64 dev wan
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = source-gone

== link-down-with-another-default
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
-6 default via 2001:db8::1 dev wan metric 10
-6 default via 2001:db8:1::1 dev lte metric 20
then
link wan down
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down by wan
tcp 192.0.2.130:4000 198.51.100.7:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = link-down by wan
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 = keep

== link-deleted
default via 192.0.2.1 dev wan
then
del link wan
tcp 192.0.2.2:4000 198.51.100.7:443 = source-gone

== link-deleted-whose-address-is-on-another-too
addr 192.0.2.2/32 dev lan
default via 192.0.2.1 dev wan
then
del link wan
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down by wan

== carrier-lost
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
link wan up nocarrier
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down by wan
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = link-down by wan
without carrier wan
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep

== carrier-lost-and-linkdown-ignored
netconf inet wan ignore_routes_with_linkdown on
netconf inet6 wan ignore_routes_with_linkdown on
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
-6 default via 2001:db8::1 dev wan metric 10
-6 default via 2001:db8:1::1 dev lte metric 20
then
link wan up nocarrier
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = link-down
without carrier wan
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep

== carrier-and-route-lost     # the grace is for carrier alone
default via 192.0.2.1 dev wan
then
link wan up nocarrier
del default via 192.0.2.1 dev wan
without carrier wan
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route
without carrier
tcp 192.0.2.2:4000 198.51.100.7:443 = link-down

== down-already          # what was dead before has not died now
default via 192.0.2.1 dev wan
link wan up nocarrier
then
add 203.0.113.0/24 via 192.0.2.129 dev lte
tcp 192.0.2.2:4000 198.51.100.7:443 = keep by wan

== failover-route-deleted
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
-6 default via 2001:db8::1 dev wan metric 10
-6 default via 2001:db8:1::1 dev lte metric 20
then
del default via 192.0.2.1 dev wan metric 10
del -6 default via 2001:db8::1 dev wan metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone by wan
tcp 192.0.2.2:4000 198.51.100.7:443 mapped = gateway-gone by wan
tcp 192.0.2.130:4000 198.51.100.7:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = gateway-gone by wan
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 = keep

== failover-metric-raised
default via 192.0.2.1 dev wan metric 10
default via 192.0.2.129 dev lte metric 20
then
add default via 192.0.2.1 dev wan metric 30
del default via 192.0.2.1 dev wan metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone

== replaced-by-another-link
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
replace default via 192.0.2.129 dev lte
replace -6 default via 2001:db8:1::1 dev lte metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = gateway-gone

== replaced-by-itself
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024
then
replace default via 192.0.2.1 dev wan
replace -6 default via 2001:db8::1 dev wan metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep

== replaced-by-itself-with-another-metric
default via 192.0.2.1 dev wan metric 10
then
add default via 192.0.2.1 dev wan metric 30
del default via 192.0.2.1 dev wan metric 10
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== net-route-deleted-default-elsewhere
198.51.100.0/24 via 192.0.2.1 dev wan
default via 192.0.2.129 dev lte
then
del 198.51.100.0/24 via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = gateway-gone
tcp 192.0.2.2:4000 198.51.101.7:443 = keep        # left by a link that never owned its source

== net-route-deleted-default-same-link
198.51.100.0/24 via 192.0.2.1 dev wan
default via 192.0.2.3 dev wan
then
del 198.51.100.0/24 via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== failback
default via 192.0.2.129 dev lte metric 20
-6 default via 2001:db8:1::1 dev lte metric 20
then
add default via 192.0.2.1 dev wan metric 10
add -6 default via 2001:db8::1 dev wan metric 10
tcp 192.0.2.130:4000 198.51.100.7:443 = rerouted by lte
tcp 192.0.2.130:4000 198.51.100.7:443 mapped = rerouted
tcp 192.0.2.2:4000 198.51.100.7:443 = keep         # comes home
tcp [2001:db8:1::2]:4000 [2001:db8:ff::7]:443 = rerouted

== more-specific-elsewhere
default via 192.0.2.1 dev wan
then
add 198.51.100.0/24 via 192.0.2.129 dev lte
tcp 192.0.2.2:4000 198.51.100.7:443 = rerouted
tcp 192.0.2.2:4000 203.0.113.7:443 = keep

== prepended-before-the-one-in-use
198.51.100.0/24 via 192.0.2.1 dev wan
then
prepend 198.51.100.0/24 via 192.0.2.129 dev lte
tcp 192.0.2.2:4000 198.51.100.7:443 = rerouted

== appended-after-the-one-in-use
198.51.100.0/24 via 192.0.2.1 dev wan
then
append 198.51.100.0/24 via 192.0.2.129 dev lte
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp 192.0.2.130:4000 198.51.100.7:443 = keep

== vpn-comes           # its whole routes, and half routes as OpenVPN has them
default via 192.0.2.1 dev wan
link tun0 up
addr 198.18.0.2/24 dev tun0
198.51.100.1 via 192.0.2.1 dev wan      # the way to the VPN's server
then
add 0.0.0.0/1 via 198.18.0.1 dev tun0
add 128.0.0.0/1 via 198.18.0.1 dev tun0
tcp 192.0.2.2:4000 198.51.100.7:443 = rerouted
tcp 192.0.2.2:4000 198.51.100.1:1194 = keep
tcp 192.0.2.2:4000 192.0.2.9:22 = keep
tcp 198.18.0.2:4000 198.51.100.7:443 = keep

== vpn-goes
default via 192.0.2.1 dev wan
link tun0 up
addr 198.18.0.2/24 dev tun0
198.51.100.1 via 192.0.2.1 dev wan
0.0.0.0/1 via 198.18.0.1 dev tun0
128.0.0.0/1 via 198.18.0.1 dev tun0
then
del 0.0.0.0/1 via 198.18.0.1 dev tun0
del 128.0.0.0/1 via 198.18.0.1 dev tun0
tcp 198.18.0.2:4000 198.51.100.7:443 = gateway-gone by tun0
tcp 192.0.2.2:4000 198.51.100.1:1194 = keep
then
del link tun0
tcp 198.18.0.2:4000 198.51.100.7:443 = source-gone

== router-preference-changed        # RFC 4191, by one router
-6 default via fe80::1 dev wan metric 1024 pref medium
then
del -6 default via fe80::1 dev wan metric 1024 pref medium
add -6 default via fe80::1 dev wan metric 1024 pref high
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep
