"""The seeded accounts of the member service, some weeks after the last sync with Slack.

Most people have theirs, with the mark of the system that created it. Some have joined since and have no account, some
have another name by now, some have left; and some accounts belong to no member of Slack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workplace_sandbox.model import MemberAccount
from workplace_sandbox.slack.workspace import TEAM
from workplace_sandbox.state.database import now

if TYPE_CHECKING:
    from workplace_sandbox.store import Store

MAKER: Final = "onboarding-script"
JOINED: Final = ("emma", "liam")
"""Have no account yet."""
RENAMED: Final = {"misaki": "高橋 美咲"}
"""Have an account under their former name."""
LEFT: Final = ("former.cho", "former.ito")
"""Have left, but still have an enabled account."""
UNMARKED: Final = ("donghyun",)
"""Have an account that was created by hand."""
OUTSIDERS: Final = {
    "root": ("관리자", "root@example.com", "ADMIN"),
    "night.shift": ("야간 상담 (외주)", "night@callcenter.example", "AGENT"),
}
"""Not in Slack: name, e-mail address and role."""


def load(store: Store) -> None:
    """Fill the member service from the people of the workspace."""
    for person in store.people():
        had = not person.deleted or person.name in LEFT
        if person.kind not in ("member", "admin", "owner") or not person.email or not had or person.name in JOINED:
            continue
        if not person.email_confirmed and not person.deleted:
            continue
        mark = {} if person.name in UNMARKED else {"externalId": f"slack:{TEAM}:{person.id}"}
        name = RENAMED.get(person.name, person.shown_name)
        _add(store, person.email.partition("@")[0], name, person.email, "AGENT", mark)
    for user_id, (name, email, role) in OUTSIDERS.items():
        _add(store, user_id, name, email, role, {})


def _add(store: Store, user_id: str, name: str, email: str, role: str, mark: dict[str, str]) -> None:
    moment = now()
    member = MemberAccount(
        user_id, name, email, role, ("spectra",), "user", {"counselType": "user", **mark}, True, moment, moment
    )
    store.add_member_account(member, MAKER)
