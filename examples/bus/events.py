#!/usr/bin/env python3
"""Follows netmond's bus and reacts: a flow was closed, a portal appeared.

It connects again when the daemon restarts, and goes on from the last number it
saw, so nothing is missed that the daemon still has.

Usage: events.py [SOCKET]
"""
import json
import socket
import sys
import time


def events(path):
    """Yields each line of the bus as a dictionary, for ever."""
    epoch, seq, wait = None, 0, 0.1
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                ask = {"do": "events", "class": ["network", "system"]}
                if epoch:
                    ask["since"] = "%s:%d" % (epoch, seq)
                s.sendall(json.dumps(ask).encode() + b"\n")
                for line in s.makefile(encoding="utf-8"):
                    event = json.loads(line)
                    epoch, seq = event.get("epoch", epoch), event.get("seq", seq)
                    wait = 0.1
                    yield event
        except OSError as err:
            print("netmond: %s; trying again" % err, file=sys.stderr)
        time.sleep(wait)
        wait = min(2 * wait, 10)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "/var/run/netmond/netmond.sock"
    for event in events(path):
        msg = event.get("msg", {})
        if "snapshot" in event:
            print("state", event["snapshot"].get("state"), flush=True)
        elif "lost" in event:
            print("lost", event["lost"], flush=True)
        elif msg.get("type") == "flow":
            print(msg["act"], msg["remote"], msg["reason"], flush=True)
        elif msg.get("type") == "cpd":
            print(msg["dev"], msg["result"], msg.get("url", ""), flush=True)


if __name__ == "__main__":
    main()
