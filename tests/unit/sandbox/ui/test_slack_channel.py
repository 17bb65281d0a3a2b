"""Threads, reactions, files and names on the page of a channel."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from bs4 import BeautifulSoup, Tag
from fastapi import FastAPI
from fastapi.testclient import TestClient

from workplace_sandbox.faults import FaultBoard
from workplace_sandbox.slack.controls import SlackControls
from workplace_sandbox.slack.response_urls import ResponseUrls
from workplace_sandbox.slack.sockets import SocketMode
from workplace_sandbox.ui.mrkdwn import mrkdwn
from workplace_sandbox.ui.router import build_router

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workplace_sandbox.store import Store


class Page:
    """A channel, and what a browser gets of it."""

    def __init__(self, store: Store, client: TestClient) -> None:
        sockets = SocketMode()
        self.controls = SlackControls(store, FaultBoard(), sockets, ResponseUrls(store))
        for name, real_name in (("jimin", "김지민"), ("alex", "Alex Morgan")):
            self.controls.add_person(name, real_name)
        self.channel = self.controls.add_channel("data-분석", members=["jimin", "alex"], topic="주간 수치")
        self._client = client

    def say(self, user: str, text: str, thread_ts: str | None = None, **extra: object) -> str:
        return self.controls.say("data-분석", user, text, thread_ts, **extra).ts

    def tree(self, path: str = "/slack/archives/data-분석", status: int = 200) -> BeautifulSoup:
        answer = self._client.get(path)
        assert answer.status_code == status, answer.text[:500]
        return BeautifulSoup(answer.text, "lxml")

    def follow(self, path: str) -> str:
        answer = self._client.get(path, follow_redirects=False)
        assert answer.is_redirect, answer.text[:500]
        return str(answer.headers["location"])


@pytest.fixture
def page(store: Store) -> Iterator[Page]:
    app = FastAPI()
    app.include_router(build_router(store))
    with contextlib.closing(TestClient(app)) as client:
        yield Page(store, client)


def texts(elements: Iterable[Tag]) -> list[str]:
    return [" ".join(element.get_text().split()) for element in elements]


def test_people_are_called_by_their_present_names(page: Page) -> None:
    page.say("jimin", "안녕")
    page.controls.rename("jimin", "김지민(개명)")
    tree = page.tree()
    assert texts(tree.select(".sl-message header b")) == ["김지민(개명)"]
    assert not tree.select(".sl-message .sl-badge"), "people are no apps"
    assert "김지민(개명)" in texts(tree.select(".sl-people"))[0]


def test_mentions_are_resolved(page: Page) -> None:
    jimin, group = page.controls.person("jimin").id, page.controls.add_user_group("analysts", "분석가", ["alex"]).id
    text = f"<@{jimin}> <#{page.channel.id}> <!subteam^{group}> <!here> <@U0NOBODY>"
    rich = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [{"type": "user", "user_id": jimin}, {"type": "channel", "channel_id": page.channel.id}],
            }
        ],
    }
    page.say("alex", text)
    page.say("alex", "", blocks=[rich])
    shown = texts(page.tree().select(".sl-mention"))
    assert shown == ["@김지민", "#data-분석", "@analysts", "@here", "@U0NOBODY", "@김지민", "#data-분석"]
    assert "&lt;b&gt;" in mrkdwn("<@U1>", lambda _: "<b>"), "a name is text"


def test_a_thread_is_folded_under_its_parent(page: Page) -> None:
    parent = page.say("jimin", "질문")
    page.say("alex", "조용한 답", parent)
    page.say("alex", "모두에게", parent, broadcast=True)
    tree = page.tree()
    (thread,) = tree.select("details.sl-thread")
    assert "2 replies" in thread.get_text()
    assert thread.get("open") is None
    assert texts(thread.select(".sl-text")) == ["조용한 답", "모두에게"]
    top = tree.select(".sl-messages > article > .sl-body > .sl-text")
    assert texts(top) == ["질문", "모두에게"]
    ids = [element["id"] for element in tree.select("[id]")]
    assert len(set(ids)) == len(ids)
    assert page.tree(f"/slack/archives/{page.channel.id}?thread_ts={parent}").select("details[open]")


def test_permalinks_lead_to_the_message(page: Page) -> None:
    parent = page.say("jimin", "질문")
    reply = page.say("alex", "답", parent)
    for ts, asked in ((parent, ""), (reply, f"?thread_ts={parent}")):
        number = ts.replace(".", "")
        location = page.follow(f"/slack/archives/{page.channel.id}/p{number}")
        assert location.endswith(f"{asked}#p{number}")
        assert page.tree(location).select(f"#p{number}")


@pytest.mark.parametrize("path", ["/slack/archives/C0NOTHING/p1795000000000000", "/slack/files/U0/F0/x.png"])
def test_what_is_not_there_is_said_so(page: Page, path: str) -> None:
    page.tree(path, 404)


def test_reactions_edits_joins_and_placeholders(page: Page) -> None:
    said = page.say("jimin", "첫 글")
    page.controls.react("data-분석", said, "white_check_mark", "alex")
    page.controls.react("data-분석", said, "own_one", "alex")
    message = page.controls.say("data-분석", "jimin", "틀린 글")
    page.controls.edit(message, "고친 글")
    page.controls.say("data-분석", "alex", "<@x> has joined the channel", subtype="channel_join")
    gone = page.controls.say("data-분석", "jimin", "지울 글")
    page.say("alex", "왜 지웠나요", gone.ts)
    page.controls.delete(gone)
    tree = page.tree()
    assert texts(tree.select(".sl-reactions li")) == ["✓ 1", ":own_one: 1"]
    assert tree.select(".sl-reactions li")[0].get("title") == ":white_check_mark: Alex Morgan"
    assert texts(tree.select(".sl-edited")) == ["(edited)"]
    whole = tree.get_text()
    assert "고친 글" in whole
    assert "This message was deleted." in whole
    assert "지울 글" not in whole


def test_pictures_are_shown_and_other_files_are_linked(page: Page) -> None:
    picture = page.controls.share_file("data-분석", "alex", "표 1.png", b"x", title="이번 주 표", comment="보세요")
    page.controls.share_file("data-분석", "alex", "그림.svg", b"<svg/>")
    tree = page.tree()
    (image,) = tree.select("img")
    assert (image.get("src"), image.get("alt")) == (
        f"/slack/files-pri/T0SANDBOX-{picture.id}/%ED%91%9C%201.png",
        "이번 주 표",
    )
    assert texts(tree.select("a.sl-file")) == ["그림.svg그림.svg, 6 B"]


def test_tables_in_blocks(page: Page) -> None:
    rows = [
        [{"type": "raw_text", "text": "지표"}, {"type": "raw_text", "text": "값"}],
        [{"type": "raw_text", "text": "WAU"}, 7],
    ]
    page.say("alex", "", blocks=[{"type": "table", "rows": rows}])
    page.say("alex", "", blocks=[{"type": "table", "rows": "odd"}, {"type": "table", "rows": [7, None]}])
    assert texts(page.tree().select(".sl-table td")) == ["지표", "값", "WAU"]


def test_the_side_lists_every_kind_of_channel(page: Page, store: Store) -> None:
    page.controls.add_channel("비밀", private=True)
    page.controls.add_channel("옛날", archived=True)
    store.add_channel("alex", kind="im", members=[page.controls.person("alex").id])
    side = texts(page.tree().select(".side li a"))
    assert side == ["#data-분석", "비밀", "#옛날 archived", "@alex"]
    direct = page.tree().select(".side li a")[-1].get("href")
    assert "No message yet." in page.tree(direct).get_text()
