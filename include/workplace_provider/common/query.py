"""Values in JQL and CQL queries. Both languages quote text, and escape a quote in it with a backslash."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

# A quoted text, or a placeholder outside of quotes. An unclosed quote extends to the end: no system accepts such a query,
# and a search for another start inside of it would take quadratic time.
_PIECE: Final = re.compile(r""""(?:[^"\\]|\\.)*+(?:"|\\?\Z)|'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|\{(?P<name>[^{}]*)\}""", re.S)
_SHORT_FORM: Final = re.compile(r"\\.", re.S)
_LONG_FORMS: Final = {r"\b": r"\u0008", r"\f": r"\u000c"}
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def quoted(value: Any) -> str:
    r"""Return a value as one quoted text.

    ::

        f"title = {quoted(title)}"  # title = "the \"big\" page"
    """
    return f'"{_escape(value)}"'


def fill_placeholders(query: str, values: Mapping[str, Any]) -> str:
    """Return a query with values for its ``{name}`` placeholders. A placeholder in a value is not filled.

    Each value becomes one quoted text, or stays within the quotes that the query has around its placeholder::

        fill_placeholders('project = ANL AND text ~ {words} AND summary ~ "{words} 2026"', {"words": words})

    :param query: the query; braces around any other text stay as they are
    :param values: values by name; a list becomes quoted texts with commas, as in ``key IN ({keys})``
    """

    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        if name is not None:
            return _quoted_all(values[name]) if name in values else match[0]
        text, quote = match[0], match[0][0]
        return _PLACEHOLDER.sub(lambda match: _escape(values[match[1]], quote) if match[1] in values else match[0], text)

    return _PIECE.sub(fill, query)


def _quoted_all(value: Any) -> str:
    return ", ".join(map(quoted, value)) if isinstance(value, list | tuple) else quoted(value)


def _escape(value: Any, quote: str = '"') -> str:
    # The escapes of JSON, also for line breaks and control characters. JQL has fewer short forms than JSON.
    text = json.dumps(str(value), ensure_ascii=False)[1:-1]
    text = _SHORT_FORM.sub(lambda match: _LONG_FORMS.get(match[0], match[0]), text)
    return text if quote == '"' else text.replace('\\"', '"').replace(quote, f"\\{quote}")
