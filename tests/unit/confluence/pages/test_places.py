from __future__ import annotations

import pytest

from workplace_provider.confluence.pages import PageDocument, Storage
from workplace_provider.confluence.pages.edits import (
    Edit,
    EditError,
    PlaceMissing,
    ReplaceSection,
    ReplaceTableRows,
    SetImage,
    SetNote,
    ShowImages,
)
from workplace_provider.confluence.pages.places import PlaceSnapshot, fill_places, place_names

TABLE = (
    "<table><tbody><tr><th>지표</th><th>값</th></tr><tr><td>a</td><td>1</td></tr></tbody></table>"
)  # fmt: skip
IMAGE = '<ac:image ac:width="500"><ri:attachment ri:filename="{}" /></ac:image>'
PAGE = (
    f"<h2>핵심 지표</h2>{TABLE}<h2>기기별</h2>{IMAGE.format('PC.png')}<h2>슬랙</h2><p>비어 있음</p>"
    "<h2>인사이트</h2><p>분석가가 씁니다.</p>"
)


def places(value: str = "2", said: str = "오늘 배포했습니다") -> list[Edit]:
    return [
        ReplaceTableRows([{"지표": "WAU", "값": value}], table=["지표", "값"], key="지표"),
        SetImage("PC.png", heading="기기별"),
        ReplaceSection("슬랙", said),
    ]


def made(page: str = PAGE) -> tuple[str, dict[str, PlaceSnapshot]]:
    document = PageDocument(page)
    filled = fill_places(document, places(), None)
    assert not filled.missing
    return document.storage, dict(filled.snapshots)


