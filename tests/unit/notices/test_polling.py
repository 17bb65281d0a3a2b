"""Histories of a board, in which whoever polls it dies anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.http.errors import BadResponse, SourceUnavailable
from workplace_provider.notices import Board, BoardMemory, Notice, PendingNotice, PollResult, Reading, describe_board, poll

BOARD = describe_board({"kind": "feed", "name": "news", "url": "https://x.example/feed", "max_new": 1000})
BEGIN = datetime(2026, 11, 2, tzinfo=UTC)


class Death(BaseException):
    """A worker is gone; nothing of its program runs any more."""


@dataclass
class World:
    """A store, a channel and a board, and a count of the things that happen until somebody dies."""

    stored: dict[str, Any] = field(default_factory=dict)
    posts: list[tuple[str, datetime]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    version: int = 0
    lives: int | None = None
    error: Exception | None = None

    def get(self, key: str, /) -> Any:
        self._happens()
        return json.loads(self.stored[key]) if key in self.stored else None

    def set(self, key: str, value: Any, /) -> None:
        self._happens()
        self.stored[key] = json.dumps(value)
        self._happens()

    def read(self, *, etag: str, modified: str) -> Reading | None:
        self._happens()
        if self.error is not None:
            raise self.error
        return None if etag == f"v{self.version}" else Reading(tuple(self.notices), f"v{self.version}")

    def take(self, pending: PendingNotice) -> None:
        """As into a channel: it is looked there before it is posted."""
        notice = pending.notice
        key = f"{notice.key}:{notice.content}" if notice.edited else notice.key
        self._happens()
        if not any(posted == key and at >= pending.since for posted, at in self.posts):
            self.posts.append((key, datetime.now(UTC)))
        self._happens()

    def polled(self, board: Board = BOARD, lives: int | None = None) -> PollResult | None:
        """Poll; ``None`` when whoever did it died."""
        self.lives = lives
        try:
            return poll(board, self, "news", source=self, recipient=self)
        except Death:
            return None

    def _happens(self) -> None:
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                raise Death

    @property
    def posted(self) -> list[str]:
        return [key for key, _ in self.posts]

    def change(self, notices: Sequence[Notice]) -> None:
        self.notices = list(notices)
        self.version += 1


def notice(number: int, title: str = "공지", **more: Any) -> Notice:
    published = BEGIN + timedelta(hours=number)
    return Notice(key=str(number), title=title, url=f"https://x.example/{number}", published=published, **more)


Change = Callable[["Editor"], None]


class Editor:
    """Somebody who writes on a board, and takes away, and brings back."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.written = 0
        self.away: list[Notice] = []

    def write(self) -> None:
        self.written += 1
        self.world.change([notice(self.written), *self.world.notices])

    def remove(self, place: int) -> None:
        if len(self.world.notices) > 1:
            shown = list(self.world.notices)
            self.away.append(shown.pop(place % len(shown)))
            self.world.change(shown)

    def bring_back(self, place: int) -> None:
        if self.away:
            self.world.change([*self.world.notices, self.away.pop(place % len(self.away))])

    def turn(self) -> None:
        self.world.change(self.world.notices[::-1])

    def pin(self, place: int) -> None:
        shown = list(self.world.notices)
        chosen = shown.pop(place % len(shown))
        self.world.change([notice(int(chosen.key), pinned=not chosen.pinned), *shown])


def changes() -> st.SearchStrategy[Change]:
    place = st.integers(0, 9)
    return st.one_of(
        st.just(Editor.write),
        st.just(Editor.write),
        st.just(Editor.turn),
        *(
            place.map(lambda at, act=act: lambda editor: act(editor, at))
            for act in (Editor.remove, Editor.bring_back, Editor.pin)
        ),
    )


