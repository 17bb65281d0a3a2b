from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.pages import Link, PageDocument, Storage
from workplace_provider.confluence.pages.edits.base import EditError
from workplace_provider.confluence.pages.edits.xpath import XPathEdit

HOSTILE = st.one_of(
    st.sampled_from(["]]>", '"><script>', "' x='", "a&b;", "\x00\n\t\r", "\u202eabc", "👩‍👩‍👧가\u0301", "x" * 1_000_000]),
    st.text(max_size=30),
)
PAGE = (
    "<p a='1'  b=\"&gt;\">가&nbsp;<b>나</b></p>\r\n<p class='빈' />"
    '<table data-layout="wide"><tbody><tr><td>1</td></tr></tbody></table>'
)


def applied(page: str, edit: XPathEdit) -> str:
    return PageDocument(page).apply([edit]).storage


@pytest.mark.parametrize(
    ("edit", "old", "new"),
    [
        (XPathEdit("//b", "replace", "<다>"), "<b>나</b>", "&lt;다&gt;"),
        (XPathEdit("//b", "replace", Storage("<i/>")), "<b>나</b>", "<i/>"),
        (XPathEdit("//b", "remove"), "<b>나</b>", ""),
        (XPathEdit("//p[1]", "inner", ""), "가&nbsp;<b>나</b>", ""),
        (
            XPathEdit("//p[@class='빈']", "inner", Link("글", url="https://x.y/")),
            " /><table",
            '><a href="https://x.y/">글</a></p><table',
        ),
        (XPathEdit("//p[@class='빈']", "inner", ""), "", ""),
        (XPathEdit("//table", "before", Storage("<hr />")), "<table", "<hr /><table"),
        (XPathEdit("//td", "after", {"storage": "<td>2</td>"}), "</td>", "</td><td>2</td>"),
        (XPathEdit("//table", "attribute", "default", "data-layout"), '"wide"', '"default"'),
        (XPathEdit("//p[1]", "attribute", 2, "a"), "a='1'", 'a="2"'),
        (XPathEdit("//p[1]", "attribute", None, "a"), " a='1'", ""),
        (XPathEdit("//p[1]", "attribute", ">", "b"), "", ""),
        (XPathEdit("//td", "attribute", True, "ac:x"), "<td>", '<td ac:x="true">'),
        (XPathEdit("//none", "remove", expect=0), "", ""),
    ],
)
def test_actions(edit: XPathEdit, old: str, new: str) -> None:
    assert applied(PAGE, edit) == (PAGE.replace(old, new, 1) if old else PAGE)


def test_several_elements_and_those_inside_others() -> None:
    page = "<div><div>x</div></div>"
    assert applied(page, XPathEdit("//div", "after", "!", expect=2)) == "<div><div>x</div>!</div>!"
    for action in ("replace", "inner"):
        with pytest.raises(EditError, match="inside another match"):
            applied(page, XPathEdit("//div", action, "x", expect=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("xpath", "message"),
    [
        ("//p[", "is not a valid XPath expression"),
        ("//x:p", "is not a valid XPath expression"),
        ("nofunction()", "is not a valid XPath expression"),
        ("count(//p)", "selects text, an attribute or a number"),
        ("//p/text()", "selects text, an attribute or a number"),
        ("//p/@a", "selects text, an attribute or a number"),
        ("/*", "selects the whole page"),
        ("/page", "selects the whole page"),
        ("//p", r"the XPath '//p' was found 2 times, expected 1; the page has: .*'2 p'"),
        ("//ac:task", "found 0 times, expected 1; the page has: .*'1 table'"),
    ],
)
def test_an_expression_that_finds_something_else(xpath: str, message: str) -> None:
    with pytest.raises(EditError, match=message):
        applied(PAGE, XPathEdit(xpath, "replace", "x"))


def test_an_edit_that_no_page_can_make_right() -> None:
    wrong: list[tuple[tuple[Any, ...], str]] = [
        (("//p", "delete"), "action is 'delete'; it must be one of replace, remove, inner"),
        (("//p", "attribute", "x"), "give the name of an attribute"),
        (("//p", "replace", "x", "a"), "give the name of an attribute"),
        (("//p", "remove", "x"), "takes no value"),
    ]
    for arguments, message in wrong:
        with pytest.raises(EditError, match=message):
            XPathEdit(*arguments)


@pytest.mark.parametrize(
    ("value", "name", "message"),
    [
        ("x", 'a="1" b', "is not a valid attribute name"),
        ("x", "xmlns", "is not a valid attribute name"),
        ("x", "xmlns:ac", "is not a valid attribute name"),
        ("x", "q:a", "is not a valid attribute name"),
        ("x", "", "is not a valid attribute name"),
        (Storage("<p/>"), "a", "it must be text or a number"),
        ("javascript:alert(1)", "href", "must not link"),
    ],
)
def test_attributes_that_are_refused(value: Any, name: str, message: str) -> None:
    with pytest.raises(EditError, match=message):
        applied(PAGE, XPathEdit("//b", "attribute", value, name))
    with pytest.raises(EditError, match="needs a value"):
        applied(PAGE, XPathEdit("//b", "replace"))


def test_the_double_in_an_adf_extension_is_found_only_by_its_name() -> None:
    page = "<p>1</p><ac:adf-extension><ac:adf-fallback><p>2</p></ac:adf-fallback></ac:adf-extension>"
    assert applied(page, XPathEdit("//p", "inner", "x")) == page.replace("1", "x")
    assert applied(page, XPathEdit("//ac:adf-fallback/p", "inner", "x")) == page.replace("2", "x")
    assert applied(page, XPathEdit("//ac:adf-extension", "remove")) == "<p>1</p>"


@given(HOSTILE, st.sampled_from(["replace", "inner", "before", "after"]))
def test_no_text_becomes_markup(value: str, action: Any) -> None:
    start, end = PAGE.index("<b>"), PAGE.index("</p>")
    page = applied(PAGE, XPathEdit("//b", action, value))
    assert page.startswith(PAGE[:start])
    assert page.endswith(PAGE[end:])
    assert {each.tag for each in PageDocument(page).root.iter("*")} <= {"page", "p", "b", "br", "table", "tbody", "tr", "td"}


@given(HOSTILE, st.sampled_from(["a", "c", "ac:x"]))
def test_no_attribute_becomes_markup(value: str, name: str) -> None:
    page = applied(PAGE, XPathEdit("//p[1]", "attribute", value, name))
    assert page.endswith(PAGE[PAGE.index(">가") :])
    element = PageDocument(page).root[0]
    assert len(element.keys()) == (2 if name == "a" else 3)
    assert element.get("b") == ">"


@pytest.mark.contract
def test_one_attribute_changes_on_recorded_pages(recorded_pages: list[Path]) -> None:
    for path in recorded_pages:
        body = path.read_bytes().decode()
        document = PageDocument(body)
        elements = [each for each in document.root.iter("*") if each.attrib and each is not document.root]
        for number, element in enumerate(elements[:: max(1, len(elements) // 10)]):
            span = document.span(element)
            tree = element.getroottree()
            edit = XPathEdit(tree.getpath(element) + " | //ac:adf-none", "attribute", f"값{number}", "data-x")
            changed = applied(body, edit)
            tag = body[span.start : span.inner]
            assert (
                changed
                == body[: span.start] + changed[span.start :][: len(tag) + len(f' data-x="값{number}"')] + body[span.inner :]
            )
            assert applied(changed, edit) == changed
