# What is never judged, whatever happens: here the whole uplink goes.
link lo up
link wan up
link lan up
addr 127.0.0.1/8 dev lo
addr ::1/128 dev lo
addr 192.0.2.2/25 dev wan
addr 10.0.0.1/24 dev lan
addr 2001:db8::2/64 dev wan
local 127.0.0.0/8 dev lo table local
local 192.0.2.2 dev wan table local
local 10.0.0.1 dev lan table local
192.0.2.0/25 dev wan scope link src 192.0.2.2
10.0.0.0/24 dev lan scope link src 10.0.0.1
2001:db8::/64 dev wan metric 256
default via 192.0.2.1 dev wan
-6 default via 2001:db8::1 dev wan metric 1024

== control             # the same without a guard
then
del default via 192.0.2.1 dev wan
del -6 default via 2001:db8::1 dev wan metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = no-route

== loopback
then
link wan down
link lo down
tcp 127.0.0.1:4000 127.0.0.1:443 = keep (is loopback)
tcp 127.0.0.1:4000 127.0.0.1:443 mapped = keep (is loopback)
tcp [::1]:4000 [::1]:443 = keep (is loopback)
tcp 192.0.2.2:4000 127.0.0.1:443 = keep (is loopback)
tcp 127.0.0.2:4000 192.0.2.2:443 = keep (is loopback)

== itself
then
del addr 192.0.2.2/25 dev wan
del addr 2001:db8::2/64 dev wan
tcp 192.0.2.2:4000 192.0.2.2:443 = keep (talks to itself)
tcp [2001:db8::2]:4000 [2001:db8::2]:443 = keep (talks to itself)

== own-peer
then
del addr 10.0.0.1/24 dev lan
tcp 10.0.0.1:4000 192.0.2.2:443 = keep (has a peer on this device)
tcp 192.0.2.2:443 10.0.0.1:4000 = keep (has a peer on this device)

== peer-becomes-own      # keepalived takes the peer's address over
then
addr 198.51.100.7/32 dev lan
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = keep (has a peer on this device)

== anycast-local-route-is-own-peer
local 198.51.100.0/24 dev lo table local
then
link wan down
tcp 192.0.2.2:4000 198.51.100.7:443 = keep (has a peer on this device)

== state
then
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 state LISTEN = keep (is LISTEN)
tcp 192.0.2.2:4000 198.51.100.7:443 state TIME_WAIT = keep (is TIME_WAIT)
tcp 192.0.2.2:4000 198.51.100.7:443 state CLOSE = keep (is CLOSE)
tcp 192.0.2.2:4000 198.51.100.7:443 state SYN_RECV = keep (is SYN_RECV)
tcp 192.0.2.2:4000 198.51.100.7:443 state SYN_SENT = no-route
tcp 192.0.2.2:4000 198.51.100.7:443 state FIN_WAIT1 = no-route
tcp 192.0.2.2:4000 198.51.100.7:443 state FIN_WAIT2 = no-route
tcp 192.0.2.2:4000 198.51.100.7:443 state CLOSE_WAIT = no-route
tcp 192.0.2.2:4000 198.51.100.7:443 state LAST_ACK = no-route
tcp 192.0.2.2:4000 198.51.100.7:443 state CLOSING = no-route

== unconnected
then
link wan down
tcp 192.0.2.2:4000 0.0.0.0:0 = keep (has no peer)
tcp [2001:db8::2]:4000 [::]:0 = keep (has no peer)
tcp 192.0.2.2:4000 198.51.100.7:0 = keep (has no peer)
tcp 0.0.0.0:4000 198.51.100.7:443 = keep (has no local address)

== never-an-address      # AnyIP: a local route, and no address
local 203.0.113.0/24 dev lo table local
then
del default via 192.0.2.1 dev wan
del local 203.0.113.0/24 dev lo table local
tcp 203.0.113.9:443 198.51.100.7:4000 = keep (has a source that was never this device's)
tcp 203.0.113.200:443 198.51.100.7:4000 transparent = keep (is transparent)
tcp 203.0.113.200:443 198.51.100.7:4000 = keep (has a source that was never this device's)
tcp [2001:db8:5::9]:443 [2001:db8:ff::7]:4000 = keep (has a source that was never this device's)

== transparent-with-an-own-address
then
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:443 198.51.100.7:4000 transparent = keep (is transparent)

== address-that-turns-anyip       # it is still delivered here
default via 192.0.2.1 dev wan
local 192.0.2.2 dev lo table local
then
addr 192.0.2.3/25 dev wan
then
del addr 192.0.2.2/25 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = keep

== no-path-before
then
add 203.0.113.0/24 via 10.0.0.7 dev lan
del default via 192.0.2.1 dev wan
then
del 203.0.113.0/24 via 10.0.0.7 dev lan
tcp 192.0.2.2:4000 203.0.113.7:443 = no-route

== had-no-path
del default via 192.0.2.1 dev wan
then
add unreachable 198.51.100.0/24
link wan down
tcp 192.0.2.2:4000 198.51.100.7:443 = keep (had no path before)

== deprecated
then
addr 192.0.2.2/25 dev wan deprecated
addr 2001:db8::2/64 dev wan deprecated
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep
then
del default via 192.0.2.1 dev wan
del -6 default via 2001:db8::1 dev wan metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = keep (has a deprecated source)
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep (has a deprecated source)

== deprecated-and-gone
addr 2001:db8::2/64 dev wan deprecated
then
del addr 2001:db8::2/64 dev wan
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = source-gone

== deprecated-no-more
addr 2001:db8::2/64 dev wan deprecated
then
addr 2001:db8::2/64 dev wan
del -6 default via 2001:db8::1 dev wan metric 1024
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = no-route

== deprecated-on-one-link-of-two
addr 192.0.2.2/32 dev lan
then
addr 192.0.2.2/25 dev wan deprecated
del default via 192.0.2.1 dev wan
tcp 192.0.2.2:4000 198.51.100.7:443 = no-route

== untouched-net-route
198.51.100.0/24 via 192.0.2.3 dev wan
2001:db8:ff::/48 via 2001:db8::3 dev wan metric 1024
then
del default via 192.0.2.1 dev wan
del -6 default via 2001:db8::1 dev wan metric 1024
tcp 192.0.2.2:4000 198.51.100.7:443 = keep
tcp [2001:db8::2]:4000 [2001:db8:ff::7]:443 = keep
tcp 192.0.2.2:4000 203.0.113.7:443 = no-route
