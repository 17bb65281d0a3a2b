from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workplace_sandbox.store import (
    FIRST_CONTENT_ID,
    FileNameTakenError,
    NotFoundError,
    ParentError,
    Store,
    TitleTakenError,
    VersionConflictError,
)


@pytest.fixture
def store(tmp_path: Path):
    store = Store(tmp_path / "state")
    store.add_user("jimin", "김지민")
    store.add_space("ANALYTICS", "데이터분석팀", author="jimin")
    store.add_space("OTHER", "Other", author="jimin")
    yield store
    store.close()


def test_state_and_id_sequence_survive_a_restart(tmp_path: Path):
    first = Store(tmp_path)
    first.add_space("ANALYTICS", "데이터분석팀")
    page = first.create_page("ANALYTICS", "주간 보고 週次", "<p>가나다\r\n&nbsp;</p>", author="jimin")
    file = first.add_attachment(page.id, "그림.png", "image/png", io.BytesIO(b"bytes"), "댓글", "jimin")
    first.close()

    second = Store(tmp_path)
    assert second.page(page.id) == page
    assert second.attachments(page.id) == [file]
    assert file.path.read_bytes() == b"bytes"
    assert int(second.create_page("ANALYTICS", "다음", "", author="jimin").id) > int(file.id[3:])
    second.close()


def test_ids_are_numeric_strings_from_a_realistic_base(store: Store):
    home = store.space("ANALYTICS").homepage_id
    assert home.isdigit()
    assert int(home) >= FIRST_CONTENT_ID


@pytest.mark.parametrize("status", ["current", "archived"])
def test_a_title_is_unique_in_a_space_in_any_case_and_while_archived(store: Store, status: str):
    page = store.create_page("ANALYTICS", "Weekly 주간", "", author="jimin")
    if status == "archived":
        store.archive_page(page.id)
    with pytest.raises(TitleTakenError):
        store.create_page("ANALYTICS", "WEEKLY 주간", "", store.space("ANALYTICS").homepage_id, author="jimin")
    store.create_page("OTHER", "Weekly 주간", "", author="jimin")


def test_a_trashed_page_gives_its_title_free_and_cannot_come_back_to_a_taken_one(store: Store):
    old = store.create_page("ANALYTICS", "T", "", author="jimin")
    store.trash_page(old.id)
    new = store.create_page("ANALYTICS", "T", "", author="jimin")
    with pytest.raises(TitleTakenError):
        store.update_page(old.id, author="jimin", status="current")
    assert store.page(old.id).version == 1, "the refused write left nothing behind"
    assert store.page_by_title("ANALYTICS", "t").id == new.id
    assert store.page_by_title("ANALYTICS", "T", ("trashed",)).id == old.id


def test_every_version_is_kept_with_its_author_message_and_time(store: Store):
    at = datetime(2026, 11, 19, 0, 0, tzinfo=UTC)
    page = store.create_page("ANALYTICS", "T", "1", author="jimin", at=at)
    store.update_page(page.id, author="haruka", body="2", message="고침", minor=True, title="T2")
    assert [(v.number, v.title, v.body, v.author, v.message, v.minor) for v in store.versions(page.id)] == [
        (2, "T2", "2", "haruka", "고침", True),
        (1, "T", "1", "jimin", "", False),
    ]
    now = store.page(page.id)
    assert (now.created_at, now.created_by, now.updated_by) == (at, "jimin", "haruka")


def test_only_one_of_many_writers_at_the_same_version_wins(store: Store):
    page = store.create_page("ANALYTICS", "T", "", author="jimin")

    def write(number: int) -> bool:
        try:
            store.update_page(page.id, author="jimin", body=str(number), expected_version=1)
        except VersionConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(16))) == 1
    assert store.page(page.id).version == 2


def test_only_one_of_many_creators_of_a_title_wins(store: Store):
    def create(_: int) -> bool:
        try:
            store.create_page("ANALYTICS", "하나", "", author="jimin")
        except TitleTakenError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 1


