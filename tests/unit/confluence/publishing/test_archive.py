"""Old pages of a series are archived by the dates in their titles; nothing else is touched, and nothing is deleted."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from support.team_wiki import DIALECTS, LAST_WEEK, SPACE, THIS_WEEK, TeamWiki
from workplace_provider.confluence.client.model import Page
from workplace_provider.confluence.operators import ConfluenceArchiveOperator
from workplace_provider.confluence.publishing.archive import Archiver, ArchiveRule, ArchiveSpec
from workplace_provider.http.errors import Invalid, WorkplaceError
from workplace_sandbox.faults import Fault

OLD = [f"202610{day:02}_데이터분석팀 주간 보고" for day in (1, 8, 15, 22, 29)]
OTHERS = ["20261001_장애 보고", "주간 보고 안내", "20270101_데이터분석팀 주간 보고", "1001_데이터분석팀 주간 보고"]
TODAY = dt.date(2026, 11, 19)


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def archive(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> str:
    """The series with older pages, and a page for the archive."""
    monkeypatch.setenv("AIRFLOW_CONN_CONFLUENCE_DEFAULT", json.dumps({"conn_type": "confluence", **wiki.connection}))
    store = wiki.sandbox.store
    for title in [*reversed(OLD), *OTHERS]:
        page = store.create_page(SPACE, title, "<p>x</p>", parent_id=wiki.parent, author="jimin")
        if title == OLD[0]:
            store.create_page(SPACE, "하위", "<p>x</p>", parent_id=page.id, author="jimin")
    archive = store.create_page(SPACE, "보관함", "<p>x</p>", parent_id=wiki.parent, author="jimin").id
    wiki.sandbox.clear_requests()
    return archive


def run(wiki: TeamWiki, **arguments: Any) -> Any:
    given = {"space": SPACE, "parent_id": wiki.parent, "series": THIS_WEEK, **arguments}
    operator = ConfluenceArchiveOperator(task_id="archive", **given)
    context: Any = {
        "dag": SimpleNamespace(dag_id="dag"),
        "run_id": "run-1",
        "task": operator,
        "params": {"report_date": TODAY.isoformat()},
        "outlet_events": OutletEventAccessors(),
    }
    operator.render_template_fields(context)
    return operator.execute(context)


def below(wiki: TeamWiki, page_id: str) -> list[str]:
    return sorted(page.title for page in wiki.sandbox.store.children(page_id) if page.status == "current")


def labelled(wiki: TeamWiki, label: str) -> set[str]:
    store = wiki.sandbox.store
    pages = store.pages(SPACE, ("current", "archived"))
    return {page.title for page in pages if label in {each.name for each in store.labels(page.id)}}


def test_old_pages_move_below_the_archive(wiki: TeamWiki, archive: str) -> None:
    given: dict[str, Any] = {"keep": 3, "archive_parent_id": archive}
    assert run(wiki, **given, dry_run=True)["archived"] == 0
    assert wiki.writes() == []
    result = run(wiki, **given)
    assert (result["archived"], result["titles"], result["changed"]) == (3, OLD[:3], True)
    assert below(wiki, archive) == OLD[:3]
    assert below(wiki, wiki.parent) == sorted([*OLD[3:], LAST_WEEK, *OTHERS, "보관함"])
    assert labelled(wiki, "archived") == set(OLD[:3])
    (first,) = [page for page in wiki.sandbox.store.pages(SPACE) if page.title == OLD[0]]
    assert below(wiki, first.id) == ["하위"], "pages below it move with it"
    assert first.body == "<p>x</p>"
    assert run(wiki, **given)["changed"] is False
    assert not [path for method, path in wiki.writes() if method == "DELETE"]


@pytest.mark.parametrize(
    ("rule", "archived"),
    [
        ({"older_than_days": 35}, OLD[:2]),
        ({"older_than_days": 35, "keep": 5}, OLD[:1]),
        ({"older_than_days": 0, "keep": 0, "today": "2026-10-08"}, OLD[:1]),
        ({"keep": 100}, []),
    ],
)
def test_by_age_and_by_number(wiki: TeamWiki, archive: str, rule: dict[str, Any], archived: list[str]) -> None:
    titles = run(wiki, archive_parent_title="보관함", archive_label="", **rule)["titles"]
    assert titles == archived
    assert labelled(wiki, "archived") == set()


@pytest.mark.parametrize(
    "fault", [{"kind": "drop_after"}, {"kind": "status", "status": 500}, {"kind": "drop_before"}], ids=str
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_interrupted_run_is_continued(wiki: TeamWiki, archive: str, method: str, fault: dict[str, Any]) -> None:
    client = wiki.client()
    rule = ArchiveRule(THIS_WEEK, TODAY, keep=4)

    def attempt() -> None:
        spec = ArchiveSpec(client.get_page(wiki.parent), rule, client.get_page(archive), label="old")
        archiver = Archiver(client, spec)
        archiver.run(archiver.plan())

    wiki.sandbox.add_fault(Fault(".*", method=method, **fault))
    try:
        attempt()
    except WorkplaceError as error:
        assert error.retryable  # noqa: PT017 - an attempt may succeed in spite of the fault
    assert wiki.fault_was_met()
    attempt()
    assert below(wiki, archive) == OLD[:2]
    assert labelled(wiki, "old") == set(OLD[:2])


@pytest.mark.usefixtures("archive")
def test_the_gate_is_closed_for_too_many_pages(wiki: TeamWiki) -> None:
    with pytest.raises(AirflowFailException, match="5 pages would be archived, more than 4: '20261001"):
        run(wiki, keep=1, archive_parent_title="보관함", max_pages=4)
    assert wiki.writes() == []


def test_a_page_that_people_changed_since_the_plan_stays(wiki: TeamWiki, archive: str) -> None:
    client = wiki.client()
    rule = ArchiveRule(THIS_WEEK, TODAY, keep=4)
    archiver = Archiver(client, ArchiveSpec(client.get_page(wiki.parent), rule, client.get_page(archive)))
    plan = archiver.plan()
    wiki.sandbox.store.update_page(plan[0].id, title="고친 제목", author="jimin")
    assert [page.title for page in archiver.run(plan)] == OLD[1:2]


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keep": 1, "archive_parent_title": "주간 보고"}, "archive is the page whose child pages"),
        ({"keep": 1, "archive_parent_title": OLD[0]}, "is itself one of the pages to archive"),
        ({"archive_parent_title": "보관함"}, "No rule says which pages are old"),
        ({"keep": 1, "series": "주간 보고", "archive_parent_title": "보관함"}, "has no date with a year"),
        ({"keep": 1, "series": "11/19 보고", "archive_parent_title": "보관함"}, "has no date with a year"),
        ({"keep": -1}, "keep is -1; it must be a whole number of at least 0"),
        ({"keep": 1, "today": "soon"}, "today is 'soon'; it must be a date"),
        ({"keep": 1, "space": "OPS"}, "is in the space ANALYTICS, not in OPS"),
        ({"keep": 1, "parent_title": "주간 보고"}, "parent_id and parent_title are both set"),
    ],
)
def test_wrong_arguments_change_nothing(wiki: TeamWiki, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        run(wiki, **arguments)
    assert wiki.writes() == []


@pytest.mark.usefixtures("archive")
def test_without_an_archive_cloud_archives_and_data_center_refuses(wiki: TeamWiki) -> None:
    if wiki.dialect == "datacenter":
        with pytest.raises(AirflowFailException, match="Data Center has no call that archives a page"):
            run(wiki, keep=4)
        return
    result = run(wiki, keep=4)
    assert result["titles"] == ["하위", *OLD[:2]]
    archived = wiki.sandbox.store.pages(SPACE, ("archived",))
    assert {page.title for page in archived} == {"하위", *OLD[:2]}
    assert labelled(wiki, "archived") == {"하위", *OLD[:2]}
    assert run(wiki, keep=4)["changed"] is False


def page(title: str, status: str = "current") -> Page:
    return Page(title, SPACE, title, status, 1, "https://wiki.invalid", None)


def test_the_rule() -> None:
    titles = ["2026-08 월간", "2026-10 월간", "2025-12 월간", "2026-09 월간", "월간", "2026-09-01 월간"]
    pages = [*map(page, titles), page("2024-01 월간", "archived")]
    rule = ArchiveRule("2026-11 월간", dt.date(2026, 11, 30), keep=2)
    assert [each.title for each in rule.select(pages)] == ["2025-12 월간", "2026-08 월간"]
    assert ArchiveRule("2026-11 월간", dt.date(2025, 1, 1), keep=0).select(pages) == []
    with pytest.raises(Invalid, match="No rule"):
        ArchiveRule("2026-11 월간", TODAY)
