"""Storage format to HTML, for people's eyes and for ``body.view`` of the REST API."""

from __future__ import annotations

import html
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from lxml import etree

from workplace_sandbox.ui.annotate import PageEntry, PageRef, Resolver, annotate
from workplace_sandbox.ui.storage import StorageError, parse_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PageEntry", "PageRef", "render_storage"]

_SOURCE_SHOWN = 20_000


def render_storage(
    storage: str,
    *,
    page_id: str,
    attachment_url: Callable[[PageRef | None, str], str | None],
    link_url: Callable[[PageRef], str | None] | None = None,
    user_name: Callable[[str], str | None] | None = None,
    children: Sequence[PageEntry] = (),
    anchor_prefix: str = "",
) -> str:
    """Render a body.

    Nothing in a body can run in the browser: only elements and attributes that the style sheet names get through, and
    addresses and styles pass an allow-list. A body that is not well-formed gives a box with the reason and the source.

    :param storage: storage format of a page or comment.
    :param page_id: page of the body; the error box names it.
    :param attachment_url: address of a file, by page (None: this page) and file name; None when there is no such file.
    :param link_url: address of a page or space; None when there is none.
    :param user_name: display name by account id, user key or user name; None when unknown.
    :param children: pages below this one, for the children macro.
    :param anchor_prefix: put before every id, so that several bodies can be in one document.
    :return: an HTML fragment.
    """
    resolver = Resolver(
        attachment_url=attachment_url,
        link_url=link_url or (lambda _: None),
        user_name=user_name or (lambda _: None),
        children=children,
        anchor_prefix=anchor_prefix,
    )
    try:
        root = parse_storage(storage)
        annotate(root, resolver)
        markup = str(_stylesheet()(root))
    except (StorageError, etree.XSLTError, RecursionError) as error:
        return _error_box(page_id, str(error), storage)
    return markup.strip("\n").removeprefix("<div>").removesuffix("</div>")


@cache
def _stylesheet() -> etree.XSLT:
    source = resources.files("workplace_sandbox.ui").joinpath("storage.xslt").read_bytes()
    access = etree.XSLTAccessControl.DENY_ALL  # type: ignore[attr-defined]  # missing in the stubs
    return etree.XSLT(etree.fromstring(source), access_control=access)


def _error_box(page_id: str, message: str, storage: str) -> str:
    shown = storage[:_SOURCE_SHOWN].encode("utf-8", "replace").decode()
    more = "" if len(storage) <= _SOURCE_SHOWN else f"\n… {len(storage) - _SOURCE_SHOWN} more characters"
    return (
        '<div class="wk-error" role="alert">'
        f"<p><strong>This body cannot be rendered</strong> (page {html.escape(page_id)})</p>"
        f"<p>{html.escape(message.encode('utf-8', 'replace').decode())}</p>"
        f"<pre><code>{html.escape(shown + more)}</code></pre></div>"
    )
