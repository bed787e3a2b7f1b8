T10: nexthop objects and groups. The kernel says little when they go.

== objects are resolved, in both compat modes
full
link a up
link b up
nexthop id 1 via 192.0.2.1 dev a
nexthop id 2 via 198.51.100.1 dev b
nexthop id 10 group 1/2,3
203.0.113.0/25 nhid 1
203.0.113.128/25 nhid 10 nexthop via 192.0.2.1 dev a weight 1 nexthop via 198.51.100.1 dev b weight 3
| 203.0.113.0/25 nhid 1 via 192.0.2.1 dev a
| 203.0.113.128/25 nhid 10 nexthop via 192.0.2.1 dev a weight 1 nexthop via 198.51.100.1 dev b weight 3
? 203.0.113.1
= via 192.0.2.1 dev a
? 203.0.113.129
= via 192.0.2.1 dev a + via 198.51.100.1 dev b
# replaced: with compat_mode=0 the routes are not announced
replace nexthop id 1 via 192.0.2.2 dev a
touches 203.0.113.1
touches 203.0.113.200
leaves 198.51.100.1
? 203.0.113.1
= via 192.0.2.2 dev a
? 203.0.113.129
= via 192.0.2.2 dev a + via 198.51.100.1 dev b

== a deleted object takes its routes along and leaves its groups
full
link a up
link b up
nexthop id 1 via 192.0.2.1 dev a
nexthop id 2 via 198.51.100.1 dev b
nexthop id 10 group 1/2
203.0.113.0/25 nhid 1
203.0.113.128/25 nhid 10
then
del nexthop id 1
touches 203.0.113.129
| 203.0.113.128/25 nhid 10 via 198.51.100.1 dev b
del nexthop id 2
|

== carrier loss deletes objects unsaid, and they do not come back with it
full
link a up
link b up
nexthop id 1 via fe80::1 dev a
nexthop id 2 via fe80::2 dev b
2001:db8:1::/48 nhid 1
203.0.113.0/24 nhid 1
203.0.113.0/24 nhid 2 metric 10
then
link a up nocarrier
> new link a up nocarrier was link a up
> del nexthop id 1 via fe80::1 dev a
> del implied 203.0.113.0/24 nhid 1 via inet6 fe80::1 dev a
> del implied 2001:db8:1::/48 nhid 1 via fe80::1 dev a
? 203.0.113.1
= via fe80::2 dev b
link a up
? 2001:db8:1::1
= ENETUNREACH

== a blackhole object refuses
full
link a up
nexthop id 1 blackhole
203.0.113.0/24 nhid 1
? 203.0.113.1
= EINVAL 203.0.113.0/24 nhid 1

== what a second look at the objects finds gone
full
link a up
nexthop id 1 via 192.0.2.1 dev a
nexthop id 2 via 192.0.2.2 dev a
203.0.113.0/25 nhid 1
203.0.113.128/25 nhid 2
then
part nexthops
nexthop id 2 via 192.0.2.2 dev a
> del nexthop id 1 via 192.0.2.1 dev a
> del implied 203.0.113.0/25 nhid 1 via 192.0.2.1 dev a
| 203.0.113.128/25 nhid 2 via 192.0.2.2 dev a

== a bound packet may leave by any member of an IPv6 group that has one out of the link
full
link a up
link b up
nexthop id 1 via 2001:db8:a::1 dev a
nexthop id 2 via 2001:db8:b::1 dev b
nexthop id 3 group 1/2
2001:db8:1::/48 nhid 3
203.0.113.0/24 nhid 3
? 2001:db8:1::1 oif b
= via 2001:db8:a::1 dev a + via 2001:db8:b::1 dev b

== an object that drops goes before all IPv6 routes of its metric
full
link a up
nexthop id 1 blackhole
2001:db8:1::/48 via 2001:db8:a::1 dev a metric 1024
2001:db8:1::/48 nhid 1 metric 1024
? 2001:db8:1::1
= EINVAL 2001:db8:1::/48 nhid 1 metric 1024

== an IPv4 object of no use hides what else there is to the address
full
link a up
link b up
nexthop id 1 via 192.0.2.1 dev a
10.1.0.0/24 nhid 1
10.1.0.0/24 via 198.51.100.1 dev b metric 10
10.1.0.0/16 via 198.51.100.2 dev b
10.0.0.0/8 via 198.51.100.3 dev b
? 10.1.0.1
= via 192.0.2.1 dev a
? 10.1.0.1 oif b
= via 198.51.100.3 dev b
