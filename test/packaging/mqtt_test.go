//go:build linux

package packaging

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestMQTT sends events to a real broker, which stops and comes back, and then stops the
// service as a manager does. mosquitto_pub may lose what it gets while the broker is away,
// or end, when the manager starts the service anew; either shows in the numbers.
func TestMQTT(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	need(t, "mosquitto", "mosquitto")
	need(t, "mosquitto_pub", "mosquitto-clients")
	need(t, "ip", "iproute2")
	script, err := filepath.Abs(filepath.Join(root, "packaging/mqtt/netmond-mqtt"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "conf"), "listener 1883 127.0.0.1\nallow_anonymous true\nuser root\n")
	write(t, filepath.Join(dir, "story"), `
export PATH=`+filepath.Dir(binary)+`:$PATH SOCKET=$PWD/sock TOPIC=netmond/test CLASS=user24
# await FILE TEXT: until the file has it.
await() {
	i=0
	until grep -qF -e "$2" "$1" 2>/dev/null; do
		i=$((i + 1)); [ $i -lt 300 ] || { echo "no $2 in $1:"; cat "$1"; exit 1; }
		sleep 0.1
	done
}
trap 'touch stopping; kill $daemon $broker $watcher $(cat service.pid) 2>/dev/null' EXIT
ip link set lo up
netmond run -dry-run -socket sock -config /dev/null 2>daemon.log & daemon=$!
await daemon.log 'table complete'
mosquitto -v -c conf >broker.log 2>&1 & broker=$!
await broker.log running
mosquitto_sub -h 127.0.0.1 -t netmond/test -q 1 -c -i watcher >got & watcher=$!
await broker.log SUBACK
while [ ! -e stopping ]; do
	`+script+` & echo $! >service.new && mv service.new service.pid
	wait $!
	echo $? >status
	sleep 0.2
done & manager=$!
await got '"snapshot":'
netmond send -socket sock user24 '{"n":1}'
await got '{"n":1}'
kill $broker; wait $broker
netmond send -socket sock user24 '{"n":2}'
mosquitto -v -c conf >broker.log 2>&1 & broker=$!
i=0
until grep -qF '{"n":3}' got; do
	netmond send -socket sock user24 '{"n":3}'
	i=$((i + 1)); [ $i -lt 150 ] || { echo 'nothing after the broker is back:'; cat got broker.log; exit 1; }
	sleep 0.2
done
touch stopping
kill "$(cat service.pid)"; wait $manager; echo "service: $(cat status)"
await broker.log 'closed its connection'
`)
	cmd := exec.Command("sh", "story")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Setpgid:     true,
	}
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		skip(t, "no namespaces here: "+err.Error())
	}
	timer := time.AfterFunc(4*deadline, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	timer.Stop()
	text, rerr := os.ReadFile(out.Name())
	if err != nil || rerr != nil || string(text) != "service: 0\n" {
		t.Errorf("%v, %v\n%s", err, rerr, text)
	}
	got, err := os.ReadFile(filepath.Join(dir, "got"))
	if err != nil {
		t.Fatal(err)
	}
	var last, gaps uint64
	for dec := json.NewDecoder(bytes.NewReader(got)); dec.More(); {
		var m struct{ Seq uint64 }
		if err := dec.Decode(&m); err != nil || m.Seq == 0 {
			t.Fatalf("%+v, %v:\n%s", m, err, got)
		}
		if m.Seq > last+1 {
			gaps++
		}
		last = max(last, m.Seq)
	}
	if !bytes.Contains(got, []byte(`{"n":2}`)) && gaps == 0 {
		t.Errorf("the message sent while the broker was away is lost, and nothing shows it:\n%s", got)
	}
}
