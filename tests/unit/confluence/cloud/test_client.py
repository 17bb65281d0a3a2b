from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from support.consented import atlassian, consented_client, first_tokens, refreshes
from support.scripted_server import ScriptedServer, reply
from support.team_wiki import COPIED_BODY, FILES, LAST_WEEK, QUICK, SPACE, THIS_WEEK, TeamWiki
from workplace_provider.common.atlassian.credentials import ScopedToken
from workplace_provider.common.atlassian.token_store import MemoryTokenStore
from workplace_provider.confluence import connect
from workplace_provider.confluence.client.cloud import CloudClient
from workplace_provider.confluence.client.model import Restrictions
from workplace_provider.confluence.client.protocol import ConfluenceClient, CopiesPages, HasFolders
from workplace_provider.confluence.client.responses import Content, Links
from workplace_provider.confluence.publishing.attachments import Attacher, UploadAction, make_upload
from workplace_provider.confluence.publishing.copy import CopySpec, PageCopier
from workplace_provider.confluence.publishing.parents import find_parents
from workplace_provider.http.client import FilePart
from workplace_provider.http.errors import AlreadyExists, AuthFailed, Forbidden, Invalid, NotFound, TooLarge
from workplace_sandbox.faults import Fault


@pytest.fixture
def client(wiki: TeamWiki) -> Iterator[CloudClient]:
    client = wiki.client()
    assert isinstance(client, CloudClient)
    yield client
    client.close()


def test_the_client_is_of_every_kind(client: CloudClient) -> None:
    assert isinstance(client, CopiesPages)
    assert isinstance(client, HasFolders)
    protocol: ConfluenceClient = client
    assert protocol.server().deployment == "cloud"


# --- pages --------------------------------------------------------------------------------------------------------------


def test_400_children_come_in_order_by_a_request_for_a_hundred(wiki: TeamWiki, client: CloudClient) -> None:
    for number in range(399):
        wiki.sandbox.store.create_page(SPACE, f"주간 {number}", "<p>x</p>", parent_id=wiki.parent, author="jimin")
    wiki.sandbox.clear_requests()
    children = list(client.children(wiki.parent))
    assert [child.title for child in children] == [LAST_WEEK, *(f"주간 {number}" for number in range(399))]
    assert {(child.parent_id, child.space, child.version) for child in children} == {(wiki.parent, SPACE, 1)}
    assert len(wiki.sandbox.requests()) == 2 + 4


def test_children_of_a_folder_and_folders_among_children(wiki: TeamWiki, client: CloudClient) -> None:
    cloud, store = wiki.sandbox.cloud, wiki.sandbox.store
    folder = cloud.add_folder("2026년 보고", wiki.parent)
    cloud.put_in_folder(wiki.last_week, folder)
    other = store.create_page(SPACE, "기준표", "<p>x</p>", parent_id=wiki.parent, author="jimin")
    assert [child.id for child in client.children(folder)] == [wiki.last_week]
    assert [child.id for child in client.children(wiki.parent)] == [other.id]
    assert client.get_page(wiki.last_week).parent_id == folder
    with pytest.raises(NotFound, match="page"):
        list(client.children("999"))


def test_a_page_is_made_and_copied_below_a_folder(wiki: TeamWiki, client: CloudClient) -> None:
    folder = wiki.sandbox.cloud.add_folder("2026년 보고", wiki.parent)
    made = client.create_page(SPACE, "새 보고", "<p>x</p>", parent_id=folder)
    assert made.parent_id == folder
    copied = wiki.copy(parent_id=folder)
    assert client.get_page(copied.page.id).parent_id == folder
    assert set(wiki.files(copied.page.id)) == set(FILES)


