"""Edits that may be left out where a page has nothing for them."""

from __future__ import annotations

import pytest

from workplace_provider.confluence.pages import PageDocument
from workplace_provider.confluence.pages.edits import (
    ClearSection,
    Edit,
    EditError,
    PlaceMissing,
    ReplaceTableRows,
    SetImage,
    SetMacroParameter,
    SetStatus,
    from_dict,
    to_dict,
)

PAGE = "<h2>요약</h2><p>글 &amp; 글</p>"
MISSING = [
    SetStatus("작성 중", "Yellow", match="발행", if_missing="skip"),
    SetStatus("작성 중", "Yellow", heading="진행", if_missing="skip"),
    SetImage("a.png", replaces="b.png", if_missing="skip"),
    SetImage("a.png", heading="추이", insert=True, if_missing="skip"),
    ReplaceTableRows([["x"]], if_missing="skip"),
    ClearSection("인사이트", if_missing="skip"),
    SetMacroParameter("jira", "jql", "x", if_missing="skip"),
]


@pytest.mark.parametrize("edit", MISSING, ids=lambda edit: type(edit).__name__)
def test_what_may_be_missing_is_left_out_and_otherwise_named(edit: Edit) -> None:
    document = PageDocument(PAGE)
    document.apply([edit])
    assert document.storage == PAGE
    told = from_dict({**to_dict(edit), "if_missing": "fail"})
    with pytest.raises(PlaceMissing, match="found 0 times"):
        document.apply([told])


def test_too_many_places_fail_whatever_may_be_missing() -> None:
    image = '<ac:image><ri:attachment ri:filename="b.png" /></ac:image>'
    with pytest.raises(EditError, match="found 2 times"):
        PageDocument(image + image).apply([SetImage("a.png", if_missing="skip")])
