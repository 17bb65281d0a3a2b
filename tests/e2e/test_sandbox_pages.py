"""The sandbox's pages in a real browser: every image is shown, and the console has no error."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

from support.browser import look
from workplace_sandbox.export import export_site
from workplace_sandbox.server import Sandbox

pytestmark = pytest.mark.e2e

SUNDAY = date(2026, 11, 22)
NEWEST = "20261029_데이터분석팀 주간 보고"
# The recorded pages with the most images, with tables, layouts, panels and macros.
RECORDED = ["544112828", "544145591", "883654669", "619381289", "862093313", "544384417", "panels", "lists"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(today=SUNDAY) as running:
        running.store.add_message("#weekly-report", "보고봇", "*새 보고*", {"text": "*새 보고*"}, "incoming")
        yield running


@pytest.mark.parametrize("width", [1280, 420])
def test_newest_report(browser: Browser, sandbox: Sandbox, width: int) -> None:
    page = sandbox.store.page_by_title("ANALYTICS", NEWEST)
    assert page is not None
    images, text = look(browser, f"{sandbox.confluence_url}/pages/viewpage.action?pageId={page.id}", width)
    assert images == 3
    assert NEWEST in text
    assert "39.5억원" in text


@pytest.mark.parametrize("width", [1280, 420])
def test_the_other_kinds_of_pages(browser: Browser, sandbox: Sandbox, width: int) -> None:
    page = sandbox.store.page_by_title("ANALYTICS", NEWEST)
    assert page is not None
    wiki = sandbox.confluence_url
    for address in (
        sandbox.url,
        sandbox.slack_channel_url,
        f"{sandbox.url}/slack/archives/data-분석",
        f"{sandbox.github_url}/octocat",
        f"{wiki}/spaces/ANALYTICS",
        f"{wiki}/pages/viewpreviousversions.action?pageId={page.id}",
        f"{wiki}/pages/diffpagesbyversion.action?pageId={page.id}&selectedPageVersions=1&selectedPageVersions=3",
        f"{wiki}/plugins/viewstorage/viewpagestorage.action?pageId={page.id}",
    ):
        look(browser, address, width)


def test_a_channel_is_typed_into_and_looks_for_answers_by_itself(browser: Browser, sandbox: Sandbox) -> None:
    page = browser.new_page()
    field = "form.sl-composer input[name=text]"
    try:
        page.goto(sandbox.slack_channel_url)
        page.fill(field, "@bot 안녕하세요")
        page.click("form.sl-composer button")
        page.wait_for_selector(".sl-messages :text('안녕하세요')")
        page.fill(field, "쓰다 만 글")
        sandbox.slack.say("weekly-report", "report-bot", "제가 답합니다")
        page.wait_for_selector(".sl-messages :text('제가 답합니다')")
        assert page.input_value(field) == "쓰다 만 글"
    finally:
        page.close()


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_page(browser: Browser, recorded_pages: list[Path], name: str) -> None:
    file = next(page for page in recorded_pages if page.name.startswith(f"{name}."))
    with Sandbox(today=SUNDAY, last_report=file) as running:
        page = running.store.page_by_title("ANALYTICS", NEWEST)
        assert page is not None
        images, _ = look(browser, f"{running.confluence_url}/pages/viewpage.action?pageId={page.id}")
    assert images == file.read_text("utf-8").count("<ac:image")


def test_exported_files_open_without_a_server(browser: Browser, sandbox: Sandbox, tmp_path: Path) -> None:
    written = export_site(sandbox.store, tmp_path)
    look(browser, written[0].as_uri())
    images, text = look(browser, (tmp_path / f"{NEWEST}.html").as_uri())
    assert images == 3
    assert NEWEST in text
    look(browser, (tmp_path / "slack" / "weekly-report.html").as_uri())
    images, text = look(browser, (tmp_path / "slack" / "data-분석.html").as_uri())
    assert images == 8
    assert "249,044명" in text


@pytest.mark.parametrize("width", [1280, 420])
def test_the_pages_of_tableau(browser: Browser, sandbox: Sandbox, width: int) -> None:
    images, text = look(browser, f"{sandbox.tableau_url}/", width)
    assert images == 16
    assert "週次レポート" in text
    images, text = look(browser, f"{sandbox.tableau_url}/t/analytics/views/WeeklyKPI/Overview", width)
    assert images == 1
    assert "구매 퍼널" in text


@pytest.mark.parametrize(
    ("address", "heading"),
    [
        ("tableau/#/views/WeeklyKPI/Overview", "개요"),
        ("tableau/#/site/analytics/views/WeeklyKPI/UsersByDevice?:iid=1", "기기별 사용자"),
        ("tableau-cloud/#/site/analytics/views/週次レポート/チャネル別売上", "チャネル別売上"),
    ],
)
def test_an_address_with_the_view_behind_the_hash_leads_to_it(
    browser: Browser, sandbox: Sandbox, address: str, heading: str
) -> None:
    page = browser.new_page()
    try:
        page.goto(f"{sandbox.url}/{address}")
        page.wait_for_url("**/views/*/*")
        assert page.inner_text("h1") == heading
        assert page.evaluate("document.querySelector('.tb-chart img').decode().then(() => true)")
    finally:
        page.close()
