"""Each kind of check leads to each effect: the report passes, stops, notes, or asks for a review with either answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, DownstreamTasksSkipped
from airflow.sdk.execution_time.context import OutletEventAccessors
from PIL import Image

from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.reports import build_dag
from workplace_provider.reports.manifest import VERSION, Manifest, ManifestStore, PublishedPage
from workplace_provider.reports.operators import ReportCheckOperator, ReportComposeOperator, ReportPublishOperator
from workplace_provider.reports.reading import parse_definition
from workplace_sandbox import Sandbox

pytestmark = pytest.mark.dags

NOW = datetime(2026, 11, 30, 23, tzinfo=UTC)
DEFINITION = """\
period: {every: month, day: last}
page: {space: ANALYTICS, parent: 분석 문서, title: "%Y-%m 검사", from: {file: page.xhtml}}
sources: {data: SOURCE, other: {sql: SELECT 1, conn_id: warehouse}}
checks: [{source: data, CHECK, else: EFFECT}, {source: other, rows: {min: 1}}]
fill: [{attach: data}, {changes: 변화, sources: [data]}]
review: {by: [jimin]}
"""
SQL = "{sql: SELECT 1, conn_id: warehouse}"
VIEW = "{tableau: 지표/WAU}"
GOOD = [{"지표": "WAU", "값": 100}, {"지표": "매출", "값": 50}]


def rows(**values: Any) -> list[dict[str, Any]]:
    return [{"지표": name, "값": value} for name, value in values.items()]


@dataclass(frozen=True)
class Kind:
    """A kind of check with a source that passes and one that does not.

    :param good: rows, or colours of the pictures of a view
    :param facts: of the pictures that do not pass
    """

    check: str
    bad: Any
    finding: str
    source: str = SQL
    good: Any = field(default_factory=lambda: GOOD)
    facts: Mapping[str, Any] = field(default_factory=dict)


def view(check: str, bad: Any, finding: str, **facts: Any) -> Kind:
    return Kind(check, bad, finding, VIEW, ["red"], facts)


OLD = {"updated_at": (NOW - timedelta(days=3)).isoformat()}
KINDS = {
    "rows": Kind("rows: {min: 2}", rows(WAU=100), "1"),
    "columns": Kind("columns: [값]", [{"지표": "WAU"}], "값 missing"),
    "not_null": Kind("not_null: [값]", rows(WAU=None), "empty in row 1"),
    "unique": Kind("unique: [지표]", GOOD + rows(WAU=1), "more than once: WAU"),
    "range": Kind("range: {column: 값, min: 0}", rows(WAU=-1), "-1 in row 1"),
    "sum": Kind("sum: {column: 값, equals: {source: other, column: 값}}", rows(WAU=149), "149 and 150"),
    "change": Kind("key: 지표, column: 값, change: {max: 30%}", rows(WAU=200, 매출=50), "WAU from 100 to 200"),
    "fresh_within": view("fresh_within: 26h", ["red"], "updated 2026-11-27 23:00 UTC", **OLD),
    "picture blank": view("picture: {blank: false}", [""], "blank: 0.png"),
    "picture same_as": view("picture: {same_as: never}", ["blue", "blue"], "alike: 0.png, 1.png"),
    "picture same_as_previous": view("picture: {same_as_previous: false}", ["green"], "unchanged: 0.png"),
    "filtered": view("filtered: true", ["red"], "no effect: 지역", filters_without_effect=["지역"]),
}


class Run:
    """One run of a report with one check."""

    def __init__(self, sandbox: Sandbox, folder: Path, kind: Kind, effect: str, now: datetime = NOW) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._kind = kind
        text = DEFINITION.replace("SOURCE", kind.source).replace("CHECK", kind.check).replace("EFFECT", effect)
        self.definition = parse_definition(text, "checked.yaml", "checked")
        self._context: dict[str, Any] = {
            "dag": SimpleNamespace(dag_id="checked", timezone=UTC, fileloc="dags/reports.py"),
            "dag_run": SimpleNamespace(run_after=now, run_type="manual", triggering_user_name=None),
            "run_id": f"run_{effect}_{now:%m}",
            "params": {},
            "ti": SimpleNamespace(
                map_index=-1, try_number=1, task_id="review", dag_id="checked", xcom_push=lambda **_: None
            ),
            "outlet_events": OutletEventAccessors(),
        }
        self._remember()

    def _remember(self) -> None:
        """Store the month before: its rows and pictures are the good ones, but a green picture."""
        store = ManifestStore(ArtifactStore(), "checked")
        pictures = {"data": [self._picture("green", {})["sha256"]]}
        page = PublishedPage("1", "2026-10 검사", "")
        rows = {"data": GOOD, "other": GOOD}
        store.write(
            Manifest(version=VERSION, report="checked", period="2026-10", run="", page=page, rows=rows, pictures=pictures)
        )

    def sources(self, content: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs of the tasks that read the sources."""
        data = content
        if self._kind.source == VIEW:
            data = [self._picture(colour, facts, number) for number, colour in enumerate(content)]
        return {"data": data, "other": GOOD}

    def _picture(self, colour: str, facts: Mapping[str, Any], number: int = 0) -> dict[str, Any]:
        image = Image.new("RGB", (30, 30), "white")
        if colour:
            image.paste(colour, (0, 0, 9, 9))
        path = self._folder / f"{number}_{colour}.png"
        image.save(path)
        content = path.read_bytes()
        return {
            "uri": str(path),
            "name": f"{number}.png",
            "media_type": "image/png",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "facts": {"updated_at": NOW.isoformat(), **facts},
        }

    def compose(self, *, good: bool) -> Any:
        """Check the sources, and compose the page."""
        kind = self._kind
        sources = self.sources(kind.good, {}) if good else self.sources(kind.bad, kind.facts)
        check = ReportCheckOperator(task_id="check", definition=self.definition, sources=sources)
        results = check.execute(self._context)["results"]
        texts = {"template": "<h2>변화</h2><p />"}
        compose = ReportComposeOperator(
            task_id="compose", definition=self.definition, sources=sources, checks=results, texts=texts
        )
        return compose.execute(self._context)

    def answer(self, option: str) -> list[str]:
        """Answer the question; return the tasks that are skipped then."""
        review: Any = self.review
        event = {"chosen_options": [option], "params_input": {}, "responded_at": NOW, "responded_by_user": None}
        try:
            review.execute_complete({**self._context, "task": review}, event)
        except DownstreamTasksSkipped as skipped:
            return [str(task) for task in skipped.tasks]
        return []

    @cached_property
    def review(self) -> Any:
        return build_dag(self.definition, self._folder).get_task("review")

    def publish(self, composed: Any) -> None:
        publish = ReportPublishOperator(task_id="publish", definition=self.definition, document=composed["document"])
        publish.execute(self._context)

    def page(self, title: str = "2026-11 검사") -> str | None:
        """Return the body of the page; ``None`` if nothing was published."""
        pages = [page for page in self._sandbox.store.pages("ANALYTICS") if page.title == title]
        return pages[0].body if pages else None


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_check_passes_stops_asks_and_notes(sandbox: Sandbox, tmp_path: Path, kind: Kind) -> None:
    (tmp_path / "page.xhtml").write_text("<h2>변화</h2>")
    with pytest.raises(AirflowFailException, match="Nothing was published: stop: data: ") as stopped:
        Run(sandbox, tmp_path, kind, "stop").compose(good=False)
    assert kind.finding in str(stopped.value)

    asks = Run(sandbox, tmp_path, kind, "review")
    composed = asks.compose(good=False)
    assert composed["needs_review"] is True
    assert composed["reasons"][0].endswith(f"; {kind.finding}")
    assert asks.answer("Reject") == ["publish"]
    assert asks.page() is None, "nothing is published that was stopped or rejected"

    assert asks.answer("Approve") == []
    asks.publish(composed)
    body = asks.page()
    assert body is not None
    assert composed["reasons"][0] not in body

    notes = Run(sandbox, tmp_path, kind, "note")
    composed = notes.compose(good=False)
    assert composed["needs_review"] is False
    (note,) = composed["notes"]
    assert note.endswith(f"; {kind.finding}")
    notes.publish(composed)
    assert note in str(notes.page())

    passes = Run(sandbox, tmp_path, kind, "stop")
    composed = passes.compose(good=True)
    assert (composed["needs_review"], composed["notes"], composed["reasons"]) == (False, [], [])
    passes.publish(composed)
    assert note not in str(passes.page())


def test_the_pictures_of_two_periods_are_compared_although_the_run_folder_is_gone(sandbox: Sandbox, tmp_path: Path) -> None:
    kind = view("picture: {blank: false}", ["red"], "")
    november = Run(sandbox, tmp_path, kind, "note")
    composed = november.compose(good=True)
    assert composed["changes"] == ["Not compared: there are no values of the previous period."]
    november.publish(composed)
    for file in tmp_path.glob("*.png"):
        file.unlink()
    december = Run(sandbox, tmp_path, view("rows: {}", ["blue"], ""), "note", NOW + timedelta(days=31))
    composed = december.compose(good=False)
    assert composed["changes"] == ["The picture “0.png” changed by 9.0%, mostly at the top left."]
    december.publish(composed)
    assert composed["changes"][0] in str(december.page("2026-12 검사"))
