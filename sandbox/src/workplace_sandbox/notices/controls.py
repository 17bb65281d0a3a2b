"""Controls of the notice board for tests and demos: add, edit, pin and remove notices, or change the layout."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from workplace_sandbox.state.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workplace_sandbox.model import BoardNotice
    from workplace_sandbox.store import Store

Layout = Literal["table", "cards"]
LAYOUTS: tuple[str, ...] = get_args(Layout)
OVER_HTTP = frozenset({"add", "behave_well", "edit", "pin", "remove", "reorder", "set_layout"})
"""The actions that other processes may call: ``POST /_sandbox/notices/<action>`` with the arguments as JSON."""


class NoticeControls:
    """The notice board's controls. Status 500, an empty page and the like are faults; see ``Fault``.

    :param store: the state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layout: Layout = "table"

    @property
    def layout(self) -> Layout:
        """The layout of the page: ``table``, or ``cards``, in which no element has its former name."""
        return self._layout

    def set_layout(self, layout: Layout) -> None:
        """Change the layout of the page.

        :raises ValueError: there is no such layout.
        """
        if layout not in LAYOUTS:
            raise ValueError(f"unknown layout {layout!r}: one of {', '.join(LAYOUTS)}")
        self._layout = layout

    def behave_well(self) -> None:
        """Restore the initial layout."""
        self._layout = "table"

    def add(
        self, title: str, *, author: str = "총무팀", body: str = "", pinned: bool = False, at: datetime | None = None
    ) -> BoardNotice:
        """Put a notice on the board.

        :param at: when it was published; now when None.
        """
        if not title.strip():
            raise ValueError("a notice needs a title")
        return self._store.add_board_notice(title, author, body, pinned=pinned, at=at)

    def edit(self, notice_id: int, *, title: str | None = None, body: str | None = None) -> BoardNotice:
        """Change title or text of a notice."""
        changes = {name: value for name, value in (("title", title), ("body", body)) if value is not None}
        return self._store.change_board_notice(notice_id, **changes)

    def pin(self, notice_id: int, pinned: bool = True) -> BoardNotice:
        """Pin a notice to the top, or unpin it."""
        return self._store.change_board_notice(notice_id, pinned=pinned)

    def remove(self, notice_id: int) -> None:
        """Remove a notice."""
        self._store.remove_board_notice(notice_id)

    def reorder(self, ids: Sequence[int]) -> None:
        """Reorder the notices, the first at the top; pinned ones stay above the others."""
        self._store.order_board_notices(ids)

    def run(self, action: str, arguments: Mapping[str, Any]) -> Any:
        """Run an action for another process.

        :param action: name of a method; see ``OVER_HTTP``.
        :param arguments: by name; ``at`` in ISO 8601 with its offset.
        :return: the result as JSON.
        :raises NotFoundError: there is no such action or notice.
        :raises TypeError: the arguments do not fit.
        :raises ValueError: a value is invalid.
        """
        if action not in OVER_HTTP:
            raise NotFoundError(action)
        values = dict(arguments)
        if "at" in values:
            values["at"] = datetime.fromisoformat(values["at"])
        result = getattr(self, action)(**values)
        return {"result": result} if result is None else asdict(result)
