"""The operator that hands events on: each to one run, whatever Airflow gives to which."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.slack.operators import SlackEventsOperator

ASKED = Asset("slack_질문")
BEGIN = datetime(2026, 11, 28, 9, tzinfo=UTC)


class State(dict[str, Any]):
    """A state store of Airflow."""

    fails = False

    def set(self, key: str, value: Any) -> None:
        if self.fails:
            raise ConnectionError
        self[key] = json.loads(json.dumps(value))


class Events(list[Any]):
    """Events of an asset, as a task gets them."""

    def after(self, moment: str) -> Events:
        return Events(event for event in self if event.timestamp >= datetime.fromisoformat(moment))


@dataclass
class Dag:
    """A DAG with its asset."""

    events: Events = field(default_factory=Events)
    of_asset: State = field(default_factory=State)
    runs: int = 0
    operator: SlackEventsOperator = field(default_factory=lambda: SlackEventsOperator(task_id="events", asset=ASKED))

    def happens(
        self,
        text: str,
        seconds: float = 0.0,
        number: int | None = None,
        user: str | None = None,
        slack_id: str | None = None,
    ) -> None:
        number = len(self.events) + 1 if number is None else number
        moment = BEGIN + timedelta(seconds=seconds)
        payload = {"text": text, **({"user": user} if user else {}), **({"event_id": slack_id} if slack_id else {})}
        self.events.append(SimpleNamespace(id=number, timestamp=moment, extra={"payload": payload}))

    def run(self, *triggering: int, run_id: str = "") -> list[str]:
        """Run the task, in a run of its own or again in one that was; nothing when it is skipped."""
        self.runs += 1
        started_by = [event for event in self.events if event.id in triggering]
        context: Any = {
            "dag": SimpleNamespace(dag_id="질문"),
            "dag_run": SimpleNamespace(run_after=BEGIN),
            "run_id": run_id or f"run-{self.runs}",
            "asset_state_store": {ASKED: self.of_asset},
            "inlet_events": {ASKED: self.events},
            "triggering_asset_events": {ASKED: started_by},
        }
        try:
            payloads = self.operator.execute(context)
        except AirflowSkipException:
            return []
        return [payload["text"] + "!" * payload["over_limit"] for payload in payloads]


@pytest.fixture
def dag() -> Dag:
    return Dag()


def test_an_event_that_came_before_the_run_was_made_is_taken_along(dag: Dag) -> None:
    dag.happens("하나")
    dag.happens("둘", 0.01)
    assert dag.run(1) == ["하나", "둘"]
    # Airflow gives it to the next run.
    dag.happens("셋", 60)
    assert dag.run(2, 3) == ["셋"]
    assert dag.run() == []


def test_the_first_run_begins_with_what_started_it(dag: Dag) -> None:
    dag.happens("vor langer Zeit", -86400)
    dag.happens("하나")
    assert dag.run(2) == ["하나"]


def test_a_task_that_is_tried_again_returns_the_same(dag: Dag) -> None:
    dag.happens("하나", -3600)
    dag.happens("둘")
    assert dag.run(1, run_id="first") == ["하나", "둘"]
    dag.happens("셋", 1)
    assert dag.run(1, run_id="first") == ["하나", "둘"]
    assert dag.run(3) == ["셋"]
    # Also when others have run since.
    assert dag.run(1, run_id="first") == ["하나", "둘"]


def test_a_task_that_died_before_it_took_anything_takes_what_is_left(dag: Dag) -> None:
    dag.happens("하나")
    dag.of_asset.fails = True
    with pytest.raises(ConnectionError):
        dag.run(1, run_id="first")
    dag.of_asset.fails = False
    assert dag.run(1, run_id="second") == ["하나"]
    assert dag.run(1, run_id="first") == []


def test_an_event_that_another_triggerer_stored_late(dag: Dag) -> None:
    dag.happens("하나", 0, number=5)
    assert dag.run(5) == ["하나"]
    dag.happens("둘", -30, number=4)
    dag.happens("셋", 30, number=6)
    assert sorted(dag.run(6)) == ["둘", "셋"]


def test_an_event_that_two_triggerers_stored_is_taken_and_counted_once(dag: Dag) -> None:
    dag.operator.rate_limit = 2
    dag.happens("first", 0, user="U1", slack_id="C1-1.0")
    dag.happens("first, from the other triggerer", 1, user="U1", slack_id="C1-1.0")
    assert dag.run(1) == ["first"]
    dag.happens("first, read from the channel", 12, user="U1", slack_id="C1-1.0")
    assert dag.run(3) == []
    dag.happens("second", 13, user="U1", slack_id="C1-2.0")
    assert dag.run(4) == ["second"]


def test_what_is_no_event_of_the_trigger_is_passed_over(dag: Dag) -> None:
    dag.events.append(SimpleNamespace(id=1, timestamp=BEGIN, extra=None))
    dag.events.append(SimpleNamespace(id=2, timestamp=BEGIN, extra={"rows": 3}))
    dag.happens("하나", number=3)
    assert dag.run(1, 2, 3) == ["하나"]
    assert dag.run(1, 2) == []


@given(st.lists(st.tuples(st.integers(0, 900), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_every_event_is_taken_once(steps: list[tuple[int, bool, bool]]) -> None:
    dag, taken, moment = Dag(), [], 0
    for number, (seconds, runs, again) in enumerate(steps, 1):
        moment += seconds
        dag.happens(f"{number}", moment)
        if runs or number == len(steps):
            found = dag.run(1, run_id=f"{number}")
            taken += found
            assert not again or dag.run(1, run_id=f"{number}") == found
    assert taken == [f"{number}" for number in range(1, len(steps) + 1)]


def test_a_person_above_the_rate_limit_is_marked_in_all_runs_together(dag: Dag) -> None:
    dag.operator = SlackEventsOperator(task_id="events", asset=ASKED, rate_limit=2, rate_window=timedelta(minutes=5))
    for second in range(3):
        dag.happens(f"{second}", second, user="U1")
    assert dag.run(1, run_id="first") == ["0", "1", "2!"]
    dag.happens("3", 60, user="U1")
    dag.happens("of another", 60, user="U2")
    assert dag.run(4, run_id="second") == ["3!!", "of another"]
    assert dag.run(1, run_id="first") == ["0", "1", "2!"], "tried again"
    dag.happens("later", 400, user="U1")
    assert dag.run(6) == ["later"]


def test_it_reads_the_asset() -> None:
    other = Asset("other")
    operator = SlackEventsOperator(task_id="events", asset=ASKED, inlets=[other])
    assert operator.inlets == [ASKED, other]
