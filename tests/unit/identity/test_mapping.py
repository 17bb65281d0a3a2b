from __future__ import annotations

import re
from typing import Any

import pytest

from support.account_store import AccountStore
from support.people import BASIC, POLICY, Sync, person
from workplace_provider.identity import (
    AttributeMap,
    AttributeMapping,
    MappingError,
    MemoryJournal,
    OperationKind,
    html_report,
    markdown_report,
)

ANN = person(
    "Ann", email="Ann.Kim@Example.com", family="김", given="안", attributes={"profile": {"phone": "+82"}}, tz="Asia/Seoul"
)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("email|lower|localpart", "ann.kim"),
        ("email|domain|upper", "EXAMPLE.COM"),
        ("attributes.profile.phone", "+82"),
        ("attributes.none.at.all", None),
        ("title|default:none", "none"),
        ("=AGENT", "AGENT"),
        ("{{ family }}{{ given }}", "김안"),
        ("{{ email|localpart|lower }}@corp.example", "ann.kim@corp.example"),
        ("{% if tz == 'Asia/Seoul' %}ko{% endif %}", "ko"),
        (lambda identity: identity.groups, None),
    ],
)
def test_where_a_value_comes_from(source: Any, value: object) -> None:
    assert AttributeMapping([AttributeMap("x", source)]).value(ANN, "x") == value


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"target": "x", "source": "emial"}, "x: a person has no 'emial'"),
        ({"target": "x", "source": "email|loworcase"}, "x: unknown filter 'loworcase'"),
        ({"target": "x", "source": "{{ email"}, "is not a valid template"),
        ({"target": "externalId", "source": "key"}, "externalId is set by the sync itself"),
        ({"target": "password", "source": "=1"}, "password looks like a secret: set secret=True"),
        ({"target": "password", "source": "=1", "secret": True}, "password would be the same for all people"),
        ({"target": "password", "source": "secret:initial", "secret": True}, "the same for all people"),
        ({"target": "password", "source": "generated:4", "secret": True}, "12 characters or more"),
        ({"target": "password", "source": "email", "secret": True}, "the source of a secret must be"),
        ({"target": "password", "source": "generated", "secret": True, "on": "empty"}, "only written at creation"),
        ({"target": "roleGroupId", "source": "=ADMIN"}, "would be 'ADMIN' for all people"),
        ({"target": "roles", "source": "=Site Administrator"}, "grants_admin=True"),
        ({"target": "isAdmin", "source": "=true"}, "grants_admin=True"),
    ],
)
def test_a_mapping_that_is_wrong_or_dangerous_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(MappingError, match=re.escape(problem)):
        AttributeMapping([AttributeMap(**given)])


def test_what_was_said_in_as_many_words_is_done() -> None:
    AttributeMapping(
        [
            AttributeMap("password", "=letmein", secret=True, allow_constant_secret=True),
            AttributeMap("roleGroupId", "=ADMIN", grants_admin=True),
        ]
    )
    # A person may be called so.
    AttributeMapping([AttributeMap("displayName", "=Admin"), AttributeMap("roleGroupId", "=AGENT", allow=("AGENT",))])


def test_nobody_becomes_an_administrator_by_an_expression() -> None:
    role = AttributeMap("roleGroupId", "{{ title }}", allow=("AGENT",))
    sync = Sync(AccountStore(), (*BASIC, role))
    plan = sync.plan(person("Ann", title="ADMIN"), person("Ben", title="AGENT"))
    assert [(each.key, each.kind, each.reason) for each in plan.operations] == [
        ("Ben", OperationKind.CREATE, ""),
        ("Ann", OperationKind.CONFLICT, "grants_admin"),
    ]


def test_a_failing_expression_names_attribute_and_person() -> None:
    with pytest.raises(MappingError, match=r"x: .* failed for Ann: 'nme' is undefined"):
        AttributeMapping([AttributeMap("x", "{{ nme }}")]).value(ANN, "x")


def test_an_expression_reaches_nothing_but_the_person() -> None:
    with pytest.raises(MappingError, match="failed for Ann"):
        AttributeMapping([AttributeMap("x", "{{ ''.__class__.__mro__ }}")]).value(ANN, "x")


def test_secrets_reach_the_system_and_nothing_else() -> None:
    secret = "hunter2-hunter2"
    mapping = (
        *BASIC,
        AttributeMap("password", "generated", secret=True),
        AttributeMap("pin", "derived:pepper", secret=True),
        AttributeMap("apiToken", f"={secret}", secret=True, allow_constant_secret=True),
    )
    store, journal = AccountStore(), MemoryJournal()
    sync = Sync(store, mapping, secrets={"pepper": "p3pper-p3pper"})
    plan = sync.plan(person("Ann"), person("Ben"))
    result = sync.apply(plan, journal)
    sent = [value for each in store.secrets.values() for value in each.values()]
    assert sent.count(secret) == 2
    # Everybody has another one, and it has something of everything that systems want in a password.
    made = [value for value in sent if value != secret]
    assert len(set(made)) == 4
    for value in made:
        assert len(value) == 24
        assert all(re.search(letters, value) for letters in ("[a-z]", "[A-Z]", "[0-9]", "[-_.!]"))
    shown = [
        *plan.lines(),
        repr(plan.operations),
        plan.digest,
        repr(result),
        str(journal.entries),
        sync.state.to_json(),
        markdown_report(plan, "x", result=result),
        html_report(plan, "x", result=result),
        repr(mapping),
        repr(sync.mapping),
    ]
    for text in shown:
        assert not any(value in text for value in (*sent, "p3pper-p3pper"))
    # What cannot be read is not kept in step: there is nothing to do.
    assert sync.plan(person("Ann"), person("Ben")).empty


def test_a_derived_password_is_the_same_on_every_attempt_and_for_nobody_else() -> None:
    mapping = AttributeMapping([AttributeMap("password", "derived:pepper", secret=True)])
    first = mapping.secret_values("slack:T1:U1", ["password"], {"pepper": "x"})
    assert first == mapping.secret_values("slack:T1:U1", ["password"], {"pepper": "x"})
    assert first != mapping.secret_values("slack:T1:U2", ["password"], {"pepper": "x"})
    assert first != mapping.secret_values("slack:T1:U1", ["password"], {"pepper": "y"})


def test_a_missing_secret_is_found_out_before_the_first_account() -> None:
    store = AccountStore()
    sync = Sync(store, (*BASIC, AttributeMap("password", "derived:nowhere", secret=True)), policy=POLICY)
    with pytest.raises(MappingError, match="no secret named nowhere"):
        sync.run(person("Ann"))
    assert store.written == []
