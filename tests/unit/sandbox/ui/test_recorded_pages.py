"""Real pages as last week's report: shown whole, with all their images."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from unit.sandbox.ui.open_wiki import SUNDAY, open_wiki
from workplace_sandbox import seed
from workplace_sandbox.ui.storage import AC, RI, parse_storage, qname

if TYPE_CHECKING:
    from pathlib import Path

    from workplace_sandbox.store import Store


def test_recorded_page_is_shown_with_every_image(recorded_page: Path, tmp_path: Path) -> None:
    raw = recorded_page.read_bytes()
    with open_wiki(tmp_path, recorded_page) as wiki:
        page = wiki.newest_report()
        assert page.body.encode() == raw
        shown = wiki.text(f"/confluence/pages/viewpage.action?pageId={page.id}")
        assert 'class="wk-error"' not in shown
        assert "missing image" not in shown
        assert "missing file" not in shown

        named = set(re.findall(r'<ri:attachment ri:filename="([^"]*)"', page.body))
        assert {attachment.filename for attachment in wiki.store.attachments(page.id)} == {unescape(name) for name in named}

        images = parse_storage(page.body).findall(f".//{qname(AC, 'image')}/{qname(RI, 'attachment')}")
        sources = [unescape(source) for source in re.findall(r'<img src="([^"]+)"', shown)]
        assert len(sources) == len(images)
        for source in sources:
            answer = wiki.client.get(source)
            assert answer.status_code == 200
            Image.open(io.BytesIO(answer.content)).verify()


@pytest.mark.parametrize(
    ("content", "place", "found"),
    [
        (b"<p>a\n  <b>c</p>", "line 2, column", "<b>c</p>"),
        (b"<p>\xff</p>", "line 1, column 4", "0xff is not UTF-8"),
        (b"<!DOCTYPE a><p/>", "line 1, column 1", "DOCTYPE"),
        (b"<p/>\r\n<x>", "line 2", "<x> is not closed"),
    ],
)
def test_a_file_that_is_no_page(store: Store, tmp_path: Path, content: bytes, place: str, found: str) -> None:
    file = tmp_path / "last.xhtml"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"last\.xhtml") as caught:
        seed.load(store, SUNDAY, file)
    assert place in str(caught.value)
    assert found in str(caught.value)
    assert store.is_empty()


def test_line_ends_entities_and_kinds_of_files_are_kept(store: Store, tmp_path: Path) -> None:
    body = (
        '<p>&nbsp;</p>\r\n<p />\n<ac:image><ri:attachment ri:filename="a b(1).JPG" /></ac:image>'
        '<ac:image><ri:attachment ri:filename="b.svg" /></ac:image>'
        '<ac:image><ri:attachment ri:filename="c.gif" /></ac:image>'
        '<ac:image><ri:attachment ri:filename="no ending" /></ac:image>'
        '<ac:link><ri:attachment ri:filename="d.csv" /></ac:link>'
        '<ac:image><ri:attachment ri:filename="x.png"><ri:page ri:content-title="Other" /></ri:attachment></ac:image>'
    )
    file = tmp_path / "last.xhtml"
    file.write_bytes(body.encode())
    seed.load(store, SUNDAY, file)
    page = store.page_by_title("ANALYTICS", "20261029_데이터분석팀 주간 보고")
    assert page is not None
    assert page.body == body
    assert {a.filename: a.media_type for a in store.attachments(page.id)} == {
        "a b(1).JPG": "image/jpeg",
        "b.svg": "image/svg+xml",
        "c.gif": "image/gif",
        "no ending": "image/png",
        "d.csv": "text/csv",
    }
    assert {p.key: p.value for p in store.properties(page.id)} == {
        "content-appearance-published": "full-width",
        "content-appearance-draft": "full-width",
    }
