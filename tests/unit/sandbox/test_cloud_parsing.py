"""What the sandbox's cloud makes of texts that it is sent, whatever is in them."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from workplace_sandbox.confluence.cloud.accounts import ApiTokens
from workplace_sandbox.confluence.cloud.adf import as_document
from workplace_sandbox.confluence.cloud.bodies import as_kept
from workplace_sandbox.confluence.cloud.call import make_cursor, read_cursor
from workplace_sandbox.confluence.cloud.errors import CloudError
from workplace_sandbox.confluence.cloud.passages import with_marker
from workplace_sandbox.ui.storage import parse_storage

PIECES = st.sampled_from(
    [
        "지표 &amp; 값",
        "<p>",
        "</p>",
        "<br/>",
        "<br />",
        "<td>",
        "</td>",
        '<ac:structured-macro ac:name="toc"/>',
        '<ac:structured-macro ac:name="x" ac:macro-id="1" />',
        "<![CDATA[<br/><ac:structured-macro ac:name='y'/>]]>",
        "<![CDATA[",
        "]]>",
        "<",
        "&nbsp;",
    ]
)
BODIES = st.lists(PIECES, max_size=12).map("".join)


@given(BODIES)
def test_saving_twice_changes_nothing_more(body):
    kept = as_kept(body)
    assert as_kept(kept) == kept


@given(BODIES)
def test_any_body_becomes_a_document(body):
    document = as_document(body)
    assert (document["type"], document["version"]) == ("doc", 1)
    json.dumps(document)


@given(st.text())
def test_any_cursor_is_read_or_refused(text):
    with contextlib.suppress(CloudError):
        place, last = read_cursor(text)
        assert isinstance(place, int)
        assert isinstance(last, str)


@given(st.integers(0, 10**9), st.text())
def test_a_cursor_comes_back(place, last):
    assert read_cursor(make_cursor(place, last)) == (place, last)


@given(st.text(alphabet="AB&<가", min_size=1, max_size=3), st.integers(0, 3))
def test_a_marker_leaves_the_text_as_it_was(selection, index):
    storage = "<p>AB &amp; 가 AB</p><ac:plain-text-body><![CDATA[AB]]></ac:plain-text-body>"
    text = "AB & 가 AB"
    marked = with_marker(storage, selection, text.count(selection), index, "r")
    if marked is None:
        assert text.count(selection) <= index
        return
    root = parse_storage(marked)
    assert "".join(root.itertext()) == f"{text}AB"
    (marker,) = [element for element in root.iter() if str(element.tag).endswith("inline-comment-marker")]
    assert "".join(marker.itertext()) == selection


@given(st.text())
def test_any_credentials_are_wrong_ones(text):
    class Nobody:
        def user(self, username: str) -> None:
            return None

    assert ApiTokens().sign_in(Nobody(), text) is None
