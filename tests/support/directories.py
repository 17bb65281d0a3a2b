"""Directories and sets of accounts with all special cases: names that differ in case, marks of other syncs, orphans."""

from __future__ import annotations

from hypothesis import strategies as st

from support.people import SOURCE, person
from workplace_provider.identity import Account, Identity, MemberKind

NAMES = st.sampled_from(["ann", "Ann", "ben", "eva", "김", "o'hara", 'a"b', ""])
EMAILS = st.sampled_from(["ann@example.com", "ANN@example.com", "ben@example.com", "ann@other.org", "eva@example.com", ""])
KEYS = st.sampled_from([f"U{number}" for number in range(6)])
MARKS = st.one_of(
    st.just(""), KEYS.map(lambda key: f"{SOURCE}:{key}"), st.sampled_from([f"{SOURCE}:GONE", "okta:1", "slack:T10:U1"])
)


@st.composite
def people(draw: st.DrawFn) -> list[Identity]:
    keys = draw(st.lists(KEYS, unique=True, max_size=6))
    return [
        person(
            key,
            user_name=draw(NAMES),
            email=draw(EMAILS),
            display_name=draw(NAMES),
            active=draw(st.booleans()),
            kind=draw(st.sampled_from([MemberKind.PERSON] * 4 + [MemberKind.GUEST, MemberKind.BOT, MemberKind.INVITED])),
            email_confirmed=draw(st.sampled_from([None, True, True, False])),
        )
        for key in keys
    ]


@st.composite
def accounts(draw: st.DrawFn) -> list[Account]:
    # No two accounts of a system have the same user name.
    names = draw(st.lists(st.sampled_from(["ann", "BEN", "eva", "김", "zoe", "o'hara"]), unique=True, max_size=6))
    return [
        Account(
            id=f"a{number}",
            user_name=name,
            external_id=draw(MARKS),
            emails=tuple(draw(st.lists(EMAILS.filter(bool), max_size=2))),
            active=draw(st.booleans()),
            attributes={"displayName": draw(NAMES)} if draw(st.booleans()) else {},
            admin=draw(st.sampled_from([None, False, True])),
            version="1",
        )
        for number, name in enumerate(names)
    ]
