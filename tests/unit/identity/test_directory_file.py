from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.people import DAY, directory, person
from workplace_provider.identity import (
    Directory,
    Identity,
    InvalidDirectoryFile,
    MemberKind,
    directory_lines,
    read_directory,
)

TEXT = st.text(max_size=12)
IDENTITIES = st.builds(
    Identity,
    key=st.uuids().map(str),
    external_id=st.uuids().map(lambda each: f"slack:T1:{each}"),
    user_name=TEXT,
    display_name=TEXT,
    email=TEXT,
    email_confirmed=st.none() | st.booleans(),
    kind=st.sampled_from(list(MemberKind)),
    active=st.booleans(),
    groups=st.lists(TEXT, max_size=2).map(tuple),
    attributes=st.dictionaries(TEXT, TEXT, max_size=2),
)


@given(st.lists(IDENTITIES, max_size=5), st.booleans(), st.booleans(), st.lists(TEXT, max_size=2))
def test_what_is_read_is_what_was_written(
    members: list[Identity], complete: bool, emails_known: bool, groups: list[str]
) -> None:
    written = Directory.of(
        members, source="slack:T1", taken_at=DAY, complete=complete, emails_known=emails_known, groups=groups
    )
    # As lines of a file: no line may hold a line break of its own.
    assert read_directory("\n".join(directory_lines(written)).split("\n")) == written


def test_a_directory_that_is_not_whole_or_was_changed_is_refused() -> None:
    lines = list(directory_lines(directory(person("U1"), person("U2"))))
    changed = json.loads(lines[1]) | {"active": False}
    for broken in (lines[:-1], [lines[0], json.dumps(changed), lines[2]], [*lines, lines[-1]]):
        with pytest.raises(InvalidDirectoryFile):
            read_directory(broken)


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json", '{"format": "workplace-identity-plan/1"}', "null"])
def test_something_else_is_no_directory(text: str) -> None:
    with pytest.raises(InvalidDirectoryFile):
        read_directory(text.splitlines())
