"""Which events came, and how far a trigger is: the book-keeping, whatever comes in whatever order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from workplace_provider.slack.socket_mode import EventLedger
from workplace_provider.slack.triggers import progress as slack_progress
from workplace_provider.slack.triggers.progress import LEAD, OVERLAP, ChannelProgress
from workplace_provider.slack.triggers.stream import Tick

NAMES = st.sampled_from(["Ev1", "Ev2", "Ev3", "Ev4", "Ev5"])


class Ledger(RuleBasedStateMachine):
    """Events come, again and again, are settled or given up; a model keeps all that the ledger may forget."""

    SIZE = 3

    def __init__(self) -> None:
        super().__init__()
        self.ledger: EventLedger[int] = EventLedger(self.SIZE)
        self.open: dict[str, list[int]] = {}
        self.settled: list[str] = []
        self.receipts = 0

    @rule(name=NAMES)
    def arrive(self, name: str) -> None:
        self.receipts += 1
        found = self.ledger.arrive(name, self.receipts)
        if name in self.open:
            assert found == "open"
            self.open[name].append(self.receipts)
        elif name in self.settled[-self.SIZE :]:
            assert found == "settled"
            self.settled.remove(name)
            self.settled.append(name)
        else:
            assert found == "new"
            self.open[name] = [self.receipts]

    @rule(name=NAMES)
    def settle(self, name: str) -> None:
        owed = self.ledger.settle(name)
        assert sorted(owed) == self.open.pop(name, [])
        if owed:
            if name in self.settled:
                self.settled.remove(name)
            self.settled.append(name)

    @rule(name=NAMES)
    def release(self, name: str) -> None:
        self.ledger.release(name)
        self.open.pop(name, None)

    @invariant()
    def it_stays_small(self) -> None:
        assert len(self.ledger._settled) <= self.SIZE


TestLedger = Ledger.TestCase


def test_a_ledger_remembers_something() -> None:
    with pytest.raises(ValueError, match="size is 0"):
        EventLedger(0)


def ts(seconds: float) -> str:
    return f"{1_800_000_000 + seconds:.6f}"


def raw(outcome: Any) -> Tick:
    made = Tick(1)
    made.outcome = outcome
    return made


STEPS = st.lists(
    st.tuples(st.integers(0, 3000), st.booleans(), st.sampled_from(["open", "settled", "failed"]), st.booleans()),
    max_size=40,
)


@given(STEPS)
def test_nothing_that_is_open_or_told_gets_lost(steps: list[tuple[int, bool, Any, bool]]) -> None:
    progress = ChannelProgress(1_800_000_000_000_000, since=1_800_000_000_000_000)
    still_open: list[str] = []
    told: set[str] = set()
    for seconds, is_told, outcome, look in steps:
        progress.record(ts(seconds), raw(outcome), emitted=is_told)
        if outcome == "open":
            still_open.append(ts(seconds))
        if outcome == "settled" and is_told:
            told.add(ts(seconds))
        if look:
            progress.advance()
    before = progress.watermark
    progress.advance()
    assert progress.watermark >= before
    start = progress.oldest
    # What is under way when the triggerer ends is read again, unless it came later than everything may come.
    overlap = OVERLAP.total_seconds()
    for each in still_open:
        if float(each) > before / 1e6 - overlap:
            assert float(each) * 1e6 >= start
            assert not progress.was_emitted(each) or each in told
    # And what was told of is not read, or known as told.
    for each in told:
        assert progress.was_emitted(each) or float(each) * 1e6 < start + 1
    again = ChannelProgress.from_state(progress.state())
    assert again is not None
    assert again.state() == progress.state()
    assert again.oldest == progress.oldest


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_progress, "REMEMBERED", 5)
    progress = ChannelProgress(1_800_000_000_000_000)
    for second in range(20):
        progress.record(ts(second), raw("settled"), emitted=True)
        assert progress.advance()
    assert progress.state()["told"] == [ts(second) for second in range(15, 20)]
    # Of what is older it is not known whether it was told of, so it is not read.
    assert progress.oldest == 1_800_000_015_000_000
    assert not progress.advance()


@pytest.mark.parametrize(
    "state",
    [None, "", [], {}, {"watermark": "x", "since": "1.0", "told": []}, {"watermark": "1.0", "since": "0.0", "told": None}],
)
def test_what_is_no_state_is_none(state: Any) -> None:
    assert ChannelProgress.from_state(state) is None


def test_the_watermark_stays_near_the_last_reading() -> None:
    base = 1_800_000_000_000_000
    progress = ChannelProgress(base, since=base)
    progress.read_until = base + 60_000_000
    # Without any message, what was read need not be read again.
    assert not progress.advance()
    assert progress.watermark == base + 60_000_000
    # The other socket may have had messages since the last reading, which are older than this one.
    progress.record(ts(3000), raw("settled"), emitted=True)
    progress.advance()
    assert progress.watermark == base + 60_000_000 + LEAD // timedelta(microseconds=1)
    assert progress.oldest < progress.read_until
    assert progress.was_emitted(ts(3000))
    # A message in progress is read again.
    progress.read_until = base + 3_600_000_000
    progress.record(ts(100), raw("open"), emitted=True)
    progress.advance()
    assert progress.watermark < base + 600_000_000
