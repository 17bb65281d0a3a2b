from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

# Of the process's own memory. The number of getrusage includes the process it was forked from, which is larger here.
_PEAK = """
import json, sys

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
"""


def run_measured(program: str, *arguments: str) -> Any:
    """Run a program in a process of its own, where ``peak()`` is its peak memory, in megabytes.

    :return: the program's output, which is JSON
    """
    done = subprocess.run(
        [sys.executable, "-c", _PEAK + program, *arguments], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
