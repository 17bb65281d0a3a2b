from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.http.errors import BadResponse
from workplace_provider.notices import News, Notice, new_notices


def notice(key: str, title: str = "", **more: Any) -> Notice:
    return Notice(key=key, title=title or f"공지 {key}", url=f"https://x.example/{key}", **more)


def board(keys: str, **more: Any) -> list[Notice]:
    return [notice(key, **more) for key in keys]


def keys(news: News) -> str:
    return "".join(each.key for each in news.notices)


def after(found: list[Notice], **how: Any) -> dict[str, str]:
    return new_notices(found, {}, first_run=True, max_new=9, **how).seen


def later(found: list[Notice], seen: dict[str, str], **how: Any) -> News:
    return new_notices(found, seen, first_run=False, **{"max_new": 9, **how})


@pytest.mark.parametrize(("max_initial", "told"), [(0, ""), (2, "bc"), (9, "abc")])
def test_the_first_run_takes_what_is_there_for_known(max_initial: int, told: str) -> None:
    news = new_notices(board("cba"), {}, first_run=True, max_new=1, max_initial=max_initial)
    assert keys(news) == told
    assert keys(later(board("dcba"), news.seen)) == "d"


@pytest.mark.parametrize("now", ["cba", "abc", "ca", "a", "bac"], ids=["same", "turned", "removed", "only one", "moved"])
def test_what_is_there_in_another_order_or_gone_is_nothing_new(now: str) -> None:
    seen = after(board("cba"))
    news = later(board(now), seen)
    assert keys(news) == ""
    assert keys(later(board("cba"), news.seen)) == "", "what comes back is nothing new either"


def test_new_ones_come_from_the_bottom_up_and_pinned_ones_first() -> None:
    assert keys(later([notice("p", pinned=True), *board("dcba")], after(board("ba")))) == "pcd"


def test_dates_decide_where_each_notice_has_one() -> None:
    def at(day: int) -> datetime:
        return datetime(2026, 11, day, tzinfo=UTC)

    found = [notice("p", pinned=True, published=at(9)), notice("c", published=at(2)), notice("b", published=at(5))]
    seen = after([notice("a")])
    assert keys(later([*found, notice("a", published=at(1))], seen)) == "cbp"
    assert keys(later([*found, notice("a")], seen)) == "pbc", "without all the dates, the place decides"
    same_day = [notice(key, published=at(2)) for key in "dcb"]
    assert keys(later([*same_day, notice("a", published=at(1))], seen)) == "bcd"


def test_more_new_ones_than_can_be_are_an_error() -> None:
    seen = after(board("a"))
    assert keys(later(board("dcba"), seen, max_new=3)) == "bcd"
    with pytest.raises(BadResponse, match="4 notices of 5 are new and 0 edited, more than 3: the layout") as caught:
        later(board("edcba"), seen, max_new=3)
    assert not caught.value.retryable


def test_edited_ones_are_told_when_that_is_wanted() -> None:
    seen = after([*board("ba", pinned=False)])
    edited = [notice("b"), notice("a", "공지 (수정)", pinned=True)]
    assert keys(later(edited, seen)) == ""
    news = later(edited, seen, updated=True)
    assert [(each.key, each.edited) for each in news.notices] == [("a", True)]
    assert keys(later(edited, news.seen, updated=True)) == ""
    assert keys(later(board("ba", pinned=True, author="x"), seen, updated=True)) == "", "only title and summary count"
    with pytest.raises(BadResponse, match="0 notices of 2 are new and 1 edited"):
        later(edited, seen, updated=True, max_new=0)


@given(st.lists(st.permutations("abcdefghij").map(lambda order: order[:6]), min_size=1), st.integers(1, 12))
def test_the_memory_is_bounded_and_never_forgets_what_is_on_the_board(boards: list[list[str]], keep: int) -> None:
    seen = after(board("".join(boards[0])), keep=keep)
    for shown in boards:
        found = board("".join(shown))
        known = [each for each in found if each.mark in seen]
        news = later(found, seen, keep=keep)
        assert not set(news.notices) & set(known)
        seen = news.seen
        assert {each.mark for each in found} <= seen.keys()
        assert len(seen) <= max(keep, len(found))


def test_what_was_seen_last_is_remembered_longest() -> None:
    seen = after(board("cba"), keep=3)
    for shown in ("dcb", "edc"):
        seen = later(board(shown), seen, keep=4).seen
    assert {each.key for each in board("abcde") if each.mark in seen} == {"b", "c", "d", "e"}


@given(st.text())
def test_a_mark_is_short_whatever_the_key(key: str) -> None:
    assert len(notice(key).mark) == 16
