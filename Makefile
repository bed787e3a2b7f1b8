# netmond. `make run` tries it, `make test` tests all of it, `make help` tells the
# rest.

VERSION := $(or $(VERSION),$(patsubst v%,%,$(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null)),0.1.0-dev)
COMMIT  := $(or $(COMMIT),$(shell git rev-parse HEAD 2>/dev/null))
PREFIX  ?= /usr/local
DESTDIR ?=

FUZZTIME ?= 60s
SECONDS  ?= 600
MINUTES  ?= 10
BENCH    ?= .

GO          ?= go
OLDEST      := go1.23.12
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PORTABLE    := ./board ./cmd/... ./conn ./cpd ./internal/... ./rtable ./rtnl ./smd
MANAGERS    := NetworkManager dbus-daemon dhcpcd openvpn udhcpc udhcpd
BIG_ENDIAN  := ./conn ./internal/netlink ./rtable ./rtnl
LDFLAGS     := -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BUILD       := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false

# ip and nft are where a user's PATH may not lead.
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: help build run demo test need format vet staticcheck oldest mini mips unit \
	metrics race fuzz kernel oracle soak bench benchmarks cross size ipk install clean \
	need-qemu kernels qemu device
.NOTPARALLEL:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/netmond, static
	$(BUILD) -ldflags '$(LDFLAGS)' -o bin/netmond ./cmd/netmond

# Bit 12 of the effective capabilities is CAP_NET_ADMIN. A user without a runtime
# directory has the socket beside the binary.
run: build ## the daemon in the foreground; a dry run where it lacks the privilege
	@set --; \
	if [ $$((0x$$(sed -n 's/^CapEff:[^0-9a-f]*//p' /proc/self/status) >> 12 & 1)) = 0 ]; then \
		echo 'make: no CAP_NET_ADMIN here, so this is a dry run: it tells what it would close'; \
		set -- -dry-run; \
	fi; \
	if [ "$$(id -u)" != 0 ] && [ -z "$$XDG_RUNTIME_DIR" ]; then \
		echo 'make: no XDG_RUNTIME_DIR: ask it by bin/netmond status -socket bin/netmond.sock'; \
		set -- "$$@" -socket bin/netmond.sock; \
	fi; \
	exec bin/netmond run "$$@"

demo: build ## the point of it in ten seconds
	@scripts/need ip
	@$(GO) run ./test/demo bin/netmond

# The order: what is quick to fail comes first, and Go's own lines on the tests
# come last.
test: need format vet staticcheck oldest mini mips race metrics unit ## everything that must hold

need:
	@scripts/need $(MANAGERS) busybox dash gcc ip mandoc nft python3 qemu-mips-static shellcheck socat systemd-analyze zsh

format: ## gofmt
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "gofmt -w these:"; echo "$$bad"; exit 1; fi

vet: ## go vet, for the machine here, a big-endian one, and no Linux
	$(GO) vet ./...
	$(GO) vet -tags notls $(PORTABLE)
	GOOS=linux GOARCH=mips $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet $(PORTABLE)

staticcheck: ## staticcheck, where the module proxy can be reached
	@if $(GO) run $(STATICCHECK) -version; then \
		$(GO) run $(STATICCHECK) ./...; \
	else \
		echo 'make: staticcheck left out: $(STATICCHECK) is not to be had here' >&2; \
	fi

oldest: ## vet and build with the oldest Go that go.mod promises
	@if GOTOOLCHAIN=$(OLDEST) $(GO) version; then \
		GOTOOLCHAIN=$(OLDEST) $(GO) vet ./... && \
		GOTOOLCHAIN=$(OLDEST) $(GO) build -o /dev/null ./cmd/netmond; \
	elif [ -n "$$NETMOND_KERNEL" ]; then \
		echo 'make: $(OLDEST) is not to be had here' >&2; exit 1; \
	else \
		echo 'make: left out: the build with $(OLDEST), which is not to be had here' >&2; \
	fi

mini: ## tests of the flavour without TLS
	$(GO) test -count=1 -tags notls ./cpd ./cmd/...

mips: ## tests of the codecs and the table on a big-endian processor
	@scripts/need qemu-mips-static
	GOARCH=mips GOMIPS=softfloat CGO_ENABLED=0 $(GO) test -count=1 -short -exec qemu-mips-static $(BIG_ENDIAN)

race: ## tests under the race detector
	@scripts/need gcc
	CGO_ENABLED=1 $(GO) test -count=1 -short -race $(PORTABLE)

metrics: ## the figures, read by Prometheus's own parser
	@if (cd test/metrics && $(GO) mod download); then \
		cd test/metrics && $(GO) vet ./... && $(GO) test -count=1 ./...; \
	elif [ -n "$$NETMOND_KERNEL" ]; then \
		echo 'make: the modules of test/metrics are not to be had here' >&2; exit 1; \
	else \
		echo 'make: left out: test/metrics, whose modules are not to be had here' >&2; \
	fi

# Without a cache: tests build and start the command, which the cache cannot know.
# The tests with a browser and a broker are those of device.
unit: ## every test of this machine
	$(GO) run ./test/report $(GO) test -count=1 -timeout 20m -json -skip '^TestMQTT$$' \
		$$($(GO) list ./... | grep -v '/test/browser$$')