def test_a_page_cannot_be_below_itself_in_another_space_or_nowhere(store: Store):
    top = store.create_page("ANALYTICS", "top", "", author="jimin")
    below = store.create_page("ANALYTICS", "below", "", top.id, author="jimin")
    other = store.create_page("OTHER", "other", "", author="jimin")
    for parent in (below.id, top.id, other.id, "999999"):
        with pytest.raises(ParentError):
            store.update_page(top.id, author="jimin", parent_id=parent)
    assert store.update_page(below.id, author="jimin", parent_id=None).parent_id is None


def test_children_keep_their_order_and_move_up_when_their_parent_is_trashed(store: Store):
    top = store.create_page("ANALYTICS", "top", "", author="jimin")
    middle = store.create_page("ANALYTICS", "middle", "", top.id, author="jimin")
    titles = ["ㄷ", "ㄱ", "ㄴ"]
    for title in titles:
        store.create_page("ANALYTICS", title, "", middle.id, author="jimin")
    assert [page.title for page in store.children(middle.id)] == titles
    assert [page.title for page in store.descendants(top.id)] == ["middle", *titles]
    store.trash_page(middle.id)
    assert {page.title for page in store.children(top.id)} == set(titles)
    assert store.ancestors(store.page_by_title("ANALYTICS", "ㄱ").id) == [store.page(top.id)]


def test_purging_a_page_removes_everything_that_hangs_on_it(store: Store):
    page = store.create_page("ANALYTICS", "T", "", author="jimin")
    file = store.add_attachment(page.id, "a", "text/plain", io.BytesIO(b"x"))
    store.add_comment(page.id, "<p/>", "jimin")
    store.add_labels(page.id, ["주간"])
    store.set_property(page.id, "k", {"v": 1})
    store.purge_page(page.id)
    assert store.page(page.id) is None
    assert not file.path.exists()
    assert store.comments(page.id) == store.labels(page.id) == store.properties(page.id) == []
    with pytest.raises(NotFoundError):
        store.purge_page(page.id)


def test_attachment_versions_keep_their_bytes_and_a_refused_upload_leaves_no_file(store: Store):
    page = store.create_page("ANALYTICS", "T", "", author="jimin")
    file = store.add_attachment(page.id, "a.png", "image/png", io.BytesIO(b"one"), "첫째", "jimin")
    store.add_attachment_version(file.id, io.BytesIO(b"two!"), comment="둘째", author="haruka")
    versions = store.attachment_versions(file.id)
    assert [(v.version, v.path.read_bytes(), v.size, v.comment, v.author) for v in versions] == [
        (2, b"two!", 4, "둘째", "haruka"),
        (1, b"one", 3, "첫째", "jimin"),
    ]
    with pytest.raises(FileNameTakenError):
        store.add_attachment(page.id, "a.png", "image/png", io.BytesIO(b"three"))
    files = [path for path in (store.directory / "files").rglob("*") if path.is_file()]
    assert sorted(files) == sorted(version.path for version in versions)


def test_a_property_is_written_only_on_top_of_the_version_it_is_based_on(store: Store):
    page = store.create_page("ANALYTICS", "T", "", author="jimin")
    first = store.set_property(page.id, "marker", {"원본": [1, None, "가"]}, expected_version=0)
    assert (first.version, first.value) == (1, {"원본": [1, None, "가"]})
    with pytest.raises(VersionConflictError):
        store.set_property(page.id, "marker", 2, expected_version=0)
    assert store.set_property(page.id, "marker", 2, expected_version=1).version == 2
    assert store.property(page.id, "marker").id == first.id


def test_messages_of_the_same_moment_have_different_ts(store: Store):
    at = datetime(2026, 11, 19, 0, 0, 0, 999_999, tzinfo=UTC)
    stamps = [store.add_message("#c", "bot", str(n), {"n": n}, "incoming", at).ts for n in range(3)]
    assert len(set(stamps)) == 3
    assert [message.text for message in store.messages("#c")] == ["0", "1", "2"]


def test_reset_forgets_rows_and_files(store: Store):
    page = store.create_page("ANALYTICS", "T", "", author="jimin")
    store.add_attachment(page.id, "a", "text/plain", io.BytesIO(b"x"))
    store.add_message("#c", "bot", "t", {}, "incoming")
    store.reset()
    assert store.is_empty()
    assert store.pages() == store.messages() == store.channels() == []
    assert not [path for path in (store.directory / "files").rglob("*") if path.is_file()]
    assert store.add_space("ANALYTICS", "새로").homepage_id is not None
