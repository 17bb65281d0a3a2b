from __future__ import annotations

import io
import subprocess
import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.faults import one_of_each_outcome
from support.team_wiki import (
    COPIED_BODY,
    DIALECTS,
    FILES,
    LABELS,
    LAST_WEEK,
    PROPERTIES,
    SPACE,
    THIS_WEEK,
    Dialect,
    TeamWiki,
)
from workplace_provider.confluence.client.model import Page, Restrictions
from workplace_provider.confluence.publishing.copy import (
    MARKER,
    CopySpec,
    PageAction,
    PageCopier,
    find_source,
    latest_before,
)
from workplace_provider.http.errors import AlreadyExists, NotFound, WorkplaceError
from workplace_sandbox.faults import Fault

# The writes of a copy, in order: page, marker, ledger, three files, labels, two properties; then the marker again. Cloud
# copies the files with the page.
WRITE_METHODS: dict[Dialect, list[str]] = {
    "datacenter": ["POST"] * 9 + ["PUT"],
    "cloud": ["POST"] * 6 + ["PUT"],
}
WRITES = [(dialect, write) for dialect in DIALECTS for write in range(len(WRITE_METHODS[dialect]))]
# A process each: the page is not marked, it is in the middle of its files, all but the last mark is there. An attempt that
# ends at each of the writes is among the faults below.
TELLING_WRITES = {"datacenter": {0, 5, 9}, "cloud": {0, 3, 6}}
KILLED_AFTER = [
    pytest.param(dialect, write, marks=() if write in TELLING_WRITES[dialect] else pytest.mark.large)
    for dialect, write in WRITES
]


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    dialect: Dialect = request.param
    return dialect


def test_everything_is_carried_over(wiki: TeamWiki) -> None:
    copied = wiki.copy()
    assert copied.changed
    assert copied.page.id == wiki.this_week().id
    wiki.assert_one_complete_copy()
    assert [method for method, _ in wiki.writes()] == WRITE_METHODS[wiki.dialect]


def test_a_second_run_returns_the_page_and_writes_nothing(wiki: TeamWiki) -> None:
    first = wiki.copy()
    wiki.sandbox.clear_requests()
    second = wiki.copy("run-2")
    assert (second.page.id, second.changed) == (first.page.id, False)
    assert wiki.writes() == []


def test_what_people_changed_since_stays(wiki: TeamWiki) -> None:
    page_id = wiki.copy().page.id
    wiki.sandbox.store.update_page(page_id, body="<p>사람이 썼다</p>", author="jimin")
    wiki.copy("run-2")
    assert wiki.this_week().body == "<p>사람이 썼다</p>"


FAULTS: dict[str, dict[str, Any]] = {
    "dropped before": {"kind": "drop_before"},
    "dropped after": {"kind": "drop_after"},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "503 after": {"kind": "status_after", "status": 503},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "3"}},
    "429 for long": {"kind": "status", "status": 429, "headers": {"Retry-After": "3600"}},
}


@pytest.mark.parametrize("fault", one_of_each_outcome(FAULTS))
@pytest.mark.parametrize(("dialect", "write"), WRITES, indirect=["dialect"])
def test_any_write_may_fail_and_the_retry_leaves_one_complete_page(wiki: TeamWiki, write: int, fault: str) -> None:
    method, skip = _nth_write(wiki.dialect, write)
    wiki.sandbox.add_fault(Fault(".*", method=method, skip=skip, **FAULTS[fault]))
    try:
        wiki.copy()
    except WorkplaceError as error:
        assert error.retryable  # noqa: PT017 - an attempt may succeed in spite of the fault
    assert wiki.fault_was_met()
    wiki.copy()
    wiki.assert_one_complete_copy()


def _nth_write(dialect: Dialect, write: int) -> tuple[str, int]:
    """The method of the n-th write, and how many of that method come before it."""
    methods = WRITE_METHODS[dialect]
    return methods[write], methods[:write].count(methods[write])


