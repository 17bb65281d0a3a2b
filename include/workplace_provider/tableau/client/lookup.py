"""Look-up of views by id, by the URL from a browser, by path, or by names."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from workplace_provider.http.errors import BadResponse, Invalid, NotFound
from workplace_provider.tableau.client.listing import Condition

if TYPE_CHECKING:
    from workplace_provider.tableau.client.model import View

LUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_BROWSER_PATH: Final = re.compile(
    r"^/?(?:(?:site|t)/(?P<site>[^/]+)/)?(?:authoring|views)/(?P<path>[^/]+/[^/]+)(?P<more>/.*)?$"
)
_LISTED: Final = 12
"""Number of views that an error message lists."""
_HIDDEN: Final = (
    "a hidden sheet cannot be exported, because Tableau gives it no id: show it, or export a dashboard that contains it"
)


@dataclass(frozen=True, slots=True)
class ViewReference:
    """A reference to a view, by one of id, path and name.

    :param luid: id of the view
    :param path: ``Workbook/Sheet`` from the view's URL
    :param name: name of the view
    :param workbook: name of its workbook
    :param project: name of its project
    """

    luid: str = ""
    path: str = ""
    name: str = ""
    workbook: str = ""
    project: str = ""

    def __str__(self) -> str:
        if self.luid or self.path:
            return repr(self.luid or self.path)
        named = f"{self.name!r} in the workbook {self.workbook!r}" if self.workbook else repr(self.name)
        return f"{named} of the project {self.project!r}" if self.project else named


def parse_reference(view: str, *, workbook: str = "", project: str = "", base_url: str, site: str) -> list[ViewReference]:
    """Parse a reference to a view.

    :param view: id, URL from a browser, ``Workbook/Sheet`` as in such a URL or with the names, or a name
    :param workbook: name of the view's workbook, when ``view`` is a name
    :param project: name of the view's project, when workbooks in several projects have the same name
    :param base_url: URL of Tableau
    :param site: the site of the session
    :return: the possible meanings, the most exact one first
    :raises Invalid: the URL is not one of a view, or of another server or site
    """
    text = view.strip()
    if not text:
        raise Invalid("the view is empty", advice="give the view's URL, Workbook/Sheet, or its name")
    if LUID.fullmatch(text):
        return [ViewReference(luid=text.lower())]
    if "://" in text:
        return [ViewReference(path=_path_of(text, base_url, site))]
    if workbook:
        return [ViewReference(name=text, workbook=workbook, project=project)]
    book, slash, sheet = text.partition("/sheets/") if "/sheets/" in text else text.partition("/")
    if not slash:
        return [ViewReference(name=text, project=project)]
    by_path = [] if project else [ViewReference(path=f"{book}/{sheet}")]
    # A name may contain a slash, too.
    return [*by_path, ViewReference(name=sheet, workbook=book, project=project), ViewReference(name=text, project=project)]


def _path_of(url: str, base_url: str, site: str) -> str:
    parts = urlsplit(url)
    base = urlsplit(base_url)
    if (parts.hostname or "").lower() != (base.hostname or "").lower():
        raise Invalid(
            f"{url} is on another server than the connection's {base.hostname}",
            advice="use a connection for that server",
        )
    # URLs from the browser have the path in the fragment; URLs of embedded views have it in the path.
    path, _, query = parts.fragment.partition("?") if parts.fragment else (parts.path, "", parts.query)
    path = path.removeprefix(base.path.rstrip("/")) if not parts.fragment else path
    match = _BROWSER_PATH.match(path)
    if match is None:
        raise Invalid(
            f"{url} is not the URL of a view",
            advice="open the view in a browser and copy the URL from the address bar",
        )
    if (match["site"] or "") != site:
        raise Invalid(
            f"{url} is on the site {match['site'] or 'Default'!r}, but the connection is for {site or 'Default'!r}",
            advice="set site in the connection, or use a connection for that site",
        )
    if more := unquote(match["more"] or "").strip("/"):
        raise Invalid(
            f"{more.rpartition('/')[2]!r} is a custom view, which cannot be exported yet: {url}",
            advice="give the URL of the original view, and the filters of the custom view as filters",
        )
    # Parameters with a colon control the display in a browser. All others are filters.
    pairs = [
        (name, value)
        for part in ({query, parts.query} if parts.fragment else {query})
        for name, value in parse_qsl(part, keep_blank_values=True)
        if not name.startswith(":")
    ]
    if pairs:
        listed = ", ".join(f"{name}={value}" for name, value in pairs)
        raise Invalid(
            f"the view's URL contains filters: {listed}",
            advice=f"give filters={json.dumps(dict(pairs), ensure_ascii=False)}, and the URL without them",
        )
    return unquote(match["path"])


def conditions_of(reference: ViewReference, *, wildcards: bool) -> tuple[Condition, ...]:
    """Return the conditions for the list of views, so that the server returns few views.

    :param wildcards: the server supports wildcards; without them, only exact conditions are returned
    """
    if reference.path:
        values = {"contentUrl": reference.path.replace("/", "/sheets/", 1)}
    else:
        values = {"name": reference.name, "workbookName": reference.workbook, "projectName": reference.project}
    conditions = (Condition(field, value) for field, value in values.items() if value)
    return tuple(condition for condition in conditions if wildcards or condition.exact)


_ATTRIBUTES: Final = {
    "name": "name",
    "contentUrl": "content_url",
    "workbookName": "workbook",
    "projectName": "project",
}


def can_compare(conditions: Iterable[Condition]) -> bool:
    """Return whether the client can evaluate the conditions, for a server that does not support filters."""
    return all(condition.field in _ATTRIBUTES for condition in conditions)


def satisfies(item: object, conditions: Iterable[Condition]) -> bool:
    """Return whether a view or workbook meets the conditions."""
    return all(
        _same(getattr(item, _ATTRIBUTES[condition.field], condition.value), condition.value) for condition in conditions
    )


def matching_views(reference: ViewReference, views: Iterable[View]) -> list[View]:
    """Return the views that match a reference exactly, apart from Unicode composition."""
    wanted = {"path": reference.path, "name": reference.name, "workbook": reference.workbook, "project": reference.project}
    return [
        view for view in views if all(not value or _same(getattr(view, field), value) for field, value in wanted.items())
    ]


def single_view(matches: Sequence[View], reference: ViewReference, nearby: Callable[[], Sequence[View]]) -> View:
    """Return the only match.

    :param nearby: returns the views to suggest if there is no match
    :raises NotFound: there is no match; the message names similar views
    :raises Invalid: there are several matches; the message lists them
    """
    if len(matches) == 1:
        if not matches[0].id:
            raise BadResponse(f"the server lists the view {matches[0]} without its id", method="GET")
        return matches[0]
    if matches:
        listed = "".join(f"\n  {view} {view.id}" for view in matches[:_LISTED])
        more = f"\n  and {len(matches) - _LISTED} more" if len(matches) > _LISTED else ""
        raise Invalid(
            f"{len(matches)} views match {reference}:{listed}{more}",
            advice="add the project, or give the view's URL or id",
        )
    views = nearby()
    wanted = reference.path.rpartition("/")[2] or reference.name
    names = {name: view for view in views for name in (view.name, view.path.rpartition("/")[2])}
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    near = list(dict.fromkeys(names[name] for name in close)) or list(views)[:_LISTED]
    similar = "; similar views: " + ", ".join(map(str, near)) if near else ""
    raise NotFound(f"no view {reference}{similar}", advice=f"check the name and the permission to view; {_HIDDEN}")


def _same(one: str, other: str) -> bool:
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