@given(st.lists(st.tuples(st.lists(changes(), max_size=4), st.one_of(st.none(), st.integers(0, 12))), max_size=12))
def test_each_notice_is_posted_once_whatever_happens_on_the_board_and_to_the_workers(
    history: list[tuple[list[Change], int | None]],
) -> None:
    world = World()
    editor = Editor(world)
    editor.write()
    assert world.polled() == PollResult(first_run=True, seen=1)
    first, expected = {"1"}, set[str]()
    for happened, lives in history:
        for change in happened:
            change(editor)
        on_board = {each.key for each in world.notices}
        if world.polled(lives=lives) is not None:
            expected |= on_board - first
            assert expected <= set(world.posted), "what was on the board during a poll is told"
    assert world.polled() is not None
    assert len(world.posted) == len(set(world.posted)), "nothing is told twice"
    assert not set(world.posted) & first
    assert set(world.posted) >= expected | {each.key for each in world.notices} - first


@given(st.integers(1, 6), st.lists(st.integers(0, 12), max_size=6))
def test_new_notices_come_in_their_order_however_often_somebody_dies(count: int, deaths: list[int]) -> None:
    world = World()
    editor = Editor(world)
    editor.write()
    world.polled()
    for _ in range(count):
        editor.write()
    for lives in deaths:
        world.polled(lives=lives)
    world.polled()
    assert world.posted == [str(number) for number in range(2, count + 2)]


@given(st.integers(0, 12))
def test_the_first_run_may_break_off_as_well(lives: int) -> None:
    board = describe_board({"kind": "feed", "name": "news", "url": "https://x.example/feed", "max_initial": 2})
    world = World()
    world.change([notice(number) for number in (3, 2, 1)])
    world.polled(board, lives=lives)
    world.polled(board)
    assert world.posted == ["2", "3"]


def test_what_left_the_board_before_it_was_posted_is_posted_all_the_same() -> None:
    world = World()
    world.change([notice(1)])
    world.polled()
    world.change([notice(2), notice(1)])
    assert world.polled(lives=4) is None
    assert world.posted == []
    world.change([notice(1)])
    world.polled()
    assert world.posted == ["2"]


def test_what_was_posted_and_not_crossed_out_is_looked_for_however_long_ago() -> None:
    world = World()
    world.change([notice(1)])
    world.polled()
    world.change([notice(2), notice(1)])
    assert world.polled(lives=6) is None
    assert world.posted == ["2"]
    waiting = BoardMemory.of(json.loads(world.stored["news"])).waiting
    assert [each.notice.key for each in waiting] == ["2"]
    assert waiting[0].since <= world.posts[0][1]
    world.polled()
    assert world.posted == ["2"]


def test_an_edit_is_told_once_and_the_notice_as_well() -> None:
    board = describe_board({"kind": "feed", "name": "news", "url": "https://x.example/feed", "updated": True})
    world = World()
    world.change([notice(1)])
    world.polled(board)
    world.change([notice(2), notice(1, "공지 (수정)")])
    for _ in range(2):
        world.polled(board)
    assert world.posted == [f"1:{notice(1, '공지 (수정)').content}", "2"]


def test_nothing_new_writes_nothing() -> None:
    world = World()
    world.change([notice(2), notice(1)])
    world.polled()
    before = dict(world.stored)
    assert world.polled(lives=2) == PollResult(first_run=False, seen=2)
    assert world.stored == before


@pytest.mark.parametrize("error", [SourceUnavailable("503", system="x"), BadResponse("layout", system="x")])
def test_a_board_that_cannot_be_read_is_remembered_as_it_was(error: Exception) -> None:
    world = World()
    world.change([notice(1)])
    world.polled()
    before = dict(world.stored)

    world.error = error
    with pytest.raises(type(error)):
        world.polled()
    assert world.stored == before


def test_too_many_new_ones_are_neither_told_nor_remembered() -> None:
    board = describe_board({"kind": "feed", "name": "news", "url": "https://x.example/feed", "max_new": 2})
    world = World()
    world.change([notice(1)])
    world.polled(board)
    before = dict(world.stored)
    world.change([notice(number) for number in (4, 3, 2, 1)])
    with pytest.raises(BadResponse, match="max_new"):
        world.polled(board)
    assert (world.posted, world.stored) == ([], before)
    assert poll(board, world, "news", source=world, recipient=world, max_new=3).seen == 4
    assert world.posted == ["2", "3", "4"]


def test_a_memory_that_cannot_be_read_is_told() -> None:
    world = World(stored={"news": '{"seen": 7}'})
    with pytest.raises(ValueError, match="clear it"):
        world.polled()
