#!/bin/sh
# Asks netmond which route a destination takes.
# Usage: ask.sh DST [SOCKET]
socket=${2:-/var/run/netmond/netmond.sock}
printf '{"do":"lookup","dst":"%s"}\n' "$1" | socat -t 5 - "UNIX-CONNECT:$socket"
