from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import PageDocument, Storage, same_content
from workplace_provider.confluence.pages.edits.base import EditError
from workplace_provider.confluence.pages.edits.images import SetImage
from workplace_provider.confluence.pages.selectors import images

HOSTILE = st.one_of(
    st.sampled_from(
        ["]]>", '" onload="x', "<script>", "a&b", "'", "\x00\x1f", "\u202e.gnp", "가\u0301👩‍👩‍👧", "x" * 1_000_000]
    ),
    st.text(max_size=30),
)
CLOUD = (
    '<ac:image ac:align=\'center\'  ac:layout="center" ac:original-height="882" ac:original-width="1077" '
    'ac:custom-width="true" ac:alt="old.png" ac:width="760"><ri:attachment ri:filename="old.png" ri:version-at-save="3" />'
    '<ac:caption ac:local-id="c1"><p>지난주 &rarr; 이번 주</p></ac:caption>'
    '<ac:adf-mark key="border" size="1" color="#091e4224" /></ac:image>'
)
BEFORE, AFTER = "<h2>차트&nbsp;1</h2>\r\n<p>앞</p>", "<p>뒤<br/></p>"


def applied(page: str, *wanted: SetImage) -> str:
    return PageDocument(page).apply(wanted).storage


def test_another_file_is_shown_and_the_looks_stay() -> None:
    assert (
        applied(BEFORE + CLOUD + AFTER, SetImage("주간 활성 사용자.png"))
        == BEFORE
        + (
            '<ac:image ac:align=\'center\'  ac:layout="center" ac:custom-width="true" ac:alt="old.png" ac:width="760">'
            '<ri:attachment ri:filename="주간 활성 사용자.png" />'
            '<ac:caption ac:local-id="c1"><p>지난주 &rarr; 이번 주</p></ac:caption>'
            '<ac:adf-mark key="border" size="1" color="#091e4224" /></ac:image>'
        )
        + AFTER
    )


def test_width_alt_and_caption_change_where_they_are_given() -> None:
    page = applied(CLOUD, SetImage("new.png", width="640", alt='"주간" & 월간', caption="出典: <社内>\n2행"))
    assert 'ac:alt="&quot;주간&quot; &amp; 월간" ac:width="640">' in page
    assert '<ac:caption ac:local-id="c1"><p>出典: &lt;社内&gt;<br />2행</p></ac:caption>' in page
    assert applied(CLOUD, SetImage("old.png", alt="", caption="")) == CLOUD.replace(' ac:alt="old.png"', "").replace(
        '<ac:caption ac:local-id="c1"><p>지난주 &rarr; 이번 주</p></ac:caption>', ""
    )


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (
            '<ac:image ac:width="1"><ri:url ri:value="https://example.com/a.png"/></ac:image>',
            '<ac:image ac:width="1"><ri:attachment ri:filename="n.png" /></ac:image>',
        ),
        (
            "<ac:image><ri:attachment ri:filename='n.png' ><ri:page ri:content-title='다른' /></ri:attachment></ac:image>",
            "<ac:image><ri:attachment ri:filename='n.png' ></ri:attachment></ac:image>",
        ),
        ("<ac:image />", '<ac:image><ri:attachment ri:filename="n.png" /></ac:image>'),
        ("<ac:image></ac:image>", '<ac:image><ri:attachment ri:filename="n.png" /></ac:image>'),
        (
            '<ac:image ac:thumbnail="true"><ri:attachment ri:filename="o.png" ri:x="1"/></ac:image>',
            '<ac:image ac:thumbnail="true"><ri:attachment ri:filename="n.png" ri:x="1"/></ac:image>',
        ),
    ],
)
def test_every_kind_of_image_becomes_one_of_the_pages_own_files(image: str, expected: str) -> None:
    assert applied(f"<p>{image}</p>", SetImage("n.png")) == f"<p>{expected}</p>"


def test_an_empty_image_gets_its_file_and_caption() -> None:
    page = applied('<ac:image ac:alt="x" />', SetImage("n.png", width=1, caption=Storage("<p><em>c</em></p>")))
    assert page == (
        '<ac:image ac:alt="x" ac:width="1"><ri:attachment ri:filename="n.png" />'
        "<ac:caption><p><em>c</em></p></ac:caption></ac:image>"
    )


def test_a_caption_goes_behind_the_file() -> None:
    page = "<ac:image><ri:attachment ri:filename='a.png'/><ac:adf-mark key='border' /></ac:image>"
    assert applied(page, SetImage("a.png", caption="설명")) == page.replace(
        "<ac:adf-mark", "<ac:caption><p>설명</p></ac:caption><ac:adf-mark"
    )


def test_a_width_takes_the_height_away() -> None:
    page = '<ac:image ac:height="250"><ri:attachment ri:filename="a.png" /></ac:image>'
    assert applied(page, SetImage("a.png", width=640)) == page.replace('ac:height="250"', 'ac:width="640"')


@pytest.mark.parametrize("shown", ["가나다.png", unicodedata.normalize("NFD", "가나다.png")])
@pytest.mark.parametrize("named", ["가나다.png", unicodedata.normalize("NFD", "가나다.png")])
def test_names_are_the_same_however_they_are_composed(shown: str, named: str) -> None:
    other = '<ac:image><ri:attachment ri:filename="b.png" /></ac:image>'
    page = f'<ac:image><ri:attachment ri:filename="{shown}" /></ac:image>{other}'
    assert applied(page, SetImage("새.png", replaces=named)) == page.replace(shown, "새.png")


