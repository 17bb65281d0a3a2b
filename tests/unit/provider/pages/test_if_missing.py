"""Edits that may be left out where a page has nothing for them."""

from __future__ import annotations

import pytest

from workplace_provider.pages import PageDocument
from workplace_provider.pages.edits import EditError, SetStatus

PAGE = "<h2>요약</h2><p>글 &amp; 글</p>"


def test_a_status_that_may_be_missing() -> None:
    document = PageDocument(PAGE)
    document.apply([SetStatus("작성 중", "Yellow", match="발행", if_missing="skip")])
    assert document.storage == PAGE
    with pytest.raises(EditError, match="발행"):
        document.apply([SetStatus("작성 중", "Yellow", match="발행")])
