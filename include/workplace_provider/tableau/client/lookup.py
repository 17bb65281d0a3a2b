"""Look-up of views, custom views, projects and other content by id, by the URL from a browser, by path, or by names."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from workplace_provider.http.errors import BadResponse, Invalid, NotFound
from workplace_provider.tableau.client.listing import Condition
from workplace_provider.tableau.client.model import Content, CustomView, Project, SomeContent, View, Workbook

LUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_BROWSER_PATH: Final = re.compile(
    r"^/?(?:(?:site|t)/(?P<site>[^/]+)/)?(?:authoring|views)/(?P<path>[^/]+/[^/]+)(?P<more>/.*)?$"
)
_VIEW_IN_URL: Final = re.compile(r"[/#](?:views|authoring)/")
_LISTED: Final = 12
"""Number of items that an error message lists."""
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
    :param project: name or path of its project
    :param custom: id or name of one of its custom views
    """

    luid: str = ""
    path: str = ""
    name: str = ""
    workbook: str = ""
    project: str = ""
    custom: str = ""

    def __str__(self) -> str:
        if self.luid or self.path:
            return repr(self.luid or self.path)
        named = f"{self.name!r} in the workbook {self.workbook!r}" if self.workbook else repr(self.name)
        return f"{named} of the project {self.project!r}" if self.project else named


