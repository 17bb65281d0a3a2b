from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.team_wiki import DIALECTS, Dialect
from support.wiki_exports import SPACE, Killed, WikiExports
from workplace_sandbox import Sandbox
from workplace_sandbox.store import StoreError

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
WHICH = st.integers(0, 30)
DEEDS = (
    st.tuples(st.just("create"), WHICH, TEXT)
    | st.tuples(st.sampled_from(["edit", "rename", "label", "comment", "attach"]), WHICH, TEXT)
    | st.tuples(
        st.sampled_from(
            ["move", "unlabel", "answer", "resolve", "reopen", "edit comment", "uncomment", "detach", "trash", "archive"]
        ),
        WHICH,
        st.just(""),
    )
    | st.tuples(st.sampled_from(["export", "die"]), st.integers(1, 60), st.just(""))
)


class History:
    """A wiki to which things happen; which page or comment is meant is counted round those that there are."""

    def __init__(self, exports: WikiExports) -> None:
        self.exports = exports
        self.store = exports.store
        self.count = 0

    def do(self, deed: str, which: int, text: str) -> None:
        self.count += 1
        if deed == "export":
            self.exports.run("incremental", key=f"run {self.count}")
        elif deed == "die":
            with suppress(Killed):
                self.exports.run("incremental", key=f"run {self.count}", dies_at=which)
        else:
            # What cannot be done, such as a title that is taken, does not happen.
            with suppress(StoreError, IndexError):
                self._do(deed, which, text)

    def _do(self, deed: str, which: int, text: str) -> None:
        store = self.store
        pages = store.pages(SPACE)
        page = pages[which % len(pages)].id
        comments = store.comments(page)
        one: Any = comments[which % len(comments)] if comments else None
        body = f"<p>{self.count}</p>"
        if deed == "create":
            store.create_page(SPACE, text, body, page, author="jimin")
        elif deed == "edit":
            store.update_page(page, author="alex", body=body)
        elif deed == "rename":
            store.update_page(page, author="alex", title=text)
        elif deed == "move":
            store.update_page(page, author="alex", parent_id=pages[(which * 7 + 1) % len(pages)].id)
        elif deed == "label":
            store.add_labels(page, [text])
        elif deed == "unlabel":
            store.remove_label(page, store.labels(page)[0].name)
        elif deed == "comment":
            location: Any = "inline" if which % 2 else "footer"
            store.add_comment(page, body, "alex", location=location, marker_ref=str(which), selection=text)
        elif deed == "answer" and one:
            store.add_comment(page, body, "jimin", parent_id=one.id, location=one.location)
        elif deed in ("resolve", "reopen") and one:
            store.update_comment(one.id, author="alex", resolved=deed == "resolve")
        elif deed == "edit comment" and one:
            store.update_comment(one.id, author="alex", body=body)
        elif deed == "uncomment" and one:
            store.remove_comment(one.id)
        elif deed == "attach":
            self.exports.attach(page, text, body.encode())
        elif deed == "detach":
            store.remove_attachment(store.attachments(page)[0].id)
        elif deed == "trash" and len(pages) > 1:
            store.trash_page(page)
        elif deed == "archive" and len(pages) > 1:
            store.archive_page(page)


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either face of the wiki."""
    face: Dialect = request.param
    return face


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DEEDS, min_size=5, max_size=25))
def test_after_any_history_an_incremental_export_is_what_a_full_one_is(
    sandbox: Sandbox, dialect: Dialect, deeds: list[tuple[str, int, str]]
) -> None:
    sandbox.reset(seed=False)
    with tempfile.TemporaryDirectory() as folder:
        exports = WikiExports(sandbox, f"file://{folder}", dialect=dialect)
        sandbox.wiki.grow(SPACE, 4, comments=2)
        history = History(exports)
        for deed in deeds:
            history.do(*deed)
        exports.run("incremental", key="last")
        exports.run("full", key="last")
        assert exports.raw("incremental") == exports.raw("full")
        assert exports.raw("incremental", "index.jsonl") == exports.raw("full", "index.jsonl")
        files = [
            {name: content for name, content in exports.files(each).items() if name.startswith("files/")}
            for each in ("incremental", "full")
        ]
        there = {name: content for name, content in files[0].items() if not name.endswith(".part")}
        assert files[1].items() <= there.items()
