"""The shared parts of the benchmarks: a sandbox of their own, jobs in processes of their own, medians and ratios.

The peers take turns, so that a drift of the machine affects all. Time is that of the job without imports; memory is the
peak above that of the process before the job.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "ours"


@contextmanager
def running_sandbox(folder: Path) -> Iterator[dict[str, Any]]:
    """Start a sandbox in a process of its own.

    :param folder: for its state
    :return: its addresses
    """
    ready = folder / "ready.json"
    command = ["serve", "--port", "0", "--state", str(folder / "state"), "--ready-file", str(ready)]
    sandbox = subprocess.Popen([sys.executable, "-m", "workplace_sandbox.cli", *command], stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with suppress(FileNotFoundError, ValueError):
                addresses: dict[str, Any] = json.loads(ready.read_text())
                break
            time.sleep(0.1)
        else:
            sys.exit("the sandbox did not start within 30 seconds")
        yield addresses
    finally:
        sandbox.terminate()
        sandbox.wait(20)


def arguments_of(description: str | None, peers: Sequence[str], *, repeat: int) -> argparse.ArgumentParser:
    """Return a parser with the options of every comparison.

    :param peers: ours first
    :param repeat: the default of ``--repeat``
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=repeat, help=f"runs of each job and peer (default {repeat})")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--peer", choices=peers, help=argparse.SUPPRESS)
    parser.add_argument("--given", help=argparse.SUPPRESS)
    return parser


def measure_here(work: Callable[[], object]) -> None:
    """Run one job in this process; prints its seconds and its bytes of memory above the start."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    print(json.dumps([seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024]))


@dataclass(frozen=True)
class Comparison:
    """Runs jobs with each peer in turn.

    :param script: the benchmark, which is called with ``--job``, ``--peer`` and ``--given`` for a single job
    :param peers: ours first
    :param folder: for the input of jobs
    :param repeat: runs of each job and peer
    """

    script: str
    peers: Sequence[str]
    folder: Path
    repeat: int

    def heading(self) -> None:
        """Print the heading of the table."""
        peers = "".join(f"{peer:>14}" for peer in self.peers)
        print(f"{'job':<36}{peers}{'time':>9}  {peers}{'memory':>9}")

    def compare(self, job: str, given: Callable[[str], dict[str, Any]], label: str = "") -> None:
        """Run a job and print medians and ratios; a ratio above 1 is in our favour.

        :param given: the input of one run, by peer
        :param label: the job for people
        """
        runs: dict[str, list[tuple[float, float]]] = {peer: [] for peer in self.peers}
        broken: dict[str, str] = {}
        for _ in range(self.repeat):
            for peer in self.peers:
                outcome = self.measured(job, peer, given(peer))
                if isinstance(outcome, str):
                    broken[peer] = outcome
                else:
                    runs[peer].append(outcome)
        label = label or job
        if broken:
            print(f"{label:<36}" + "; ".join(f"{peer} failed: {why}" for peer, why in broken.items()), flush=True)
            return
        seconds = [statistics.median(run[0] for run in runs[peer]) for peer in self.peers]
        memory = [statistics.median(run[1] for run in runs[peer]) / 1e6 for peer in self.peers]
        print(
            f"{label:<36}"
            + "".join(f"{each:>12.3f} s" for each in seconds)
            + f"{seconds[1] / seconds[0]:>8.1f}x  "
            + "".join(f"{each:>11.1f} MB" for each in memory)
            + f"{memory[1] / max(memory[0], 1.0):>8.1f}x",
            flush=True,
        )

    def measured(self, job: str, peer: str, given: dict[str, Any]) -> tuple[float, float] | str:
        """Return seconds and bytes of one run, or the last line of its error."""
        file = self.folder / "given.json"
        file.write_text(json.dumps(given))
        command = [sys.executable, self.script, "--job", job, "--peer", peer, "--given", str(file)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if result.returncode:
            return result.stderr.strip().splitlines()[-1][:100]
        seconds, memory = json.loads(result.stdout.strip().splitlines()[-1])
        return seconds, memory
