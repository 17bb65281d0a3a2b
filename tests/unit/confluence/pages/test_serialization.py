from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, ClassVar, Literal, get_type_hints

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import Image, Link, PageDocument, Status, Storage, User, edits
from workplace_provider.confluence.pages.edits import serialization
from workplace_provider.confluence.pages.edits.base import Edit, EditError
from workplace_provider.confluence.pages.edits.images import SetImage
from workplace_provider.confluence.pages.edits.macros import SetMacroParameter, SetStatus
from workplace_provider.confluence.pages.edits.sections import ClearSection, ReplaceSection
from workplace_provider.confluence.pages.edits.serialization import from_dict, from_dicts, to_dict, to_dicts
from workplace_provider.confluence.pages.edits.xpath import XPathEdit


@dataclass(frozen=True, kw_only=True)
class EveryType(Edit):
    """An edit with a field of each type."""

    template_fields: ClassVar[tuple[str, ...]] = ("number", "choice")

    number: int | None = None
    share: float = 0.5
    flag: bool = False
    choice: Literal["fail", "skip"] = "fail"
    names: Sequence[str] = ()
    fixed: tuple[str, ...] = ("a",)
    pair: tuple[int, str] | None = None
    formats: Mapping[str, str] | None = None
    columns: Mapping[str, str | int] | Sequence[str | int] | None = None
    rows: Sequence[Mapping[str, Any] | Sequence[Any]] = ()
    day: dt.date | None = None
    markup: Storage | None = None
    value: Any = None

    def apply(self, document: PageDocument) -> None:
        """Make the edit."""


@pytest.fixture
def every_type(monkeypatch: pytest.MonkeyPatch) -> type[EveryType]:
    """The edit, exported by the package."""
    add_every_type(monkeypatch)
    return EveryType


def add_every_type(patch: pytest.MonkeyPatch) -> None:
    kinds = {**serialization._edit_classes(), "EveryType": EveryType}
    patch.setattr(serialization, "_edit_classes", lambda: kinds)


def known() -> list[type[Edit]]:
    there = (getattr(edits, name) for name in edits.__all__)
    return [each for each in there if isinstance(each, type) and issubclass(each, Edit) and each is not Edit]


def through_yaml(edit: Edit) -> Edit:
    plain = to_dict(edit)
    assert json.loads(json.dumps(plain)) == plain
    return from_dict(yaml.safe_load(yaml.safe_dump(plain)))


EXAMPLES = [
    SetImage("가.png", width=760, caption=Storage("<p>x</p>"), replaces="나.png", insert=True, heading="차트"),
    SetImage("{{ ds }}.png", width="{{ params.width }}"),
    SetStatus("완료", "Green", match="진행", expect=None),
    SetMacroParameter("jira", "jqlQuery", "a < b && c = \"d\""),
    SetMacroParameter("jira", "columns", ["key", True, 1]),
    ReplaceSection("인사이트", ["글", dt.date(2026, 11, 19), Status("주의", "Red"), Storage("<hr />"), User(userkey="u")]),
    ClearSection("현황", ("headings",), index=-1),
    XPathEdit("//p", "attribute", "x", "class"),
    edits.ReplaceTableRows(
        [
            {"지표": "WAU", "값": Decimal("1.50"), "링크": Link("글", url="https://x.y/")},
            {"값": dt.datetime(2026, 11, 19, 10, tzinfo=dt.UTC)},
        ],
        columns=["지표", "값", "링크"],
        formats={"값": ",.1f"},
        limit=10,
    ),
    edits.SetCell(row={"지표": "WAU"}, column="값", value=Image("a.png", width=1)),
    edits.StripCommentMarkers(),
]  # fmt: skip


@pytest.mark.parametrize("edit", EXAMPLES, ids=lambda edit: type(edit).__name__)
def test_an_edit_comes_back_from_its_dictionary(edit: Edit) -> None:
    assert through_yaml(edit) == edit


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10),
    st.dates(), st.datetimes(), st.decimals(allow_nan=False),
    st.builds(Status, st.text(max_size=5), st.sampled_from(["Red", "Grey"])),
    st.builds(User, username=st.text(min_size=1, max_size=5)),
    st.builds(Link, st.text(max_size=5), page=st.text(max_size=5)),
    st.builds(Image, st.text(max_size=5), width=st.none() | st.integers(), alt=st.text(max_size=5)),
    st.just(Storage("<p>&rarr;</p>")),
)  # fmt: skip
ROWS = st.lists(st.one_of(st.lists(PLAIN, max_size=3), st.dictionaries(st.text(max_size=8), PLAIN, max_size=3)), max_size=3)


