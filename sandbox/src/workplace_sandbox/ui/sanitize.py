"""The allow-lists for addresses and styles of a page.

Many people and programs write a wiki page: its content is untrusted. Everything that is not on an allow-list is left out.
"""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
_LINK_SCHEMES = frozenset({"http", "https", "mailto"})
_IMAGE_SCHEMES = frozenset({"http", "https"})

_PROPERTIES = frozenset(
    {
        "background-color", "border-color", "border-style", "border-width", "color", "font-style", "font-weight", "height",
        "line-height", "list-style-type", "margin-left", "max-width", "min-width", "padding-left", "text-align",
        "text-decoration", "text-indent", "vertical-align", "white-space", "width",
    }
)  # fmt: skip
# Words, numbers, #colours, and rgb()/hsl(): no url(), no expression(), no escapes, no comments. Blanks are allowed only
# between two tokens, so that there is one way to match and every value is quick.
_WORD = r"(?:(?:rgba?|hsla?)\([0-9.,%\s/]*\)|#[0-9A-Fa-f]{3,8}|[A-Za-z-]+|-?[0-9]*\.?[0-9]+(?:px|em|rem|pt|%|ex|ch)?)"
_VALUE = re.compile(rf"{_WORD}(?:\s+{_WORD})*")
_COLOUR = re.compile(r"(?:#[0-9A-Fa-f]{3}|#[0-9A-Fa-f]{6}|#[0-9A-Fa-f]{8}|[A-Za-z]{3,20}|rgba?\([0-9.,%\s]{3,40}\))")
_NAMED_CELL_COLOURS = {
    "grey": "#f4f5f7",
    "red": "#ffebe6",
    "yellow": "#fffae6",
    "green": "#e3fcef",
    "blue": "#deebff",
    "purple": "#eae6ff",
    "teal": "#e6fcff",
}


def safe_link(address: str | None) -> str | None:
    """Return ``address`` when a page may link to it: http, https, mailto or relative.

    :param address: the value of an ``href`` attribute.
    :return: the address without control characters, which browsers skip when they look for a scheme; None when it must
        not be used.
    """
    return _safe(address, _LINK_SCHEMES)


def safe_image(address: str | None) -> str | None:
    """Return ``address`` when a page may load a picture from it: http, https or relative; None otherwise."""
    return _safe(address, _IMAGE_SCHEMES)


def is_external(address: str) -> bool:
    """Return True when ``address`` leads to another site."""
    return address.startswith("//") or _SCHEME.match(address) is not None


def safe_style(style: str | None) -> str | None:
    """Return the harmless declarations of a ``style`` attribute, None when there are none.

    :param style: declarations as a page has them, for example ``text-align: center; background: url(x)``.
    """
    kept = []
    for declaration in (style or "").split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name in _PROPERTIES and len(value) <= 80 and _VALUE.fullmatch(value):
            kept.append(f"{name}: {value}")
    return "; ".join(kept) or None


def safe_colour(colour: str | None) -> str | None:
    """Return ``colour`` as CSS when it is a colour (a name, ``#rrggbb``, ``rgb()``), None otherwise.

    The colour names of Confluence's table cells mean its pale shades.
    """
    value = (colour or "").strip()
    if value.lower() in _NAMED_CELL_COLOURS:
        return _NAMED_CELL_COLOURS[value.lower()]
    return value if _COLOUR.fullmatch(value) else None


def pixels(length: str | None) -> int | None:
    """Return a length such as ``600``, ``600.0px`` or ``600px`` in whole pixels; None for anything else."""
    match = re.fullmatch(r"\s*([0-9]{1,5})(?:\.[0-9]+)?\s*(?:px)?\s*", length or "")
    return int(match[1]) if match and int(match[1]) > 0 else None


def _safe(address: str | None, schemes: frozenset[str]) -> str | None:
    cleaned = _CONTROL.sub("", address or "").strip()
    scheme = _SCHEME.match(cleaned.replace(" ", ""))
    if not cleaned or (scheme and scheme[1].lower() not in schemes):
        return None
    # A browser treats a backslash as a slash, and two of them as the start of another host.
    return cleaned.replace("\\", "%5C").replace(" ", "%20")
