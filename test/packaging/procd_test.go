package packaging

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// procd is what the init script finds on OpenWrt, writing down what it is told. The
// options come from the environment, as those of a configuration would.
const procd = `
uci_load_validate() {
	[ -n "$4" ] || return "${RESULT:-0}"
	"$4" "$3" "${RESULT:-0}"
}
for f in open_instance set_param append_param close_instance add_jail add_jail_mount add_jail_mount_rw \
	add_reload_trigger add_validation send_signal; do
	eval "procd_$f() { echo $f \"\$@\"; }"
done
logger() { echo "log $*"; }
mkdir() { :; }
chown() { :; }
ubus() { echo; }
jsonfilter() { echo "$PID"; }
start() { echo start; PID=$PID_AFTER; start_service; }
`

// initScript runs functions of the init script, in busybox's shell.
func initScript(t *testing.T, call string, env ...string) string {
	t.Helper()
	busybox := need(t, "busybox", "busybox-static")
	text := read(t, "openwrt/package/netmond/files/netmond.init")
	// ujail is there, or not.
	text = strings.ReplaceAll(text, "/sbin/ujail", "${UJAIL}")
	path := filepath.Join(t.TempDir(), "init")
	write(t, path, text+procd+call+"\n")
	cmd := exec.Command(busybox, "sh", path)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "UJAIL=" + busybox}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", call, err, out)
	}
	return string(out)
}

func TestInitScript(t *testing.T) {
	const enabled, jailed = "enabled=1", "jail=1"
	for _, tc := range []struct {
		name, call string
		env        []string
		has, lacks []string
	}{
		{"off", "start_service", []string{"enabled=0"}, nil, []string{"open_instance"}},
		{"on", "start_service", []string{enabled}, []string{
			"open_instance main\n", "set_param command /usr/sbin/netmond run\n", "set_param respawn\n",
			"set_param watchdog 1 30\n", "set_param env NETMOND_PROCD=1", "set_param stderr 1\n", "close_instance\n",
		}, []string{"reload_signal", "jail", "user", "GOMEMLIMIT"}},
		{"memory", "start_service", []string{enabled, "memlimit=12MiB", "gc=50"}, []string{
			"append_param env GOMEMLIMIT=12MiB\n", "append_param env GOGC=50\n",
		}, nil},
		{"no memory", "start_service", []string{enabled, "memlimit=12MB"}, []string{"open_instance main", "memlimit '12MB'"}, []string{"GOMEMLIMIT"}},
		{"fixed", "start_service", []string{enabled, "led=green", "hooks=/a b"}, []string{"NETMOND_FIXED=", "/a b green"}, nil},
		{"jail", "start_service", []string{enabled, jailed}, []string{
			"set_param user netmond\n", "set_param capabilities /etc/capabilities/netmond.json\n", "set_param no_new_privs 1\n",
			"add_jail netmond log ubus procfs", "add_jail_mount /etc/config\n", "add_jail_mount_rw /var/run/netmond\n",
			"add_jail_mount /var/run/netmond-leases\n",
		}, nil},
		// The user without the jail would have no rights at all.
		{"no-ujail", "start_service", []string{enabled, jailed, "UJAIL=/nowhere"}, []string{"not jailed", "open_instance main"}, []string{"set_param user", "add_jail"}},
		{"invalid", "start_service || :", []string{enabled, "RESULT=1"}, []string{"does not validate"}, []string{"open_instance"}},
		{"reload-same", "reload_service", []string{enabled, "PID=7", "PID_AFTER=7"}, []string{"start\n", "send_signal netmond main HUP\n"}, nil},
		{"reload-restarted", "reload_service", []string{enabled, "PID=7", "PID_AFTER=8"}, []string{"start\n"}, []string{"HUP"}},
		{"reload-stopped", "reload_service", []string{"enabled=0", "PID=7", "PID_AFTER="}, []string{"start\n"}, []string{"HUP"}},
		{"reload-started", "reload_service", []string{enabled, "PID=", "PID_AFTER=7"}, []string{"open_instance"}, []string{"HUP"}},
		// procd would stop what runs: a start of nothing is how it is told to.
		{"reload-invalid", "reload_service || :", []string{enabled, "RESULT=255", "PID=7", "PID_AFTER="}, []string{"the old configuration stands"}, []string{"start\n", "HUP"}},
		{"triggers", "service_triggers", nil, []string{"add_reload_trigger netmond\n", "add_validation validate_main\n", "add_validation validate_service\n"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := initScript(t, tc.call, tc.env...)
			for _, w := range tc.has {
				if !strings.Contains(got, w) {
					t.Errorf("lacks %q:\n%s", w, got)
				}
			}
			for _, w := range tc.lacks {
				if strings.Contains(got, w) {
					t.Errorf("has %q:\n%s", w, got)
				}
			}
		})
	}
}
