from __future__ import annotations

import json
import subprocess
import sys

PLAN = """
import json, resource, sys
from datetime import UTC, datetime
from workplace_provider.identity import SCIM_MAPPING, Account, Directory, Identity, Scope, SyncPolicy, make_plan

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

number = 100_000
base = peak()
people = Directory.of(
    (
        Identity(
            key=f"U{n:07}", external_id=f"slack:T1:U{n:07}", user_name=f"p{n}", email=f"person{n}@example.com",
            display_name=f"김 {n}", given="김", family=f"f{n}", title="Analyst", tz="Asia/Seoul", active=n % 50 != 0,
        )
        for n in range(number)
    ),
    source="slack:T1", taken_at=datetime(2026, 11, 23, tzinfo=UTC), complete=True,
)
accounts = (
    Account(
        id=f"a{n}", external_id=f"slack:T1:U{n:07}", user_name=f"person{n}@example.com", emails=(f"person{n}@example.com",),
        attributes={"displayName": f"김 {n}", "name.givenName": "김", "name.familyName": f"f{n}", "timezone": "Asia/Seoul",
                    "title": "Analyst" if n % 20 else "Trainee"},
    )
    for n in range(number // 100, number + number // 100)
)
plan = make_plan(people, accounts, SCIM_MAPPING, Scope(domains=("example.com",)), SyncPolicy())
plan.digest
print(json.dumps([peak() - base, {kind.value: count for kind, count in plan.counts.items()}]))
"""


def test_a_hundred_thousand_people_and_accounts_fit_into_little_memory() -> None:
    done = subprocess.run([sys.executable, "-c", PLAN], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    megabytes, counts = json.loads(done.stdout)
    assert counts == {"create": 980, "update": 3960, "disable": 2980, "noop": 93060}
    assert megabytes < 200
