"""What of a board is new: decided by what was there before, and by nothing else."""

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
    """What a poll brought.

    :param notices: those to hand over, the oldest first
    :param seen: what to remember: the marks of notices with their contents, the last seen at the end
    """

    notices: tuple[Notice, ...]
    seen: dict[str, str]


def new_notices(
    found: Sequence[Notice],
    seen: Mapping[str, str],
    *,
    first_run: bool,
    max_new: int,
    max_initial: int = 0,
    keep: int = 500,
    updated: bool = False,
    system: str = "Notice board",
) -> News:
    """Which notices were not there before.

    What is pinned, moved or removed is not new, and neither is what comes back while it is remembered.

    :param found: the notices on the board, as it shows them
    :param seen: what the last poll remembered
    :param first_run: nothing is remembered yet: everything is taken for known, except ``max_initial``
    :param max_new: how many can be new at once
    :param max_initial: how many of the newest are handed over on the first run
    :param keep: how many are remembered. Those on the board always are: one that is forgotten there would be new again
    :param updated: edited notices are handed over again
    :param system: what the board is called in errors
    :raises BadResponse: more are new than can be; nothing of it is to be remembered
    """
    ordered = oldest_first(found)
    if first_run:
        chosen = ordered[len(ordered) - min(max_initial, len(ordered)) :]
    else:
        new = [each for each in ordered if each.mark not in seen]
        edited = [each for each in ordered if updated and seen.get(each.mark, each.content) != each.content]
        if len(new) + len(edited) > max_new:
            raise BadResponse(
                f"{len(new)} notices of {len(found)} are new and {len(edited)} edited, more than {max_new}: "
                "the layout or the ids of the board seem to have changed",
                system=system,
                advice="nothing was posted or remembered. If they are right, poll once with a larger max_new; "
                "else correct the board's description",
                retryable=False,
            )
        changed = {each.mark for each in edited}
        fresh = {each.mark for each in new}
        chosen = [
            msgspec.structs.replace(each, edited=each.mark in changed) for each in ordered if each.mark in changed | fresh
        ]
    there = {each.mark: each.content for each in ordered}
    gone = [(mark, content) for mark, content in seen.items() if mark not in there]
    room = max(0, keep - len(there))
    return News(tuple(chosen), {**dict(gone[len(gone) - min(room, len(gone)) :]), **there})


def oldest_first(found: Sequence[Notice]) -> list[Notice]:
    """Notices in the order in which they were published.

    By their dates when each has one. Boards show the newest at the top, so it is from the bottom up within a date or
    without dates; then what is pinned to the top comes first, since its place tells nothing.
    """
    upwards = list(reversed(found))
    upwards.sort(key=lambda each: not each.pinned)
    if any(each.published is None for each in found):
        return upwards
    return sorted(upwards, key=attrgetter("published"))
