"""Values in JQL and CQL. Both write text in quotes, with a backslash before what would end it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

# A text in quotes, or a place outside of them. A quote that is never closed is one up to the end: no system takes such a
# query, and looking for another beginning inside of it would take the square of its length.
_PIECE: Final = re.compile(r""""(?:[^"\\]|\\.)*+(?:"|\\?\Z)|'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|\{(?P<name>[^{}]*)\}""", re.S)
_SHORT_FORM: Final = re.compile(r"\\.", re.S)
_LONG_FORMS: Final = {r"\b": r"\u0008", r"\f": r"\u000c"}
_PLACE: Final = re.compile(r"\{([^{}]*)\}")


def quoted(value: Any) -> str:
    r"""Return a value as one quoted text.

    ::

        f"title = {quoted(title)}"  # title = "say \"hi\""
    """
    return f'"{_escaped(value)}"'


def filled(query: str, values: Mapping[str, Any]) -> str:
    """Return a query with its ``{name}`` places filled, all in one pass: what a value contains is never a place itself.

    Each value becomes one quoted text, or stays within the quotes that the query has around its place::

        filled('project = ANL AND text ~ {words} AND summary ~ "{words} 2026"', {"words": words})

    :param query: the query; braces around any other text stay as they are
    :param values: name to value
    """

    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        if name is not None:
            return quoted(values[name]) if name in values else match[0]
        text, quote = match[0], match[0][0]
        return _PLACE.sub(lambda place: _escaped(values[place[1]], quote) if place[1] in values else place[0], text)

    return _PIECE.sub(fill, query)


def _escaped(value: Any, quote: str = '"') -> str:
    # As JSON does, line breaks and control characters included. JQL knows fewer short forms than JSON.
    text = json.dumps(str(value), ensure_ascii=False)[1:-1]
    text = _SHORT_FORM.sub(lambda match: _LONG_FORMS.get(match[0], match[0]), text)
    return text if quote == '"' else text.replace('\\"', '"').replace(quote, f"\\{quote}")
