from __future__ import annotations

import io
from typing import Any

import pytest

from support.team_wiki import DIALECTS, LAST_WEEK, SPACE, THIS_WEEK, TeamWiki
from workplace_provider.confluence.client.checks import page_title
from workplace_provider.confluence.pages import Link, PageDocument, edits
from workplace_provider.confluence.publishing.attachments import Attacher, make_upload
from workplace_provider.confluence.publishing.copy import find_source, latest_before
from workplace_provider.http.client import FilePart
from workplace_provider.http.errors import Invalid, WorkplaceError


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Any:
    return request.param


PAGE = '<ri:page ri:content-title="A" />'
HERE = '<ri:page ri:content-title="A" ri:space-key="S" />'
INCLUDE = '<ac:structured-macro ac:name="include"><ac:parameter ac:name="">{}</ac:parameter></ac:structured-macro>'


@pytest.mark.parametrize(
    ("body", "qualified"),
    [
        (f"<ac:link>{PAGE}</ac:link>", f"<ac:link>{HERE}</ac:link>"),
        (f'<ac:link ac:anchor="x">{PAGE}</ac:link>', f'<ac:link ac:anchor="x">{HERE}</ac:link>'),
        (
            f'<ac:image><ri:attachment ri:filename="f">{PAGE}</ri:attachment></ac:image>',
            f'<ac:image><ri:attachment ri:filename="f">{HERE}</ri:attachment></ac:image>',
        ),
        (INCLUDE.format(f"<ac:link>{PAGE}</ac:link>"), INCLUDE.format(f"<ac:link>{HERE}</ac:link>")),
        (INCLUDE.format("A"), INCLUDE.format('<ac:link><ri:page ri:space-key="S" ri:content-title="A" /></ac:link>')),
        (
            '<ac:link><ri:blog-post ri:content-title="b" ri:posting-day="2026/11/19" /></ac:link>',
            '<ac:link><ri:blog-post ri:content-title="b" ri:posting-day="2026/11/19" ri:space-key="S" /></ac:link>',
        ),
    ],
)
def test_references_keep_their_targets_in_another_space(body: str, qualified: str) -> None:
    document = PageDocument(body).apply([edits.QualifyReferences("S")])
    assert document.storage == qualified
    assert document.apply([edits.QualifyReferences("T")]).storage == qualified


@pytest.mark.parametrize(
    "body",
    [
        '<ac:link><ri:page ri:space-key="X" ri:content-title="A" /></ac:link>',
        '<ac:link ac:anchor="x"><ac:link-body>b</ac:link-body></ac:link>',
        '<ri:page ri:content-title="@self" />',
        f"<ac:plain-text-body><![CDATA[{PAGE}]]></ac:plain-text-body>",
        f"<ac:adf-extension>{PAGE}</ac:adf-extension>",
        '<ac:image><ri:attachment ri:filename="f" /></ac:image>',
    ],
)
def test_what_does_not_depend_on_the_space_stays(body: str) -> None:
    assert PageDocument(body).apply([edits.QualifyReferences("S")]).storage == body


def test_a_copy_in_another_space_leads_to_the_same_pages(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    store.add_space("OPS", "Operations")
    store.update_page(wiki.last_week, author="jimin", body=f"<p><ac:link>{PAGE}</ac:link></p><p>{{{{new}}}}</p>")
    link = edits.FillText({"new": Link(page="New")})
    copy = wiki.copy(space="OPS", parent_id=None, edits=[link]).page
    assert copy.space == "OPS"
    body = store.page(copy.id).body
    assert f'ri:content-title="A" ri:space-key="{SPACE}"' in body
    assert '<ri:page ri:content-title="New" />' in body  # what an edit writes is for the space of the copy
    assert "ri:space-key" not in store.page(wiki.copy(title="here").page.id).body


def test_a_parent_in_another_space_is_no_success(wiki: TeamWiki) -> None:
    store = wiki.sandbox.store
    store.add_space("OPS", "Operations")
    with pytest.raises(WorkplaceError):
        wiki.copy(space="OPS")  # its parent is in the other one
    assert [page.title for page in store.pages("OPS") if page.title == THIS_WEEK] == []
    assert [page.title for page in store.pages(SPACE) if page.title == THIS_WEEK] == []


@pytest.mark.parametrize("ends", ["\n", " ", "\t\r\n ", "\u3000"])
def test_white_space_at_the_ends_of_a_title_does_not_count(wiki: TeamWiki, ends: str) -> None:
    client = wiki.client()
    found = client.find_page(SPACE, f"{ends}{LAST_WEEK}{ends}")
    assert found is not None
    assert found.id == wiki.last_week
    for _ in range(2):
        assert wiki.copy(title=f"{THIS_WEEK}{ends}").page.title == THIS_WEEK
    assert not wiki.copy(title=f"{ends}{THIS_WEEK}", if_exists="fail").changed
    assert client.update_page(wiki.last_week, lambda body: body, title=f"{LAST_WEEK}{ends}")[1] is False
    page, written = client.update_page(wiki.last_week, lambda body: body, title=f"새 제목{ends}")
    assert (page.title, written) == ("새 제목", True)
    latest = latest_before(f"20261126_데이터분석팀 주간 보고{ends}", [page, wiki.copy().page])
    assert latest is not None
    source = find_source(client, space=SPACE, title=f"{THIS_WEEK}{ends}", new_title="x", parent_id=None, latest_child=False)
    assert source.title == THIS_WEEK


def test_the_length_of_a_title_is_counted_as_java_does() -> None:
    assert page_title("가" * 255 + "\n") == "가" * 255
    assert page_title("🚀" * 127) == "🚀" * 127
    with pytest.raises(Invalid, match="has 256 characters"):
        page_title("🚀" * 128)
    with pytest.raises(Invalid, match="is empty"):
        page_title(" \n")


@pytest.mark.parametrize("name", ['지표 "A".png', "a;b='c'.png", "100% & more.png", "+ #1.png"])
def test_a_file_arrives_under_its_own_name_and_is_found_again(wiki: TeamWiki, name: str) -> None:
    client = wiki.client()
    attacher = Attacher(client, wiki.last_week)
    for content, version in ((b"1", 1), (b"1", 1), (b"22", 2)):
        upload = make_upload(FilePart(f"{name}\n", lambda content=content: io.BytesIO(content), "image/png"))
        (done,) = attacher.run(attacher.plan([upload]))
        assert (done.attachment.name, done.attachment.version) == (name, version)
    assert wiki.files(wiki.last_week)[name] == (2, b"22")
    wiki.sandbox.store.update_page(wiki.last_week, author="jimin", body=PageDocument("<p>x</p>").storage)
    assert name in wiki.files(wiki.copy().page.id)


def test_a_name_that_is_stored_differently_is_refused(wiki: TeamWiki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "workplace_provider.http.multipart._Field._render_part",
        lambda _, name, value: f'{name}="{str(value).replace(".", "_")}"',
    )
    attacher = Attacher(wiki.client(), wiki.last_week)
    upload = make_upload(FilePart("a.png", lambda: io.BytesIO(b"x"), "image/png"))
    with pytest.raises(Invalid, match=r"stored the file 'a.png' as 'a_png'"):
        attacher.run(attacher.plan([upload]))
