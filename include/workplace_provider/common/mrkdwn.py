"""Text as Slack's mrkdwn."""

from __future__ import annotations

from typing import Any

from workplace_provider.http.redaction import remove_invisible, sanitize_link


class Mrkdwn(str):
    """Text that is mrkdwn already: it is not escaped again."""

    __slots__ = ()


def escape(text: Any) -> str:
    """Return mrkdwn that shows a text as it is: links and mentions are letters, control characters are left out.

    >>> escape("<!channel> R&D")
    '&lt;!channel&gt; R&amp;D'
    """
    if isinstance(text, Mrkdwn):
        return text
    shown = "" if text is None else remove_invisible(str(text))
    # Slack knows these three entities. Source: "Formatting text for app surfaces", "Escaping text".
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_code(text: Any) -> str:
    """Return a text to put between backticks: one line, and no backtick that ends the code."""
    return escape(" ".join(str(text).split())).replace("`", "'")


def linked(text: Any, url: Any) -> str:
    """Return mrkdwn that shows a text as it is, as a link where the URL is one of the web.

    >>> linked("R&D", "https://wiki.example.com/x")
    '<https://wiki.example.com/x|R&amp;D>'
    """
    shown = escape(" ".join(str(text).split()))
    address = "".join(escape(sanitize_link(str(url or ""))).split()).replace("|", "%7C")
    return f"<{address}|{shown or address}>" if address else shown
