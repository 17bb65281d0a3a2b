from __future__ import annotations

from typing import Any

import pytest

from workplace_provider.common.arguments import none_if_blank, parse_choice, parse_int, parse_number


@pytest.mark.parametrize("value", [None, "", "None"])
def test_what_a_template_did_not_give_is_none(value: Any) -> None:
    assert none_if_blank(value) is None
    assert parse_number(value, "days") is None
    assert parse_int(value, "limit", least=0) is None


@pytest.mark.parametrize("value", [0, False, [], "0", " "])
def test_what_is_false_is_given(value: Any) -> None:
    assert none_if_blank(value) is value


@pytest.mark.parametrize("value", [20, "20", 20.0])
def test_a_whole_number_may_be_text(value: Any) -> None:
    assert parse_int(value, "limit") == 20


@pytest.mark.parametrize("value", ["x", "²", "2.5", 2.5, True, float("inf"), [1], -1])
def test_what_is_no_whole_number_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^limit is .*; it must be a whole number( of at least 0)?$"):
        parse_int(value, "limit", least=0)


@pytest.mark.parametrize("value", ["x", [1], "nan", "-inf", "1e400", float("inf")])
def test_what_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^days is .*; it must be a number$"):
        parse_number(value, "days")


def test_a_choice_that_is_none_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"^files is 'all'; it must be one of links, download$"):
        parse_choice("all", "files", ("links", "download"))
    parse_choice("links", "files", ("links", "download"))
