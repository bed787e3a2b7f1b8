IPv6 routes: legs, sources and preferences.

== T8 legs come and go one by one
full
link a up
link b up
add 2001:db8:1::/48 via fe80::1 dev a
then
append 2001:db8:1::/48 nexthop via fe80::2 dev b weight 1 nexthop via fe80::1 dev a weight 1
> new 2001:db8:1::/48 nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1 was 2001:db8:1::/48 via fe80::1 dev a
? 2001:db8:1::1
= via fe80::1 dev a + via fe80::2 dev b
del 2001:db8:1::/48 via fe80::1 dev a
> new 2001:db8:1::/48 via fe80::2 dev b was 2001:db8:1::/48 nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1
| 2001:db8:1::/48 via fe80::2 dev b
touches 2001:db8:1::5
leaves 2001:db8:2::5
del 2001:db8:1::/48 via fe80::2 dev b
|

== T8 the whole route, and a replace that leaves one leg
full
link a up
link b up
2001:db8:1::/48 nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1
2001:db8:2::/48 nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1
then
del 2001:db8:1::/48 nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1
replace 2001:db8:2::/48 via fe80::3 dev a
| 2001:db8:2::/48 via fe80::3 dev a

== an event older than the dump
full
link a up
link b up
2001:db8:1::/48 nexthop via fe80::2 dev b weight 1 nexthop via fe80::3 dev b weight 1
then
2001:db8:1::/48 nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1
2001:db8:1::/48 nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1 nexthop via fe80::3 dev b weight 1
del 2001:db8:1::/48 via fe80::1 dev a
| 2001:db8:1::/48 nexthop via fe80::2 dev b weight 1 nexthop via fe80::3 dev b weight 1

== T2 a link goes down and its routes with it, said or unsaid
full
link a up
link b up
2001:db8:1::/48 via fe80::1 dev a
2001:db8:2::/48 via fe80::1 dev a
then
link a down
del 2001:db8:1::/48 via fe80::1 dev a
> new link a down was link a up
> del 2001:db8:1::/48 via fe80::1 dev a
> del implied 2001:db8:2::/48 via fe80::1 dev a
|

== T9 dead legs
full
link a up
link b up
-6 default nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1
then
link a down
> new link a down was link a up
? 2001:db8:9::1
= via fe80::2 dev b
link a up
? 2001:db8:9::1
= via fe80::1 dev a + via fe80::2 dev b

== T11 a link that is gone takes its leg
full
link a up
link b up
-6 default nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1
then
del link a
| default via fe80::2 dev b

== T6 a preferred source that goes leaves its route behind
full
link a up
addr 2001:db8::9/64 dev a
-6 default via fe80::1 dev a src 2001:db8::9
then
del addr 2001:db8::9/64 dev a
| default via fe80::1 dev a
? 2001:db8:9::1
= via fe80::1 dev a

== T15 source-specific routes
full
link wan up
link wan2 up
link lo up
addr 2001:db8:1::9/64 dev wan
addr 2001:db8:2::9/64 dev wan2
-6 default from 2001:db8:1::/64 via fe80::1 dev wan
-6 default from 2001:db8:2::/64 via fe80::2 dev wan2 metric 512
? 2001:db8:9::1
= ENETUNREACH
? 2001:db8:9::1 from 2001:db8:1::9
= via fe80::1 dev wan
? 2001:db8:9::1 from 2001:db8:2::9
= via fe80::2 dev wan2
? 2001:db8:9::1 from 2001:db8:3::9
= ENETUNREACH
# one without source is for the rest, and the longer source comes before the lower metric
-6 default via fe80::3 dev wan metric 1
? 2001:db8:9::1
= via fe80::3 dev wan
? 2001:db8:9::1 from 2001:db8:2::9
= via fe80::2 dev wan2
# but the destination comes first
2001:db8:9::/48 via fe80::4 dev wan metric 1024
? 2001:db8:9::1 from 2001:db8:2::9
= via fe80::4 dev wan

== RFC 4191 preferences
full
link wan up
-6 default via fe80::1 dev wan proto ra metric 1024
-6 default via fe80::2 dev wan proto ra metric 1024 pref low
-6 default via fe80::3 dev wan proto ra metric 1024
? 2001:db8:9::1
= via fe80::1 dev wan + via fe80::3 dev wan
-6 default via fe80::4 dev wan proto ra metric 1024 pref high
? 2001:db8:9::1
= via fe80::4 dev wan

== T14 routes that refuse leave by lo, so they do not bind a bound socket
full
link lo up
link wan up
-6 default via fe80::1 dev wan
unreachable 2001:db8:1::/48 dev lo metric 1024
-6 throw 2001:db8:2::/48 dev lo
? 2001:db8:1::1
= EHOSTUNREACH unreachable 2001:db8:1::/48 dev lo metric 1024
? 2001:db8:1::1 oif wan
= via fe80::1 dev wan
? 2001:db8:2::1
= ENETUNREACH

== the linkdown switch is the link's alone
full
link wan up nocarrier
-6 default via fe80::1 dev wan
netconf inet6 all ignore_routes_with_linkdown on
? 2001:db8:9::1
= via fe80::1 dev wan
netconf inet6 wan ignore_routes_with_linkdown on
? 2001:db8:9::1
= ENETUNREACH

== of equal routes a forwarded packet takes the one out of the link it came in by
full
link lo up
link wan up
prohibit 2001:db8:1::/48 dev lo metric 1024
2001:db8:1::/48 via 2001:db8:a::1 dev wan metric 1024
? 2001:db8:1::1
= EACCES prohibit 2001:db8:1::/48 dev lo metric 1024
? 2001:db8:1::1 iif wan
= via 2001:db8:a::1 dev wan
