"""A value stays one value in a query, whatever it contains."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.common.query import fill_placeholders, quoted

PIECES = st.sampled_from(
    ["{a}", "{b}", "{{a}}", '"', "'", "\\", "\n", "\b", "\f", " OR project = SECRET ", "값", "\x1b", "\u202e"]
)
HOSTILE = st.lists(PIECES | st.text(max_size=4), max_size=8).map("".join)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'"}


def texts(query: str) -> list[str]:
    """The quoted texts of a query, as JQL and CQL read them; anything else must be as in the template."""

    def unescaped(match: re.Match[str]) -> str:
        return chr(int(match[1][1:], 16)) if len(match[1]) == 5 else ESCAPES[match[1]]

    found = re.findall(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", query, re.S)
    return [re.sub(r"\\(u[0-9a-f]{4}|.)", unescaped, text[1:-1]) for text in found]


@given(a=HOSTILE, b=HOSTILE)
def test_each_value_stays_where_it_was_put(a: str, b: str) -> None:
    template = """x = {a} AND y IN ({b}, {a}) AND z ~ "<{a}>*" AND w ~ '<{b}>' AND {other}"""
    query = fill_placeholders(template, {"a": a, "b": b})
    assert texts(query) == [a, b, a, f"<{a}>*", f"<{b}>"]
    outside = re.sub(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", "", query, flags=re.S)
    assert outside == "x =  AND y IN (, ) AND z ~  AND w ~  AND {other}"


@given(HOSTILE)
def test_a_quoted_value_is_one_text(value: str) -> None:
    assert texts(quoted(value)) == [value]


@pytest.mark.parametrize(
    ("query", "values", "result"),
    [
        ("who = {who} AND text ~ {words}", {"who": "{words}", "words": "OR"}, 'who = "{words}" AND text ~ "OR"'),
        ("labels = {a} OR {b}", {"a": 1}, 'labels = "1" OR {b}'),
        ("key IN ({keys})", {"keys": ["A-1", 'B"']}, 'key IN ("A-1", "B\\"")'),
        ('text ~ "{a}"', {"a": 'x" OR y'}, 'text ~ "x\\" OR y"'),
    ],
)
def test_places(query: str, values: dict[str, object], result: str) -> None:
    assert fill_placeholders(query, values) == result


@pytest.mark.parametrize("piece", ['"', "'", '"\\', "'\\", "{", "{a"])
def test_a_query_of_unclosed_pieces_is_read_once(piece: str) -> None:
    query = piece * 20_000
    assert fill_placeholders(query, {"a": 1}) == query


def test_a_place_behind_a_quote_that_is_never_closed_stays_text() -> None:
    assert fill_placeholders('text ~ "open {a}', {"a": 'x" OR 1'}) == 'text ~ "open x\\" OR 1'
