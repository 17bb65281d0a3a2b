from __future__ import annotations

import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_LINE = re.compile(r"airflow\.(?P<name>[^:|]+):(?P<value>[-+.\d]+)\|(?P<kind>c|ms|g)")


@dataclass
class StatsdServer:
    """Receives metrics of StatsD, and keeps those of the provider."""

    port: int
    counters: Counter[str] = field(default_factory=Counter)
    timers: Counter[str] = field(default_factory=Counter)
    """How many durations each timer has."""
    gauges: dict[str, float] = field(default_factory=dict)

    def receive(self, packet: str) -> None:
        """Read the lines of a packet."""
        for line in packet.splitlines():
            match = _LINE.match(line)
            if match is None or not match["name"].startswith("workplace."):
                continue
            if match["kind"] == "c":
                self.counters[match["name"]] += int(match["value"])
            elif match["kind"] == "ms":
                self.timers[match["name"]] += 1
            else:
                self.gauges[match["name"]] = float(match["value"])


@contextmanager
def statsd_server() -> Iterator[StatsdServer]:
    """Run a StatsD server on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        server = StatsdServer(receiver.getsockname()[1])
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    server.receive(receiver.recv(65_536).decode())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            thread.join()
