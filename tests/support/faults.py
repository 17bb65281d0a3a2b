from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

# The outcomes of a write: it was not done and may be repeated at once; it was done, but the client does not know; it was
# not done, and this attempt of the task is over.
OUTCOMES = ("dropped before", "dropped after", "429 for long")


def one_of_each_outcome(faults: Iterable[str]) -> list[Any]:
    """Return the faults as parameters: one for each outcome, and the others for ``make test-all``."""
    return [fault if fault in OUTCOMES else pytest.param(fault, marks=pytest.mark.large) for fault in faults]
