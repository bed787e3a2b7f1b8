#!/bin/sh
# Prints netmond's messages of class network, one JSON line each, until it is
# interrupted. The first line is a snapshot of the state.
# Usage: events.sh [SOCKET]
socket=${1:-/var/run/netmond/netmond.sock}
exec socat -t 86400 - "UNIX-CONNECT:$socket" <<'REQUEST'
{"do":"events","class":"network"}
REQUEST
