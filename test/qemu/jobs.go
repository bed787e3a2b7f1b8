package qemu

import (
	"os"

	"github.com/netmond/netmond/test/qemu/console"
)

// programs are what is built for the guest, packages by path in its file system.
func (g guest) programs() map[string]string {
	if g.uroot {
		return map[string]string{
			"init":      "github.com/u-root/u-root/cmds/core/init",
			"bin/uinit": "test/qemu/init",
			"bin/story": "test/qemu/story",
		}
	}
	return map[string]string{
		"init":       "test/qemu/init",
		"bin/story":  "test/qemu/story",
		"bin/kernel": "test/kernel",
	}
}

// jobs are what the guest runs: the story with each flavour of the command, and its
// kernel tests. GUEST_TESTS in the environment, an expression for these, has them
// run alone.
func jobs(g guest) []console.Job {
	full, mini := story("story", "/bin/netmond", g), story("mini", "/bin/netmond-mini", g)
	switch tests := os.Getenv("GUEST_TESTS"); {
	case g.uroot:
		return []console.Job{full}
	case tests != "":
		return []console.Job{kernelJob(g, tests)}
	case g.full:
		return []console.Job{full, kernelJob(g, g.tests)}
	}
	return []console.Job{full, mini, kernelJob(g, g.tests)}
}

// story is the job of the story with a flavour of the command.
func story(name, binary string, g guest) console.Job {
	return console.Job{
		Name: name,
		Args: []string{"/bin/story", "-test.v=test2json", "-test.timeout=3m"},
		Env: []string{"NETMOND_BINARY=" + binary, "STORY_RUNG=" + g.rung,
			"STORY_NEAR=" + nearMAC, "STORY_FAR=" + farMAC},
	}
}

// kernelJob is the job of the tests of test/kernel that an expression chooses.
func kernelJob(g guest, tests string) console.Job {
	return console.Job{
		Name: "kernel",
		Args: []string{"/bin/kernel", "-test.v=test2json", "-test.short", "-test.timeout=8m", "-test.run=" + tests, "-test.skip=" + g.skip},
		Env:  []string{"NETMOND_KERNEL=1", "NETMOND_BINARY=/bin/netmond"},
	}
}
