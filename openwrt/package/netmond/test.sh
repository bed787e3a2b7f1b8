#!/bin/sh
# Runs on the target, or under an emulator: $1 is the package, $2 its version.

case "$1" in
netmond | netmond-mini)
	netmond --version | grep -Fx "$2" || exit 1
	netmond version -json | grep -F '"os":"linux"' || exit 1
	case "$1" in
	netmond) netmond version -json | grep -F '"tls":true' || exit 1 ;;
	netmond-mini) netmond version -json | grep -F '"tls":false' || exit 1 ;;
	esac

	# A wrong word ends it, and starts no daemon.
	netmond --nonsense 2>/dev/null
	[ "$?" = 2 ] || exit 1
	netmond run -settle soon 2>&1 | grep -F -e settle || exit 1
	;;
esac
