"""How somebody stands as a sentence in Slack's mrkdwn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workplace_provider.common.mrkdwn import escape_code, linked

if TYPE_CHECKING:
    from workplace_provider.github.contributions.record import Contributions
    from workplace_provider.github.contributions.standing import Standing


def answer(record: Contributions, now: Standing) -> str:
    """A sentence that tells the streak, and whether there is something of today.

    :param record: whose calendar it is
    :param now: how they stand
    """
    who = linked(record.login, record.url)
    if now.current.days:
        return f"{who} has contributed for *{now.current}* in a row: {_today(now.today)}."
    if now.last_day is None:
        return f"{who} has no contributions since {record.days[0].date}: {_today(now.today)}."
    return f"{who} has no streak, the last contribution was on {now.last_day}: {_today(now.today)}."


def unknown_user(name: str) -> str:
    """A sentence for a name that is nobody's.

    :param name: as it was given; it may be anything
    """
    shown = escape_code(" ".join(name.split())[:60])
    return f"I know nobody on GitHub called `{shown}`. Is the user name right?" if shown else "Whose streak, please?"


def _today(count: int | None) -> str:
    if count is None:
        return "GitHub does not show today yet"
    if count == 0:
        return "nothing yet today"
    return f"{count:,} contribution{'s' if count != 1 else ''} today"
