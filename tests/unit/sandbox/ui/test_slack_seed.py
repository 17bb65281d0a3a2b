"""The Slack workspace that a fresh sandbox starts with."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from unit.sandbox.ui.open_wiki import SUNDAY, Wiki
from workplace_sandbox import seed
from workplace_sandbox.export import export_site
from workplace_sandbox.seed import numbers
from workplace_sandbox.store import Store
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from pathlib import Path

THURSDAYS = [SUNDAY - timedelta(days=3, weeks=weeks) for weeks in range(8)]


def test_every_kind_of_member_is_there(wiki: Wiki) -> None:
    people = wiki.store.people()
    assert len(people) == 30
    kinds = Counter(person.kind for person in people)
    assert set(kinds) == {
        "member", "admin", "owner", "guest", "single_channel_guest", "bot", "workflow_bot", "slackbot", "invited",
        "stranger",
    }  # fmt: skip
    assert sum(person.deleted for person in people) == 4
    assert sum(person.forgotten for person in people) == 1
    assert [person.name for person in people if not person.email_confirmed] == ["byul", "newhire"]
    assert {user.username for user in wiki.store.users()} <= {person.name for person in people}


def test_the_channels_of_the_workflows_stay_empty(store: Store) -> None:
    seed.load(store, SUNDAY)
    assert store.messages("#weekly-report") == store.messages("#data-alarms") == []
    kinds = {channel.name: (channel.kind, channel.archived) for channel in store.channels()}
    assert kinds["data-leads"] == ("private_channel", False)
    assert kinds["old-reports"] == ("public_channel", True)
    assert set(kinds) >= {"general", "weekly-report", "data-alarms", "data-분석", "japan-store"}


def test_each_week_quotes_its_own_figures(wiki: Wiki) -> None:
    said = wiki.store.messages("data-분석")
    for thursday in THURSDAYS:
        begin = thursday - timedelta(days=3)
        week = [m for m in said if begin <= m.at.astimezone(SEOUL).date() <= thursday]
        users, *_ = numbers.kpis(thursday)
        assert any(users.text(users.value) in message.text for message in week), thursday
        assert any(message.broadcast for message in week)
        assert any(message.edited_ts for message in week)
    late = [m for m in said if m.thread_ts and float(m.ts) - float(m.thread_ts) > 7 * 86400]
    assert len(late) == 6, "of the eight weeks the first two have nothing older to reply to"
    assert {message.subtype for message in said} >= {"channel_join", "tombstone", "thread_broadcast"}


def test_nothing_is_said_today_or_later(store: Store) -> None:
    for today in (THURSDAYS[0], THURSDAYS[0] + timedelta(days=1), THURSDAYS[0] - timedelta(days=2)):
        store.reset()
        seed.load(store, today)
        assert max(m.at for m in store.messages()).astimezone(SEOUL).date() < today


def test_the_same_day_gives_the_same_workspace(tmp_path: Path) -> None:
    found = []
    for name in "ab":
        store = Store(tmp_path / name)
        seed.load(store, SUNDAY)
        files = [(f.id, f.shares, f.path.read_bytes()) for f in store.slack_files()]
        found.append((store.people(), store.conversations(), store.messages(), store.user_groups(), files))
        store.close()
    assert found[0] == found[1]


def test_the_channels_are_exported_with_their_pictures(wiki: Wiki, tmp_path: Path) -> None:
    export_site(wiki.store, tmp_path)
    text = (tmp_path / "slack" / "data-분석.html").read_text("utf-8")
    assert text.count('class="sl-image"') == len(wiki.store.slack_files()) == 8
    assert len(list((tmp_path / "files" / "slack").rglob("*.png"))) == 8
    assert "@Alex Morgan" in text
