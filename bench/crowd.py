"""Runs a job beside a crowd of clients, half of them silent, and without them, in turn; compares the rates."""

import os
import re
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time

LOSS_MAX = 0.02

program, home, options, rate, clients, rounds = sys.argv[1:]
environment = {"PATH": os.environ["PATH"], "HOME": home, "CRYPTODATADOWNLOAD_API_KEY": "simulated-key"}


def start(*args):
    """Starts the program, and waits for the address that it prints."""
    started = subprocess.Popen([program, *args], cwd=home, env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    for line in started.stdout:
        found = re.search(r"http://[0-9.]+:([0-9]+)", line)
        if found:
            # What it says further is not read by anybody else: it must not fill the pipe.
            threading.Thread(target=started.stdout.read, daemon=True).start()
            return started, int(found[1])
    sys.exit(f"{args} said no address")


class Crowd:
    """Streams of events. Every second one is read; the others are left to fill."""

    def __init__(self, port, count):
        self.events = 0
        self.open = []
        self.look = selectors.DefaultSelector()
        for number in range(count):
            stream = socket.create_connection(("127.0.0.1", port))
            if number % 2:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            else:
                self.look.register(stream, selectors.EVENT_READ)
            stream.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            self.open.append(stream)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """Takes what comes, until the server ends."""
        while self.look.get_map():
            for key, _ in self.look.select(1):
                try:
                    taken = key.fileobj.recv(1 << 16)
                except OSError:
                    taken = b""
                self.events += taken.count(b"event: status")
                if not taken:
                    self.look.unregister(key.fileobj)


def job(number, count):
    """One run from an empty store to its end: options a second, and the events that were taken."""
    vendor, port = start("vendor", "--listen", "127.0.0.1:0", "--options", options, "--throttle", "none")
    run, page = start("backfill", "ALL", "--quiet", "--log-file", "-", "--max-rate", rate, "--dashboard", "127.0.0.1:0",
                      "--store", f"sqlite:{number}.db", "--api-url", f"http://127.0.0.1:{port}/v1")
    began = time.monotonic()
    crowd = Crowd(page, count)
    if run.wait():
        sys.exit(f"the run ended with {run.returncode}")
    took_s = time.monotonic() - began
    vendor.terminate()
    vendor.wait()
    total = sum(int(part.split("=")[1]) for part in options.split(","))
    return total / took_s, crowd.events


alone, watched, events = [], [], 0
for turn in range(int(rounds)):
    alone.append(job(f"{turn}-alone", 0)[0])
    per_s, taken = job(f"{turn}-watched", int(clients))
    watched.append(per_s)
    events += taken
loss = 1 - statistics.median(watched) / statistics.median(alone)
print("| clients | options/s, each round | median |\n|---:|---|---:|")
for name, rates in (("none", alone), (f"{clients}, half of them silent", watched)):
    print(f"| {name} | {', '.join(f'{one:.1f}' for one in rates)} | {statistics.median(rates):.1f} |")
print(f"\n{events:,} snapshots were taken; the run was {abs(loss):.1%} {'slower' if loss > 0 else 'faster'}.")
sys.exit(loss > LOSS_MAX)
