"""The state of every sandbox, seeded or not: the users, a space, the channels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workplace_sandbox.residents import FOUNDED, USERS, people
from workplace_sandbox.slack.webhooks import CHANNELS
from workplace_sandbox.state.slack_ids import slack_id

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from workplace_sandbox.store import Store

SPACE_KEY = "ANALYTICS"
SPACE_NAME = "데이터분석팀"


def populate(store: Store, *, seed: bool, today: date, last_report: Path | None = None) -> None:
    """Fill an empty store.

    :param store: an empty store.
    :param seed: whether to add the team's wiki to users, space and channels.
    :param today: the day on which the wiki is "now".
    :param last_report: a storage-format file that becomes last week's report.
    """
    try:
        _fill(store, seed=seed, today=today, last_report=last_report)
    except BaseException:
        # The next start fills an empty state only, and would take half a wiki for a complete one.
        store.reset()
        raise


def _fill(store: Store, *, seed: bool, today: date, last_report: Path | None) -> None:
    for username, display_name in USERS.items():
        store.add_user(username, display_name)
    store.put_people(people())
    founded = datetime.fromtimestamp(FOUNDED, UTC)
    members = [slack_id("U", username) for username in USERS]
    for channel in CHANNELS:
        store.add_channel(channel, creator=members[0], members=members, at=founded)
    if not seed:
        store.add_space(SPACE_KEY, SPACE_NAME)
    else:
        # The seed loads texts and pictures, so it is imported only when needed.
        from workplace_sandbox import seed as wiki
        from workplace_sandbox.seed import notices
        from workplace_sandbox.seed.warehouse import write_warehouse

        wiki.load(store, today, last_report)
        notices.load(store, today)
        write_warehouse(store.directory / "warehouse.sqlite", today)
