"""Responses are decoded by several threads at the same time."""

from __future__ import annotations

import subprocess
import sys

# Each type is used for the first time by eight threads at once.
PROGRAM = """
import sys, threading
import msgspec
from workplace_provider.http.body import decode_json

sys.setswitchinterval(1e-6)
for number in range(150):
    inner = msgspec.defstruct(f"Inner{number}", [(f"field{n}", str | None, None) for n in range(20)])
    outer = msgspec.defstruct(f"Outer{number}", [("rows", list[inner]), ("more", dict[str, inner])])
    start = threading.Barrier(8)

    def decode():
        start.wait()
        assert decode_json(b'{"rows": [{"field3": "a"}], "more": {"x": {"field19": "b"}}}', outer).rows[0].field3 == "a"

    threads = [threading.Thread(target=decode) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("decoded")
"""


def test_threads_use_a_type_for_the_first_time_at_once() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, "decoded\n"), result.stderr
