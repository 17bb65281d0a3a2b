from __future__ import annotations

import unicodedata

import pytest

from workplace_provider.http.errors import Invalid, NotFound
from workplace_provider.tableau.client import Condition, View
from workplace_provider.tableau.client.listing import ListRequest
from workplace_provider.tableau.client.lookup import (
    ViewReference,
    conditions_of,
    matching_views,
    parse_reference,
    single_view,
)

BASE = "https://bi.example.com/tableau"
LUID = "d79634e1-6063-4ec9-95ff-50acbf609ff5"


def readings(text: str, site: str = "analytics", **more: str) -> list[ViewReference]:
    return parse_reference(text, base_url=BASE, site=site, **more)


def view(name: str, path: str = "", workbook: str = "주간 지표", project: str = "데이터분석팀") -> View:
    content_url = (path or f"WeeklyKPI/{name}").replace("/", "/sheets/")
    return View(
        f"id-{name}-{project}",
        name,
        content_url,
        "worksheet",
        "w",
        workbook,
        project,
        None,
        None,
        f"{BASE}/#/{path}",
    )


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (LUID, ViewReference(luid=LUID)),
        (LUID.upper(), ViewReference(luid=LUID)),
        (f"{BASE}/#/site/analytics/views/WeeklyKPI/sheet0?:iid=1", ViewReference(path="WeeklyKPI/sheet0")),
        ("https://BI.example.com/tableau/t/analytics/views/WeeklyKPI/sheet0", ViewReference(path="WeeklyKPI/sheet0")),
        (f"{BASE}/#/site/analytics/views/Wb/%EA%B0%9C%EC%9A%94", ViewReference(path="Wb/개요")),
        (f"{BASE}/#/site/analytics/authoring/WeeklyKPI/sheet0#1", ViewReference(path="WeeklyKPI/sheet0")),
        ("WeeklyKPI/sheets/Overview", ViewReference(path="WeeklyKPI/Overview")),
        (f"{BASE}/#/site/analytics/views/A/B/{LUID}/mine?:iid=2", ViewReference(path="A/B", custom=LUID)),
        (
            f"{BASE}/#/site/analytics/views/A/B/jimin/%EB%82%B4%20%EB%B3%B4%EA%B8%B0",
            ViewReference(path="A/B", custom="내 보기"),
        ),
    ],
)
def test_a_view_is_read_the_way_people_write_it(text: str, want: ViewReference) -> None:
    if text.endswith("#1"):
        text = text.removesuffix("#1")
    assert readings(text)[0] == want


def test_a_url_of_the_default_site_has_no_site_in_it() -> None:
    assert readings(f"{BASE}/#/views/Wb/Sheet", site="")[0] == ViewReference(path="Wb/Sheet")


def test_names_are_tried_after_the_url_path() -> None:
    assert readings("주간 지표/개요") == [
        ViewReference(path="주간 지표/개요"),
        ViewReference(name="개요", workbook="주간 지표"),
        ViewReference(name="주간 지표/개요"),
    ]
    assert readings("개요", workbook="주간 지표", project="마케팅") == [
        ViewReference(name="개요", workbook="주간 지표", project="마케팅")
    ]


@pytest.mark.parametrize(
    ("text", "site", "says"),
    [
        ("", "analytics", "The view is empty"),
        ("https://other.example.com/#/site/analytics/views/A/B", "analytics", "another server"),
        (f"{BASE}/#/site/sales/views/A/B", "analytics", "on the site 'sales', but the connection is for 'analytics'"),
        (f"{BASE}/#/site/sales/views/A/B", "", "the connection is for 'Default'"),
        (f"{BASE}/#/site/analytics/workbooks/7/views", "analytics", "not the URL of a view"),
    ],
)
def test_the_url_of_something_else_is_explained(text: str, site: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        readings(text, site)


def test_letters_are_compared_whichever_way_they_are_composed() -> None:
    decomposed = view(unicodedata.normalize("NFD", "개요"))
    assert matching_views(ViewReference(name="개요", workbook="주간 지표"), [decomposed, view("개요 2")]) == [decomposed]


def test_several_views_are_listed_with_what_tells_them_apart() -> None:
    both = [view("개요"), view("개요", "WeeklyKPI_1/Overview", project="마케팅")]
    with pytest.raises(Invalid, match="2 views match") as caught:
        single_view(both, ViewReference(name="개요", workbook="주간 지표"), list)
    assert "마케팅 / 주간 지표 / 개요 (WeeklyKPI_1/Overview)" in str(caught.value)
    assert "Add the project" in str(caught.value)


def test_a_missing_view_names_similar_ones_and_says_that_hidden_sheets_cannot_be_exported() -> None:
    with pytest.raises(NotFound) as caught:
        single_view([], ViewReference(path="WeeklyKPI/Overvew"), lambda: [view("개요", "WeeklyKPI/Overview"), view("퍼널")])
    assert "WeeklyKPI/Overview" in str(caught.value)
    assert "퍼널" not in str(caught.value)
    assert "a hidden sheet cannot be exported" in str(caught.value)


def test_what_the_grammar_of_filters_cannot_say_becomes_a_wildcard() -> None:
    reference = ViewReference(name="매출: 국내, 해외", workbook="R&D [2026]")
    listing = ListRequest("views", "view", conditions_of(reference, wildcards=True))
    assert "filter=name:eq:%EB%A7%A4%EC%B6%9C*%20" in listing.query(1, 1000)
    assert [str(each) for each in listing.conditions] == ["name:eq:매출* 국내* 해외", "workbookName:eq:R*D *2026*"]
    assert conditions_of(reference, wildcards=False) == ()
    assert conditions_of(ViewReference(path="A/B"), wildcards=False) == (Condition("contentUrl", "A/sheets/B"),)
