"""The sandbox as files: the pages of the user interface, to open from a disk without a server."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

from workplace_sandbox.ui.addresses import anchor
from workplace_sandbox.ui.content import display_name, page_tree, page_view, unfold
from workplace_sandbox.ui.conversation import channel_view, mentioned, talk
from workplace_sandbox.ui.router import read_stylesheet
from workplace_sandbox.ui.templating import render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from workplace_sandbox.model import Attachment, Page, SlackChannel, SlackFile, Space
    from workplace_sandbox.store import Store

_STYLESHEET = "files/sandbox.css"
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\/:*?"<>|#%]+')
# Devices of Windows, whose names no file may have, with or without an ending.
_DEVICES = re.compile(r"(?i)^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")
_NAME_BYTES = 180


def export_site(store: Store, directory: Path) -> list[Path]:
    """Write the current pages and the channels as HTML files.

    ``index.html`` shows the trees of all spaces; each page is a file beside it, named after its title; attachments are in
    ``files/<page id>/``, channels in ``slack/``. A file is written under a temporary name and renamed when it is
    complete, so a reader never sees half of one. A new export replaces existing files; files of removed pages stay.

    :param store: the state to export.
    :param directory: the target; created if it does not exist.
    :return: the files written, ``index.html`` first.
    :raises OSError: when a file cannot be written.
    """
    pages = store.pages()
    names = _page_names(pages)
    top = _FileAddresses(names, "")
    below = _FileAddresses(names, "../", top.files)
    channels = store.channels()
    names_of_ids = mentioned(store)

    def html(template: str, addresses: _FileAddresses, **values: Any) -> bytes:
        text = render(
            template,
            addresses=addresses,
            spaces=store.spaces(),
            channels=channels,
            names=lambda username: display_name(store, username),
            **values,
        )
        return text.encode("utf-8", "replace")

    written = [_write(directory / "index.html", html("index.html", top, tree_of=True, **_overview(store, top)))]
    written.append(_write(directory / _STYLESHEET, read_stylesheet().encode()))
    for page in pages:
        view = page_view(store, page, top)
        if view is not None:
            nodes = page_tree(store, view.space, top, page)
            content = html("page.html", top, here="wiki", view=view, space=view.space, nodes=nodes, page=page)
            written.append(_write(directory / names[page.id], content))
    for channel in store.conversations():
        content = html("channel.html", below, here="slack", view=channel_view(store, channel), mentioned=names_of_ids)
        written.append(_write(directory / "slack" / _channel_name(channel), content))
    for name, path in sorted(top.files.items()):
        written.append(_copy(path, directory / name))
    return written


class _FileAddresses:
    """Relative addresses between the files, and the attachments they lead to.

    :param pages: file name by page id.
    :param up: way from the file that has the links to the top directory.
    :param files: the bytes of attached files, by file name; shared between the pages of one export.
    """

    def __init__(self, pages: dict[str, str], up: str, files: dict[str, Path] | None = None) -> None:
        self._pages = pages
        self._up = up
        self.files: dict[str, Path] = {} if files is None else files
        self._names: dict[str, str] = {}

    def stylesheet(self) -> str:
        return self._up + _STYLESHEET

    def home(self) -> str:
        return f"{self._up}index.html"

    def space(self, space: Space) -> str:
        del space
        return self.home()

    def page(self, page: Page) -> str:
        return self._up + quote(self._pages.get(page.id, "index.html"))

    def attachment(self, attachment: Attachment) -> str:
        return self._file(attachment.id, f"files/{attachment.page_id}/", attachment.filename, attachment.path)

    def channel(self, channel: SlackChannel) -> str:
        return f"{self._up}slack/{quote(_channel_name(channel))}"

    def thread(self, channel: SlackChannel, ts: str) -> str:
        return f"{self.channel(channel)}#{anchor(ts)}"

    def slack_file(self, file: SlackFile) -> str:
        return self._file(file.id, f"files/slack/{file.id}/", file.name, file.path)

    def issue(self, key: str = "") -> str | None:
        del key
        return None

    def member(self, user_id: str = "") -> str | None:
        del user_id
        return None

    def source(self, page: Page) -> str | None:
        del page
        return None

    def history(self, page: Page) -> str | None:
        del page
        return None

    def version(self, page: Page, number: int) -> str | None:
        del page, number
        return None

    def difference(self, page: Page, older: int, newer: int) -> str | None:
        del page, older, newer
        return None

    def _file(self, number: str, folder: str, filename: str, path: Path) -> str:
        name = self._names.get(number)
        if name is None:
            taken = {_key(name) for name in self.files}
            name = folder + _unique(_safe(filename), lambda name: _key(folder + name) in taken)
            self._names[number] = name
            self.files[name] = path
        return self._up + quote(name)


def _overview(store: Store, addresses: _FileAddresses) -> dict[str, Any]:
    wiki = []
    for space in store.spaces():
        nodes = page_tree(store, space, addresses)
        unfold(nodes)
        wiki.append({"space": space, "count": len(store.pages(space.key)), "nodes": nodes})
    return {"wiki": wiki, "talk": talk(store)}


def _page_names(pages: list[Page]) -> dict[str, str]:
    """Return a file name for each page: its title, with its id where two titles give the same name."""
    names: dict[str, str] = {}
    taken = {"index.html"}
    for page in pages:
        name = f"{_safe(page.title)}.html"
        if _key(name) in taken:
            name = f"{_safe(page.title)} {page.id}.html"
        taken.add(_key(name))
        names[page.id] = name
    return names


def _channel_name(channel: SlackChannel) -> str:
    return f"{_safe(channel.label.removeprefix('#'))}.html"


def _safe(name: str) -> str:
    """Return ``name`` as a file name that every system accepts; letters of all scripts stay."""
    stem, dot, ending = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).rpartition(".")
    if not stem or len(ending) > 10:
        stem, dot, ending = stem + dot + ending, "", ""
    stem = stem.encode("utf-8", "ignore")[: _NAME_BYTES - len(ending.encode())].decode("utf-8", "ignore")
    whole = f"{stem}{dot}{ending}".strip(". ") or "_"
    return f"_{whole}" if _DEVICES.match(whole) else whole


def _unique(name: str, is_taken: Callable[[str], bool]) -> str:
    stem, dot, ending = name.rpartition(".")
    candidate, number = name, 1
    while is_taken(candidate):
        number += 1
        candidate = f"{stem} ({number}).{ending}" if dot else f"{name} ({number})"
    return candidate


def _key(name: str) -> str:
    """Return the name that a file system without regard to case compares."""
    return unicodedata.normalize("NFC", name).casefold()


def _write(path: Path, content: bytes) -> Path:
    temporary = _temporary(path)
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return path


def _copy(source: Path, path: Path) -> Path:
    temporary = _temporary(path)
    shutil.copyfile(source, temporary)
    os.replace(temporary, path)
    return path


def _temporary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent / f".{os.getpid()}.part"
