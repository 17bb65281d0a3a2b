from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.notice_board import FEED
from workplace_provider.notices import Notice, describe_board
from workplace_provider.notices.operators.recipient import notice_text
from workplace_provider.slack.client import split_message

BOARD = describe_board({**FEED, "title": "R&D 공지"})
NOTICE: dict[str, Any] = {"key": "1", "title": "A < B & <!channel>", "url": "https://x.example/?a=1&b=|2"}


def text(template: str | None = None, **fields: Any) -> str:
    notice = Notice(**{**NOTICE, **fields})
    return notice_text(notice, BOARD) if template is None else notice_text(notice, BOARD, template)


def test_the_title_is_a_link_and_nothing_of_it_is_markup() -> None:
    assert text() == "*R&amp;D 공지* <https://x.example/?a=1&amp;b=%7C2|A &lt; B &amp; &lt;!channel&gt;>"


def test_date_and_author_are_told_in_the_boards_time_zone() -> None:
    late = datetime(2026, 11, 19, 16, 0, tzinfo=UTC)
    assert text(published=late, author="<인사팀>").splitlines()[1] == "2026-11-20 · &lt;인사팀&gt;"
    assert text("{published}", published=late) == "2026-11-20"


@pytest.mark.parametrize(("fields", "sign"), [({}, ""), ({"pinned": True}, ":pushpin: "), ({"edited": True}, ":pencil2: ")])
def test_pinned_and_edited_ones_have_a_sign(fields: dict[str, Any], sign: str) -> None:
    assert text("{sign}{title}", **fields) == f"{sign}A &lt; B &amp; &lt;!channel&gt;"


def test_a_text_of_ones_own() -> None:
    said = text("새 공지: {link} {summary} ({board})", title="{url}", summary="{title} & 더", url="https://x.example/1")
    assert said == "새 공지: <https://x.example/1|{url}> {title} &amp; 더 (R&amp;D 공지)"
    with pytest.raises(ValueError, match=r"text has the unknown place {titel}; known are link, title"):
        text("{titel}")


@given(st.text(max_size=9_000), st.text("ab/?&|>", max_size=4_000), st.text(max_size=300))
def test_whatever_a_board_says_is_one_message(title: str, path: str, author: str) -> None:
    said = text(title=title, url=f"https://x.example/{path}", author=author)
    assert len(split_message(said)) == 1
