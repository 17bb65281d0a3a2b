from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from support.consented import atlassian
from support.team_wiki import LAST_WEEK, QUICK, SPACE, TeamWiki
from support.wiki_exports import WikiExports
from workplace_provider.common.atlassian.credentials import ScopedToken
from workplace_provider.confluence import connect
from workplace_provider.confluence.auth.scopes import SCOPES
from workplace_provider.confluence.client.cloud import CloudClient
from workplace_provider.confluence.client.model import Page, Scope
from workplace_provider.confluence.client.protocol import WikiReader
from workplace_provider.http.errors import AuthFailed, NotFound
from workplace_sandbox import Fault, Sandbox


@pytest.fixture
def client(wiki: TeamWiki) -> Iterator[CloudClient]:
    client = wiki.client()
    assert isinstance(client, CloudClient)
    yield client
    client.close()


@pytest.fixture
def reader(wiki: TeamWiki, client: CloudClient) -> WikiReader:
    reader = client.reader()
    wiki.sandbox.clear_requests()
    return reader


def scoped(sandbox: Sandbox, *without: str) -> WikiReader:
    """By the gateway, with those of the documented scopes that are for reading."""
    reading = [scope for scope in SCOPES if scope.startswith("read:") and scope not in without]
    token = sandbox.cloud.make_api_token(scopes=reading)
    credential = ScopedToken(sandbox.cloud_email, token, atlassian=atlassian(sandbox))
    return connect(sandbox.cloud_url, credential=credential, settings=QUICK, sleep=lambda _: None).reader()


def paths(wiki: TeamWiki) -> list[str]:
    return [each.path.partition("/wiki/")[2] for each in wiki.sandbox.requests()]


def above(page: Page) -> list[str]:
    return [title for _, title in page.ancestors]


def test_folders_are_places_and_no_pages(wiki: TeamWiki, reader: WikiReader) -> None:
    folder = wiki.sandbox.cloud.add_folder("보관 フォルダ", wiki.parent)
    inner = wiki.sandbox.cloud.add_folder("안쪽", folder)
    page = wiki.sandbox.store.create_page(SPACE, "안에 있는 쪽", "<p>.</p>", author="jimin").id
    wiki.sandbox.cloud.put_in_folder(page, inner)
    child = wiki.sandbox.store.create_page(SPACE, "그 아래", "<p>.</p>", page, author="jimin").id
    found = {each.id: each for each in reader.pages(Scope("space", SPACE))}
    assert above(found[child]) == ["주간 보고", "보관 フォルダ", "안쪽", "안에 있는 쪽"]
    assert folder not in found
    by_root = {each.id: each for each in reader.pages(Scope("root", wiki.parent))}
    assert {wiki.parent, wiki.last_week, page, child} == set(by_root)
    assert by_root[child] == found[child]
    assert {each.id for each in reader.pages(Scope("root", folder))} == {page, child}
    (alone,) = scoped(wiki.sandbox).pages_by_id([child], ())
    assert alone.ancestors == found[child].ancestors
    with pytest.raises(NotFound):
        list(reader.pages(Scope("root", "99999999")))


def test_what_is_out_of_sight_above_a_page_is_there_all_the_same(wiki: TeamWiki, reader: WikiReader) -> None:
    folder = wiki.sandbox.cloud.add_folder("안 보임", wiki.parent)
    page = wiki.sandbox.store.create_page(SPACE, "안에 있는 쪽", "<p>.</p>", author="jimin").id
    wiki.sandbox.cloud.put_in_folder(page, folder)
    wiki.sandbox.add_fault(Fault(f"/folders/{folder}$", "status", status=404, times=None))
    found = {each.id: each for each in reader.pages(Scope("space", SPACE))}
    assert found[page].ancestors == ((folder, ""),)
    assert paths(wiki).count(f"api/v2/folders/{folder}") == 1


def test_a_tree_is_followed_to_any_depth(wiki: TeamWiki, reader: WikiReader) -> None:
    at, chain = wiki.parent, [wiki.parent]
    for level in range(25):
        at = wiki.sandbox.store.create_page(SPACE, f"깊이 {level}", "<p>.</p>", at, author="jimin").id
        chain.append(at)
    found = {each.id: each for each in reader.pages(Scope("root", wiki.parent))}
    assert set(found) == {*chain, wiki.last_week}
    assert [each for each, _ in found[at].ancestors] == chain[:-1]


def test_every_answer_names_the_comment_that_it_answers(wiki: TeamWiki, reader: WikiReader) -> None:
    store = wiki.sandbox.store
    question = store.add_comment(wiki.last_week, "<p>왜?</p>", "alex")
    answers = [store.add_comment(wiki.last_week, f"<p>{n}</p>", "jimin", parent_id=question.id) for n in range(30)]
    deeper = store.add_comment(wiki.last_week, "<p>!</p>", "alex", parent_id=answers[-1].id)
    found = {each.id: each for each in reader.comments(space=SPACE)}
    assert found[question.id].parent_id is None
    assert {found[each.id].parent_id for each in answers} == {question.id}
    assert found[deeper.id].parent_id == answers[-1].id
    # 25 come with the question; for the rest it is asked alone.
    assert [path for path in paths(wiki) if "children" in path] == [f"api/v2/footer-comments/{question.id}/children"]
    assert found == {each.id: each for each in reader.comments(page_ids=[wiki.last_week])}


