"""The body of a page or comment in the representations that Confluence knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workplace_sandbox.confluence.expand import Expand
    from workplace_sandbox.model import Page
    from workplace_sandbox.store import Store

RENDERED = ("view", "export_view", "styled_view", "anonymous_export_view")
REPRESENTATIONS = ("storage", "editor", *RENDERED)


def body_parts(store: Store, context_path: str, page: Page, storage: str, expand: Expand, address: str) -> dict[str, Any]:
    """Return the ``body`` of a response.

    :param store: resolves the links and images of a body.
    :param context_path: for the addresses in rendered bodies.
    :param page: the page of the body.
    :param storage: the body as it is stored.
    :param expand: the requested representations.
    :param address: the address of the content that owns the body.
    :return: the requested representations by name; the others in ``_expandable``.
    """
    parts = {
        name: {
            "value": convert(store, context_path, page, storage, name),
            "representation": name,
            "_expandable": {"content": address},
        }
        for name in REPRESENTATIONS
        if name in expand
    }
    return {**parts, "_expandable": {name: "" for name in REPRESENTATIONS if name not in parts}}


def convert(store: Store, context_path: str, page: Page, storage: str, representation: str) -> str:
    """Return a body in another representation.

    :return: HTML for the rendered representations. ``storage`` is the stored text, byte for byte; ``editor`` is the
        same here,
        because the sandbox has no editor format.
    """
    if representation not in RENDERED:
        return storage
    # Rendering needs the user interface, which a sandbox that serves only REST need not load.
    from workplace_sandbox.ui.addresses import ServerAddresses
    from workplace_sandbox.ui.content import body_html

    rendered = body_html(store, page, ServerAddresses(context_path), storage)
    if representation == "styled_view":
        return f"<html><head><title></title></head><body>{rendered}</body></html>"
    return rendered
