"""The wiki that a fresh sandbox starts with."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from unit.sandbox.ui.open_wiki import SUNDAY, Wiki
from workplace_sandbox import seed
from workplace_sandbox.seed import numbers, pictures
from workplace_sandbox.seed.wiki import latest_thursday
from workplace_sandbox.store import Store
from workplace_sandbox.ui.storage import parse_storage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("today", "newest"),
    [
        (date(2026, 11, 22), "20261029"),  # a Sunday: the latest Thursday is the 19th
        (date(2026, 11, 19), "20261029"),  # that Thursday itself
        (date(2026, 11, 18), "20261022"),
        (date(2027, 1, 7), "20261217"),  # across the new year
        (date(2024, 2, 29), "20240208"),
    ],
)
def test_reports_end_three_weeks_before_the_latest_thursday(store: Store, today: date, newest: str) -> None:
    seed.load(store, today)
    parent = store.page_by_title("ANALYTICS", "주간 보고")
    assert parent is not None
    titles = [page.title for page in store.children(parent.id)]
    assert len(titles) == 6
    assert titles == sorted(titles)
    assert titles[-1] == f"{newest}_데이터분석팀 주간 보고"
    days = [date.fromisoformat(title[:8]) for title in titles]
    assert {day.weekday() for day in days} == {3}
    assert {b - a for a, b in pairwise(days)} == {timedelta(weeks=1)}
    assert days[-1] == latest_thursday(today) - timedelta(weeks=3)


def test_the_same_day_gives_the_same_wiki(tmp_path: Path) -> None:
    def facts(store: Store) -> list[object]:
        return [
            (page.title, page.body, page.updated_at, [a.sha256 for a in store.attachments(page.id)])
            for page in store.pages(None, ("current", "archived"))
        ]

    stores = [Store(tmp_path / name) for name in "ab"]
    for store in stores:
        seed.load(store, SUNDAY)
    assert facts(stores[0]) == facts(stores[1])
    for store in stores:
        store.close()


def test_every_body_is_shown_whole(wiki: Wiki) -> None:
    for page in wiki.store.pages(None, ("current", "archived")):
        parse_storage(page.body)
        shown = wiki.text(f"/confluence/pages/viewpage.action?pageId={page.id}")
        for flaw in ('class="wk-error"', "wk-missing", "wk-nolink", "unknown user", "@ff80"):
            assert flaw not in shown, (page.title, flaw)


def test_the_newest_report_has_all_that_a_copy_must_carry(wiki: Wiki) -> None:
    report, store = wiki.newest_report(), wiki.store
    assert [label.name for label in store.labels(report.id)] == ["weekly-report", "주간보고", "fy2026"]
    assert store.restrictions(report.id)["update"]["user"] == ["jimin", "report-bot"]
    names = [attachment.filename for attachment in store.attachments(report.id)]
    assert names == ["주간활성사용자.png", "revenue by channel (weekly).png", "구매_퍼널.png"]
    inline = [comment for comment in store.comments(report.id) if comment.location == "inline"]
    assert len(inline) == 1
    marked = re.search(rf'ac:ref="{inline[0].marker_ref}">([^<]+)<', report.body)
    assert marked is not None
    assert marked[1] == inline[0].selection
    footer = [comment for comment in store.comments(report.id) if comment.location == "footer"]
    assert [comment.parent_id for comment in footer] == [None, footer[0].id, None]
    for construct in (
        "ac:layout-section", 'ac:name="toc"', 'ac:name="info"', 'ac:name="status"', "ac:task-list", "<time datetime",
        'ac:name="tableau-embed"', 'ac:name="expand"', "<![CDATA[", "data-highlight-colour", "ri:userkey",
        "jira.example.com",
    ):  # fmt: skip
        assert construct in report.body, construct


def test_the_tree_is_three_deep_and_has_an_archived_page(wiki: Wiki) -> None:
    query = wiki.page("활성 사용자 산출 쿼리")
    assert [page.title for page in wiki.store.ancestors(query.id)] == ["데이터분석팀 홈", "지표 정의", "활성 사용자"]
    assert [page.title for page in wiki.store.pages("ANALYTICS", ("archived",))] == ["지표 정의 (구버전)"]
    assert len(wiki.store.children(wiki.page("회의록").id)) == 3


def test_nothing_is_dated_after_today(wiki: Wiki) -> None:
    for page in wiki.store.pages(None, ("current", "archived")):
        assert page.created_at <= page.updated_at
        assert page.updated_at.date() <= SUNDAY


def test_a_week_reads_on_from_the_one_before() -> None:
    thursday = date(2026, 10, 29)
    for _ in range(60):
        before = thursday - timedelta(weeks=1)
        for now, then in zip(numbers.kpis(thursday), numbers.kpis(before), strict=True):
            assert now.before == pytest.approx(then.value)
            assert abs(now.change) < 30
        steps = [people for _, people in numbers.funnel(thursday)]
        assert steps == sorted(steps, reverse=True)
        assert sum(numbers.revenue_by_channel(thursday)) == pytest.approx(numbers.revenue(thursday))
        thursday = before


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [0.001, 0.002], [1e9, 1.1e9], [-3.0, 4.0]])
def test_charts_of_odd_values(values: list[float]) -> None:
    assert pictures.line_chart("t", ["x"] * len(values), values, values).startswith(b"\x89PNG")


@pytest.mark.parametrize("size", [(24, 24), (1000, 24), (24, 1000), (320, 100), (1600, 900)])
@pytest.mark.parametrize("name", ["그림.png", "a" * 300 + ".png", "", "<x>&.png"])
def test_stand_ins_of_every_size(size: tuple[int, int], name: str) -> None:
    for media_type in ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/svg+xml"):
        assert pictures.stand_in(name, media_type, size)
