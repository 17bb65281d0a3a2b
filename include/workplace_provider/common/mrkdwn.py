"""Text as Slack's mrkdwn."""

from __future__ import annotations


def escape(text: str) -> str:
    """Text as mrkdwn that shows it, links and mentions included, as letters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def linked(text: str, url: str) -> str:
    """Text as mrkdwn that shows it, as a link where there is a URL."""
    return f"<{escape(url).replace('|', '%7C')}|{escape(text)}>" if url else escape(text)