@given(
    ROWS, st.one_of(PLAIN, st.lists(PLAIN, max_size=3)), st.text(), st.integers(), st.lists(st.text(max_size=5), max_size=3)
)
def test_values_come_back_as_they_were(rows: list[Any], value: Any, text: str, number: int, names: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        add_every_type(patch)
        edit = EveryType(rows=rows, value=value, number=number, names=names, fixed=tuple(names), formats={text: text})
        assert through_yaml(edit) == edit


def test_every_edit_of_the_package_has_a_dictionary() -> None:
    assert {kind.__name__ for kind in known()} == set(serialization._edit_classes())
    for kind in known():
        with pytest.raises(EditError, match=f"^{kind.__name__}: unknown key 'no such key'; use one of "):
            from_dict({"edit": kind.__name__, "no such key": 1})
        names = {field.name for field in fields(kind)}
        assert set(kind.template_fields) <= names
        assert "edit" not in names  # the key of the name
        # The hints can be read at run time; otherwise every value would be taken.
        assert set(get_type_hints(kind)) >= names


def test_defaults_are_left_out() -> None:
    assert to_dict(SetImage("가.png")) == {"edit": "SetImage", "filename": "가.png"}
    assert to_dicts([edits.StripCommentMarkers()]) == [{"edit": "StripCommentMarkers"}]


def test_a_list_as_people_write_it() -> None:
    read = from_dicts(
        yaml.safe_load(
            """
            - edit: SetStatus
              title: 정상
              colour: Green
            - edit: ReplaceSection
              heading: 인사이트
              body: [{date: 2026-11-19}, {status: {title: 주의}}, 글]
            - edit: ReplaceTableRows
              rows:
                - {지표: WAU, 값: 252518, 담당: {user: {username: jimin}}}
              columns: {지표: name, 값: value}
            """
        )
    )
    assert read == [
        SetStatus("정상", "Green"),
        ReplaceSection("인사이트", [dt.date(2026, 11, 19), Status("주의"), "글"]),
        edits.ReplaceTableRows(
            [{"지표": "WAU", "값": 252518, "담당": User(username="jimin")}], columns={"지표": "name", "값": "value"}
        ),
    ]


@pytest.mark.parametrize(
    ("given_edits", "message"),
    [
        ([{"edit": "SetImgae", "filename": "x"}], r"edits\[0\]: unknown edit 'SetImgae'; did you mean 'SetImage'"),
        ([{"edit": "Edit"}], r"edits\[0\]: unknown edit 'Edit'"),
        ([{"edit": "os.system"}], r"edits\[0\]: unknown edit 'os.system'; use one of "),
        ([{"edit": ["SetImage"]}], r"edits\[0\]: unknown edit \['SetImage'\]"),
        ([{"filename": "x"}], r"edits\[0\]: the key 'edit' is missing; it must be one of .*SetImage"),
        (["SetImage"], r"edits\[0\]: an edit must be a mapping, not 'SetImage' \(str\)"),
        (
            [{"edit": "StripCommentMarkers"}, {"edit": "SetImage", "fliename": "x"}],
            r"edits\[1\] \(SetImage\): unknown key 'fliename'; did you mean 'filename'\?",
        ),
        ([{"edit": "SetImage"}], r"edits\[0\] \(SetImage\): missing 'filename'"),
        ([{"edit": "SetImage", "filename": 7}], r"\(SetImage\): filename: expected str, not 7 \(int\)"),
        ([{"edit": "SetImage", "filename": "x", "index": True}], r"index: expected int, not True \(bool\)"),
        ([{"edit": "SetImage", "filename": "x", "index": "{{ 1 }}"}], r"index: expected int, not '\{\{ 1 \}\}'"),
        ([{"edit": "SetImage", "filename": "x", "width": [1]}], r"width: expected int \| str \| None, not \[1\] \(list\)"),
        ([{"edit": "ClearSection", "heading": "x", "keep": "image"}], r"keep: expected a list, not 'image'"),
        (
            [{"edit": "ClearSection", "heading": "x", "keep": ["imag"]}],
            r"\(ClearSection\): keep contains 'imag'",
        ),
        (
            [{"edit": "XPathEdit", "xpath": "//p", "action": "remov"}],
            r"action: 'remov' is not one of .*; did you mean 'remove'",
        ),
        (
            [{"edit": "ReplaceSection", "heading": "x", "body": {"storage": "<p>"}}],
            r"body: <p> is never closed \(line 1, column 1",
        ),
        ([{"edit": "ReplaceSection", "heading": "x", "body": [{"date": "11/19"}]}], r"body\[0\]: .*11/19"),
        ([{"edit": "ReplaceSection", "heading": "x", "body": {"status": {"title": "x", "color": 1}}}], r"body: .*color"),
        (
            [{"edit": "ReplaceSection", "heading": "x", "body": {"status": {"title": 1}}}],
            r"body: status: title: expected str, not 1",
        ),
        ([{"edit": "ReplaceSection", "heading": "x", "body": {"decimal": "x"}}], r"body: "),
        ({"edit": "SetImage"}, "edits must be a list of mappings"),
        ("- edit: x", "edits must be a list of mappings"),
        (None, "edits must be a list of mappings"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(given_edits: Any, message: str) -> None:
    with pytest.raises(EditError, match=message):
        from_dicts(given_edits)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rows", [{"a": 1}, "x"], r"rows\[1\]: expected .*not 'x'"),
        ("rows", "x", r"rows: expected a list"),
        ("names", ["a", 1], r"names\[1\]: expected str, not 1"),
        ("names", "abc", "names: expected a list"),
        ("formats", {"a": 1}, r"formats\['a'\]: expected str, not 1"),
        ("formats", {1: "a"}, r"formats: the key 1: expected str"),
        ("columns", [1, None], r"columns\[1\]: expected str \| int, not None"),
        ("pair", [1], "pair: expected a list of 2 values"),
        ("pair", ["a", "b"], r"pair\[0\]: expected int"),
        ("share", True, "share: expected float, not True"),
        ("flag", 1, "flag: expected bool, not 1"),
        ("day", "2026-11-19", "day: expected date, not '2026-11-19'"),
        ("day", {"datetime": "2026-11-19T10:00"}, "day: expected date"),
        ("markup", {"link": {"page": "x"}}, "markup: expected Storage"),
        ("markup", "<p/>", "markup: expected Storage"),
        ("number", "ten", "number: expected int"),
        ("number", 1.5, "number: expected int"),
        ("choice", "x", "choice: 'x' is not one of 'fail', 'skip'"),
    ],
)
def test_values_of_the_wrong_type(every_type: type[EveryType], key: str, value: Any, message: str) -> None:
    with pytest.raises(EditError, match=f"EveryType: {message}"):
        from_dict({"edit": "EveryType", key: value})


def test_values_of_the_right_type(every_type: type[EveryType]) -> None:
    read = from_dict(
        {"edit": "EveryType", "number": "{{ params.n }}", "share": 1, "pair": [1, "a"], "columns": {"a": 0}, "fixed": [],
         "day": {"date": "2026-11-19"}, "markup": {"storage": "<p/>"}, "rows": [{"date": "2026-11-19"}, ["x"]]}
    )  # fmt: skip
    assert read == EveryType(
        number="{{ params.n }}",  # type: ignore[arg-type]
        share=1, pair=(1, "a"), columns={"a": 0}, fixed=(), day=dt.date(2026, 11, 19), markup=Storage("<p/>"),
        rows=[{"date": "2026-11-19"}, ["x"]],
    )  # fmt: skip


def test_what_has_no_plain_form_is_refused() -> None:
    with pytest.raises(EditError, match=r"ReplaceSection: body\[1\]: .*has no plain form"):
        to_dict(ReplaceSection("x", ["a", object()]))
    with pytest.raises(EditError, match=r"ReplaceTableRows: rows\[0\]: the key None must be text or a whole number"):
        to_dict(edits.ReplaceTableRows([{None: 1}]))
    with pytest.raises(EditError, match="EveryType is not an edit of"):
        to_dict(EveryType())
