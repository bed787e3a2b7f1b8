Answers to dumps: the whole state, or a part, is what the kernel says.

== the first full state changes nothing
full
link wan up
default via 192.0.2.1 dev wan
> first
| default via 192.0.2.1 dev wan

== a later one tells the net difference
full
link wan up
addr 192.0.2.9/24 dev wan
default via 192.0.2.1 dev wan
203.0.113.0/24 via 192.0.2.1 dev wan
full
link wan up nocarrier
link lte up
addr 192.0.2.10/24 dev wan
default via 192.0.2.1 dev wan
203.0.113.0/24 via 192.0.2.2 dev wan
> new link wan up nocarrier was link wan up
> new link lte up
> new addr 192.0.2.10/24 dev wan
> del addr 192.0.2.9/24 dev wan
> new 203.0.113.0/24 via 192.0.2.2 dev wan
> del 203.0.113.0/24 via 192.0.2.1 dev wan

== a full state that says the same changes nothing
full
link wan up
default via 192.0.2.1 dev wan
full
link wan up
default via 192.0.2.1 dev wan
> nothing
leaves 203.0.113.1

== the routes of one link, read again
full
link a up
link b up
default via 192.0.2.1 dev a
203.0.113.0/24 via 198.51.100.1 dev b
198.51.100.0/24 dev a
198.51.100.0/24 dev b metric 10
part routes inet a
198.51.100.0/24 dev a
192.0.2.0/24 dev a
> new 192.0.2.0/24 dev a
> del implied default via 192.0.2.1 dev a
touches 203.0.113.1
| 192.0.2.0/24 dev a
| 198.51.100.0/24 dev a
| 198.51.100.0/24 dev b metric 10
| 203.0.113.0/24 via 198.51.100.1 dev b

== a route that differs in what it is, not where it leads
full
link a up
-6 default via fe80::1 dev a src 2001:db8::9
part routes inet6 a
-6 default via fe80::1 dev a
> new default via fe80::1 dev a
> del implied default via fe80::1 dev a src 2001:db8::9
| default via fe80::1 dev a

== a leg more
full
link a up
link b up
-6 default via fe80::1 dev a
part routes inet6 a
-6 default nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1
| default nexthop via fe80::1 dev a weight 1 nexthop via fe80::2 dev b weight 1

== a whole family, read again
full
link a up
default via 192.0.2.1 dev a
-6 default via fe80::1 dev a
203.0.113.0/24 via 192.0.2.1 dev a
part routes inet
default via 192.0.2.1 dev a
> del implied 203.0.113.0/24 via 192.0.2.1 dev a
| default via 192.0.2.1 dev a
| default via fe80::1 dev a

== an answer that is empty
full
link a up
default via 192.0.2.1 dev a
part routes inet a
> del implied default via 192.0.2.1 dev a
|