def test_a_path_of_parents_may_lead_through_folders(wiki: TeamWiki, client: CloudClient) -> None:
    folder = wiki.sandbox.cloud.add_folder("2026년", wiki.parent)
    parent, missing = find_parents(client, SPACE, "주간 보고/2026년")
    assert missing is None
    assert parent is not None
    assert (parent.id, parent.parent_id) == (folder, wiki.parent)
    inner, _ = find_parents(client, SPACE, ["주간 보고", "2026년", "11월"], create=True)
    assert inner is not None
    assert inner.parent_id == folder
    space = wiki.sandbox.store.space(SPACE)
    assert space is not None
    top = wiki.sandbox.cloud.add_folder("보고 모음", space.homepage_id)
    found, _ = find_parents(client, SPACE, "보고 모음")
    assert found is not None
    assert found.id == top


def test_a_folder_that_is_there_twice_is_not_guessed(server: ScriptedServer) -> None:
    folder = {"type": "folder", "status": "current", "title": '"2026\\년"'}
    rows = [{**folder, "id": "8"}, {**folder, "id": "9"}, {**folder, "id": "10", "title": "2026년"}]
    found = reply(200, json.dumps({"results": rows}).encode())
    server.will(reply(200, b'{"results": [{"id": "11", "key": "TEAM"}]}'), found)
    client = connect(server.url, user="a@example.com", token="t", deployment="cloud", settings=QUICK)
    assert isinstance(client, CloudClient)
    with pytest.raises(Invalid, match="2 folders"):
        client.find_folder("TEAM", folder["title"])
    with pytest.raises(Invalid, match="2 folders"):
        client.find_folder("TEAM", folder["title"], parent_id="7")
    (cql,) = dict(parse_qsl(urlsplit(server.asked[1].path).query))["cql"].split(" and title = ")[1:]
    assert cql == r'"\"2026\\년\""'


def test_without_a_parent_a_page_is_at_the_top_of_the_space(wiki: TeamWiki, client: CloudClient) -> None:
    assert client.create_page(SPACE, "맨 위", "<p>x</p>").parent_id is None


def test_an_archived_page_holds_its_title(wiki: TeamWiki, client: CloudClient) -> None:
    wiki.sandbox.cloud.archive_page(wiki.last_week)
    found = client.find_page(SPACE, LAST_WEEK.lower())
    assert found is not None
    assert (found.id, found.status) == (wiki.last_week, "archived")
    with pytest.raises(AlreadyExists, match="archived page; restore or rename it"):
        client.create_page(SPACE, LAST_WEEK, "<p>x</p>")
    with pytest.raises(Invalid, match="is archived"):
        client.update_page(wiki.last_week, lambda _: "<p>y</p>")


def test_a_page_is_archived_and_waited_for(wiki: TeamWiki, client: CloudClient) -> None:
    client.archive_page(wiki.last_week)
    assert client.get_page(wiki.last_week).status == "archived"
    wiki.sandbox.clear_requests()
    client.archive_page(wiki.last_week)
    assert wiki.writes() == []


def test_a_person_s_edit_between_read_and_write_is_kept(wiki: TeamWiki, client: CloudClient) -> None:
    seen: list[str] = []

    def edit(body: str) -> str:
        seen.append(body)
        if len(seen) == 1:
            wiki.sandbox.store.update_page(wiki.parent, body="<p>사람</p>", author="jimin")
        return f"{body}<p>기계</p>"

    page, changed = client.update_page(wiki.parent, edit, message="자동")
    assert (page.version, changed) == (3, True)
    assert seen == ["<p>보고서</p>", "<p>사람</p>"]
    assert client.get_version(wiki.parent, 3).message == "자동"
    assert client.get_version(wiki.parent, 2).author == wiki.account("jimin")
    assert client.update_page(wiki.parent, lambda body: body.replace("<p>", "<p >"))[1] is False


def test_a_page_past_five_megabytes_is_too_large(client: CloudClient) -> None:
    with pytest.raises(TooLarge, match="5 MB"):
        client.create_page(SPACE, "큰 페이지", f"<p>{'가' * 2_000_000}</p>")


