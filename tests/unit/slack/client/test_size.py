from __future__ import annotations

import pytest

from support.large_workspace import LargeWorkspace
from support.paging_slack import PagingSlack
from support.peak_memory import run_measured
from workplace_provider.slack.client import MemberKind

LARGEST_PAGE = 999
SNAPSHOT = """
from workplace_provider.slack.client import SlackReader, directory_snapshot

with SlackReader("xoxb-1", base_url=sys.argv[1]) as reader:
    base = peak()
    taken = directory_snapshot(reader)
    print(json.dumps([peak() - base, len(taken.users), taken.pages, taken.calls, taken.waited, taken.kinds]))
"""
ITERATED = """
from workplace_provider.slack.client import SlackReader, iter_users

with SlackReader("xoxb-1", base_url=sys.argv[1]) as reader:
    base = peak()
    number = sum(1 for _ in iter_users(reader))
    print(json.dumps([peak() - base, number]))
"""


@pytest.mark.parametrize(
    "number",
    [pytest.param(100_000, id="many", marks=pytest.mark.large), pytest.param(3 * LARGEST_PAGE, id="to_the_page")],
)
def test_a_large_directory_takes_few_calls_one_connection_and_little_memory(slack: PagingSlack, number: int) -> None:
    slack.users = LargeWorkspace(number)
    megabytes, *known, kinds = run_measured(SNAPSHOT, slack.url)
    pages, gone = -(-number // LARGEST_PAGE), -(-number // 50)
    assert slack.methods() == ["auth.test"] + ["users.list"] * pages
    assert len(slack.connections) == 1
    assert known == [number, pages, pages + 1, 0]
    assert kinds == {MemberKind.PERSON: number - gone, MemberKind.DEACTIVATED: gone}
    assert megabytes < 60


@pytest.mark.large
def test_members_that_are_only_passed_through_are_not_kept(slack: PagingSlack) -> None:
    slack.users = LargeWorkspace(100_000)
    megabytes, number = run_measured(ITERATED, slack.url)
    assert number == 100_000
    assert slack.methods() == ["users.list"] * 101
    assert len(slack.connections) == 1
    assert megabytes < 15
