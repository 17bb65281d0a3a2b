"""The values of an issue's fields, in the plain form that table cells take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal

from workplace_provider.http.redaction import get_logger
from workplace_provider.jira.client.adf import is_document, plain_text, storage_format

log = get_logger("workplace_provider.jira")

RichText = Literal["text", "storage"]
RICH_TEXT: Final = ("text", "storage")

COLOURS: Final = {"new": "Grey", "indeterminate": "Blue", "done": "Green"}
"""Colour of a status by the key of its category, which is the same on every site and in every language."""

_DATES: Final = frozenset({"duedate", "created", "updated", "resolutiondate", "lastViewed"})


def site_of(issue: Mapping[str, Any], base: str) -> str:
    """Return the URL of Jira's web pages, on Data Center.

    :param issue: issue as Jira sent it. Its ``self`` begins with the base URL that the administrator has set, even if the
        API is called under another host name
    :param base: URL to use if ``self`` is missing
    """
    site, separator, _ = str(issue.get("self", "")).partition("/rest/api/")
    return site if separator and site.startswith(("https://", "http://")) else base.rstrip("/")


def cell(issue: Mapping[str, Any], field: str, site: str, rich_text: str = "text") -> Any:
    """Return a field of an issue as the value of a table cell, in the plain form of ``values``.

    :param issue: issue as Jira sent it
    :param field: name in the REST API, such as ``duedate`` or ``customfield_10010``. ``key`` becomes a link, ``status`` a
        lozenge in the colour of its category, a date or time a date, a person a name
    :param site: URL of Jira's web pages
    :param rich_text: ``text`` or ``storage``, for the formatted text of Jira Cloud
    """
    if field == "key":
        return {"link": {"text": issue["key"], "url": f"{site}/browse/{issue['key']}"}}
    value = issue["fields"].get(field)
    if field == "status" and isinstance(value, Mapping):
        category = value.get("statusCategory")
        category_key = str(category.get("key")) if isinstance(category, Mapping) else ""
        return {"status": {"title": str(value.get("name") or ""), "colour": COLOURS.get(category_key, "Grey")}}
    if field in _DATES and isinstance(value, str) and (day := _day(value)):
        return {"date": day}
    if is_document(value):
        return _document(value, f"{field} of {issue['key']}", rich_text)
    return _plain(value)


def _document(document: Any, where: str, rich_text: str) -> Any:
    try:
        if rich_text == "text":
            return plain_text(document) or None
        markup, unknown = storage_format(document)
    except ValueError as error:
        # One field of one issue must not keep the report from the others.
        log.warning("%s is left empty: %s", where, error)
        return None
    if unknown:
        log.warning("%s has nodes without a counterpart in Confluence: %s", where, ", ".join(unknown))
    return {"storage": markup} if markup else None


def _day(moment: str) -> str | None:
    """Return the date of a time, which is in the time zone of the connection's account; ``None`` for any other text."""
    try:
        return date.fromisoformat(moment[:10]).isoformat()
    except ValueError:
        return None


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, list):
        # Nested lists are omitted: they have no readable form, and fields of apps may be nested to any depth.
        texts = [] if depth else [_plain(item, depth + 1) for item in value]
        return ", ".join(str(text) for text in texts if text is not None)
    if isinstance(value, Mapping):
        # People, versions, options and most other objects have their name in one of these fields.
        return next((value[name] for name in ("displayName", "name", "value", "summary", "key") if value.get(name)), None)
    return value