def refreshed(
    page: str, traces: dict[str, PlaceSnapshot], edits: list[Edit] | None = None
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    document = PageDocument(page)
    filled = fill_places(document, edits or places("3", "내일 배포합니다"), traces)
    return document.storage, filled.missing, filled.moved


def test_only_the_places_change() -> None:
    page, traces = made()
    after, missing, moved = refreshed(page, traces)
    assert after == page.replace("<td>2</td>", "<td>3</td>").replace("오늘 배포했습니다", "내일 배포합니다")
    assert (missing, moved) == ((), ())


def test_what_people_write_move_and_add_stays() -> None:
    page, traces = made()
    table = page[page.index("<h2>핵심") : page.index("<h2>기기별")]
    insights = "<h2>인사이트</h2><p>새 캠페인이 <strong>효과</strong>를 냈습니다.</p>"
    wider = table.replace("<th>값</th>", "<th>값</th><th>메모</th>").replace("<td>2</td>", "<td>2</td><td>확인 필요</td>")
    rest = page[page.index("<h2>기기별") : page.index("<h2>인사이트")]
    edited = insights + rest + wider
    after, missing, _ = refreshed(edited, traces)
    assert missing == ()
    assert insights in after
    assert after.index("인사이트") < after.index("핵심 지표")
    assert "<td>WAU</td><td>3</td><td>확인 필요</td>" in after
    assert "내일 배포합니다" in after


def test_a_place_that_was_deleted_is_reported_and_not_made_again() -> None:
    page, traces = made()
    without = page.replace(IMAGE.format("PC.png"), "<p>그림은 뺐어요</p>").replace(
        "<h2>슬랙</h2><p>오늘 배포했습니다</p>", ""
    )
    edits: list[Edit] = [places()[0], SetImage("PC.png", heading="기기별", insert=True), places()[2]]
    after, missing, _ = refreshed(without, traces, edits)
    assert missing == ("기기별", "슬랙")
    assert after == without


def test_a_renamed_heading_is_known_by_what_was_written_there() -> None:
    page, traces = made()
    after, missing, moved = refreshed(page.replace("<h2>슬랙</h2>", "<h2>이번 주 대화</h2>"), traces)
    assert (missing, moved) == ((), ("슬랙",))
    assert "<h2>이번 주 대화</h2><p>내일 배포합니다</p>" in after


def test_a_picture_that_moved_to_another_section_is_the_same_picture() -> None:
    page, traces = made()
    moved_page = page.replace(IMAGE.format("PC.png"), "").replace(
        "<h2>인사이트</h2>", f"<h2>인사이트</h2>{IMAGE.format('PC.png')}"
    )
    after, missing, moved = refreshed(moved_page, traces)
    assert (missing, moved) == ((), ("기기별",))
    assert after.count("<ac:image") == 1


def test_a_table_under_a_renamed_heading_is_known_by_its_columns() -> None:
    edits: list[Edit] = [ReplaceTableRows([{"지표": "WAU", "값": "2"}], table="핵심 지표", key="지표", place="KPI")]
    document = PageDocument(PAGE)
    traces = dict(fill_places(document, edits, None).snapshots)
    renamed = document.storage.replace("<h2>핵심 지표</h2>", "<h2>숫자</h2>").replace(
        "<th>값</th>", "<th>값</th><th>메모</th>"
    )
    renamed = renamed.replace("<td>2</td>", "<td>1</td><td>x</td>")
    after, missing, moved = refreshed(renamed, traces, edits)
    assert (missing, moved) == ((), ("KPI",))
    assert "<td>WAU</td><td>2</td><td>x</td>" in after


def test_a_renamed_column_is_a_missing_place_and_nothing_is_guessed() -> None:
    page, traces = made()
    renamed = page.replace("<th>값</th>", "<th>이번 주</th>")
    after, missing, _ = refreshed(renamed, traces)
    assert missing == ("지표, 값",)
    assert "<td>2</td>" in after


def test_a_new_page_must_have_every_place() -> None:
    with pytest.raises(PlaceMissing, match="슬랙"):
        fill_places(PageDocument(PAGE.replace("<h2>슬랙</h2>", "")), places(), None)


def test_places_have_names_of_their_own() -> None:
    assert place_names(places()) == ["지표, 값", "기기별", "슬랙"]
    both: list[Edit] = [SetImage("a.png", heading="그림"), SetImage("b.png", heading="그림")]
    with pytest.raises(EditError, match="two places have the name '그림'"):
        place_names(both)
    assert place_names([SetImage("a.png", heading="그림", place="a"), both[1]]) == ["a", "그림"]


def test_traces_are_json() -> None:
    for trace in made()[1].values():
        assert PlaceSnapshot.from_dict(trace.as_dict()) == trace
    assert PlaceSnapshot.from_dict(None) == PlaceSnapshot.from_dict("x") == PlaceSnapshot()


@pytest.mark.parametrize(
    "page", [PAGE, f"<ac:layout><ac:layout-section><ac:layout-cell>{PAGE}</ac:layout-cell></ac:layout-section></ac:layout>"]
)
def test_a_note_comes_changes_and_goes(page: str) -> None:
    mine = (
        '<ac:structured-macro ac:name="warning"><ac:rich-text-body><p>내 경고</p></ac:rich-text-body></ac:structured-macro>'
    )
    document = PageDocument(page.replace("<h2>인사이트</h2>", f"<h2>인사이트</h2>{mine}"))
    before = document.storage
    document.apply([SetNote("sources", "읽지 못함: <slack> & jira")])
    assert "읽지 못함: &lt;slack&gt; &amp; jira" in document.storage
    once = document.storage
    document.apply([SetNote("sources", "읽지 못함: <slack> & jira")])
    assert document.storage == once
    document.apply([SetNote("sources", "다른 것")])
    assert document.storage.count("다른 것") == 1
    assert "읽지 못함" not in document.storage
    assert mine in document.storage
    document.apply([SetNote("sources", "")])
    assert document.storage == before


def test_a_fragment_is_a_section_like_any_other() -> None:
    document = PageDocument(PAGE)
    fragment = Storage("<blockquote><p><strong>지민</strong> 배포 완료 ✅</p></blockquote>")
    traces = fill_places(document, [ReplaceSection("슬랙", fragment)], None).snapshots
    assert traces["슬랙"].digest
    assert fragment.markup in document.storage


def test_pictures_stand_in_a_row_under_their_heading() -> None:
    document = PageDocument(PAGE)
    edit = ShowImages("기기별", ["PC.png", "모바일 (앱).png"], width=300)
    traces = dict(fill_places(document, [edit], None).snapshots)
    section = document.storage.partition("<h2>기기별</h2>")[2].partition("<h2>")[0]
    assert section.count("<ac:image") == 2
    assert section.startswith("<p>")
    assert "<p>모바일 (앱)</p>" in section
    renamed = document.storage.replace("<h2>기기별</h2>", "<h2>기기</h2>")
    after, missing, moved = refreshed(renamed, traces, [ShowImages("기기별", ["PC.png"], width=300)])
    assert (missing, moved) == ((), ("기기별",))
    assert after.partition("<h2>기기</h2>")[2].partition("<h2>")[0].count("<ac:image") == 1
    with pytest.raises(EditError, match="must be a list of attachment names"):
        document.apply([ShowImages("기기별", [])])
