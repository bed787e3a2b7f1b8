SUMMARY = "Route monitor that closes the connections whose path has died"
DESCRIPTION = "Keeps an exact copy of the kernel's routing state, closes the \
connections of the device whose path has died, and no other, checks each uplink \
for a captive portal, and tells every process through a small bus."
HOMEPAGE = "https://github.com/netmond/netmond"
BUGTRACKER = "https://github.com/netmond/netmond/issues"
SECTION = "net"

# netmond itself is MIT, golang.org/x/sys and Go's runtime BSD-3-Clause.
LICENSE = "MIT & BSD-3-Clause"
LIC_FILES_CHKSUM = "file://src/${GO_IMPORT}/LICENSE;md5=48dc0c03cf763ec8eea2cd04944f0e0d"

# Set to the commit of the tag v${PV} when that is made.
SRCREV = "0000000000000000000000000000000000000000"
SRC_URI = "git://github.com/netmond/netmond.git;protocol=https;branch=main;destsuffix=${GO_SRCURI_DESTSUFFIX} \
           file://run-ptest \
           "
require netmond-modules.inc

# As in later releases, for scarthgap.
UNPACKDIR ??= "${WORKDIR}"
GO_SRCURI_DESTSUFFIX ??= "${BP}/src/${GO_IMPORT}"

GO_IMPORT = "github.com/netmond/netmond"
GO_INSTALL = "${GO_IMPORT}/cmd/netmond"

inherit go-mod systemd update-rc.d ptest

# One static file: no libc, no shared Go library, no position-independent code for
# which Go would want the C linker. Modules come from do_fetch, never from the
# network while it compiles.
CGO_ENABLED = "0"
GO_LINKSHARED = ""
GO_LINUXLOADER = ""
GO_EXTRA_LDFLAGS = "-s -w -X main.version=${PV} -X main.commit=${SRCREV}"
GOBUILDFLAGS:remove = "-buildmode=pie"
GOBUILDFLAGS:append = "${@bb.utils.contains('PACKAGECONFIG', 'tls', '', ' -tags=notls', d)}"
export GOPROXY = "off"
export GOFLAGS = "-buildvcs=false"
export GOTOOLCHAIN = "local"
export GOFIPS140 = "v1.0.0"

# Without tls there are no HTTPS probes and no captive portal API (RFC 8908), and
# the file is 0.4 MB smaller when compressed.
PACKAGECONFIG ??= "tls"
PACKAGECONFIG[tls] = ",,,,ca-certificates"

# The parts with tests that need nothing but themselves.
NETMOND_TESTS = "board conn cpd internal/netlink internal/ubus internal/uci rtable rtnl smd"

NETMOND_SRC = "${S}/src/${GO_IMPORT}"

do_install() {
    install -D -m 0755 ${B}/${GO_BUILD_BINDIR}/netmond ${D}${sbindir}/netmond
    install -D -m 0644 ${NETMOND_SRC}/packaging/netmond.conf ${D}${sysconfdir}/netmond.conf
    install -d ${D}${sysconfdir}/netmond/hooks.d

    install -D -m 0644 ${NETMOND_SRC}/packaging/lease/lease.sh ${D}${nonarch_libdir}/netmond/lease.sh
    install -D -m 0755 ${NETMOND_SRC}/packaging/lease/udhcpc ${D}${sysconfdir}/udhcpc.d/60netmond

    install -D -m 0644 ${NETMOND_SRC}/packaging/man/netmond.8 ${D}${mandir}/man8/netmond.8
    install -D -m 0644 ${NETMOND_SRC}/packaging/man/netmond.conf.5 ${D}${mandir}/man5/netmond.conf.5
    install -D -m 0644 ${NETMOND_SRC}/packaging/completion/netmond.bash \
        ${D}${datadir}/bash-completion/completions/netmond
    install -D -m 0644 ${NETMOND_SRC}/packaging/completion/_netmond \
        ${D}${datadir}/zsh/site-functions/_netmond

    if ${@bb.utils.contains('DISTRO_FEATURES', 'systemd', 'true', 'false', d)}; then
        install -D -m 0644 ${NETMOND_SRC}/packaging/systemd/netmond.service \
            ${D}${systemd_system_unitdir}/netmond.service
    fi
    if ${@bb.utils.contains('DISTRO_FEATURES', 'sysvinit', 'true', 'false', d)}; then
        install -D -m 0755 ${NETMOND_SRC}/packaging/sysvinit/netmond ${D}${sysconfdir}/init.d/netmond
        install -D -m 0644 ${NETMOND_SRC}/packaging/sysvinit/netmond.default ${D}${sysconfdir}/default/netmond
    fi
}

do_compile_ptest() {
    cd ${B}/src/${GO_IMPORT}
    for t in ${NETMOND_TESTS}; do
        ${GO} test -c ${GOBUILDFLAGS} -o ${B}/ptest/$t/test ./$t
    done
}

# A test runs in a folder with its testdata.
do_install_ptest() {
    for t in ${NETMOND_TESTS}; do
        install -D -m 0755 ${B}/ptest/$t/test ${D}${PTEST_PATH}/$t/test
        if [ -d ${NETMOND_SRC}/$t/testdata ]; then
            cp -R --no-preserve=ownership ${NETMOND_SRC}/$t/testdata ${D}${PTEST_PATH}/$t/
        fi
    done
}

SYSTEMD_SERVICE:${PN} = "netmond.service"
INITSCRIPT_NAME = "netmond"
INITSCRIPT_PARAMS = "defaults 35 65"

FILES:${PN} += "${nonarch_libdir}/netmond ${datadir}/bash-completion ${datadir}/zsh"
CONFFILES:${PN} = "${sysconfdir}/netmond.conf"
CONFFILES:${PN} += "${@bb.utils.contains('DISTRO_FEATURES', 'sysvinit', '${sysconfdir}/default/netmond', '', d)}"

# What lists the connections, and what tells of the forwarded ones; where they are
# built into the kernel there are no such packages.
RRECOMMENDS:${PN} += "\
    kernel-module-inet-diag \
    kernel-module-tcp-diag \
    kernel-module-nf-conntrack-netlink \
"
