package rtnl

// Message types (linux/rtnetlink.h).
const (
	rtmNewLink    = 16
	rtmDelLink    = 17
	rtmGetLink    = 18
	rtmNewAddr    = 20
	rtmDelAddr    = 21
	rtmGetAddr    = 22
	rtmNewRoute   = 24
	rtmDelRoute   = 25
	rtmGetRoute   = 26
	rtmNewRule    = 32
	rtmDelRule    = 33
	rtmGetRule    = 34
	rtmNewNetconf = 80
	rtmDelNetconf = 81
	rtmGetNetconf = 82
	rtmNewNexthop = 104
	rtmDelNexthop = 105
	rtmGetNexthop = 106
)

// Multicast groups (enum rtnetlink_groups).
const (
	groupLink        = 1
	groupIPv4Addr    = 5
	groupIPv4Route   = 7
	groupIPv4Rule    = 8
	groupIPv6Addr    = 9
	groupIPv6Route   = 11
	groupIPv6Rule    = 19
	groupIPv4Netconf = 24
	groupIPv6Netconf = 25
	groupNexthop     = 32
)

// Address families (linux/socket.h), spelt out so that the package builds
// anywhere.
const (
	afUnspec = 0
	afINET   = 2
	afINET6  = 10
)

// Sizes of the fixed headers in bytes.
const (
	sizeofIfInfomsg  = 16 // struct ifinfomsg
	sizeofIfAddrmsg  = 8  // struct ifaddrmsg
	sizeofRtMsg      = 12 // struct rtmsg
	sizeofRtNexthop  = 8  // struct rtnexthop
	sizeofNhmsg      = 8  // struct nhmsg
	sizeofFibRuleHdr = 12 // struct fib_rule_hdr
	sizeofNetconfmsg = 4  // struct netconfmsg, padded
)

// Route attributes (enum rtattr_type_t).
const (
	rtaDst       = 1
	rtaSrc       = 2
	rtaOif       = 4
	rtaGateway   = 5
	rtaPriority  = 6
	rtaPrefSrc   = 7
	rtaMetrics   = 8
	rtaMultipath = 9
	rtaCacheinfo = 12
	rtaTable     = 15
	rtaVia       = 18
	rtaPref      = 20
	rtaEncapType = 21
	rtaEncap     = 22
	rtaNHID      = 30
	rtaMax       = rtaNHID
)

// Link attributes (enum of linux/if_link.h).
const (
	iflaIfname    = 3
	iflaMTU       = 4
	iflaLink      = 5
	iflaMaster    = 10
	iflaOperstate = 16
	iflaLinkinfo  = 18
	iflaGroup     = 27
	iflaExtMask   = 29
	iflaCarrier   = 33
	iflaMax       = iflaCarrier

	iflaInfoKind = 1
	iflaInfoData = 2
	iflaVRFTable = 1
)

// Address attributes (enum of linux/if_addr.h).
const (
	ifaAddress   = 1
	ifaLocal     = 2
	ifaLabel     = 3
	ifaCacheinfo = 6
	ifaFlags     = 8
	ifaMax       = ifaFlags
)

// Nexthop attributes (enum of linux/nexthop.h).
const (
	nhaID        = 1
	nhaGroup     = 2
	nhaGroupType = 3
	nhaBlackhole = 4
	nhaOif       = 5
	nhaGateway   = 6
	nhaEncapType = 7
	nhaFDB       = 11
	nhaMax       = nhaFDB
)

// Rule attributes (enum of linux/fib_rules.h).
const (
	fraDst             = 1
	fraSrc             = 2
	fraIifname         = 3
	fraGoto            = 4
	fraPriority        = 6
	fraFwmark          = 10
	fraTunID           = 12
	fraSuppressIfgroup = 13
	fraSuppressPrefix  = 14
	fraTable           = 15
	fraFwmask          = 16
	fraOifname         = 17
	fraL3mdev          = 19
	fraUIDRange        = 20
	fraProtocol        = 21
	fraIPProto         = 22
	fraSportRange      = 23
	fraDportRange      = 24
	fraDscp            = 25
	fraDscpMask        = 30
	fraMax             = fraDscpMask
)

// Netconf attributes (linux/netconf.h).
const (
	netconfaIfindex        = 1
	netconfaIgnoreLinkdown = 6
	netconfaMax            = netconfaIgnoreLinkdown
)
