"""Two attempts of one run: Airflow took a worker for dead that goes on."""

from __future__ import annotations

import hashlib
import io

import pytest

from support.team_wiki import DIALECTS, Dialect, TeamWiki
from workplace_provider.confluence.pages.edits import AppendRow, ReplaceSection
from workplace_provider.confluence.publishing.attachments import Attacher, UploadAction, make_upload
from workplace_provider.confluence.publishing.document import DocumentSpec, DocumentUpdater, StorageTemplate
from workplace_provider.confluence.publishing.update import PageUpdater, UpdateSpec
from workplace_provider.http.client import FilePart
from workplace_sandbox import Sandbox

TABLE = "<h2>t</h2><table><tbody><tr><th>a</th><th>b</th></tr></tbody></table>"
TEMPLATE = "<h2>Words</h2><p>…</p><h2>Insight</h2><p>here</p>"


@pytest.fixture(params=DIALECTS)
def wiki(sandbox: Sandbox, request: pytest.FixtureRequest) -> TeamWiki:
    dialect: Dialect = request.param
    return TeamWiki(sandbox, dialect)


def test_a_row_is_appended_once(wiki: TeamWiki) -> None:
    store, client = wiki.sandbox.store, wiki.client()
    page = store.create_page("ANALYTICS", "log", TABLE, author="jimin").id
    spec = UpdateSpec([AppendRow(["row", 1])], "task", "run-1")
    attempts = [PageUpdater(client, spec) for _ in range(3)]
    plans = [attempt.plan(client.get_page(page, body=True)) for attempt in attempts]
    attempts[0].run(plans[0])
    # A person's words in between change neither.
    store.update_page(page, body=store.page(page).body + "<p>by hand</p>", author="jimin")
    for attempt, plan in zip(attempts[1:], plans[1:], strict=True):
        attempt.run(plan)
    assert store.page(page).body.count("row") == 1
    assert "by hand" in store.page(page).body
    other = PageUpdater(client, UpdateSpec([AppendRow(["row", 2])], "task", "run-2"))
    other.run(other.plan(client.get_page(page, body=True)))
    assert store.page(page).body.count("row") == 2


def test_a_file_is_stored_once_and_a_persons_version_is_kept(wiki: TeamWiki) -> None:
    store, client = wiki.sandbox.store, wiki.client()
    upload = make_upload(FilePart("표.csv", lambda: io.BytesIO(b"new")))
    attempts = [Attacher(client, wiki.last_week) for _ in range(3)]
    plans = [attempt.plan([upload]) for attempt in attempts]
    assert [done.action for done in attempts[0].run(plans[0])] == [UploadAction.UPDATE]
    assert [done.action for done in attempts[1].run(plans[1])] == [UploadAction.UNCHANGED]
    file = next(file for file in store.attachments(wiki.last_week) if file.filename == "표.csv")
    store.add_attachment_version(file.id, io.BytesIO(b"by hand"), author="jimin")
    assert [done.action for done in attempts[2].run(plans[2])] == [UploadAction.KEEP]
    assert [each.path.read_bytes() for each in store.attachment_versions(file.id)].count(b"new") == 1


class Faster(io.BytesIO):
    """A file during whose upload another attempt stores a version."""

    def __init__(self, wiki: TeamWiki, attachment: str, content: bytes) -> None:
        super().__init__(b"new")
        self._other = (wiki, attachment, content)

    def read(self, size: int | None = -1) -> bytes:
        if self._other:
            (wiki, attachment, content), self._other = self._other, ()
            wiki.sandbox.store.add_attachment_version(attachment, io.BytesIO(content))
        return super().read(size)


@pytest.mark.parametrize("content", [b"new", b"of a person"])
def test_the_later_of_two_simultaneous_uploads_is_removed(wiki: TeamWiki, content: bytes) -> None:
    store = wiki.sandbox.store
    file = next(file for file in store.attachments(wiki.last_week) if file.filename == "표.csv")
    digest = hashlib.sha256(b"new").hexdigest()
    upload = make_upload(FilePart("표.csv", lambda: Faster(wiki, file.id, content), size=3), sha256=digest)
    attacher = Attacher(wiki.client(), wiki.last_week)
    (result,) = attacher.run(attacher.plan([upload]))
    removed = wiki.dialect == "datacenter" and content == b"new"
    assert result.attachment.version == (2 if removed else 3)
    versions = [version.path.read_bytes() for version in store.attachment_versions(file.id)]
    assert versions == [*([] if removed else [b"new"]), content, versions[-1]]
    assert [done.action for done in attacher.run(attacher.plan([upload]))] == [UploadAction.UNCHANGED]


@pytest.mark.parametrize("runs_before", [1, 2])
def test_a_heading_that_a_person_renames_is_found_again(wiki: TeamWiki, runs_before: int) -> None:
    store, client = wiki.sandbox.store, wiki.client()

    def run(week: int) -> str:
        places = [ReplaceSection("Words", f"<p>words of week {week}</p>")]
        spec = DocumentSpec("ANALYTICS", "document", None, f"run-{week}", StorageTemplate(TEMPLATE), places)
        keeper = DocumentUpdater(client, spec)
        return keeper.run(keeper.plan())[0].id

    for week in range(runs_before):
        page = run(week)
    store.update_page(page, body=store.page(page).body.replace("Words<", "People say<"), author="jimin")
    run(9)
    assert "words of week 9" in store.page(page).body