def test_an_answer_that_the_site_calls_older_is_still_one(wiki: TeamWiki, reader: WikiReader) -> None:
    """As comments are that were brought along from elsewhere."""
    store = wiki.sandbox.store
    question = store.add_comment(wiki.last_week, "<p>왜?</p>", "alex")
    answer = store.add_comment(
        wiki.last_week, "<p>.</p>", "jimin", parent_id=question.id, at=datetime(2024, 1, 1, tzinfo=UTC)
    )
    found = [(each.id, each.parent_id) for each in reader.comments(page_ids=[wiki.last_week])]
    assert found == [(answer.id, question.id), (question.id, None)]


def test_both_bodies_of_many_pages_take_two_requests(wiki: TeamWiki, reader: WikiReader) -> None:
    ids = wiki.sandbox.wiki.grow(SPACE, 40)
    listed = {each.id for each in reader.pages(Scope("space", SPACE))}
    wiki.sandbox.clear_requests()
    pages = list(reader.pages_by_id(ids[:40], ("storage", "view")))
    assert listed >= {page.id for page in pages}
    assert len(pages) == 40
    assert all(page.bodies["storage"] and page.bodies["view"] for page in pages)
    assert paths(wiki) == ["api/v2/pages", "rest/api/content/search"]


def test_what_the_index_does_not_have_yet_is_asked_for_by_itself() -> None:
    with Sandbox(seed=False, search_lag=timedelta(hours=1)) as sandbox, tempfile.TemporaryDirectory() as folder:
        exports = WikiExports(sandbox, f"file://{folder}", dialect="cloud")
        page = sandbox.wiki.grow(SPACE, 2)[0]
        sandbox.store.add_labels(page, ["주간보고"])
        exports.run(bodies=("storage", "view"))
        lines = exports.pages().values()
        assert [line["labels"] for line in lines if line["id"] == page] == [["주간보고"]]
        assert all(bool(line["bodies"]["view"]) == bool(line["bodies"]["storage"]) for line in lines)
        assert not exports.run(key="next", bodies=("storage", "view")).published


def test_more_labels_than_an_answer_has_are_all_there(wiki: TeamWiki, reader: WikiReader) -> None:
    wanted = tuple(sorted(f"라벨-{number}" for number in range(260)))
    wiki.sandbox.store.add_labels(wiki.parent, wanted)
    (page,) = reader.pages_by_id([wiki.parent], ())
    assert page.labels == wanted


def test_the_scopes_for_reading_are_enough(wiki: TeamWiki) -> None:
    reader = scoped(wiki.sandbox)
    wiki.sandbox.store.add_comment(wiki.last_week, "<p>왜?</p>", "alex")
    for scope in (Scope("space", SPACE), Scope("root", wiki.parent), Scope("cql", f'title = "{LAST_WEEK}"')):
        assert wiki.last_week in {page.id for page in reader.pages(scope)}
    (page,) = reader.pages_by_id([wiki.last_week], ("storage", "view"))
    assert page.updated.by.display_name == "김지민" != page.updated.by.name
    assert page.url.startswith(f"{wiki.sandbox.cloud_url}/wiki/spaces/{SPACE}/pages/")
    assert len(list(reader.comments(space=SPACE))) == 1
    for file in reader.files(page_ids=[wiki.last_week]):
        sink = io.BytesIO()
        reader.download(file, sink)
        assert len(sink.getvalue()) == file.size


def test_without_leave_to_see_people_their_ids_stand_for_them(wiki: TeamWiki) -> None:
    (page,) = scoped(wiki.sandbox, "read:user:confluence").pages_by_id([wiki.last_week], ())
    assert page.created.by.name == page.created.by.display_name == wiki.account("jimin")


def test_names_are_asked_for_once(wiki: TeamWiki, reader: WikiReader) -> None:
    for _ in range(3):
        list(reader.pages(Scope("space", SPACE)))
    assert paths(wiki).count("api/v2/users-bulk") == 1


def test_a_token_that_has_ended_makes_no_page_gone(wiki: TeamWiki, reader: WikiReader) -> None:
    """A site that is open to the public answers nobody with what is public: here with nothing."""
    nothing = '{"results": [], "_links": {}}'
    nobody = '{"type": "Anonymous", "displayName": "Anonymous"}'
    wiki.sandbox.add_fault(Fault("/api/v2/pages$", "status", status=200, body=nothing, times=None))
    wiki.sandbox.add_fault(Fault("/rest/api/user/current$", "status", status=200, body=nobody, times=None))
    with pytest.raises(AuthFailed, match="Anonymous"):
        list(reader.pages(Scope("space", SPACE)))
    with pytest.raises(AuthFailed, match="Anonymous"):
        list(reader.pages_by_id([wiki.last_week], ()))
