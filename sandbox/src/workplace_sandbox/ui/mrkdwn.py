"""Slack's mrkdwn as HTML, by the rules of Slack's documentation on formatting text."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from workplace_sandbox.ui.emoji import SHORT_NAMES
from workplace_sandbox.ui.sanitize import safe_link

# Returns the name of an id: "@김지민", "#data-alarms".
Mentioned = Callable[[str], str | None]

# Finished pieces of markup are kept outside the text while it is formatted; each is replaced by a private character pair.
_OPEN, _CLOSE = "\ue000", "\ue001"
_HELD = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_FENCE = re.compile(r"```\n?(.*?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_CONTROL = re.compile(r"<([^<>\n]+)>")
_URL = re.compile(r"https?://[^\s<>|" + _OPEN + "]+[^\\s<>|.,;:!?)'\"" + _OPEN + "]")
_EMOJI = re.compile(r":([a-z0-9_+-]+):")
_SPECIAL = {"here": "@here", "channel": "@channel", "everyone": "@everyone"}
_STYLES = (("*", "b"), ("_", "i"), ("~", "s"))


def mrkdwn(text: object, mentioned: Mentioned | None = None) -> Markup:
    """Return a text of a message as HTML.

    :param text: mrkdwn with ``&``, ``<`` and ``>`` escaped, as Slack's API has it; or a text object of Block Kit.
        Anything
        else gives an empty text.
    :param mentioned: returns the name of the person, channel or group of an id.
    """
    if isinstance(text, dict):
        if text.get("type") == "plain_text":
            return plain_text(text)
        text = text.get("text")
    if not isinstance(text, str):
        return Markup()
    held: list[str] = []

    def hold(markup: str) -> str:
        held.append(markup)
        return f"{_OPEN}{len(held) - 1}{_CLOSE}"

    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    text = _FENCE.sub(lambda match: hold(f"<pre>{_escape(match[1])}</pre>"), text)
    text = _CODE.sub(lambda match: hold(f"<code>{_escape(match[1])}</code>"), text)
    text = _CONTROL.sub(lambda match: hold(_control(match[1], mentioned)), text)
    text = _URL.sub(lambda match: hold(_anchor(html.unescape(match[0]), html.unescape(match[0]))), text)
    lines = [_line(_format(_escape(line))) for line in text.split("\n")]
    markup = "\n".join(lines)
    markup = re.sub(r"</blockquote>\n<blockquote>", "<br>", markup).replace("</blockquote>\n", "</blockquote>")
    markup = markup.replace("\n<blockquote>", "<blockquote>").replace("\n", "<br>")
    # Code within a link text is a placeholder within a placeholder: the second pass replaces those from the first.
    for _ in range(2):
        markup = _HELD.sub(lambda match: held[int(match[1])], markup)
    markup = markup.replace("</pre><br>", "</pre>").replace("<br><pre>", "<pre>")
    return Markup(markup)  # noqa: S704 - every piece was escaped above


def emoji(name: str) -> str:
    """Return an emoji's character, or its name between colons when it is one of the workspace's own."""
    return SHORT_NAMES.get(name.split("::")[0], f":{name}:")


def plain_text(text: object) -> Markup:
    """Return a ``plain_text`` object or a string as HTML: emoji names become characters, nothing else is formatted."""
    value: Any = text.get("text") if isinstance(text, dict) else text
    if not isinstance(value, str):
        return Markup()
    return Markup(_EMOJI.sub(_emoji, html.escape(value)).replace("\n", "<br>"))  # noqa: S704 - escaped


def _escape(text: str) -> str:
    """Escape once, even if the sender has escaped already."""
    return html.escape(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"), quote=True)


def _control(body: str, mentioned: Mentioned | None) -> str:
    target, bar, label = body.partition("|")
    sign, name = target[:1], target[1:].removeprefix("subteam^")
    if sign and sign in "@#!":
        known = mentioned(name) if mentioned else None
        if sign == "!" and known is None:
            word = name.split("^")[0]
            if word == "date":
                # Slack shows a time in the reader's zone; the fallback is the same for everyone.
                return _escape(label)
            known = label or _SPECIAL.get(word, f"@{word}")
        return f'<span class="sl-mention">{_escape(known or f"{sign}{label or name}")}</span>'
    link = safe_link(html.unescape(target))
    if link is None or not link.lower().startswith(("http://", "https://", "mailto:")):
        return _escape(f"<{body}>")
    return _anchor(link, html.unescape(label) if bar else html.unescape(target).removeprefix("mailto:"))


def _anchor(address: str, label: str) -> str:
    return f'<a href="{html.escape(address)}" rel="noopener noreferrer">{html.escape(label)}</a>'


def _format(text: str) -> str:
    for sign, tag in _STYLES:
        mark = re.escape(sign)
        text = re.sub(
            rf"(?<![\w{mark}]){mark}(?=[^\s{mark}])([^{mark}\n]*?[^\s{mark}]){mark}(?![\w{mark}])",
            rf"<{tag}>\1</{tag}>",
            text,
        )
    return _EMOJI.sub(_emoji, text)


def _line(line: str) -> str:
    quote = re.match(r"&gt;\s?(.*)", line)
    return f"<blockquote>{quote[1]}</blockquote>" if quote else line


def _emoji(match: re.Match[str]) -> str:
    return SHORT_NAMES.get(match[1], match[0])