def test_search_follows_its_cursor(wiki: TeamWiki, client: CloudClient) -> None:
    for number in range(130):
        wiki.sandbox.store.create_page(SPACE, f"찾을 것 {number}", "<p>본문</p>", parent_id=wiki.parent, author="jimin")
    found = list(client.search(f'space = "{SPACE}" and type = page and title ~ "찾을"', body=True))
    assert len(found) == 130
    assert {page.body for page in found} == {"<p>본문</p>"}


# --- copies -------------------------------------------------------------------------------------------------------------


def test_a_copy_carries_no_bytes(wiki: TeamWiki) -> None:
    wiki.copy()
    sent = [asked.path for asked in wiki.sandbox.requests()]
    assert not [path for path in sent if "download" in path or path.endswith("/child/attachment")]
    wiki.assert_one_complete_copy()


def test_a_copy_under_another_name_is_taken_back(server: ScriptedServer) -> None:
    """What the site does when the title is taken is not described; it may number the copy."""
    page = {"id": "8", "type": "page", "status": "current", "title": f"{THIS_WEEK} (2)", "version": {"number": 1}}
    server.will(
        reply(200, json.dumps(page).encode()),
        reply(200, json.dumps({**page, "authorId": "a", "_links": {"webui": "/spaces/TEAM/pages/8"}}).encode()),
        reply(200, b'{"type": "known", "accountId": "a"}'),
        reply(204, b""),
        reply(200, b'{"results": [{"id": "11", "key": "TEAM"}]}'),
        reply(200, b'{"results": [], "_links": {}}'),
        reply(200, b'{"type": "known", "accountId": "a"}'),
    )
    client = connect(server.url, user="a@example.com", token="t", deployment="cloud", settings=QUICK, sleep=lambda _: None)
    assert isinstance(client, CloudClient)
    source = client._page(Content(id="7", title=LAST_WEEK, links=Links(webui="/spaces/TEAM/pages/7")))
    with pytest.raises(AlreadyExists, match="is in the trash again"):
        client.copy_page(source, "TEAM", THIS_WEEK, "<p>x</p>", parent_id="3")
    assert [(asked.method, asked.path) for asked in server.asked[3:4]] == [("DELETE", "/wiki/api/v2/pages/8")]


