"""Text from outside in Slack messages: nothing of it is markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common.mrkdwn import Mrkdwn, escape, escape_code, linked


@given(st.text())
def test_escaped_text_has_no_markup_and_loses_nothing_that_is_visible(text: str) -> None:
    shown = escape(text)
    assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", shown)
    plain = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert escape(plain) == shown
    assert [letter for letter in text if letter.isalnum()] == [letter for letter in plain if letter.isalnum()]


def test_other_values_than_text() -> None:
    assert (escape(None), escape(7), escape(["<!here>"])) == ("", "7", "['&lt;!here&gt;']")
    assert escape(Mrkdwn("<https://a.example|a>")) == "<https://a.example|a>"
    assert escape("a\u202eb\x1b[2Jc") == "ab[2Jc"


@given(st.text())
def test_code_stays_one_piece_of_code(text: str) -> None:
    assert not re.search("[`\n<>]", escape_code(text))


@pytest.mark.parametrize(
    ("text", "url", "shown"),
    [
        ("R&D <!here>", "https://a.example/x?a=1&b=2", "<https://a.example/x?a=1&amp;b=2|R&amp;D &lt;!here&gt;>"),
        ("a|b>c", "https://a.example/|x>y", "<https://a.example/%7Cx&gt;y|a|b&gt;c>"),
        ("a\nb", "https://a.example/\n<x", "<https://a.example/&lt;x|a b>"),
        ("title", "https://u:pw@a.example/?token=1&no=2", "<https://a.example/?no=2|title>"),
        ("title", "javascript:alert(1)", "title"),
        ("title", "!channel", "title"),
        ("title", "@U123", "title"),
        ("title", "", "title"),
        ("", "https://a.example/", "<https://a.example/|https://a.example/>"),
    ],
)
def test_links(text: str, url: str, shown: str) -> None:
    assert linked(text, url) == shown


@given(st.text(), st.text())
def test_a_link_is_one_link_or_none(text: str, url: str) -> None:
    shown = linked(text, f"https://a.example/{url}")
    assert re.fullmatch(r"<https://a\.example[^<>|\s]*\|[^<>\n]*>|[^<>\n]*", shown)
