"""Detection of new notices by comparison with the remembered ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from workplace_provider.http.errors import BadResponse

if TYPE_CHECKING:
    from workplace_provider.notices.notice import Notice


@dataclass(frozen=True, slots=True)
class News:
    """The new notices of a poll.

    :param notices: new notices, oldest first
    :param seen: digest of the content of each notice to remember, by the notice's mark; the most recently seen last
    """

    notices: tuple[Notice, ...]
    seen: dict[str, str]


def new_notices(
    notices: Sequence[Notice],
    seen: Mapping[str, str],
    *,
    first_run: bool,
    max_new: int,
    max_initial: int = 0,
    keep: int = 500,
    updated: bool = False,
    system: str = "Notice board",
) -> News:
    """Return the notices that were not on the board before.

    A notice is not new because it was pinned, moved or removed, or because it reappears while it is remembered.

    :param notices: notices on the board, in its order
    :param seen: the same digests as the last poll remembered them
    :param first_run: nothing is remembered yet: all notices count as known, except ``max_initial``
    :param max_new: maximum number of new notices
    :param max_initial: number of the newest notices that are new on the first run
    :param keep: number of notices to remember. Those on the board are always remembered, otherwise they would be new again
    :param updated: include edited notices
    :param system: name of the board in errors
    :raises BadResponse: there are too many new notices. The caller must not remember them
    """
    ordered = oldest_first(notices)
    if first_run:
        chosen = ordered[len(ordered) - min(max_initial, len(ordered)) :]
    else:
        new = [notice for notice in ordered if notice.mark not in seen]
        edited = [notice for notice in ordered if updated and seen.get(notice.mark, notice.content) != notice.content]
        if len(new) + len(edited) > max_new:
            raise BadResponse(
                f"{len(new)} notices of {len(notices)} are new and {len(edited)} edited, more than {max_new}: "
                "the layout or the ids of the board seem to have changed",
                system=system,
                advice="nothing was posted or remembered. If the notices are correct, poll once with a larger max_new; "
                "otherwise fix the board's description",
                retryable=False,
            )
        edited_marks = {notice.mark for notice in edited}
        marks = edited_marks | {notice.mark for notice in new}
        chosen = [
            msgspec.structs.replace(notice, edited=notice.mark in edited_marks) for notice in ordered if notice.mark in marks
        ]
    present = {notice.mark: notice.content for notice in ordered}
    gone = [(mark, content) for mark, content in seen.items() if mark not in present]
    room = max(0, keep - len(present))
    return News(tuple(chosen), {**dict(gone[len(gone) - min(room, len(gone)) :]), **present})


def oldest_first(notices: Sequence[Notice]) -> list[Notice]:
    """Return notices in the order of their publication.

    They are sorted by date if all of them have one. Within a date, or without dates, the order is from the bottom of the
    board to its top, where boards show the newest; pinned notices come first, since their position is independent of
    their age.
    """
    from_bottom = list(reversed(notices))
    from_bottom.sort(key=lambda notice: not notice.pinned)
    if any(notice.published is None for notice in notices):
        return from_bottom
    return sorted(from_bottom, key=attrgetter("published"))