COPY_IN_A_PROCESS = """
import sys
from workplace_provider.confluence import connect
from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier
client = CONNECTED
source = client.get_page(sys.argv[1], body=True)
copier = PageCopier(client, CopySpec(source, sys.argv[2], source.parent_id, "run-1"))
copier.run(copier.plan())
"""


@pytest.mark.parametrize(("dialect", "write"), KILLED_AFTER, indirect=["dialect"])
def test_a_worker_killed_after_any_write_is_followed_up_by_the_retry(wiki: TeamWiki, write: int) -> None:
    method, skip = _nth_write(wiki.dialect, write)
    wiki.sandbox.add_fault(Fault(".*", "hang_after", method=method, skip=skip, delay=30))
    source = COPY_IN_A_PROCESS.replace("CONNECTED", wiki.connected)
    command = [sys.executable, "-c", source, wiki.last_week, THIS_WEEK]
    worker = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 20
        while not wiki.fault_was_met() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)  # the write itself takes a few milliseconds
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()
    wiki.sandbox.clear_faults()
    wiki.copy()
    wiki.assert_one_complete_copy()


def test_two_runs_at_the_same_time_make_one_page(wiki: TeamWiki) -> None:
    wiki.sandbox.add_fault(Fault(r"/rest/api/content(/\d+/copy)?$", "slow", method="POST", times=None, delay=0.2))
    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(wiki.copy, [f"run-{number}" for number in range(4)]))
    assert len({copied.page.id for copied in copies}) == 1
    wiki.assert_one_complete_copy()


def test_fail_means_fail_but_not_for_the_retry_of_the_same_run(wiki: TeamWiki) -> None:
    wiki.copy("run-1")
    assert not wiki.copy("run-1", if_exists="fail").changed
    with pytest.raises(AlreadyExists, match="let if_exists return or update it"):
        wiki.copy("run-2", if_exists="fail")


