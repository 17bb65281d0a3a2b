"""Addresses on the server, and tiny links.

The paths are Confluence's, Jira's and Slack's own, so that an address from a log or a message opens the same thing here.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, quote_plus

from workplace_sandbox.jira import JIRA_PATH
from workplace_sandbox.members import MEMBERS_PATH
from workplace_sandbox.slack.workspace import FILES_PATH, TEAM

if TYPE_CHECKING:
    from workplace_sandbox.model import Attachment, Page, SlackChannel, SlackFile, Space


class Addresses(Protocol):
    """Addresses as one kind of output needs them: the server, or files on a disk.

    A method returns None where that output has no such thing.
    """

    def stylesheet(self) -> str:
        """Return the style sheet."""
        ...

    def home(self) -> str:
        """Return the list of everything."""
        ...

    def space(self, space: Space) -> str:
        """Return a space."""
        ...

    def page(self, page: Page) -> str:
        """Return a page in its current version."""
        ...

    def attachment(self, attachment: Attachment) -> str:
        """Return an attached file in its current version."""
        ...

    def channel(self, channel: SlackChannel) -> str:
        """Return a channel."""
        ...

    def thread(self, channel: SlackChannel, ts: str) -> str:
        """Return a channel with the replies to one of its messages open."""
        ...

    def slack_file(self, file: SlackFile) -> str:
        """Return a file in Slack."""
        ...

    def issue(self, key: str = "") -> str | None:
        """Return an issue of Jira, by its key; the board without one."""
        ...

    def member(self, user_id: str = "") -> str | None:
        """Return an account of the member service, by its id; all of them without one."""
        ...

    def source(self, page: Page) -> str | None:
        """Return the storage format of a page."""
        ...

    def history(self, page: Page) -> str | None:
        """Return the versions of a page."""
        ...

    def version(self, page: Page, number: int) -> str | None:
        """Return an old version of a page."""
        ...

    def difference(self, page: Page, older: int, newer: int) -> str | None:
        """Return the difference of two versions of a page."""
        ...


class ServerAddresses:
    """Addresses on the sandbox server.

    :param context_path: the path of the wiki, for example ``/confluence``.
    """

    def __init__(self, context_path: str) -> None:
        self.context_path = context_path.rstrip("/")

    def stylesheet(self) -> str:
        """Return the style sheet."""
        return "/_ui/sandbox.css"

    def home(self) -> str:
        """Return the list of everything."""
        return "/"

    def space(self, space: Space) -> str:
        """Return a space."""
        return f"{self.context_path}/spaces/{quote(space.key, safe='')}"

    def page(self, page: Page) -> str:
        """Return a page in its current version."""
        return f"{self.context_path}/spaces/{quote(page.space_key, safe='')}/pages/{page.id}/{quote_plus(page.title)}"

    def attachment(self, attachment: Attachment) -> str:
        """Return an attached file; the version in the address keeps a browser from showing an older one from its cache."""
        name = quote(attachment.filename, safe="")
        return f"{self.context_path}/download/attachments/{attachment.page_id}/{name}?version={attachment.version}"

    def channel(self, channel: SlackChannel) -> str:
        """Return a channel."""
        return f"/slack/archives/{channel.id if channel.is_direct else quote(channel.name, safe='')}"

    def thread(self, channel: SlackChannel, ts: str) -> str:
        """Return a channel with the replies to one of its messages open."""
        return f"{self.channel(channel)}?thread_ts={ts}#{anchor(ts)}"

    def slack_file(self, file: SlackFile) -> str:
        """Return a file in Slack."""
        return f"{FILES_PATH}/{TEAM}-{file.id}/{quote(file.name, safe='')}"

    def issue(self, key: str = "") -> str | None:
        """Return an issue of Jira, by its key; the board without one."""
        return f"{JIRA_PATH}/browse/{quote(key, safe='')}" if key else f"{JIRA_PATH}/secure/RapidBoard.jspa"

    def member(self, user_id: str = "") -> str | None:
        """Return an account of the member service, by its id; all of them without one."""
        return f"{MEMBERS_PATH}/{quote(user_id, safe='')}" if user_id else MEMBERS_PATH

    def source(self, page: Page) -> str | None:
        """Return the storage format of a page."""
        return f"{self.context_path}/plugins/viewstorage/viewpagestorage.action?pageId={page.id}"

    def history(self, page: Page) -> str | None:
        """Return the versions of a page."""
        return f"{self.context_path}/pages/viewpreviousversions.action?pageId={page.id}"

    def version(self, page: Page, number: int) -> str | None:
        """Return an old version of a page."""
        return f"{self.context_path}/pages/viewpage.action?pageId={page.id}&pageVersion={number}"

    def difference(self, page: Page, older: int, newer: int) -> str | None:
        """Return the difference of two versions of a page."""
        return (
            f"{self.context_path}/pages/diffpagesbyversion.action?pageId={page.id}"
            f"&selectedPageVersions={older}&selectedPageVersions={newer}"
        )


def anchor(ts: str) -> str:
    """Return the id that a message has on its page, as it is in Slack's links."""
    return f"p{ts.replace('.', '')}"


def tiny_link(page_id: str) -> str:
    """Return the short name of a page, as it follows ``/x/``.

    It is the id, little endian, in base 64 with ``-`` and ``_`` for ``/`` and ``+``, without the trailing ``A`` and ``=``.
    """
    number = int(page_id)
    raw = number.to_bytes(max(4, (number.bit_length() + 7) // 8), "little")
    return base64.b64encode(raw).decode().translate(str.maketrans("/+", "-_")).rstrip("A=")


def page_id_of_tiny_link(name: str) -> str | None:
    """Return the page id of a short name, None when it is invalid."""
    text = name.translate(str.maketrans("-_", "/+"))
    text = text.ljust(-(-max(len(text), 6) // 4) * 4, "A")
    try:
        return str(int.from_bytes(base64.b64decode(text, validate=True), "little"))
    except (binascii.Error, ValueError):
        return None
