"""The sandbox as files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import lxml.html
import pytest

from unit.sandbox.ui.open_wiki import NEWEST_REPORT, SUNDAY
from workplace_sandbox import seed
from workplace_sandbox.export import export_site

if TYPE_CHECKING:
    from pathlib import Path

    from workplace_sandbox.store import Store


@pytest.fixture
def seeded(store: Store) -> Store:
    seed.load(store, SUNDAY)
    store.add_message("#주간보고", "보고봇", "<https://a.example|링크>", {"text": "x"}, "incoming")
    return store


def check_links(root: Path) -> int:
    """Follow every link and image of every file; return how many there were."""
    checked = 0
    for file in root.rglob("*.html"):
        tree = lxml.html.parse(str(file)).getroot()
        ids = set(tree.xpath("//@id"))
        for address in tree.xpath("//a/@href | //img/@src | //link[@rel='stylesheet']/@href"):
            parts = urlsplit(address)
            if parts.scheme:
                continue
            checked += 1
            if not parts.path:
                assert unquote(parts.fragment) in ids, (file.name, address)
            else:
                assert (file.parent / unquote(parts.path)).is_file(), (file.name, address)
    return checked


def test_every_link_and_image_is_there(seeded: Store, tmp_path: Path) -> None:
    root = tmp_path / "pages"
    written = export_site(seeded, root)
    assert written[0] == root / "index.html"
    assert {path for path in root.rglob("*") if path.is_file()} == set(written)
    assert (root / f"{NEWEST_REPORT}.html").is_file()
    assert (root / "slack/주간보고.html").is_file()
    assert check_links(root) > 500


def test_recorded_page_is_exported_with_its_images(recorded_pages: list[Path], store: Store, tmp_path: Path) -> None:
    most = max(recorded_pages, key=lambda page: page.read_bytes().count(b"<ac:image"))
    seed.load(store, SUNDAY, most)
    export_site(store, tmp_path / "pages")
    text = (tmp_path / "pages" / f"{NEWEST_REPORT}.html").read_text("utf-8")
    assert text.count("<img ") == most.read_bytes().count(b"<ac:image")
    assert check_links(tmp_path / "pages") > 500


def test_again_gives_the_same(seeded: Store, tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in export_site(seeded, tmp_path)}
    second = {path: path.read_bytes() for path in export_site(seeded, tmp_path)}
    assert first == second
    assert not list(tmp_path.rglob("*.part"))


def test_titles_that_are_no_file_names(store: Store, tmp_path: Path) -> None:
    store.add_space("X", "X", homepage_title="index")
    titles = ["a/b", "a:b", "A:B?", "../../etc/passwd", "con", "x" * 255, "가" * 255, "..", "50% #1", "<b>"]
    for title in titles:
        page = store.create_page("X", title, "<p>x</p>", author="jimin")
        store.add_attachment(page.id, "../up.png", "image/png", io.BytesIO())
        store.add_attachment(page.id, "a.b/c?.png", "image/png", io.BytesIO())
        store.add_attachment(page.id, "A.b:c*.png", "image/png", io.BytesIO())
    root = tmp_path / "deep" / "pages"
    written = export_site(store, root)
    for path in written:
        assert path.resolve().is_relative_to(root.resolve())
        assert len(path.name.encode()) < 255
    assert len(written) == len(set(written)) == 2 + 1 + len(titles) + 3 * len(titles)
    assert len({str(path).casefold() for path in written}) == len(written)
    check_links(root)


def test_an_empty_store(store: Store, tmp_path: Path) -> None:
    assert [path.name for path in export_site(store, tmp_path)] == ["index.html", "sandbox.css"]
