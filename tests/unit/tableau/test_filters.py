from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.http.errors import Invalid
from workplace_provider.tableau import ExportOptions, ViewFilters
from workplace_provider.tableau.client import ALL, Verbatim
from workplace_provider.tableau.client.filters import query
from workplace_provider.tableau.client.formats import CSV, PDF, PNG, SVG, XLSX


def sent(**filters: object) -> dict[str, str]:
    return dict(ViewFilters(filters))


def read_as_tableau_does(text: str) -> list[str]:
    """A filter's values, read by the rules: a comma separates, and a backslash keeps the character behind it."""
    return [re.sub(r"\\(.)", r"\1", each, flags=re.S) for each in re.findall(r"((?:\\.|[^\\,])*),", f"{text},", re.S)]


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("서울", "서울"),
        ("기타, 해외", r"기타\, 해외"),
        (r"R&D \ Lab", r"R&D \\ Lab"),
        (r"\,", r"\\\,"),
        ('"a"=b', '"a"=b'),
        (["서울", "a,b"], r"서울,a\,b"),
        (("x",), "x"),
        (7, "7"),
        (Decimal("0.50"), "0.50"),
        (True, "true"),
        (date(2026, 11, 5), "2026-11-05"),
        (datetime(2026, 11, 5, 9, 30), "2026-11-05 09:30:00"),
        (ALL, ""),
        ({"all": True}, ""),
        (Verbatim(r"a\,b,c"), r"a\,b,c"),
    ],
)
def test_values_are_written_as_tableau_reads_them(value: object, want: str) -> None:
    assert sent(지역=value) == {"vf_지역": want}


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_every_text_arrives_as_it_was_given(values: list[str]) -> None:
    asked = query(ViewFilters({"주문 채널": values}))
    ((name, text),) = parse_qsl(asked, keep_blank_values=True)
    assert name == "vf_주문 채널"
    assert read_as_tableau_does(text) == values


def test_spaces_and_signs_are_encoded_for_the_url() -> None:
    asked = query(ViewFilters({"주문 채널": "R&D = 100% + #1", "Parameters.기준일": date(2026, 11, 5)}))
    assert "+" not in asked
    assert asked.count("%20") == 5
    assert asked.count("=") == 2
    assert asked.endswith("vf_Parameters.%EA%B8%B0%EC%A4%80%EC%9D%BC=2026-11-05")


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"지역": ""}, "give a value, or ALL for all values"),
        ({"지역": []}, "empty list"),
        ({"지역": None}, "is None"),
        ({"지역": {"a": 1}}, "it must be text, a number"),
        ({"지역": ["서울", None]}, "is None"),
        ({"vf_지역": "서울"}, "has a prefix of the query string"),
        ({" ": "서울"}, "is not a field name"),
    ],
)
def test_what_would_silently_show_something_else_is_refused(filters: dict[str, object], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        ViewFilters(filters)


def test_the_query_has_what_the_format_knows() -> None:
    options = ExportOptions(
        filters=ViewFilters({"지역": "서울"}),
        max_age=5,
        high_resolution=True,
        width=800,
        height=400,
        page_type="A4",
        orientation="Landscape",
        language="ko",
    )
    asked = {each.name: dict(parse_qsl(options.query(each))) for each in (PNG, SVG, CSV, PDF, XLSX)}
    common = {"maxAge": "5", "vf_지역": "서울"}
    size = {"vizWidth": "800", "vizHeight": "400"}
    assert asked == {
        "png": common | size | {"resolution": "high", "language": "ko"},
        "svg": common | size | {"format": "SVG", "language": "ko"},
        "csv": common | {"language": "ko"},
        "pdf": common | size | {"type": "a4", "orientation": "landscape", "language": "ko"},
        "xlsx": common | {"language": "ko"},
    }


def test_a_fresh_picture_is_asked_for_unless_somebody_says_otherwise() -> None:
    assert ExportOptions().query(PNG) == "maxAge=1"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_age": 0}, "Set at least 1 minute"),
        ({"width": 800}, "Set both, or neither"),
        ({"width": 0, "height": 5}, "above 0"),
        ({"page_type": "A7"}, "A3, A4"),
        ({"orientation": "quer"}, "Portrait, Landscape"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        ExportOptions(**options)  # type: ignore[arg-type]
