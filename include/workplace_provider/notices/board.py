"""A notice board described in YAML: where it is, how its notices are found on it, and what to do with new ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from cssselect import SelectorError
from lxml.cssselect import CSSSelector

from workplace_provider.common.yaml_description import converted, read_yaml
from workplace_provider.http.credentials import InvalidCredential, check_url
from workplace_provider.http.redaction import has_invisible

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
Selector: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


BADGES: Final = ("새글", "새 글", "새로운 글", "new", "n", "hot", "up", "updated")
"""Words on the badges of boards, in any case."""


class BoardError(ValueError):
    """A description that cannot be used; the message names the file, the key and the reason."""


class _Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What every board has.

    :param url: its address; with a connection, the path below the connection's host
    :param name: what its memory is kept under, and what messages are marked with; by default the name of the file
    :param title: what people call it; by default its name
    :param connection: id of a connection of type ``http``, for a board that is not public
    :param channel: Slack channel that its notices go to
    :param max_new: more new notices than this in one poll are taken for a changed layout
    :param max_initial: how many of the newest notices the first poll hands over
    :param keep: how many notices are remembered; those on the board always are
    :param updated: hand a notice over again when its title or summary was edited
    :param timezone: of dates that do not tell theirs, and in which dates are shown
    :param max_bytes: the longest response that is read, decompressed
    :param max_seconds: how long a response may take from the first redirect to the last byte
    :param private_hosts: hosts that may lead to private addresses although the board is public; see ``docs/notices.md``
    """

    url: Annotated[str, msgspec.Meta(min_length=1)]
    name: str = ""
    title: str = ""
    connection: str = ""
    channel: str = ""
    max_new: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 20
    max_initial: Count = 0
    keep: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 500
    updated: bool = False
    timezone: str = "Asia/Seoul"
    max_bytes: Annotated[int, msgspec.Meta(ge=1_024, le=50_000_000)] = 5_000_000
    max_seconds: Annotated[int, msgspec.Meta(ge=1, le=3_600)] = 60
    private_hosts: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What people call it."""
        return self.title or self.name

    @property
    def system(self) -> str:
        """What errors call it."""
        return f"Notice board {self.name}"


class FeedBoard(_Board, frozen=True, tag="feed"):
    """RSS, Atom or JSON Feed; which one is found out by looking."""


class Selectors(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where things are on a page, as CSS. All but ``item`` look inside an item, and at the item itself.

    :param item: one notice: a row, a card
    :param title: the element whose text is the title
    :param link: the element with the address; by default the title's element
    :param date: the element with the date
    :param author: the element with the author
    :param summary: the element with the beginning of the text
    :param pinned: matches where the board keeps the notice at its top
    :param drop: elements that belong to none of these texts, such as a badge for new notices
    """

    item: Selector
    title: Selector
    link: str = ""
    date: str = ""
    author: str = ""
    summary: str = ""
    pinned: str = ""
    drop: str = ""

    def given(self) -> dict[str, str]:
        """Those that are there, by their keys in the file."""
        return {key: selector for key, selector in msgspec.structs.asdict(self).items() if selector}


class HtmlBoard(_Board, frozen=True, tag="html"):
    """A page with a list.

    :param select: where things are
    :param id: regular expression that finds a notice's id, by its first group or as a whole
    :param id_from: attribute that holds the id: of the link's element, or else of the item
    :param link_format: the address, with ``{id}`` in it, for boards that open notices by a script
    :param date_format: as ``strptime`` reads it; by default year, month, day and perhaps hour and minute, in this order
    :param charset: for a page that names none, or a wrong one
    :param badges: words that the board shows for some days in an element before or behind a title; they are no part of it
    """

    select: Selectors
    id: str = ""
    id_from: str = "href"
    link_format: str = ""
    date_format: str = ""
    charset: str = ""
    badges: list[str] = msgspec.field(default_factory=lambda: list(BADGES))

    @property
    def has_ids(self) -> bool:
        """Whether notices have ids of their own, beside their addresses."""
        return bool(self.id) or self.id_from != "href"


Board: TypeAlias = FeedBoard | HtmlBoard


def load_board(path: Path) -> Board:
    """Read a board's description from a YAML file.

    :raises BoardError: it cannot be used
    """
    plain = read_yaml(path, BoardError)
    if isinstance(plain, Mapping) and not plain.get("name"):
        plain = {**plain, "name": path.stem}
    return describe_board(plain, path.name)


def describe_board(plain: Any, where: str = "board") -> Board:
    """Read a board's description from plain data.

    :param where: what it is called in messages
    :raises BoardError: it cannot be used
    """
    if not isinstance(plain, Mapping):
        raise BoardError(f"{where}: a board is described by a mapping, not by {type(plain).__name__}")
    board: Board = converted(plain, Board, where, BoardError)
    _check(board, where)
    return board


def _check(board: Board, where: str) -> None:
    if not board.name:
        raise BoardError(f"{where}: name is missing: what its memory is kept under")
    try:
        ZoneInfo(board.timezone)
    except (KeyError, OSError, ValueError):
        raise BoardError(f"{where}: timezone: there is no time zone {board.timezone!r}") from None
    if board.connection and not board.url.startswith("/"):
        raise BoardError(f"{where}: url: with a connection it is a path that begins with a slash")
    if not board.connection and board.url.startswith("/"):
        raise BoardError(f"{where}: url: it is no http address; a path needs the key connection")
    if not board.connection:
        address = re.split(r"[?#]", board.url, maxsplit=1)[0]
        try:
            check_url(address, f"{where}: url:")
        except InvalidCredential as error:
            raise BoardError(str(error)) from None
    if has_invisible(board.url) or re.search(r"\s", board.url):
        raise BoardError(f"{where}: url: it contains a space, a line break or a control character")
    if isinstance(board, HtmlBoard):
        _check_html(board, where)


def _check_html(board: HtmlBoard, where: str) -> None:
    for key, selector in board.select.given().items():
        try:
            CSSSelector(selector, translator="html")
        except SelectorError as error:
            raise BoardError(f"{where}: select.{key}: {selector!r} is no CSS selector: {error}") from None
    try:
        re.compile(board.id)
    except re.error as error:
        raise BoardError(f"{where}: id: {board.id!r} is no regular expression: {error}") from None
    if board.link_format and ("{id}" not in board.link_format or not board.has_ids):
        raise BoardError(f"{where}: link_format: it needs {{id}} in it, and the key id or id_from")
    if board.charset:
        try:
            "".encode(board.charset)
        except LookupError:
            raise BoardError(f"{where}: charset: there is no character set {board.charset!r}") from None
