package qemu

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/netmond/netmond/test/qemu/console"
)

// machine is a guest that runs.
type machine struct {
	guest
	kernel, initrd string
	dir            string // for the monitor's socket

	last []string      // of what came over the serial line
	used time.Duration // of a processor of the host, when it has ended
}

// lastLines is how much of the serial line an error tells.
const lastLines = 40

// run starts the machine and hands on each line that it prints, with the time
// since the start, until it turns itself off; and pulls its cable when it asks for
// that. It fails where the guest does not end with its last word before ctx does.
func (m *machine) run(ctx context.Context, heard func(line string, at time.Duration)) error {
	monitor := filepath.Join(m.dir, "monitor")
	args := append(m.machine,
		"-accel", "tcg", "-display", "none", "-vga", "none", "-no-reboot", "-nic", "none",
		"-kernel", m.kernel, "-initrd", m.initrd,
		"-append", "console="+m.console+" panic=-1 quiet loglevel=2",
		"-serial", "stdio", "-monitor", "unix:"+monitor+",server=on,wait=off",
		"-netdev", "hubport,id=near,hubid=0", "-device", m.nic+",netdev=near,mac="+nearMAC,
		"-netdev", "hubport,id=far,hubid=0", "-device", m.nic+",netdev=far,mac="+farMAC)
	cmd := exec.CommandContext(ctx, m.qemu, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	serial, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	down := false
	for lines := bufio.NewReader(serial); ; {
		line, err := lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if m.last = append(m.last, line); len(m.last) > lastLines {
			m.last = m.last[1:]
		}
		heard(line, time.Since(start))
		switch word := console.Hear(line); {
		case len(word) == 2 && word[0] == console.Cable:
			if err := pull(ctx, monitor, word[1]); err != nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				return m.failed(err.Error(), complaint.String())
			}
		case len(word) == 1 && word[0] == console.Down:
			down = true
		}
		if err != nil {
			break
		}
	}
	err = cmd.Wait()
	m.used = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	switch {
	case ctx.Err() != nil:
		return m.failed("not done after "+time.Since(start).Round(time.Second).String(), complaint.String())
	case err != nil:
		return m.failed(err.Error(), complaint.String())
	case !down:
		return m.failed("ended before its time", complaint.String())
	}
	return nil
}

func (m *machine) failed(why, complaint string) error {
	return fmt.Errorf("qemu: %s: %s\n%sthe last of its serial line:\n%s", m.name, why, complaint, strings.Join(m.last, "\n"))
}

// pull pulls the device's cable, state "off", or plugs it in again, "on", by QEMU's
// monitor at path.
func pull(ctx context.Context, path, state string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return err
	}
	defer c.Close()
	if end, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(end); err != nil {
			return err
		}
	}
	const prompt = "(qemu) "
	if _, err := until(c, prompt); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "set_link near "+state+"\n"); err != nil {
		return err
	}
	answer, err := until(c, prompt)
	if strings.Contains(answer, "Error") {
		return fmt.Errorf("qemu: monitor: %s", answer)
	}
	return err
}

// until reads up to and with a text.
func until(r io.Reader, end string) (string, error) {
	var text []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(text), end); {
		if _, err := io.ReadFull(r, b); err != nil {
			return string(text), err
		}
		text = append(text, b...)
	}
	return string(text), nil
}
