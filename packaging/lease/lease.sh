# shellcheck shell=dash
# What a DHCP client was told, for netmond: a file of the link's name, in the
# syntax of systemd-networkd's state, DNS= and CAPTIVE_PORTAL= (cpd.HookDir).
# Sourced by the hooks of udhcpc and odhcp6c, of which each keeps a part of its
# own, so that neither overwrites the other's.

# Not in the daemon's directory, which is a user's where the daemon is not root.
NETMOND_LEASES=${NETMOND_LEASES:-/var/run/netmond-leases}

# netmond_lease DEV CLIENT RESOLVERS PORTAL: sets what CLIENT knows of DEV; with no
# resolvers and no portal, it knows nothing any more. Everything but DEV and CLIENT
# is a stranger's text.
netmond_lease() (
	dev=$1 client=$2 resolvers=$3 portal=$4
	case $dev in
	'' | . | .. | */*) return 1 ;;
	esac
	umask 022
	mkdir -p "$NETMOND_LEASES" && cd "$NETMOND_LEASES" || return 1
	part=.$dev.$client
	if [ -n "$resolvers$portal" ]; then
		{
			# printf of a quoted word: a line end in it would begin a key.
			[ -z "$resolvers" ] || printf 'DNS=%s\n' "$(netmond_line "$resolvers")"
			[ -z "$portal" ] || printf 'CAPTIVE_PORTAL=%s\n' "$(netmond_line "$portal")"
		} >"$part.new" && mv "$part.new" "$part" || return 1
	else
		rm -f "$part"
	fi
	cat ".$dev".udhcpc ".$dev".odhcp6c 2>/dev/null >".$dev.new"
	if [ -s ".$dev.new" ]; then
		mv ".$dev.new" "$dev"
	else
		rm -f "$dev" ".$dev.new"
	fi
)

# netmond_line TEXT: TEXT without control characters.
netmond_line() {
	printf %s "$1" | tr -d '\000-\037\177'
}

# netmond_hex HEX: the bytes that the digits stand for; nothing unless all of them are
# printable ASCII, which a URI is.
netmond_hex() (
	hex=$1 text=
	while [ -n "$hex" ]; do
		rest=${hex#??}
		byte=${hex%"$rest"}
		case $byte in
		[2-6][0-9a-fA-F] | 7[0-9a-eA-E]) ;;
		*) return 1 ;;
		esac
		text=$text\\0$(printf %o "0x$byte")
		hex=$rest
	done
	printf %b "$text"
)