def parse_reference(view: str, *, workbook: str = "", project: str = "", base_url: str, site: str) -> list[ViewReference]:
    """Parse a reference to a view.

    :param view: id, URL from a browser, ``Workbook/Sheet`` as in such a URL or with the names, or a name
    :param workbook: name of the view's workbook, when ``view`` is a name
    :param project: name or path of the view's project, when workbooks in several projects have the same name
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
        return [_reference_of_url(text, base_url, site)]
    if workbook:
        return [ViewReference(name=text, workbook=workbook, project=project)]
    book, slash, sheet = text.partition("/sheets/") if "/sheets/" in text else text.partition("/")
    if not slash:
        return [ViewReference(name=text, project=project)]
    by_path = [] if project else [ViewReference(path=f"{book}/{sheet}")]
    # A name may contain a slash, too.
    return [*by_path, ViewReference(name=sheet, workbook=book, project=project), ViewReference(name=text, project=project)]


def _reference_of_url(url: str, base_url: str, site: str) -> ViewReference:
    match, query = _match_url(url, base_url, site, _BROWSER_PATH, "view")
    # Parameters with a colon control the display in a browser. All others are filters.
    pairs = [(name, value) for name, value in query if not name.startswith(":")]
    if pairs:
        listed = ", ".join(f"{name}={value}" for name, value in pairs)
        raise Invalid(
            f"the view's URL contains filters: {listed}",
            advice=f"give filters={json.dumps(dict(pairs), ensure_ascii=False)}, and the URL without them",
        )
    # A custom view follows as id and name; in older servers the user's name is in place of the id.
    first, _, last = (match["more"] or "").strip("/").partition("/")
    custom = first if LUID.fullmatch(first) else last or first
    return ViewReference(path=unquote(match["path"]), custom=unquote(custom))


def _match_url(
    url: str, base_url: str, site: str, pattern: re.Pattern[str], kind: str
) -> tuple[re.Match[str], list[tuple[str, str]]]:
    """Match the path of a URL from a browser, and return its parameters, too.

    :param pattern: pattern of the path, with the group ``site``
    :param kind: name of the object in errors
    :raises Invalid: the URL does not match, or is on another server or site
    """
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
    match = pattern.match(path)
    if match is None:
        raise Invalid(
            f"{url} is not the URL of a {kind}",
            advice=f"open the {kind} in a browser and copy the URL from the address bar",
        )
    if (match["site"] or "") != site:
        raise Invalid(
            f"{url} is on the site {match['site'] or 'Default'!r}, but the connection is for {site or 'Default'!r}",
            advice="set site in the connection, or use a connection for that site",
        )
    texts = {query, parts.query} if parts.fragment else {query}
    return match, [pair for text in texts for pair in parse_qsl(text, keep_blank_values=True)]


@dataclass(frozen=True, slots=True)
class ContentReference:
    """A reference to a workbook, data source or flow, by one of id, number and name.

    :param luid: id of the content
    :param number: number in its URL from a browser, which is not its id
    :param name: its name, or its name in URLs
    """

    luid: str = ""
    number: str = ""
    name: str = ""

    def __str__(self) -> str:
        return repr(self.luid or self.name or f"number {self.number}")


def parse_content_reference(text: str, kind: type[Content], *, base_url: str, site: str) -> ContentReference:
    """Parse a reference to a workbook, data source or flow: its id, its URL from a browser, or its name.

    The URL of a view is a reference to its workbook.

    :raises Invalid: it is empty, or a URL of something else
    """
    text = text.strip()
    if not text:
        raise Invalid(f"the {kind.LABEL} is empty", advice="give its URL, name or id")
    if LUID.fullmatch(text):
        return ContentReference(luid=text.lower())
    if "://" not in text:
        return ContentReference(name=text)
    if kind is Workbook and _VIEW_IN_URL.search(text):
        return ContentReference(name=_reference_of_url(text, base_url, site).path.partition("/")[0])
    pattern = re.compile(rf"^/?(?:site/(?P<site>[^/]+)/)?{kind.KIND}s/(?P<number>\d+)(?:/|$)")
    match, _ = _match_url(text, base_url, site, pattern, kind.LABEL)
    return ContentReference(number=match["number"])


def matching_content(
    reference: ContentReference, contents: Iterable[SomeContent], project: str, projects: Collection[str] | None
) -> list[SomeContent]:
    """Return the content that matches a reference exactly, apart from Unicode composition.

    :param project: name of its project; empty for all
    :param projects: ids of the projects that may contain it, in place of the name; ``None`` for all
    """

    def is_in_project(content: Content) -> bool:
        if projects is None:
            return not project or _same(content.project, project)
        return content.project_id in projects

    def matches(content: Content) -> bool:
        if reference.number:
            return re.search(rf"/{content.KIND}s/{reference.number}(/|$)", content.url) is not None
        return _same(content.name, reference.name) or _same(content.content_url, reference.name)

    return [content for content in contents if matches(content) and is_in_project(content)]


def single_content(matches: Sequence[SomeContent], reference: ContentReference, label: str) -> SomeContent:
    """Return the only match.

    :raises NotFound: there is no match
    :raises Invalid: there are several matches; the message lists them
    """
    if not matches:
        raise NotFound(f"no {label} {reference}", advice="check its name and project, and the permission to view it")
    if len(matches) > 1:
        raise Invalid(
            f"{len(matches)} {label}s match {reference}:{_listed([f'{each} {each.id}' for each in matches])}",
            advice=f"add the project, or give the {label}'s URL or id",
        )
    return matches[0]


def is_project_path(project: str) -> bool:
    """Return whether a project is given by its path, such as ``Parent/Team``, and not by its name alone."""
    return "/" in project.strip()


def matching_projects(path: str, projects: Iterable[Project]) -> list[Project]:
    """Return the projects with this path, or whose path ends with it; with a slash in front, it is the whole path.

    :raises NotFound: no project has the path; the message names similar ones
    """
    wanted = unicodedata.normalize("NFC", path.strip().rstrip("/"))
    by_path = [(f"/{unicodedata.normalize('NFC', project.path)}", project) for project in projects]
    if wanted.startswith("/"):
        matches = [project for own, project in by_path if own == wanted]
    else:
        matches = [project for own, project in by_path if own.endswith(f"/{wanted}")]
    if matches:
        return matches
    close = difflib.get_close_matches(f"/{wanted.lstrip('/')}", [own for own, _ in by_path], n=3, cutoff=0.5)
    similar = "; similar projects: " + ", ".join(own.lstrip("/") for own in close) if close else ""
    raise NotFound(f"no project {path!r}{similar}", advice="check the path and the permission to view the project")


def matching_custom_views(name: str, custom_views: Iterable[CustomView]) -> list[CustomView]:
    """Return the custom views with this name."""
    return [custom for custom in custom_views if _same(custom.name, name)]


def single_custom_view(matches: Sequence[CustomView], name: str, view: View, others: Iterable[CustomView]) -> CustomView:
    """Return the only match.

    :param others: all custom views of the view
    :raises NotFound: there is no match; the message names the others
    :raises Invalid: there are several matches; the message lists them
    """
    if len(matches) > 1:
        raise Invalid(
            f"{len(matches)} custom views of {view} have the name {name!r}:{_listed([str(each) for each in matches])}",
            advice="give the custom view's id",
        )
    if matches:
        return matches[0]
    names = [custom.name for custom in others][:_LISTED]
    raise NotFound(
        f"no custom view {name!r} of {view}" + (f"; its custom views: {', '.join(names)}" if names else ""),
        advice="check the name. A custom view that is private to its owner cannot be exported by another account; its owner "
        "can make it visible to others",
    )


def conditions_of(reference: ViewReference, *, wildcards: bool) -> tuple[Condition, ...]:
    """Return the conditions for the list of views, so that the server returns few views.

    :param wildcards: the server supports wildcards; without them, only exact conditions are returned
    """
    if reference.path:
        values = {"contentUrl": reference.path.replace("/", "/sheets/", 1)}
    else:
        project = "" if is_project_path(reference.project) else reference.project
        values = {"name": reference.name, "workbookName": reference.workbook, "projectName": project}
    conditions = (Condition(field, value) for field, value in values.items() if value)
    return tuple(condition for condition in conditions if wildcards or condition.exact)


_ATTRIBUTES: Final = {
    "name": "name",
    "contentUrl": "content_url",
    "workbookName": "workbook",
    "projectName": "project",
    "viewId": "view_id",
}


def can_compare(conditions: Iterable[Condition]) -> bool:
    """Return whether the client can evaluate the conditions, for a server that does not support filters."""
    return all(condition.field in _ATTRIBUTES for condition in conditions)


def satisfies(item: object, conditions: Iterable[Condition]) -> bool:
    """Return whether an item of a list meets the conditions."""
    return all(
        _same(getattr(item, _ATTRIBUTES[condition.field], condition.value), condition.value) for condition in conditions
    )


def matching_views(reference: ViewReference, views: Iterable[View], projects: Collection[str] | None = None) -> list[View]:
    """Return the views that match a reference exactly, apart from Unicode composition.

    :param projects: ids of the projects that may contain the view, in place of the reference's project; ``None`` for all
    """
    wanted = {"path": reference.path, "name": reference.name, "workbook": reference.workbook}
    if projects is None:
        wanted["project"] = reference.project
    return [
        view
        for view in views
        if all(not value or _same(getattr(view, field), value) for field, value in wanted.items())
        and (projects is None or view.project_id in projects)
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
        raise Invalid(
            f"{len(matches)} views match {reference}:{_listed([f'{view} {view.id}' for view in matches])}",
            advice="add the project, or give the view's URL or id",
        )
    views = nearby()
    wanted = reference.path.rpartition("/")[2] or reference.name
    names = {name: view for view in views for name in (view.name, view.path.rpartition("/")[2])}
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    near = list(dict.fromkeys(names[name] for name in close)) or list(views)[:_LISTED]
    similar = "; similar views: " + ", ".join(map(str, near)) if near else ""
    raise NotFound(f"no view {reference}{similar}", advice=f"check the name and the permission to view; {_HIDDEN}")


def _listed(lines: Sequence[str]) -> str:
    more = f"\n  and {len(lines) - _LISTED} more" if len(lines) > _LISTED else ""
    return "".join(f"\n  {line}" for line in lines[:_LISTED]) + more


def _same(one: str, other: str) -> bool:
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
