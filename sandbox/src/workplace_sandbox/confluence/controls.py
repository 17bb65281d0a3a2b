"""Controls of the wiki for tests and demos: make it large, quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workplace_sandbox.state.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workplace_sandbox.store import Store

OVER_HTTP = frozenset({"grow"})
"""The actions that other processes may call: ``POST /_sandbox/wiki/<action>`` with the arguments as JSON."""

_BRANCHES = 20
_AUTHORS = ("jimin", "haruka", "alex")


class WikiControls:
    """The wiki's controls.

    :param store: the state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def grow(self, space: str, pages: int, comments: int = 0, body_bytes: int = 500) -> list[str]:
        """Add a tree of pages to a space, some with inline comments, which have replies.

        :param space: its key.
        :param pages: their number; each has up to 20 directly below it.
        :param comments: the number of comments of each page, the first one inline; every second is a reply.
        :param body_bytes: the approximate length of a body.
        :return: the ids of the pages.
        :raises NotFoundError: there is no such space.
        """
        record = self._store.space(space)
        if record is None:
            raise NotFoundError(space)
        made: list[str] = []
        filler = "<p>지표가 늘었다. 数字は増えた。 It grew.</p>"
        with self._store.together():
            first = len(self._store.pages(record.key))
            for number in range(pages):
                parent = made[(number - 1) // _BRANCHES] if number else record.homepage_id
                marker = f"marker-{first + number}"
                marked = f'<ac:inline-comment-marker ac:ref="{marker}">{number}</ac:inline-comment-marker>'
                body = f"<h1>쪽 {number}</h1><p>{marked}</p>{filler * (body_bytes // len(filler.encode()))}"
                author = _AUTHORS[number % len(_AUTHORS)]
                title = f"{first + number:06}_쪽 ページ"
                page = self._store.create_page(record.key, title, body, parent, author=author).id
                made.append(page)
                self._comment(page, comments, marker, author)
        return made

    def run(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Run an action for another process.

        :param action: name of a method; see ``OVER_HTTP``.
        :param arguments: by name.
        :return: the result as JSON.
        :raises NotFoundError: there is no such action or space.
        :raises TypeError: the arguments do not fit.
        """
        if action not in OVER_HTTP:
            raise NotFoundError(action)
        return getattr(self, action)(**arguments)

    def _comment(self, page: str, comments: int, marker: str, author: str) -> None:
        above: str | None = None
        for number in range(comments):
            beside = number < 2
            comment = self._store.add_comment(
                page,
                f"<p>댓글 {number}</p>",
                author,
                parent_id=above if number % 2 else None,
                location="inline" if beside else "footer",
                marker_ref=marker if beside else None,
                selection="쪽" if beside else None,
            )
            above = comment.id