# Left to itself Go spends the time on making inputs smaller that are new and right.
fuzz: ## each fuzz target for FUZZTIME (60s)
	@$(GO) test -list '^Fuzz' ./... | \
	awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$$package" || exit 1; \
	done

kernel: ## the tests against this kernel, none of them skipped
	@scripts/need $(MANAGERS) busybox ip nft
	NETMOND_KERNEL=1 $(GO) test -count=1 -v ./test/kernel

oracle: ## the table against the kernel on new random sequences, for SECONDS (600)
	@scripts/need ip
	NETMOND_KERNEL=1 $(GO) test -count=1 -timeout 0 -run '^TestOracle$$' -v ./test/kernel -oracle.seconds $(SECONDS)

soak: build ## 1,000 connections amid random changes for MINUTES (10); SEED repeats one
	@scripts/need ip
	$(GO) run ./test/soak -minutes $(MINUTES) $(if $(SEED),-seed $(SEED)) bin/netmond

bench: ## the goals for speed and memory, each beside its floor and its peers; see bench/
	@scripts/need bird ip
	cd bench && $(GO) run . $(BENCHFLAGS)

benchmarks: ## Go benchmarks; BENCH (.) chooses
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

# Flash is dearer there than time: what is not on the path of a packet or a lookup
# is compiled without inlining, which makes the whole a tenth smaller.
INLINED := net/netip encoding/binary github.com/netmond/netmond/rtable
SMALL   := -gcflags=all=-l $(INLINED:%=-gcflags=%=)

# Architecture, and the variable that chooses among its kinds. Both flavours of
# each: full, and mini without TLS.
TARGETS := mips,GOMIPS=softfloat mipsle,GOMIPS=softfloat arm,GOARM=5 arm,GOARM=6 arm,GOARM=7 \
	arm64, riscv64, 386,GO386=softfloat amd64,

# STRIPLINES=: keeps the line numbers of stack traces; see internal/tool/striplines.
STRIPLINES ?= $(GO) run ./internal/tool/striplines

cross: ## dist/: both flavours for every processor, the same bytes each time
	@mkdir -p dist
	@outs=; for target in $(TARGETS); do \
		arch=$${target%%,*}; kind=$${target#*,}; \
		name=dist/netmond-$$arch; \
		if [ $$arch = arm ]; then name=$${name}v$${kind#GOARM=}; fi; \
		for flavour in full mini; do \
			tags=; out=$$name; \
			if [ $$flavour = mini ]; then tags=notls; out=$$name-mini; fi; \
			echo $$out; \
			env GOFIPS140=v1.0.0 GOOS=linux GOARCH=$$arch $$kind $(BUILD) $(SMALL) -tags "$$tags" \
				-ldflags '-s -w $(LDFLAGS)' -o $$out ./cmd/netmond || exit 1; \
			outs="$$outs $$out"; \
		done; \
	done; \
	$(STRIPLINES) $$outs

size: cross ## sizes in dist/, and whether they keep to their budgets
	@scripts/need mksquashfs readelf xz
	@scripts/size dist/netmond-*

ipk: cross ## dist/ipk: packages for OpenWrt up to 24.10
	$(GO) run ./internal/tool/ipk -version $(VERSION)

# Guests by their names in test/qemu, and what they run.
GUESTS        := mips mipsel armv7 arm64 s390x
GUEST_TARGETS := mips,GOMIPS=softfloat mipsle,GOMIPS=softfloat arm,GOARM=7 arm64, s390x,

need-qemu:
	@scripts/need bc bison flex flock linux-source-6.1 make mips-linux-gnu-gcc modprobe \
		qemu-system-aarch64 qemu-system-arm qemu-system-mips qemu-system-mipsel qemu-system-s390x xz

kernels: need-qemu ## what the guests boot, once; the one for mips is built and takes minutes
	@test/qemu/kernels $(GUESTS)

# What the guests boot is made beside the guests that run already.
qemu: need-qemu ## netmond on other processors, under QEMU
	@$(MAKE) --no-print-directory cross TARGETS='$(GUEST_TARGETS)'
	$(GO) vet -C test/qemu ./...
	@QEMU_TABLE=$(CURDIR)/dist/qemu.txt $(GO) run ./test/report $(GO) test -C test/qemu -count=1 -timeout 25m -parallel 8 \
		-json .; code=$$?; cat dist/qemu.txt; exit $$code

device: qemu ## qemu, and the tests with a browser and a broker
	@scripts/need chromium ip mosquitto mosquitto_pub
	@NETMOND_DEVICE=1 $(GO) run ./test/report sh -c '$(GO) test -count=1 -json ./test/browser && \
		$(GO) test -count=1 -json -run "^TestMQTT$$" ./test/packaging'

install: build ## to PREFIX (/usr/local), under DESTDIR
	install -D -m 755 bin/netmond $(DESTDIR)$(PREFIX)/sbin/netmond
	install -D -m 644 packaging/man/netmond.8 $(DESTDIR)$(PREFIX)/share/man/man8/netmond.8
	install -D -m 644 packaging/man/netmond.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/netmond.conf.5
	install -D -m 644 packaging/completion/netmond.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/netmond
	install -D -m 644 packaging/completion/_netmond $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_netmond
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,/usr/sbin/netmond,$(PREFIX)/sbin/netmond,' packaging/systemd/netmond.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/netmond.service

clean: ## remove what was built
	rm -rf bin dist
