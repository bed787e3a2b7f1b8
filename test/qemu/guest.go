// Package qemu runs netmond on other processors: guests under QEMU, each with the
// kernel, the modules and the tools that the script kernels has prepared, the
// binaries of `make cross`, and tests as the programs that a first process of our
// own runs. It is a module of its own, so that nobody else sees what that needs.
//
//	kernels       prepares kernels and tools, once
//	guest.go      which guests there are
//	jobs.go       the programs that they run
//	prepare.go    what must be there before one boots
//	image.go      their file systems
//	machine.go    QEMU and its serial line
//	results.go    the guest's tests as subtests of the host's
//	table.go      times and memory
//	console/      what guest and host say to each other
//	init/         the guest's first process
//	story/        what a device goes through in a day, as a test
//
// QEMU emulates always, even where the host could do more: what /dev/kvm promises
// is not kept everywhere. A guest has no way out of the machine: its network cards
// share a hub with each other and nobody else.
package qemu

// guest is a kind of machine.
type guest struct {
	name   string   // also that of the cache's directory
	binary string   // in dist
	env    []string // for the Go compiler

	qemu    string   // the program
	machine []string // its arguments for the board
	nic     string   // the network card, as -device takes it
	console string   // as the kernel names the serial line

	rung string // what status must name

	tests string // kernel tests, an expression for -test.run
	skip  string // those of them that cannot run there, for -test.skip

	full  bool // without the flavour mini, as which netmond is not shipped for it
	uroot bool // u-root's init is the first process, and ours what that starts
}

// cached is the guest's directory in the cache.
func (g guest) cached() string {
	if g.uroot {
		return "arm64"
	}
	return g.name
}

// Which tests of test/kernel a guest runs. All show what depends on the processor;
// the one of the other byte order and the second rung shows too how its kernel differs
// from the newest, and what the daemon closes; another one what it keeps and does for
// others.
const (
	someTests = "TestHarness|TestProbeHarmsNobody|TestRungWithoutPrivilege|TestNoSockDiag|" +
		"TestTrap(8|15|18|21|22)[^0-9]"
	mostTests = "TestHarness|TestTrap([^1]|1[^9])|TestClosesStranded" // T19 takes a GiB
)

// guests are all there are, the slowest first.
var guests = []guest{
	{
		name: "mips", binary: "netmond-mips", env: []string{"GOARCH=mips", "GOMIPS=softfloat"},
		qemu: "qemu-system-mips", machine: []string{"-M", "malta", "-cpu", "24Kc", "-m", "256"},
		nic: "pcnet,romfile=", console: "ttyS0", tests: mostTests, rung: "pidfd",
	},
	{
		name: "mipsel", binary: "netmond-mipsle", env: []string{"GOARCH=mipsle", "GOMIPS=softfloat"},
		qemu: "qemu-system-mipsel", machine: []string{"-M", "malta", "-cpu", "24Kf", "-m", "256"},
		nic: "pcnet,romfile=", console: "ttyS0", tests: someTests, rung: "sock_destroy",
	},
	{
		name: "armv7", binary: "netmond-armv7", env: []string{"GOARCH=arm", "GOARM=7"},
		qemu: "qemu-system-arm", machine: []string{"-M", "virt", "-cpu", "cortex-a7", "-m", "256"},
		nic: "virtio-net-device", console: "ttyAMA0", tests: someTests, rung: "sock_destroy",
	},
	{
		name: "arm64", binary: "netmond-arm64", env: []string{"GOARCH=arm64"},
		qemu: "qemu-system-aarch64", machine: []string{"-M", "virt", "-cpu", "cortex-a53", "-m", "512"},
		nic: "virtio-net-device", console: "ttyAMA0", tests: someTests + "|TestKeepsHealthy|TestForwarded", rung: "sock_destroy",
	},
	{
		name: "s390x", binary: "netmond-s390x", env: []string{"GOARCH=s390x"},
		qemu: "qemu-system-s390x", machine: []string{"-M", "s390-ccw-virtio", "-cpu", "max", "-m", "512"},
		nic: "virtio-net-ccw", console: "ttysclp0", tests: someTests + "|TestOracle$", full: true, rung: "sock_destroy",
		skip: "TestNoSockDiag", // its filter does not know socketcall(2)
	},
	{
		name: "u-root", uroot: true, binary: "netmond-arm64", env: []string{"GOARCH=arm64"},
		qemu: "qemu-system-aarch64", machine: []string{"-M", "virt", "-cpu", "cortex-a53", "-m", "512"},
		nic: "virtio-net-device", console: "ttyAMA0", rung: "sock_destroy",
	},
}

// The network cards of a guest, by hardware address: the device's, and the one
// that the story moves to the other side.
const (
	nearMAC = "52:54:00:00:02:01"
	farMAC  = "52:54:00:00:02:02"
)
