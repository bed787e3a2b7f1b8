# Another gateway on the same link: a private address was translated by the old
# one, and the new one knows nothing of its flows. A public address is as good
# behind the new one, and so is a path that needs no translation.
link lo up
link wan up
addr 127.0.0.1/8 dev lo
addr 192.168.1.2/24 dev wan
addr 198.51.100.2/24 dev wan
addr 100.64.0.2/24 dev wan
addr 169.254.3.2/16 dev wan
addr fd00::2/64 dev wan
addr 2001:db8::2/64 dev wan
192.168.1.0/24 dev wan scope link src 192.168.1.2
198.51.100.0/24 dev wan scope link src 198.51.100.2
100.64.0.0/24 dev wan scope link src 100.64.0.2
fd00::/64 dev wan metric 256
2001:db8::/64 dev wan metric 256

== other-gateway
default via 192.168.1.1 dev wan
-6 default via fe80::1 dev wan metric 1024
then
replace default via 192.168.1.254 dev wan
replace -6 default via fe80::2 dev wan metric 1024
tcp 192.168.1.2:4000 203.0.113.7:443 = gateway-gone by wan
tcp 192.168.1.2:4000 203.0.113.7:443 mapped = gateway-gone by wan
tcp 192.168.1.2:4000 10.9.9.9:443 = keep            # private to private is routed
tcp 192.168.1.2:4000 100.64.9.9:443 = keep          # so is the carrier's own
tcp 192.168.1.2:4000 192.168.1.9:443 = keep
tcp 198.51.100.2:4000 203.0.113.7:443 = keep        # public to public
tcp 100.64.0.2:4000 203.0.113.7:443 = keep          # translated further on, by the carrier
tcp [fd00::2]:4000 [2001:db8:ff::7]:443 = gateway-gone
tcp [fd00::2]:4000 [fd01::7]:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep
then
replace default via 192.168.1.1 dev wan
tcp 192.168.1.2:4000 203.0.113.7:443 = keep

== deleted-then-added
default via 192.168.1.1 dev wan
then
del default via 192.168.1.1 dev wan
tcp 192.168.1.2:4000 203.0.113.7:443 = no-route
then
add default via 192.168.1.254 dev wan
tcp 192.168.1.2:4000 203.0.113.7:443 = gateway-gone
tcp 198.51.100.2:4000 203.0.113.7:443 = keep

== old-gateway-stands
default via 192.168.1.1 dev wan metric 20
then
add default via 192.168.1.254 dev wan metric 10
tcp 192.168.1.2:4000 203.0.113.7:443 = keep
then
del default via 192.168.1.1 dev wan metric 20
tcp 192.168.1.2:4000 203.0.113.7:443 = gateway-gone

== other-metric-same-gateway
default via 192.168.1.1 dev wan metric 20
then
add default via 192.168.1.1 dev wan metric 10
del default via 192.168.1.1 dev wan metric 20
tcp 192.168.1.2:4000 203.0.113.7:443 = keep

== no-default
203.0.113.0/24 via 192.168.1.1 dev wan
then
replace 203.0.113.0/24 via 192.168.1.254 dev wan
tcp 192.168.1.2:4000 203.0.113.7:443 = keep

== net-route-takes-over
default via 192.168.1.1 dev wan
then
add 203.0.113.0/24 via 192.168.1.254 dev wan
tcp 192.168.1.2:4000 203.0.113.7:443 = keep          # the default stands

== without-gateway
default dev wan scope link
then
replace default via 192.168.1.1 dev wan
tcp 192.168.1.2:4000 203.0.113.7:443 = keep

== gateway-of-several-kept
default nexthop via 192.168.1.1 dev wan weight 1 nexthop via 192.168.1.254 dev wan weight 1
then
replace default via 192.168.1.254 dev wan
tcp 192.168.1.2:4000 203.0.113.7:443 = keep

== same-gateway-on-another-link
link wlan up
addr 192.168.1.2/24 dev wlan
default via 192.168.1.1 dev wan
then
replace default via 192.168.1.1 dev wlan
tcp 192.168.1.2:4000 203.0.113.7:443 = keep

== link-and-gateway-change
link lte up
addr 10.0.0.2/24 dev lte
default via 192.168.1.1 dev wan
then
replace default via 10.0.0.1 dev lte
tcp 192.168.1.2:4000 203.0.113.7:443 = gateway-gone by wan
tcp 192.168.1.2:4000 10.9.9.9:443 = gateway-gone by wan

== nexthop-object-other-gateway
nexthop id 10 via 192.168.1.1 dev wan
default nhid 10 via 192.168.1.1 dev wan
then
replace nexthop id 10 via 192.168.1.254 dev wan
tcp 192.168.1.2:4000 203.0.113.7:443 = gateway-gone by wan
tcp 198.51.100.2:4000 203.0.113.7:443 = keep
