from __future__ import annotations

from support.team_wiki import LAST_WEEK, SPACE, THIS_WEEK, TeamWiki
from workplace_provider.reports.definition import PageSpec
from workplace_provider.reports.pages import CopiedPage, PageRequest

BEFORE = "20261105_데이터분석팀 주간 보고"


def link(title: str) -> str:
    return f'<ac:link><ri:page ri:content-title="{title}" /></ac:link>'


def test_links_move_once_also_when_the_dates_of_a_section_stay(wiki: TeamWiki) -> None:
    body = f"<p>2026-11-12 {link(BEFORE)}{link(LAST_WEEK)}</p><h2>기록</h2><p>2026-11-12 {link(BEFORE)}</p>"
    wiki.sandbox.store.update_page(wiki.last_week, body=body, author="jimin")
    client = wiki.client()
    spec = PageSpec(space=SPACE, title="%Y%m%d_데이터분석팀 주간 보고", leave=["기록"])
    request = PageRequest(spec, THIS_WEEK, LAST_WEEK, places=(), run="run-1", task="page")
    page = CopiedPage(client, request, client.get_page(wiki.last_week, body=True), wiki.parent)
    moved = f"<p>2026-11-19 {link(LAST_WEEK)}{link(THIS_WEEK)}</p><h2>기록</h2><p>2026-11-12 {link(LAST_WEEK)}</p>"
    assert page.preview().body == moved
