from __future__ import annotations

import pytest

from support.large_workspace import LargeWorkspace
from support.paging_slack import PagingSlack
from support.peak_memory import run_measured

PLAN = """
from workplace_provider.slack.client import SlackReader, directory_snapshot
from workplace_provider.identity.sources.slack import directory_of
from workplace_provider.identity import SCIM_MAPPING, Account, Scope, SyncPolicy, make_plan

def listed(url):
    with SlackReader("xoxb-1", base_url=url) as reader:
        return directory_of(directory_snapshot(reader))

number = 100_000
base = peak()
people = listed(sys.argv[1])
accounts = (
    Account(
        id=f"a{n}", external_id=f"slack:T1:U{n:07}", user_name=f"person{n}@example.com", emails=(f"person{n}@example.com",),
        attributes={"displayName": f"민수{n}", "name.givenName": f"민수 {n}", "name.familyName": "김",
                    "timezone": "Asia/Seoul", "title": "Analyst" if n % 20 else "Trainee"},
    )
    for n in range(number // 100, number + number // 100)
)
plan = make_plan(people, accounts, SCIM_MAPPING, Scope(domains=("example.com",)), SyncPolicy())
plan.digest
print(json.dumps([peak() - base, {kind.value: count for kind, count in plan.counts.items()}]))
"""


@pytest.mark.large
def test_a_hundred_thousand_people_and_accounts_fit_into_little_memory(slack: PagingSlack) -> None:
    slack.users = LargeWorkspace(100_000)
    megabytes, counts = run_measured(PLAN, slack.url)
    assert counts == {"create": 980, "update": 3960, "disable": 2980, "noop": 93060}
    assert slack.methods().count("users.list") == 101
    assert len(slack.connections) == 1
    assert megabytes < 200