def test_a_token_that_ends_in_the_middle_of_a_copy_is_renewed(wiki: TeamWiki) -> None:
    store = MemoryTokenStore(first_tokens(wiki.sandbox))
    client = consented_client(wiki.sandbox, store)
    source = client.get_page(wiki.last_week, body=True)
    for ends_after in range(12):
        copier = PageCopier(client, CopySpec(source, f"{THIS_WEEK} {ends_after}", wiki.parent, "run"))
        asked = 0
        request = client._http._send_once  # type: ignore[attr-defined]

        def expiring(*args: Any, ends_after: int = ends_after, request: Any = request, **options: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked == ends_after + 1:
                wiki.sandbox.cloud.expire_access_tokens()
            return request(*args, **options)

        client._http._send_once = expiring  # type: ignore[attr-defined]
        made = copier.run(copier.plan())
        client._http._send_once = request  # type: ignore[attr-defined]
        assert wiki.is_body(client.get_page(made.page.id, body=True).body or "", COPIED_BODY)
        assert set(wiki.files(made.page.id)) == set(FILES)
    assert len(refreshes(wiki.sandbox)) == 1 + 12


def test_a_consent_that_ends_in_the_middle_leaves_a_copy_that_is_finished_later(wiki: TeamWiki) -> None:
    store = MemoryTokenStore(first_tokens(wiki.sandbox))
    client = consented_client(wiki.sandbox, store)
    source = client.get_page(wiki.last_week, body=True)
    copier = PageCopier(client, CopySpec(source, THIS_WEEK, wiki.parent, "run-1"))
    plan = copier.plan()
    add_labels = client.add_labels

    def ending(page_id: str, labels: Any) -> None:
        wiki.sandbox.cloud.revoke_consents()
        add_labels(page_id, labels)

    client.add_labels = ending  # type: ignore[method-assign]
    with pytest.raises(AuthFailed, match="consent again"):
        copier.run(plan)
    wiki.copy("run-1")
    wiki.assert_one_complete_copy()


# --- files --------------------------------------------------------------------------------------------------------------


def attach(client: CloudClient, page_id: str, content: bytes) -> UploadAction:
    upload = make_upload(FilePart("주간.png", lambda: io.BytesIO(content), "image/png"), comment="설명")
    attacher = Attacher(client, page_id)
    (done,) = attacher.run(attacher.plan([upload]))
    return done.action


def test_a_503_that_left_a_whole_file_leaves_one_version(wiki: TeamWiki, client: CloudClient) -> None:
    wiki.sandbox.add_fault(Fault("/child/attachment$", "status_after", method="POST", status=503))
    assert attach(client, wiki.parent, b"\x89PNG") is UploadAction.CREATE
    assert wiki.files(wiki.parent) == {"주간.png": (1, b"\x89PNG")}


def test_an_upload_that_cloud_spoils_is_mended(wiki: TeamWiki, client: CloudClient) -> None:
    wiki.sandbox.cloud.spoil_uploads()
    assert attach(client, wiki.parent, b"\x89PNG") is UploadAction.CREATE
    assert attach(client, wiki.parent, b"\x89PNG") is UploadAction.UNCHANGED
    assert wiki.files(wiki.parent) == {"주간.png": (2, b"\x89PNG")}


def test_a_503_that_left_a_broken_file_is_mended_by_a_version(wiki: TeamWiki, client: CloudClient) -> None:
    wiki.sandbox.add_fault(Fault("/child/attachment$", "status", method="POST", status=503))
    # What Cloud leaves behind then: an entry with the name, and not the bytes.
    wiki.sandbox.store.add_attachment(wiki.parent, "주간.png", "image/png", io.BytesIO(b"\x00"), "", "report-bot")
    file = FilePart("주간.png", lambda: io.BytesIO(b"\x89PNG"), "image/png")
    assert client.create_attachment(wiki.parent, file, comment="설명").version == 2
    assert wiki.files(wiki.parent) == {"주간.png": (2, b"\x89PNG")}


def test_files_go_and_come_by_the_gateway(wiki: TeamWiki) -> None:
    sandbox = wiki.sandbox
    credential = ScopedToken(sandbox.cloud_email, sandbox.cloud_scoped_token, atlassian=atlassian(sandbox))
    client = connect(sandbox.cloud_url, credential=credential, settings=QUICK)
    assert isinstance(client, CloudClient)
    assert attach(client, wiki.parent, b"one") is UploadAction.CREATE
    assert attach(client, wiki.parent, b"one") is UploadAction.UNCHANGED
    assert attach(client, wiki.parent, b"two") is UploadAction.UPDATE
    found = client.find_attachment(wiki.parent, "주간.png")
    assert found is not None
    assert found.comment.startswith("설명 · sha256:")
    sink = io.BytesIO()
    done = client.download_attachment(found, sink)
    assert sink.getvalue() == b"two"
    assert "token" not in repr(done)
    assert client.get_page(wiki.parent).url.startswith(f"{sandbox.cloud_url}/wiki/spaces/{SPACE}/pages/")


def test_an_upload_whose_token_has_ended_is_sent_again_whole(wiki: TeamWiki) -> None:
    client = consented_client(wiki.sandbox, MemoryTokenStore(first_tokens(wiki.sandbox)))
    assert isinstance(client, CloudClient)
    client.current_user()
    wiki.sandbox.cloud.expire_access_tokens()
    file = FilePart("큰.bin", lambda: io.BytesIO(b"x" * 300_000))
    assert client.create_attachment(wiki.parent, file).size == 300_000
    wiki.sandbox.cloud.expire_access_tokens()
    sink = io.BytesIO()
    found = client.find_attachment(wiki.parent, "큰.bin")
    assert found is not None
    wiki.sandbox.cloud.expire_access_tokens()
    assert client.download_attachment(found, sink).size == 300_000
    assert len(refreshes(wiki.sandbox)) == 4


# --- what belongs to a page ---------------------------------------------------------------------------------------------


def test_comments_with_their_replies(wiki: TeamWiki, client: CloudClient) -> None:
    store = wiki.sandbox.store
    comment = store.add_comment(wiki.parent, "<p>좋네요</p>", "jimin")
    store.add_comment(wiki.parent, "<p>그렇죠</p>", "report-bot", parent_id=comment.id)
    store.add_comment(wiki.parent, "<p>옆</p>", "jimin", location="inline", marker_ref="r", selection="보고서")
    found = list(client.comments(wiki.parent))
    assert [(each.body, each.location, each.parent_id) for each in found] == [
        ("<p>좋네요</p>", "footer", None),
        ("<p>그렇죠</p>", "footer", found[0].id),
        ("<p>옆</p>", "inline", None),
    ]
    assert found[1].author == "보고봇"


def test_restrictions_are_set_read_and_lifted(wiki: TeamWiki, client: CloudClient) -> None:
    jimin, bot = wiki.account("jimin"), wiki.account("report-bot")
    client.set_restrictions(wiki.parent, Restrictions({"update": (jimin, bot), "read": ()}, {"update": (), "read": ()}))
    assert set(client.restrictions(wiki.parent).users["update"]) == {jimin, bot}
    client.set_restrictions(wiki.parent, Restrictions())
    assert not client.restrictions(wiki.parent)


def test_two_who_write_a_property_at_once_lose_nothing(wiki: TeamWiki, client: CloudClient) -> None:
    calls = 0

    def update(present: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            other = wiki.client()
            other.set_property(wiki.parent, "ours", lambda _: {"other": 1})
            other.close()
        return {**(present or {}), "mine": 1}

    assert client.set_property(wiki.parent, "ours", update) == {"other": 1, "mine": 1}
    assert client.set_property(wiki.parent, "ours", update, absent=True)["mine"] == 1


def test_a_template_and_its_labels(wiki: TeamWiki, client: CloudClient) -> None:
    template = wiki.sandbox.store.add_template(SPACE, "주간", "<p>본문</p>", labels=["주간보고"])
    found = client.get_template(template.id)
    assert (found.name, found.body, found.labels) == ("주간", "<p>본문</p>", ("주간보고",))


def test_who_may_not_is_told(wiki: TeamWiki) -> None:
    with pytest.raises(Forbidden, match="permission in the space"):
        wiki.client("viewer").create_page(SPACE, "x", "<p>x</p>", parent_id=wiki.parent)


def test_a_token_revoked_between_two_calls_makes_no_duplicate(wiki: TeamWiki) -> None:
    sandbox = wiki.sandbox
    token = sandbox.cloud.make_api_token()
    client = connect(sandbox.cloud_url, user=sandbox.cloud_email, token=token, deployment="cloud", settings=QUICK)
    assert client.find_page(SPACE, THIS_WEEK) is None
    sandbox.cloud.revoke_api_token(token)
    with pytest.raises(AuthFailed):
        client.find_page(SPACE, LAST_WEEK)
    with pytest.raises(AuthFailed):
        client.get_page(wiki.last_week)
    with pytest.raises(AuthFailed):
        client.create_page(SPACE, LAST_WEEK, "<p>x</p>")
    assert client.base_url
    assert [page.title for page in sandbox.store.pages(SPACE)].count(LAST_WEEK) == 1


def test_points_that_run_out_are_waited_for_by_the_task_s_retry(wiki: TeamWiki) -> None:
    from workplace_provider.http.errors import RateLimited

    store = MemoryTokenStore(first_tokens(wiki.sandbox))
    client = consented_client(wiki.sandbox, store)
    client.current_user()
    wiki.sandbox.cloud.set_points(100, 0)
    with pytest.raises(RateLimited) as caught:
        client.get_page(wiki.parent)
    assert (caught.value.retry_after or 0) > 0
