from __future__ import annotations

import hypothesis

ALL = 100


def examples(number: int) -> int:
    """Return how many examples a test tries: the number in ``make test-all``, or a share of it in ``make test``."""
    return max(1, number * hypothesis.settings().max_examples // ALL)
