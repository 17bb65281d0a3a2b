from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import requests

from support.team_wiki import DIALECTS, Dialect
from support.wiki_exports import PAGES, SPACE, WikiExports
from workplace_provider.confluence.export import ExportOutcome
from workplace_sandbox import Fault, Sandbox


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either face of the wiki."""
    face: Dialect = request.param
    return face


Deed = Callable[[WikiExports, str], object]


def comment(exports: WikiExports, page: str, number: int = 0) -> str:
    return exports.store.comments(page)[number].id


DEEDS: dict[str, tuple[Deed, tuple[str, list[str]]]] = {
    "edited": (
        lambda it, page: it.store.update_page(page, author="alex", body="<p>고침</p>"),
        ("changed", ["version"]),
    ),
    "renamed": (
        lambda it, page: it.store.update_page(page, author="alex", title="새 이름"),
        ("changed", ["version", "title"]),
    ),
    "labelled": (lambda it, page: it.store.add_labels(page, ["새"]), ("changed", ["labels"])),
    "label taken": (lambda it, page: it.store.remove_label(page, "주간보고"), ("changed", ["labels"])),
    "new comment": (lambda it, page: it.store.add_comment(page, "<p>.</p>", "alex"), ("changed", ["comments"])),
    "answered": (
        lambda it, page: it.store.add_comment(page, "<p>.</p>", "alex", parent_id=comment(it, page)),
        ("changed", ["comments"]),
    ),
    "comment edited": (
        lambda it, page: it.store.update_comment(comment(it, page), author="alex", body="<p>!</p>"),
        ("changed", ["comments"]),
    ),
    "comment resolved": (
        lambda it, page: it.store.update_comment(comment(it, page), author="alex", resolved=True),
        ("changed", ["comments"]),
    ),
    "comment deleted": (lambda it, page: it.store.remove_comment(comment(it, page, 2)), ("changed", ["comments"])),
    "attached": (lambda it, page: it.attach(page, "새 파일.txt"), ("changed", ["attachments"])),
    "attachment renamed": (
        lambda it, page: it.store.update_attachment(it.store.attachments(page)[0].id, filename="다른 이름.txt"),
        ("changed", ["attachments"]),
    ),
    "attachment removed": (
        lambda it, page: it.store.remove_attachment(it.store.attachments(page)[0].id),
        ("changed", ["attachments"]),
    ),
    "deleted": (lambda it, page: it.store.trash_page(page), ("deleted", [])),
    "archived": (lambda it, page: it.store.archive_page(page), ("deleted", [])),
    "purged": (lambda it, page: it.store.purge_page(page), ("deleted", [])),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_change_is_noticed_for_what_it_is_and_nothing_else_is_read(exports: WikiExports, deed: str) -> None:
    page = next(page for page in exports.store.pages(SPACE) if len(exports.store.attachments(page.id)) == 2)
    exports.run()
    do, expected = DEEDS[deed]
    url = exports.page_url(page.id)
    do(exports, page.id)
    now = exports.store.page(page.id)
    outcome = exports.run(key="next")
    title = page.title if expected[0] == "deleted" or now is None else now.title
    assert exports.changes() == {title: expected}
    assert outcome.read == (expected[0] != "deleted")
    exports.run("b")
    assert exports.raw("a") == exports.raw("b")
    before = {name for name in exports.files("a") if name.startswith("files/")}
    assert before == {name for name in exports.files("b") if name.startswith("files/")}
    assert exports.manifest()["deleted"] == ([{"id": page.id, "title": title, "url": url}] * (not outcome.read))


def test_a_moved_page_takes_those_below_it_along(exports: WikiExports, pages: list[str]) -> None:
    child = exports.store.create_page(SPACE, "아래", "<p>.</p>", pages[5], author="alex").id
    exports.run()
    exports.store.update_page(pages[5], author="alex", parent_id=pages[9])
    exports.run(key="next")
    assert [what for _, what in exports.changes().values()] == [["version", "place"], ["place"]]
    assert [above["id"] for above in exports.pages()["아래"]["ancestors"]][-2:] == [pages[9], pages[5]]
    assert child


def test_an_unchanged_wiki_costs_listings_only(exports: WikiExports) -> None:
    exports.run()
    published = exports.files()
    outcome = exports.run(key="next")
    assert not outcome.published
    assert (outcome.read, outcome.manifest["changes"]) == (0, {"new": 0, "changed": 0, "deleted": 0})
    # On Cloud also who we are, the space's id, the labels, and the names of authors.
    assert len(exports.asked()) == (3 if exports.dialect == "datacenter" else 7), "pages, comments, files"
    assert not [each for each in exports.asked() if "body" in each]
    assert exports.files() == published


def test_a_run_that_is_repeated_says_the_same_again(exports: WikiExports, pages: list[str]) -> None:
    exports.run()
    exports.store.trash_page(pages[-1])
    first = exports.run(key="next")
    again = exports.run(key="next")
    assert again.published
    assert (again.read, again.manifest) == (0, first.manifest)


def test_a_full_export_reads_everything_and_finds_no_change(exports: WikiExports, pages: list[str]) -> None:
    exports.run()
    outcome = exports.run(key="next", mode="full")
    assert (outcome.read, outcome.manifest["number"]) == (len(pages), 2)
    assert exports.changes() == {}
    assert exports.raw("a", "pages.jsonl")


def test_another_choice_reads_everything_anew_and_leaves_no_files_behind(exports: WikiExports, pages: list[str]) -> None:
    exports.run()
    assert [name for name in exports.files() if name.startswith("files/")]
    outcome = exports.run(key="next", attachments="names", bodies=("view",))
    assert outcome.read == len(pages)
    assert not [name for name in exports.files() if name.startswith("files/")]
    assert set(exports.pages()["데이터분석팀 Home"]["bodies"]) == {"view"}


def test_only_so_many_exports_are_kept(exports: WikiExports, pages: list[str]) -> None:
    for number in range(4):
        exports.store.update_page(pages[3], author="alex", body=f"<p>{number}</p>")
        exports.run(key=str(number), keep=2)
    kept = {name.split("/")[1] for name in exports.files() if name.startswith("exports/")}
    assert kept == {"000003", "000004"}


def test_what_the_index_has_late_is_noticed_by_the_next_export(dialect: Dialect) -> None:
    with Sandbox(seed=False, search_lag=timedelta(hours=1)) as sandbox, tempfile.TemporaryDirectory() as folder:
        exports = WikiExports(sandbox, f"file://{folder}", dialect=dialect)
        page = sandbox.wiki.grow(SPACE, 3)[1]
        comment = exports.store.add_comment(page, "<p>.</p>", "alex")
        exports.run()
        assert not [line for line in exports.pages().values() if line["comments"]]
        exports.store.update_comment(comment.id, author="alex", body="<p>!</p>", at=datetime.now(UTC) - timedelta(hours=2))
        exports.run(key="an hour later")
        assert list(exports.changes().values()) == [("changed", ["comments"])]


def test_an_index_that_lacks_something_does_not_make_pages_look_new_every_time(exports: WikiExports) -> None:
    def run(key: str) -> ExportOutcome:
        """The listing of all comments, on Cloud that of labels as well, has nothing; those of single pages are found."""
        nothing = json.dumps({"results": [], "_links": {}})
        listings = 1 if exports.dialect == "datacenter" else 2
        exports.sandbox.add_fault(Fault("/content/search$", "status", status=200, body=nothing, times=listings))
        return exports.run(key=key, attachments="none", workers=1)

    assert run("first").published
    assert [line for line in exports.pages().values() if line["comments"]]
    assert not run("second").published
    outcome = exports.run(key="third", attachments="none")
    assert outcome.read
    assert exports.changes() == {}


def test_a_page_that_slips_through_the_listing_is_not_called_deleted(exports: WikiExports, pages: list[str]) -> None:
    """Rows move while one pages through a listing; here an answer has one row less."""
    exports.run()
    user, token = exports.sandbox.cloud_email, exports.sandbox.cloud_token
    address, params, headers = f"{exports.url}/api/v2/pages", {"limit": "250", "status": "current"}, {}
    if exports.dialect == "datacenter":
        address, headers = f"{exports.url}/rest/api/content", {"Authorization": f"Bearer {exports.sandbox.confluence_token}"}
        params = {"spaceKey": SPACE, "limit": "200", "expand": "version,space,ancestors,history,metadata.labels"}
    found = requests.get(address, params, headers=headers, auth=None if headers else (user, token), timeout=10).json()
    found["results"] = [row for row in found["results"] if row["id"] != pages[6]]
    exports.sandbox.add_fault(Fault(PAGES, "status", status=200, body=json.dumps(found)))
    outcome = exports.run(key="next")
    assert not outcome.published
    assert outcome.manifest["pages"] == len(pages)
