"""Runs a command and prints, as JSON on one line, what it took: wall and processor seconds and peak memory of that
process alone, as the kernel counts them. Its exit code is the command's."""

import json
import resource
import subprocess
import sys
import time

started = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
wall_s = time.monotonic() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
peak_bytes = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"wall_s": wall_s, "user_s": used.ru_utime, "sys_s": used.ru_stime, "peak_bytes": peak_bytes}))
sys.exit(code)
