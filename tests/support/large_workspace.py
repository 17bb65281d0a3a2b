from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from support.paging_slack import Json


class LargeWorkspace(Sequence[Json]):
    """Members as large as Slack's, generated on request: a list of a hundred thousand would take half a gigabyte."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, index: int) -> Json: ...
    @overload
    def __getitem__(self, index: slice) -> list[Json]: ...
    def __getitem__(self, index: int | slice) -> Json | list[Json]:
        if isinstance(index, slice):
            return [_member(number) for number in range(self._number)[index]]
        return _member(range(self._number)[index])


def _member(number: int) -> Json:
    """Return a member. One in fifty is deactivated, without the fields that Slack then omits."""
    name, picture = f"김민수 {number}", f"https://avatars.example.com/2026-11-23/{number:012x}_512.png"
    profile: Json = {
        "title": "Analyst",
        "phone": "",
        "real_name": name,
        "real_name_normalized": name,
        "display_name": f"민수{number}",
        "first_name": f"민수 {number}",
        "last_name": "김",
        "email": f"person{number}@example.com",
        **{f"image_{size}": picture for size in (24, 32, 48, 72, 192, 512, 1024, "original")},
        "team": "T1",
    }
    gone = number % 50 == 0
    known: Json = {"id": f"U{number:07}", "name": f"p{number}", "team_id": "T1", "deleted": gone, "is_bot": False}
    if not gone:
        known |= {"real_name": name, "tz": "Asia/Seoul", "is_email_confirmed": True, "is_restricted": False}
    return {**known, "updated": 1_790_000_000, "profile": profile}
