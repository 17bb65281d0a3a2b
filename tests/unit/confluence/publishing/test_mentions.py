"""Headings made of a mention are found by the display name, which only the site knows."""

from __future__ import annotations

from typing import Any

import pytest

from support.team_wiki import DIALECTS, SPACE, TeamWiki
from workplace_provider.confluence.pages import edits
from workplace_provider.confluence.publishing.document import DocumentSpec, DocumentUpdater
from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
from workplace_sandbox.faults import Fault

LOOKUPS = r"/rest/api/user\?|/rest/api/user$|users-bulk"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def page(wiki: TeamWiki) -> str:
    """A page with a heading that mentions Jimin twice, and one that mentions an account which is gone."""
    user = wiki.sandbox.store.user("jimin")
    kind, name = ("userkey", user.key) if wiki.dialect == "datacenter" else ("account-id", wiki.account("jimin"))
    mention = f'<ac:link><ri:user ri:{kind}="{name}" /></ac:link>'
    gone = f'<ac:link><ri:user ri:{kind}="{"f" * 32}" /></ac:link>'
    body = f"<h2>{gone}</h2><p>g</p><h2>{mention}</h2><p>old</p><h2>{mention} 다음</h2><p>kept</p>"
    return wiki.sandbox.store.create_page(SPACE, "담당자", body, author="jimin").id


def test_an_update_finds_a_heading_by_the_display_name(wiki: TeamWiki, page: str) -> None:
    client = wiki.client()
    name = wiki.sandbox.store.user("jimin").display_name
    spec = UpdateSpec(edits=[edits.ReplaceSection(name, "new")], run="r", task="t")
    updater = PageUpdater(client, spec)
    _, changed = updater.run(updater.plan(client.get_page(page, body=True)))
    assert changed
    body = wiki.sandbox.store.page(page).body
    assert "new" in body
    assert "old" not in body
    assert "kept" in body
    # One lookup for Jimin and one for the account that is gone, whatever the number of mentions and attempts.
    assert len(wiki.sandbox.requests(LOOKUPS)) == 2


def test_a_document_finds_a_heading_by_the_display_name(wiki: TeamWiki, page: str) -> None:
    name = wiki.sandbox.store.user("jimin").display_name
    spec = DocumentSpec(
        space=SPACE, title="담당자", parent_id=None, run="r", template=None, places=[edits.ReplaceSection(name, "new")]
    )
    updater = DocumentUpdater(wiki.client(), spec)
    updater.run(updater.plan())
    assert "new" in wiki.sandbox.store.page(page).body


def test_names_that_may_not_be_looked_up_are_unknown(wiki: TeamWiki, page: str) -> None:
    wiki.sandbox.add_fault(Fault(r"rest/api/user|users-bulk", "status", status=403, times=9))
    client = wiki.client()
    updater = PageUpdater(client, UpdateSpec(edits=[edits.ReplaceSection("김지민", "new")], run="r", task="t"))
    with pytest.raises(edits.EditError, match="김지민"):
        updater.plan(client.get_page(page, body=True))
