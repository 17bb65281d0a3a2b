"""The Jinja environment of the user interface and the functions of its templates."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import ChainableUndefined, Environment, PackageLoader, pass_context
from markupsafe import Markup

from workplace_sandbox.ui.emoji import badge
from workplace_sandbox.ui.mrkdwn import emoji, mrkdwn, plain_text
from workplace_sandbox.ui.sanitize import safe_colour, safe_image, safe_link
from workplace_sandbox.zone import SEOUL

if TYPE_CHECKING:
    from jinja2.runtime import Context

_HUES = (212, 262, 152, 24, 338, 190, 44, 288)


@cache
def environment() -> Environment:
    """Return the environment: every value is escaped, an odd message payload gives a gap rather than an error."""
    made = Environment(
        loader=PackageLoader("workplace_sandbox.ui"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        moment=moment,
        clock=lambda at: f"{at.astimezone(SEOUL):%H:%M}",
        dotted=lambda at: f"{at.astimezone(SEOUL):%Y.%m.%d}",
        day=lambda at: f"{at.astimezone(SEOUL):%A, %d %B %Y}",
        bytes=byte_size,
        trusted=lambda html: Markup(html),  # noqa: S704 - only for the results of render.py
        objects=objects,
        mrkdwn=_mrkdwn,
        reaction=reaction,
        plain=plain_text,
        link=lambda value: safe_link(value) if isinstance(value, str) else None,
        picture=lambda value: safe_image(value) if isinstance(value, str) else None,
        colour=bar_colour,
        initials=initials,
        hue=hue,
    )
    return made


def reaction(name: str) -> Markup:
    """Return the emoji of a reaction; a sign with a meaning is drawn, for machines without a font with emoji."""
    drawn = badge("", name)
    if drawn is None:
        return Markup("{}").format(emoji(name))
    return Markup('<span class="wk-badge wk-{}">{}</span>').format(drawn[1], drawn[0])


@pass_context
def _mrkdwn(context: Context, text: object) -> Markup:
    return mrkdwn(text, context.get("mentioned"))


def render(template: str, **values: Any) -> str:
    """Return a template filled with ``values``."""
    return environment().get_template(template).render(**values)


def moment(at: datetime) -> str:
    """Return date and time as the team reads them, for example ``2026-11-19 09:03``."""
    return f"{at.astimezone(SEOUL):%Y-%m-%d %H:%M}"


def byte_size(size: int) -> str:
    """Return a size for people: ``512 B``, ``31 kB``, ``4.2 MB``."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def objects(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a list; an empty list for any other value."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def initials(name: str) -> str:
    """Return one or two characters for a picture of a person: ``AM`` for Alex Morgan, ``김`` for 김지민."""
    words = name.split()
    if not words:
        return "?"
    if not name.isascii():
        return words[0][0]
    return "".join(word[0] for word in words[:2]).upper()


def hue(name: str) -> int:
    """Return a hue for a name, the same each time."""
    return _HUES[hashlib.sha256(name.encode("utf-8", "replace")).digest()[0] % len(_HUES)]


def bar_colour(value: object) -> str:
    """Return the colour of a message attachment's bar: one of Slack's names, or hexadecimal."""
    names = {"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}
    if not isinstance(value, str):
        return "#dddddd"
    colour_value = names.get(value) or safe_colour(value) or safe_colour(f"#{value}")
    return colour_value or "#dddddd"
