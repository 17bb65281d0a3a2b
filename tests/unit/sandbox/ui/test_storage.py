"""Reading storage format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_sandbox.ui.storage import StorageError, parse_storage


@pytest.mark.parametrize(
    ("storage", "text"),
    [
        ("&nbsp;&rarr;&copy;&quot;", '\u00a0→©"'),
        ("a &lt; b &amp;&amp; c", "a < b && c"),
        ("&LT;b&GT;", "<b>"),
        ("<![CDATA[&nbsp; <b>]]>", "&nbsp; <b>"),
        ("plain", "plain"),
        ("", ""),
        ("<p>a</p>\r\n<p>b</p>", "a\nb"),
        ("<!-- a note --><?x y?>z", "z"),
        ("&NotEqualTilde;", "\u2242\u0338"),
    ],
)
def test_text_of_a_body(storage: str, text: str) -> None:
    assert "".join(parse_storage(storage).itertext()) == text


@pytest.mark.parametrize(
    ("storage", "line", "column", "reason"),
    [
        ("<p>a", 1, 5, "the element <p> is not closed"),
        ("a</p>", 1, 6, "the end tag </p> has no start tag"),
        ("<p>\n<b></p>", 2, 8, "b line 2 and p"),
        ("&nbsp;\n&nonsense;", 2, 11, "'nonsense' not defined"),
        ("<ul>\n  <x:y/></ul>", 2, 7, "prefix x on y is not defined"),
        ("<!DOCTYPE p [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><p>&e;</p>", 1, 1, "DOCTYPE"),
        ("<p>\n<!doctype html></p>", 2, 1, "DOCTYPE"),
        ("<p/></storage><storage>", 1, 15, "Extra content"),
        ("<p>\x0b</p>", 1, 4, "invalid Char"),
    ],
)
def test_what_is_wrong_and_where(storage: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(StorageError) as caught:
        parse_storage(storage)
    assert caught.value.line == line
    assert abs(caught.value.column - column) <= 1  # parsers point before or behind the culprit
    assert reason in caught.value.reason


def test_half_a_character_is_a_question_mark() -> None:
    assert "".join(parse_storage("a\ud800b").itertext()) == "a?b"


def test_the_body_cannot_declare_entities() -> None:
    laughs = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>&b;"
    with pytest.raises(StorageError):
        parse_storage(laughs)


@given(st.text())
def test_escaped_text_comes_back(text: str) -> None:
    legal = "".join(c for c in text if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff"))
    legal = "".join(c for c in legal if c not in "\ufffe\uffff")
    escaped = legal.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert "".join(parse_storage(f"<p>{escaped}</p>").itertext()) == legal


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    refused = None
    try:
        parse_storage(text)
    except StorageError as error:
        refused = error
    if refused is not None:
        assert 1 <= refused.line <= text.count("\n") + 1
        assert refused.column >= 1
