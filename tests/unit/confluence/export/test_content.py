from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.team_wiki import DIALECTS, Dialect
from support.wiki_exports import PAGES, SPACE, WikiExports
from workplace_provider.confluence.client.model import Scope, quoted
from workplace_provider.confluence.export import ExportSpec
from workplace_provider.http.errors import Invalid, NotFound
from workplace_sandbox import Fault


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Either face of the wiki."""
    face: Dialect = request.param
    return face


def test_a_line_has_all_that_belongs_to_a_page(exports: WikiExports, pages: list[str]) -> None:
    store = exports.store
    page_id = store.create_page(
        SPACE, '주간 "보고" / 週報', "<p>본문&nbsp;</p>\r\n", pages[2], author="haruka", message="첫 판"
    ).id
    question = store.add_comment(page_id, "<p>왜?</p>", "alex")
    answer = store.add_comment(page_id, "<p>그래서</p>", "jimin", parent_id=question.id)
    beside = store.add_comment(page_id, "<p>여기</p>", "alex", location="inline", marker_ref="m1", selection="본문")
    store.update_comment(answer.id, author="jimin", body="<p>고침</p>")
    store.update_comment(beside.id, author="alex", resolved=True)
    store.add_labels(page_id, ["b", "a"])
    exports.attach(page_id, "표:1?.csv", b"1,2\n", "text/csv")
    exports.run(bodies=("storage", "view"))
    line = exports.pages()['주간 "보고" / 週報']
    assert line["bodies"]["storage"] == "<p>본문&nbsp;</p>\r\n"
    assert line["bodies"]["view"].startswith("<p>본문")
    assert (line["space"], line["status"], line["labels"]) == (SPACE, "current", ["a", "b"])
    assert line["url"] == exports.page_url(page_id)
    assert [above["id"] for above in line["ancestors"]] == [pages[0], pages[1], pages[2]]
    version = line["version"]
    assert (version["number"], version["message"]) == (1, "첫 판")
    haruka = {"name": exports.account("haruka"), "display_name": store.user("haruka").display_name}
    assert version["by"] == line["created"]["by"] == haruka
    assert version["at"] == line["created"]["at"]
    first, second, third = line["comments"]
    assert (first["id"], first["parent_id"], first["location"], first["resolution"]) == (question.id, None, "footer", "")
    assert (second["parent_id"], second["version"], second["bodies"]["storage"]) == (question.id, 2, "<p>고침</p>")
    assert (third["location"], third["resolution"]) == ("inline", "resolved")
    assert (third["selection"], third["marker"]) == ("본문", "m1")
    assert "<p>여기</p>" in third["bodies"]["view"]
    (file,) = line["attachments"]
    assert (file["name"], file["version"], file["size"], file["media_type"]) == ("표:1?.csv", 1, 4, "text/csv")
    assert exports.open("a", file["file"]).read() == b"1,2\n"
    assert not set(file["file"]) & set(':?*"<>|\\')


def test_lines_are_in_the_order_of_ids_and_the_manifest_tells_their_digest(exports: WikiExports, pages: list[str]) -> None:
    outcome = exports.run()
    assert [line["id"] for line in exports.pages().values()] == pages
    assert outcome.published
    assert outcome.read == len(pages) == outcome.manifest["pages"]
    assert outcome.manifest["changes"] == {"new": len(pages), "changed": 0, "deleted": 0}
    lines, changes = exports.manifest()["files"]
    for file, name in ((lines, "pages.jsonl"), (changes, "changes.jsonl")):
        content = Path(file["uri"]).read_bytes()
        assert file["name"] == name
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_bodies_come_many_in_one_answer(exports: WikiExports, pages: list[str]) -> None:
    exports.run(pages_per_request=50, attachments="none")
    asked = exports.asked()
    # The listings of pages and comments, then bodies and comments of all, 50 comments an answer.
    # On Cloud first who we are, the space's id, pages, labels, names, comments; then bodies, labels, comments.
    wanted = 2 + 1 + 2 if exports.dialect == "datacenter" else 6 + 1 + 1 + 1
    assert len(asked) == wanted, asked


def test_a_tree_is_its_root_and_all_below_it(exports: WikiExports, pages: list[str]) -> None:
    scope = Scope("root", pages[1])
    assert exports.run(scope=scope).manifest["pages"] == len(pages) - 1
    assert not exports.run(scope=scope, key="next").published
    exports.store.update_page(pages[5], author="alex", parent_id=pages[0])
    exports.run(scope=scope, key="third")
    gone = exports.store.page(pages[5])
    assert gone
    assert exports.changes()[gone.title] == ("deleted", [])


def test_a_query_finds_pages_whatever_its_order(exports: WikiExports) -> None:
    scope = Scope("cql", 'label = "주간보고" or title = "데이터분석팀 Home" ORDER BY created DESC')
    assert exports.run(scope=scope).manifest["pages"] == 2
    assert not exports.run(scope=scope, key="next").published


@pytest.mark.parametrize(
    ("attachments", "more", "left_out"),
    [
        ("names", {}, ["names only", "names only"]),
        ("files", {"media_types": ["image/*"]}, ["media type", None]),
        ("files", {"max_file_bytes": 50_000}, [None, "size"]),
    ],
)
def test_attachments_are_taken_by_choice(
    exports: WikiExports, attachments: str, more: dict[str, Any], left_out: list[str | None]
) -> None:
    exports.run(attachments=attachments, **more)
    line = next(line for line in exports.pages().values() if len(line["attachments"]) == 2)
    assert [each["left_out"] for each in line["attachments"]] == left_out
    assert [bool(each["file"]) for each in line["attachments"]] == [not each for each in left_out]


def test_without_comments_and_attachments_none_is_asked_for(exports: WikiExports) -> None:
    exports.run(comments=False, attachments="none")
    assert not [each for each in exports.asked() if "comment" in each or "attachment" in each]
    assert not exports.run(comments=False, attachments="none", key="next").published


def test_what_the_account_may_not_see_is_not_there(exports: WikiExports, pages: list[str]) -> None:
    exports.store.set_restrictions(pages[4], {"read": {"user": ["alex"], "group": []}})
    assert exports.run().manifest["pages"] == len(pages) - 1


def test_a_folder_is_for_one_scope(exports: WikiExports, pages: list[str]) -> None:
    exports.run()
    with pytest.raises(Invalid, match="export of another scope: space ANALYTICS"):
        exports.run(scope=Scope("root", pages[1]))


def test_names_from_outside_lead_nowhere(exports: WikiExports, pages: list[str], tmp_path: Path) -> None:
    for name in ("..가", "..\\..\\etc", "가" * 200 + ".txt", "CON", " .", "a:b|c"):
        exports.attach(pages[4], name, b"x")
    exports.run()
    line = next(line for line in exports.pages().values() if line["id"] == pages[4])
    places = [tmp_path / "a" / each["file"] for each in line["attachments"]]
    assert len(places) == len(set(places)) == 6
    for place in places:
        assert place.resolve().parent == (tmp_path / "a" / "files" / pages[4]).resolve()
        assert place.read_bytes() == b"x"


def test_half_a_character_is_kept_as_it_came(exports: WikiExports, pages: list[str]) -> None:
    row = {
        "id": pages[3],
        "title": "반쪽 \ud83d",
        "status": "current",
        "space": {"key": SPACE},
        "version": {"number": 9, "when": "2026-11-22T09:00:00.000+09:00", "createdAt": "2026-11-22T00:00:00.000Z"},
        "body": {"storage": {"value": "<p>\udc00</p>"}},
    }
    listing = {"results": [row], "_links": {}}
    for path, answer in ((PAGES, listing), (r"/rest/api/content/\d+$", row)):
        exports.sandbox.add_fault(Fault(path, "status", status=200, body=json.dumps(answer), times=None))
    exports.run(comments=False, attachments="none")
    exports.sandbox.clear_faults()
    assert exports.pages()["반쪽 \ud83d"]["bodies"] == {"storage": "<p>\udc00</p>"}
    exports.store.trash_page(pages[3])
    exports.run(comments=False, attachments="none", key="next")
    assert exports.manifest()["deleted"][0]["title"] == "반쪽 \ud83d"


def test_an_empty_scope_is_an_error_and_no_empty_export(exports: WikiExports) -> None:
    with pytest.raises(NotFound):
        exports.run(scope=Scope("space", "NOWHERE"))
    with pytest.raises(Invalid, match="No page in the query"):
        exports.run(scope=Scope("cql", "label = nothing"))


@pytest.mark.parametrize("name", ["exports/000001/index.jsonl", "exports/000001/pages.jsonl", "files"])
def test_what_a_rule_for_old_files_has_deleted_comes_anew(exports: WikiExports, tmp_path: Path, name: str) -> None:
    exports.run()
    before = exports.raw("a")
    place = tmp_path / "a" / name
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    outcome = exports.run(key="next")
    assert outcome.published
    assert outcome.read == (2 if name == "files" else outcome.manifest["pages"])
    assert outcome.manifest["changes"]["changed"] == 0
    assert exports.raw("a") == before
    exports.run("b")
    there = [{each: content for each, content in exports.files(x).items() if each.startswith("files/")} for x in "ab"]
    assert there[0] == there[1]
    assert not exports.run(key="third").published


def test_a_broken_export_is_named(exports: WikiExports, tmp_path: Path) -> None:
    exports.run()
    index = tmp_path / "a" / "exports" / "000001" / "index.jsonl"
    index.write_bytes(index.read_bytes()[:-20])
    with pytest.raises(Invalid, match=r"index\.jsonl cannot be read.*\n?.*remove it"):
        exports.run(key="next")
    (tmp_path / "a" / "manifest.json").write_text("{")
    with pytest.raises(Invalid, match="is not valid JSON"):
        exports.run(key="next")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"bodies": ["wiki"]}, "bodies has 'wiki'"),
        ({"attachments": "some"}, "attachments is 'some'"),
        ({"workers": 0}, "workers is 0"),
        ({"pages_per_request": 500}, "from 1 to 100"),
        ({"mode": "partial"}, "mode is 'partial'"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ExportSpec(Scope("space", SPACE), **given)


def test_a_scope_is_one_thing_and_cannot_be_broken_out_of() -> None:
    with pytest.raises(ValueError, match="none was given"):
        Scope.of(space=" ", root="", cql=None)
    with pytest.raises(ValueError, match="space, cql was given"):
        Scope.of(space="A", cql="type = page")
    assert Scope("root", '1" or space = "B').cql.startswith('(id = "1\\" or space = \\"B" or')
    assert quoted('a\\"b') == '"a\\\\\\"b"'
    with pytest.raises(Invalid, match="no condition"):
        _ = Scope("cql", "order by created").cql
