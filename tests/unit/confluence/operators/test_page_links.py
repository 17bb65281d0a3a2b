from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workplace_provider.confluence.client.links import page_id_of
from workplace_provider.http.errors import Invalid


@pytest.mark.parametrize(
    "named",
    [
        "1844969501",
        1844969501,
        " 1844969501\n",
        "https://team.atlassian.net/wiki/spaces/QM/pages/1844969501",
        "https://team.atlassian.net/wiki/spaces/QM/pages/1844969501/%EC%A7%80%EC%9B%90?focusedCommentId=9",
        "https://team.atlassian.net/wiki/spaces/QM/pages/edit-v2/1844969501?draftShareId=3",
        "https://team.atlassian.net/wiki/spaces/QM/folder/1844969501",
        "https://team.atlassian.net/wiki/x/HQD4bQ",
        "https://wiki.example.com/confluence/pages/viewpage.action?pageId=1844969501#지원-개요",
        "/x/HQD4bQ",
    ],
)
def test_a_page_may_be_named_by_any_link_with_its_id(named: str | int) -> None:
    assert page_id_of(named) == "1844969501"


@pytest.mark.parametrize("named", ["https://wiki.example.com/display/QM/지원", "https://team.atlassian.net/wiki", "a/b"])
def test_a_link_without_an_id_is_refused(named: str) -> None:
    with pytest.raises(Invalid, match="Copy link"):
        page_id_of(named)


@given(st.text() | st.text().map(lambda text: f"https://[{text}/pages/1"))
def test_whatever_is_given_is_read_or_refused(named: str) -> None:
    try:
        assert "/" not in page_id_of(named) or "pageId" in named
    except Invalid as error:
        assert error.advice  # noqa: PT017 - any text may come in, and most of it is no link