def test_a_page_that_a_person_made_is_returned_updated_or_refused(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    page = store.create_page(SPACE, THIS_WEEK, "<p>내 초안</p>", parent_id=wiki.parent, author="jimin")
    assert wiki.copy().page.id == page.id
    assert wiki.this_week().body == "<p>내 초안</p>"
    with pytest.raises(AlreadyExists):
        wiki.copy(if_exists="fail")
    assert wiki.copy(if_exists="update").changed
    updated = wiki.this_week()
    assert (updated.id, updated.version) == (page.id, 2)
    assert wiki.is_body(updated.body, COPIED_BODY)
    assert set(wiki.files(page.id)) == set(FILES)
    assert {label.name for label in store.labels(page.id)} == LABELS


def test_an_update_with_nothing_new_writes_no_version(wiki: TeamWiki) -> None:
    wiki.copy()
    assert not wiki.copy("run-2", if_exists="update").changed
    wiki.assert_one_complete_copy()


def test_an_update_brings_a_new_version_of_a_changed_file(wiki: TeamWiki) -> None:
    wiki.copy()
    store = wiki.sandbox.store
    changed = store.attachment_by_name(wiki.last_week, "표.csv")
    assert changed is not None
    store.add_attachment_version(changed.id, io.BytesIO("지표,값\n가,1\n".encode()), author="jimin")
    assert wiki.copy("run-2", if_exists="update").changed
    files = wiki.files(wiki.this_week().id)
    assert files["표.csv"] == (2, "지표,값\n가,1\n".encode())
    assert files["주간활성사용자.png"][0] == 1


@pytest.mark.parametrize("if_exists", ["return", "update", "fail"])
def test_a_title_held_elsewhere_is_an_error_that_says_where(wiki: TeamWiki, if_exists: str) -> None:
    page = wiki.sandbox.store.create_page(SPACE, THIS_WEEK, "<p>x</p>", author="jimin")
    with pytest.raises(AlreadyExists, match="elsewhere in the space") as caught:
        wiki.copy(if_exists=if_exists)
    assert page.id in str(caught.value)
    assert not caught.value.retryable
    assert wiki.writes() == []


def test_a_title_held_by_an_archived_page_is_an_error_that_says_so(wiki: TeamWiki) -> None:
    page = wiki.sandbox.store.create_page(SPACE, THIS_WEEK, "<p>x</p>", parent_id=wiki.parent, author="jimin")
    wiki.sandbox.store.archive_page(page.id)
    with pytest.raises(AlreadyExists, match="held by a page that is archived"):
        wiki.copy()


def test_a_page_in_the_trash_holds_no_title(wiki: TeamWiki) -> None:
    page = wiki.sandbox.store.create_page(SPACE, THIS_WEEK, "<p>x</p>", parent_id=wiki.parent, author="jimin")
    wiki.sandbox.store.trash_page(page.id)
    assert wiki.copy().changed
    assert wiki.this_week().id != page.id


def test_a_page_moved_by_a_person_is_still_ours(wiki: TeamWiki) -> None:
    page_id = wiki.copy().page.id
    elsewhere = wiki.sandbox.store.create_page(SPACE, "보관함", "<p>x</p>", author="jimin")
    wiki.sandbox.store.update_page(page_id, parent_id=elsewhere.id, author="jimin")
    assert wiki.copy("run-2").page.id == page_id


def test_attachments_may_be_referred_to_or_left_out(wiki: TeamWiki) -> None:
    wiki.copy(attachments="reference")
    page = wiki.this_week()
    assert wiki.files(page.id) == {}
    assert page.body.count(f'<ri:page ri:content-title="{LAST_WEEK}" ri:space-key="{SPACE}" />') == 2
    wiki.copy(title="without", attachments="none", labels=False, properties=False)
    (bare,) = [each for each in wiki.sandbox.store.pages(SPACE) if each.title == "without"]
    assert wiki.is_body(bare.body, COPIED_BODY)
    assert wiki.files(bare.id) == {}
    assert wiki.sandbox.store.labels(bare.id) == []
    assert set(wiki.properties(bare.id)) == {MARKER}


def test_some_properties_only(wiki: TeamWiki) -> None:
    wiki.copy(properties=["content-appearance-published"])
    properties = wiki.properties(wiki.this_week().id)
    assert properties["content-appearance-published"] == PROPERTIES["content-appearance-published"]
    assert "content-appearance-draft" not in properties


def test_restrictions_are_copied_when_asked_and_leave_the_account_in(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    store.set_restrictions(wiki.last_week, {"update": {"user": ["jimin"], "group": []}, "read": {"user": [], "group": []}})
    wiki.copy()
    assert not wiki.client().restrictions(wiki.this_week().id)
    wiki.copy(title="restricted", restrictions=True)
    (page,) = [each for each in store.pages(SPACE) if each.title == "restricted"]
    found = wiki.client().restrictions(page.id)
    assert (set(found.users["update"]), found.users["read"]) == ({wiki.account("jimin"), wiki.account("report-bot")}, ())


def test_a_plan_writes_nothing_and_shows_what_would_change(wiki: TeamWiki) -> None:
    client = wiki.client()
    source = client.get_page(wiki.last_week, body=True)
    plan = PageCopier(client, CopySpec(source, THIS_WEEK, wiki.parent, "run")).plan()
    assert plan.action is PageAction.CREATE
    assert {attachment.name for attachment in plan.attachments} == set(FILES)
    assert "활성 사용자가 늘었다.: inline-comment-marker" in plan.diff
    assert wiki.writes() == []


def test_file_names_are_copied_character_by_character(wiki: TeamWiki) -> None:
    decomposed = unicodedata.normalize("NFD", "스크린샷 1.png")
    store = wiki.sandbox.store
    store.add_attachment(wiki.last_week, decomposed, "image/png", io.BytesIO(b"x"), "", "jimin")
    assert decomposed in wiki.files(wiki.copy().page.id)


def test_all_attachments_of_a_page_with_many(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    page = store.create_page(SPACE, "many", "<p>x</p>", parent_id=wiki.parent, author="jimin")
    for number in range(120):
        store.add_attachment(page.id, f"파일 {number}.txt", "text/plain", io.BytesIO(b"%d" % number), "", "jimin")
    client = wiki.client()
    spec = CopySpec(client.get_page(page.id, body=True), "many copied", wiki.parent, "run")
    copied = PageCopier(client, spec).run(PageCopier(client, spec).plan())
    assert wiki.files(copied.page.id) == {f"파일 {number}.txt": (1, b"%d" % number) for number in range(120)}


# --- which page is copied ---------------------------------------------------------------------------------------------


def titled(title: str, status: str = "current") -> Page:
    return Page(title, SPACE, title, status, 1, "")


def test_the_latest_report_before_this_one() -> None:
    titles = [
        "20261119_주간 보고",
        "20261029_주간 보고",
        "20261105_주간 보고",
        "20261126_주간 보고",
        "회의록 20261118",
        "템플릿",
    ]
    found = latest_before("20261112_주간 보고", [titled(title) for title in titles])
    assert found is not None
    assert found.title == "20261105_주간 보고"
    assert latest_before("20261029_주간 보고", [titled(title) for title in titles]) is None
    assert latest_before("20261112_주간 보고", [titled("20261105_주간 보고", "archived")]) is None


REPORT_DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(st.lists(REPORT_DAYS, unique=True), REPORT_DAYS)
def test_the_latest_before_is_never_this_week_or_later(days: list[date], day: date) -> None:
    found = latest_before(f"{day:%Y%m%d}_보고", [titled(f"{each:%Y%m%d}_보고") for each in days])
    earlier = [f"{each:%Y%m%d}_보고" for each in days if f"{each:%Y%m%d}" < f"{day:%Y%m%d}"]
    assert (found.title if found else None) == max(earlier, default=None)


def test_source_by_title_must_be_under_the_parent(wiki: TeamWiki) -> None:
    store, client = wiki.sandbox.store, wiki.client()
    other = store.create_page(SPACE, "다른 부모", "<p>x</p>", author="jimin")

    def find(parent_id: str | None, title: str = LAST_WEEK, *, latest: bool = False) -> Page:
        return find_source(client, space=SPACE, title=title, new_title=THIS_WEEK, parent_id=parent_id, latest_child=latest)

    assert find(wiki.parent).id == find(None).id == wiki.last_week
    with pytest.raises(NotFound, match="is not under the parent"):
        find(other.id)
    with pytest.raises(NotFound, match=r"No page '20990101'.*last: '20261112_데이터분석팀 주간 보고'"):
        find(wiki.parent, "20990101")
    assert find(wiki.parent, "20990101", latest=True).id == wiki.last_week
    store.archive_page(wiki.last_week)
    with pytest.raises(NotFound, match="is archived"):
        find(wiki.parent)


def test_restrictions_let_the_account_in_only_where_somebody_is_kept_out() -> None:
    restricted = Restrictions({"read": (), "update": ("a",)}, {"read": (), "update": ()})
    assert restricted.including("bot").users == {"read": (), "update": ("a", "bot")}
    by_group = Restrictions({"read": (), "update": ()}, {"read": ("g",), "update": ()})
    assert by_group.including("bot").users == {"read": ("bot",), "update": ()}
    assert not Restrictions({"read": ()}, {})


def test_a_copy_in_memory_of_a_few_megabytes_for_a_large_file(wiki: TeamWiki, tmp_path: Path) -> None:
    """A large file passes through in flat memory; measured in a process of its own."""
    size = 100_000_000
    big = tmp_path / "big.bin"
    with big.open("wb") as stream:
        stream.truncate(size)
    with big.open("rb") as source:
        wiki.sandbox.store.add_attachment(wiki.last_week, "큰 파일.bin", "application/octet-stream", source, "", "jimin")
    measured = COPY_IN_A_PROCESS.replace("CONNECTED", wiki.connected).replace(
        "copier.run", "import resource\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\ncopier.run"
    )
    measured += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    command = [sys.executable, "-c", measured, wiki.last_week, THIS_WEEK]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert int(result.stdout) * 1024 < size / 4
    copied = wiki.sandbox.store.attachment_by_name(wiki.this_week().id, "큰 파일.bin")
    assert copied is not None
    assert copied.size == size
