from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import examples
from support.team_wiki import DIALECTS, FILES, LABELS, LAST_WEEK, PROPERTIES, THIS_WEEK, Dialect, TeamWiki
from workplace_provider.confluence.client import ConfluenceClient
from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier
from workplace_provider.http.errors import WorkplaceError
from workplace_sandbox import Fault, Sandbox

JSON = {"Content-Type": "application/json"}
LIES: dict[str, dict[str, Any]] = {
    "log-in page": {"kind": "html"},
    "empty": {"kind": "status", "status": 200, "body": ""},
    "empty after the write": {"kind": "status_after", "status": 200, "body": ""},
    **{
        body: {"kind": "status", "status": 200, "body": body, "headers": JSON}
        for body in ("null", "[]", "{}", '{"message": "ok"}', '{"results": []}', '{"id": "1", "title": "x"}', '{"id": ')
    },
}
"""Responses with status 200 of something that stands before the site."""


@pytest.fixture(scope="module", params=DIALECTS)
def team(request: pytest.FixtureRequest) -> Iterator[TeamWiki]:
    with Sandbox(seed=False) as sandbox:
        team = TeamWiki(sandbox, request.param)
        few = {"user": ["jimin", "report-bot"], "group": []}
        sandbox.store.set_restrictions(team.last_week, {"update": few, "read": few})
        yield team


def copy(client: ConfluenceClient, team: TeamWiki, title: str) -> None:
    source = client.get_page(team.last_week, body=True)
    copier = PageCopier(client, CopySpec(source, title, source.parent_id, "run-1", restrictions=True))
    copier.run(copier.plan())


def state(team: TeamWiki, title: str) -> dict[str, Any]:
    """What there is of the copy."""
    pages = [page for page in team.sandbox.store.pages("ANALYTICS") if page.title == title]
    assert len(pages) <= 1
    if not pages:
        return {}
    (page,) = pages
    return {
        "files": {name: content for name, (_, content) in team.files(page.id).items()},
        "labels": {label.name for label in team.sandbox.store.labels(page.id)},
        "properties": {key: team.properties(page.id).get(key) for key in PROPERTIES},
        "restricted": bool(team.sandbox.store.restrictions(page.id)["read"]["user"]),
    }


COMPLETE = {"files": FILES, "labels": LABELS, "properties": PROPERTIES, "restricted": True}
number = iter(range(10_000))


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lie=st.sampled_from(list(LIES.values())),
    method=st.sampled_from(["GET", "POST", "PUT", "*"]),
    skip=st.integers(0, 12),
    times=st.sampled_from([1, 2, None]),
)
def test_a_copy_is_complete_or_an_error_whatever_is_confirmed(
    team: TeamWiki, lie: dict[str, Any], method: str, skip: int, times: int | None
) -> None:
    title = f"{LAST_WEEK} {next(number)}"
    client = team.client()
    team.sandbox.add_fault(Fault("", method=method, skip=skip, times=times, **lie))
    try:
        copy(client, team, title)
    except WorkplaceError:
        unfinished = state(team, title)
        assert unfinished.get("restricted") or not unfinished.get("files")
    else:
        assert state(team, title) == COMPLETE
    team.sandbox.clear_faults()
    copy(client, team, title)
    assert state(team, title) == COMPLETE
    client.close()


@pytest.mark.parametrize("lie", LIES)
def test_each_write_is_in_force_or_an_error(team: TeamWiki, lie: str) -> None:
    store, client = team.sandbox.store, team.client()
    page = store.create_page("ANALYTICS", f"page {next(number)}", "<p>a</p>", author="jimin").id
    store.add_labels(page, {"old"})
    restrictions = client.restrictions(team.last_week)
    writes = {
        "update": lambda: client.update_page(
            page, lambda body: body.replace("<p>b</p>", "") + "<p>b</p>", title=f"page {next(number)}"
        ),
        "label": lambda: client.add_labels(page, ["weekly"]),
        "no label": lambda: client.remove_label(page, "old"),
        "property": lambda: client.set_property(page, "key", lambda _: {"a": [1, 2.5, None]}),
        "restrictions": lambda: client.set_restrictions(page, restrictions),
        "trash": lambda: client.trash_page(page),
    }
    in_force = {
        "update": lambda: store.page(page).body.count("<p>b</p>") == 1,
        "label": lambda: "weekly" in {label.name for label in store.labels(page)},
        "no label": lambda: "old" not in {label.name for label in store.labels(page)},
        "property": lambda: team.properties(page)["key"] == {"a": [1, 2.5, None]},
        "restrictions": lambda: "jimin" in store.restrictions(page)["read"]["user"],
        "trash": lambda: store.page(page).status == "trashed",
    }
    for name, write in writes.items():
        for method in ("POST", "PUT", "DELETE"):
            team.sandbox.add_fault(Fault("", method=method, times=None, **LIES[lie]))
        with suppress(WorkplaceError):
            write()
            assert in_force[name](), name
        team.sandbox.clear_faults()
        write()
        assert in_force[name](), name


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("body", [body for body in LIES if body[:1] in ("n", "[", "{")])
def test_restrictions_of_another_shape_never_mean_that_there_are_none(sandbox: Sandbox, dialect: Dialect, body: str) -> None:
    wiki = TeamWiki(sandbox, dialect)
    sandbox.add_fault(Fault("/restriction", times=None, **LIES[body]))
    with pytest.raises(WorkplaceError):
        wiki.copy(restrictions=True)
    assert THIS_WEEK not in {page.title for page in sandbox.store.pages("ANALYTICS")}


def test_no_file_of_a_page_has_a_name_on_the_worker(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiki = TeamWiki(sandbox)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("workplace_provider.http.spool.SPOOL_BYTES", 1)  # no file is small enough for the memory
    seen: list[list[str]] = []
    opened = tempfile.TemporaryFile

    def watched(*args: Any, **options: Any) -> Any:
        file = opened(*args, **options)
        seen.append([path.name for path in tmp_path.iterdir()])
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", None)
    wiki.copy()
    wiki.assert_one_complete_copy()
    assert seen
    assert not any(seen)
