from __future__ import annotations

import io
import unicodedata
from typing import Any

import pytest

from support.team_wiki import DIALECTS, Dialect, TeamWiki
from workplace_provider.confluence.publishing.attachments import (
    COMMENT_LIMIT,
    LEDGER,
    Attacher,
    UploadAction,
    make_upload,
    strip_mark,
)
from workplace_provider.http.client import FilePart
from workplace_provider.http.errors import Invalid, NotFound, WorkplaceError
from workplace_sandbox.faults import Fault

NAME = "주간활성 (모바일).png"


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    dialect: Dialect = request.param
    return dialect


def attach(wiki: TeamWiki, content: bytes, *, name: str = NAME, comment: str = "", **options: Any) -> UploadAction:
    """One attempt of a task that attaches one file."""
    attacher = Attacher(wiki.client(), wiki.parent, **options)
    upload = make_upload(FilePart(name, lambda: io.BytesIO(content), "image/png"), comment=comment)
    (done,) = attacher.run(attacher.plan([upload]))
    return done.action


def person_uploads(wiki: TeamWiki, content: bytes, name: str = NAME) -> None:
    store = wiki.sandbox.store
    present = store.attachment_by_name(wiki.parent, name)
    if present is None:
        store.add_attachment(wiki.parent, name, "image/png", io.BytesIO(content), "손으로", "jimin")
    else:
        store.add_attachment_version(present.id, io.BytesIO(content), author="jimin")


def test_new_content_is_a_new_version_and_the_same_content_is_none(wiki: TeamWiki) -> None:
    assert attach(wiki, b"one") is UploadAction.CREATE
    assert attach(wiki, b"one") is UploadAction.UNCHANGED
    assert attach(wiki, b"two") is UploadAction.UPDATE
    assert attach(wiki, b"two") is UploadAction.UNCHANGED
    assert wiki.files(wiki.parent) == {NAME: (2, b"two")}


def test_korean_names_and_comments_arrive_intact(wiki: TeamWiki) -> None:
    attach(wiki, b"one", name=unicodedata.normalize("NFD", NAME), comment="지난주 대비 +3% · 모바일")
    (stored,) = wiki.sandbox.store.attachments(wiki.parent)
    assert stored.filename == NAME
    assert strip_mark(stored.comment) == "지난주 대비 +3% · 모바일"
    assert stored.media_type == "image/png"


def test_a_file_keeps_the_form_of_its_name_that_the_page_refers_to(wiki: TeamWiki) -> None:
    decomposed = unicodedata.normalize("NFD", NAME)
    person_uploads(wiki, b"screenshot", decomposed)
    assert attach(wiki, b"one") is UploadAction.UPDATE
    assert attach(wiki, b"one") is UploadAction.UNCHANGED
    assert wiki.files(wiki.parent) == {decomposed: (2, b"one")}


def test_a_long_comment_leaves_room_for_the_mark(wiki: TeamWiki) -> None:
    attach(wiki, b"one", comment="가" * 500)
    (stored,) = wiki.sandbox.store.attachments(wiki.parent)
    assert len(stored.comment) == COMMENT_LIMIT
    assert attach(wiki, b"one", comment="다른 말") is UploadAction.UNCHANGED


def test_a_version_that_a_person_uploaded_after_ours_is_kept(wiki: TeamWiki) -> None:
    attach(wiki, b"one")
    person_uploads(wiki, b"cropped by hand")
    assert attach(wiki, b"two") is UploadAction.KEEP
    assert wiki.files(wiki.parent) == {NAME: (2, b"cropped by hand")}
    assert attach(wiki, b"two", keep_manual=False) is UploadAction.UPDATE
    assert wiki.files(wiki.parent) == {NAME: (3, b"two")}
    assert attach(wiki, b"three") is UploadAction.UPDATE


def test_a_file_that_was_there_before_us_is_replaced(wiki: TeamWiki) -> None:
    person_uploads(wiki, b"placeholder")
    person_uploads(wiki, b"better placeholder")
    assert attach(wiki, b"one") is UploadAction.UPDATE
    assert wiki.files(wiki.parent) == {NAME: (3, b"one")}


def test_a_death_before_the_upload_does_not_turn_the_placeholder_into_a_persons_version(wiki: TeamWiki) -> None:
    person_uploads(wiki, b"placeholder")
    Attacher(wiki.client(), wiki.parent).reserve({NAME: 2})
    assert attach(wiki, b"one") is UploadAction.UPDATE


def test_a_picture_cropped_on_the_copied_page_is_kept(wiki: TeamWiki) -> None:
    page_id = wiki.copy().page.id
    name = "주간활성사용자.png"
    store = wiki.sandbox.store
    copied = store.attachment_by_name(page_id, name)
    assert copied is not None
    store.add_attachment_version(copied.id, io.BytesIO(b"cropped"), author="jimin")
    attacher = Attacher(wiki.client(), page_id)
    (planned,) = attacher.plan([make_upload(FilePart(name, lambda: io.BytesIO(b"new"), "image/png"))])
    assert planned.action is UploadAction.KEEP


@pytest.mark.parametrize("present", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_before"},
        {"kind": "drop_after"},
        {"kind": "status_after", "status": 503},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 500, "body": "OptimisticLockException"},
    ],
)
def test_a_lost_answer_leaves_one_version(wiki: TeamWiki, present: bool, fault: dict[str, Any]) -> None:
    if present:
        attach(wiki, b"one")
    wiki.sandbox.add_fault(Fault("/child/attachment", method="POST", **fault))
    try:
        attach(wiki, b"two")
    except WorkplaceError as error:
        assert error.retryable  # noqa: PT017 - an attempt may succeed in spite of the fault
    attach(wiki, b"two")
    assert wiki.files(wiki.parent) == {NAME: (2 if present else 1, b"two")}


def test_a_plan_of_many_files_is_one_write_of_the_ledger(wiki: TeamWiki) -> None:
    attacher = Attacher(wiki.client(), wiki.parent)
    files = [FilePart(f"{number}.txt", lambda: io.BytesIO(b"x")) for number in range(5)]
    attacher.run(attacher.plan([make_upload(file) for file in files]))
    assert len([path for _, path in wiki.writes() if "propert" in path]) == 1
    assert wiki.properties(wiki.parent)[LEDGER] == {f"{number}.txt": 1 for number in range(5)}


def test_two_files_of_one_name_are_refused_before_anything_is_written(wiki: TeamWiki) -> None:
    uploads = [
        make_upload(FilePart(name, lambda: io.BytesIO(b"x"))) for name in ("가.png", unicodedata.normalize("NFD", "가.png"))
    ]
    with pytest.raises(Invalid, match="Several files have the same name: 가"):
        Attacher(wiki.client(), wiki.parent).plan(uploads)
    assert wiki.writes() == []


@pytest.mark.parametrize("name", ["", "  ", "a/b.png", "a\\b.png", "a\nb.png"])
def test_what_cannot_be_a_file_name_is_named(name: str) -> None:
    with pytest.raises(Invalid, match="cannot be the name of an attachment"):
        make_upload(FilePart(name, io.BytesIO))


def test_a_page_that_is_gone_is_said_so(wiki: TeamWiki) -> None:
    attacher = Attacher(wiki.client(), "999999")
    upload = make_upload(FilePart("a.png", lambda: io.BytesIO(b"x")))
    with pytest.raises(NotFound):
        attacher.plan([upload])
