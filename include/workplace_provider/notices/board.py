"""The description of a notice board in YAML: its URL, the location of its notices, and the handling of new ones."""

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
"""Badge texts of boards, in any case."""


class BoardError(ValueError):
    """An invalid description. The message names the file, the key and the reason."""


class _Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """The fields of every board.

    :param url: URL of the board; with a connection, the path below the connection's host
    :param name: key of the board's memory and of its messages; by default the name of the file
    :param title: display name; by default the name
    :param connection: id of a connection of type ``http``, for a board that is not public
    :param channel: Slack channel for its notices
    :param max_new: maximum new notices per poll; a higher number indicates a changed layout
    :param max_initial: number of the newest notices that the first poll posts
    :param keep: number of notices to remember, in addition to those on the board
    :param updated: post a notice again if its title or summary was edited
    :param timezone: time zone of dates without one, and of the shown dates
    :param max_bytes: maximum size of a response, decompressed
    :param max_seconds: maximum duration from the first redirect to the last byte
    :param private_hosts: hosts that may resolve to private addresses although the board is public; see ``docs/notices.md``
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
        """Display name of the board."""
        return self.title or self.name

    @property
    def system(self) -> str:
        """Name of the board in errors."""
        return f"Notice board {self.name}"


class FeedBoard(_Board, frozen=True, tag="feed"):
    """A feed: RSS, Atom or JSON Feed. The format is detected."""


class Selectors(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """CSS selectors for the parts of a page. All except ``item`` apply to an item and its descendants.

    :param item: a notice, such as a table row or a card
    :param title: element with the title
    :param link: element with the URL; by default the title's element
    :param date: element with the date
    :param author: element with the author
    :param summary: element with the beginning of the text
    :param pinned: element that marks a pinned notice
    :param drop: elements to exclude from these texts, such as a badge for new notices
    """

    item: Selector
    title: Selector
    link: str = ""
    date: str = ""
    author: str = ""
    summary: str = ""
    pinned: str = ""
    drop: str = ""

    def defined(self) -> dict[str, str]:
        """Return the selectors that are set, by key."""
        return {key: selector for key, selector in msgspec.structs.asdict(self).items() if selector}


class HtmlBoard(_Board, frozen=True, tag="html"):
    """An HTML page with a list of notices.

    :param select: selectors of the parts
    :param id: regular expression for a notice's id; the id is its first group, or else the whole match
    :param id_from: attribute with the id, of the link's element or else of the item
    :param link_format: URL with ``{id}``, for boards that open notices by a script
    :param date_format: format for ``strptime``; by default year, month, day and optionally hour and minute, in this order
    :param charset: character set of a page that declares none or a wrong one
    :param badges: texts that the board shows for some days in an element before or after a title; they are removed
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
        """Return whether notices have ids in addition to their URLs."""
        return bool(self.id) or self.id_from != "href"


Board: TypeAlias = FeedBoard | HtmlBoard


def load_board(path: Path) -> Board:
    """Read a board's description from a YAML file.

    ::

        board = load_board(Path("include/notices/university.yaml"))

    :raises BoardError: the description is invalid
    """
    plain = read_yaml(path, BoardError)
    if isinstance(plain, Mapping) and not plain.get("name"):
        plain = {**plain, "name": path.stem}
    return describe_board(plain, path.name)


def describe_board(plain: Any, where: str = "board") -> Board:
    """Read a board's description from plain data.

    ::

        board = describe_board({"kind": "feed", "name": "news", "url": "https://example.com/feed.xml"})

    :param where: name of the description in error messages
    :raises BoardError: the description is invalid
    """
    if not isinstance(plain, Mapping):
        raise BoardError(f"{where}: the description must be a mapping, not {type(plain).__name__}")
    board: Board = converted(plain, Board, where, BoardError)
    _check(board, where)
    return board


def _check(board: Board, where: str) -> None:
    if not board.name:
        raise BoardError(f"{where}: name is missing; the board's memory is stored under it")
    try:
        ZoneInfo(board.timezone)
    except (KeyError, OSError, ValueError):
        raise BoardError(f"{where}: timezone: unknown time zone {board.timezone!r}") from None
    if board.connection and not board.url.startswith("/"):
        raise BoardError(f"{where}: url: with a connection it must be a path that begins with a slash")
    if not board.connection and board.url.startswith("/"):
        raise BoardError(f"{where}: url: it is not an http URL; a path needs the key connection")
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
    for key, selector in board.select.defined().items():
        try:
            CSSSelector(selector, translator="html")
        except SelectorError as error:
            raise BoardError(f"{where}: select.{key}: {selector!r} is not a valid CSS selector: {error}") from None
    try:
        re.compile(board.id)
    except re.error as error:
        raise BoardError(f"{where}: id: {board.id!r} is not a valid regular expression: {error}") from None
    if board.link_format and ("{id}" not in board.link_format or not board.has_ids):
        raise BoardError(f"{where}: link_format: it must contain {{id}}, and needs the key id or id_from")
    if board.charset:
        try:
            "".encode(board.charset)
        except LookupError:
            raise BoardError(f"{where}: charset: unknown character set {board.charset!r}") from None
