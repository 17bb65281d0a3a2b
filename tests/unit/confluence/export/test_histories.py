from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.examples import examples
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
        pages = self.store.pages(SPACE)
        page = pages[which % len(pages)].id
        comments = self.store.comments(page)
        if deed in ("create", "edit", "rename", "move"):
            self._change_page(deed, page, which, text)
        elif deed in ("resolve", "reopen", "answer", "edit comment", "uncomment"):
            if comments:
                self._change_comment(deed, comments[which % len(comments)])
        elif deed in ("trash", "archive"):
            if len(pages) > 1:
                {"trash": self.store.trash_page, "archive": self.store.archive_page}[deed](page)
        else:
            self._change_contents(deed, page, which, text)

    def _change_page(self, deed: str, page: str, which: int, text: str) -> None:
        if deed == "create":
            self.store.create_page(SPACE, text, self._body, page, author="jimin")
        elif deed == "edit":
            self.store.update_page(page, author="alex", body=self._body)
        elif deed == "rename":
            self.store.update_page(page, author="alex", title=text)
        elif deed == "move":
            pages = self.store.pages(SPACE)
            self.store.update_page(page, author="alex", parent_id=pages[(which * 7 + 1) % len(pages)].id)

    def _change_comment(self, deed: str, comment: Any) -> None:
        if deed == "answer":
            self.store.add_comment(comment.page_id, self._body, "jimin", parent_id=comment.id, location=comment.location)
        elif deed == "edit comment":
            self.store.update_comment(comment.id, author="alex", body=self._body)
        elif deed == "uncomment":
            self.store.remove_comment(comment.id)
        else:
            self.store.update_comment(comment.id, author="alex", resolved=deed == "resolve")

    def _change_contents(self, deed: str, page: str, which: int, text: str) -> None:
        if deed == "label":
            self.store.add_labels(page, [text])
        elif deed == "unlabel":
            self.store.remove_label(page, self.store.labels(page)[0].name)
        elif deed == "comment":
            location: Any = "inline" if which % 2 else "footer"
            self.store.add_comment(page, self._body, "alex", location=location, marker_ref=str(which), selection=text)
        elif deed == "attach":
            self.exports.attach(page, text, self._body.encode())
        elif deed == "detach":
            self.store.remove_attachment(self.store.attachments(page)[0].id)

    @property
    def _body(self) -> str:
        return f"<p>{self.count}</p>"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either face of the wiki."""
    face: Dialect = request.param
    return face


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
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
