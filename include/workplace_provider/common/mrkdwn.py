"""Escaping for mrkdwn, the markup of Slack messages."""

from __future__ import annotations

from typing import Any

from workplace_provider.http.redaction import remove_invisible, sanitize_link


class Mrkdwn(str):
    """A text that is mrkdwn already, and is not escaped again."""

    __slots__ = ()


def escape(text: Any) -> str:
    """Return mrkdwn that shows a text literally, without links, mentions and control characters.

    >>> escape("<!channel> R&D")
    '&lt;!channel&gt; R&amp;D'
    """
    if isinstance(text, Mrkdwn):
        return text
    plain = "" if text is None else remove_invisible(str(text))
    # Slack has these three entities. Source: "Formatting text for app surfaces", "Escaping text".
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_code(text: Any) -> str:
    """Return a text for use between backticks: one line, without backticks."""
    return escape(" ".join(str(text).split())).replace("`", "'")


def linked(text: Any, url: Any) -> str:
    """Return mrkdwn that shows a text literally, as a link if the URL is a web address.

    >>> linked("R&D", "https://wiki.example.com/x")
    '<https://wiki.example.com/x|R&amp;D>'
    """
    label = escape(" ".join(str(text).split()))
    address = "".join(escape(sanitize_link(str(url or ""))).split()).replace("|", "%7C")
    return f"<{address}|{label or address}>" if address else label
