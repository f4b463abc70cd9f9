"""Runs a command and prints, as JSON on one line, what it took: wall seconds, and the processor seconds and peak
memory of that process alone, as the kernel counts them. Its exit code is the command's."""

import json
import os
import subprocess
import sys
import time

LOOK_S = 0.01


def peak_bytes_of(pid):
    """The most memory it ever had. Not from its resource usage, which counts Python's own before the program began."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


started = time.monotonic()
program = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
peak_bytes = 0
while True:
    peak_bytes = max(peak_bytes, peak_bytes_of(program.pid))
    ended, status, used = os.wait4(program.pid, os.WNOHANG)
    if ended:
        break
    time.sleep(LOOK_S)
wall_s = time.monotonic() - started
# Where there is no /proc; macOS counts in bytes.
peak_bytes = peak_bytes or used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"wall_s": wall_s, "user_s": used.ru_utime, "sys_s": used.ru_stime, "peak_bytes": peak_bytes}))
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 1)