def test_an_image_from_the_web_is_named_by_its_address_or_the_last_part() -> None:
    page = '<ac:image><ri:url ri:value="https://example.com/x/%EA%B0%80.png?w=1" /></ac:image>'
    for name in ("가.png", "https://example.com/x/%EA%B0%80.png?w=1"):
        assert 'ri:filename="n.png"' in applied(page, SetImage("n.png", replaces=name))


def test_an_image_is_chosen_by_heading_and_number() -> None:
    image = '<ac:image><ri:attachment ri:filename="{}" /></ac:image>'
    page = "<h2>가</h2>" + image.format("1") + image.format("2") + "<h2>나</h2><p>" + image.format("3") + "</p>"
    assert applied(page, SetImage("x", heading="나")) == page.replace('"3"', '"x"')
    assert applied(page, SetImage("x", heading="가", index=1)) == page.replace('"2"', '"x"')
    assert applied(page, SetImage("x", index=-1)) == page.replace('"3"', '"x"')
    with pytest.raises(EditError, match=r"an image was found 3 times, expected 1.*image 0 of 1"):
        applied(page, SetImage("x"))
    with pytest.raises(EditError, match=r"an image of the file 'q' under the heading '가'.*image 1 of 2.*image 0 of 1"):
        applied(page, SetImage("x", replaces="q", heading="가"))
    with pytest.raises(EditError, match="the heading '다' was found 0"):
        applied(page, SetImage("x", heading="다"))
    with pytest.raises(EditError, match="an image with the index 3"):
        applied(page, SetImage("x", index=3))


@pytest.mark.parametrize(
    "edit",
    [
        SetImage("new.png", replaces="old.png", width=1, caption="c", alt="a"),
        SetImage("new.png", index=0),
        SetImage("new.png", heading="차트 1"),
        SetImage("control\x01.png"),
    ],
)
def test_the_same_edit_again_changes_nothing(edit: SetImage) -> None:
    once = applied(BEFORE + CLOUD + AFTER, edit)
    assert applied(once, edit) == once


def test_an_image_is_put_at_the_end_of_a_section_without_one() -> None:
    page = "<ac:layout-cell><h2>차트</h2>\n<p>글</p>\n</ac:layout-cell>"
    edit = SetImage("가.png", width=760, alt="주간", caption="출처", heading="차트", insert=True)
    once = applied(page, edit)
    assert once == page.replace(
        "<p>글</p>\n",
        '<p>글</p><p><ac:image ac:width="760" ac:alt="주간"><ri:attachment ri:filename="가.png" />'
        "<ac:caption><p>출처</p></ac:caption></ac:image></p>\n",
    )
    assert applied(once, edit) == once
    with pytest.raises(EditError, match="insert is set without a heading"):
        applied(page, SetImage("가.png", insert=True))


@pytest.mark.parametrize("width", ["wide", 0, -1, True, "1\u0660", 1.5])
def test_a_width_is_a_number_of_pixels(width: object) -> None:
    with pytest.raises(EditError, match="must be a number of pixels"):
        applied(CLOUD, SetImage("a", width=width))  # type: ignore[arg-type]


def test_an_image_in_an_adf_extension_is_left_alone() -> None:
    page = f"<ac:adf-extension>{CLOUD}</ac:adf-extension>"
    with pytest.raises(EditError, match="found 0 times"):
        applied(page, SetImage("a.png"))


@given(
    HOSTILE, HOSTILE, HOSTILE, st.sampled_from([CLOUD, "<ac:image/>", "<ac:image a='1'><ri:url ri:value='x' /></ac:image>"])
)
def test_no_value_becomes_markup(filename: str, alt: str, caption: str, image: str) -> None:
    filename = filename or "x"
    page = applied(f"{BEFORE}{image}{AFTER}", SetImage(filename, alt=alt, caption=caption))
    assert page.startswith(BEFORE)
    assert page.endswith(AFTER)
    document = PageDocument(page)
    tags = {str(each.tag).rpartition("}")[2] for each in document.root.iter("*")}
    assert tags <= {"page", "h2", "p", "br", "image", "attachment", "caption", "adf-mark"}
    (shown,) = images(document)
    attachment = document.select("//ri:attachment")[0]
    assert set(attachment.keys()) == {"{http://atlassian.com/resource/identifier}filename"}
    assert len(shown.keys()) <= 6
    if all(ord(character) >= 0x20 for character in filename) and not set(filename) & set("\ufffe\uffff"):
        assert attachment.values() == [filename]


@pytest.mark.contract
def test_only_the_image_changes_on_recorded_pages(recorded_pages: list[Path]) -> None:
    count = 0
    for path in recorded_pages:
        body = path.read_bytes().decode()
        document = PageDocument(body)
        for index, image in enumerate(images(document)):
            span = document.span(image)
            edit = SetImage("주간.png", index=index, width=640, caption="새 설명")
            changed = applied(body, edit)
            assert changed.startswith(body[: span.start])
            assert changed.endswith(body[span.end :])
            assert 'ri:filename="주간.png"' in changed[span.start : len(changed) - len(body) + span.end]
            assert applied(changed, edit) == changed
            assert not same_content(body, changed)
            count += 1
    assert count >= 50
