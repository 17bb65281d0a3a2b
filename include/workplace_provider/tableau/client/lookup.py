"""Which view is meant: by its id, by the URL that people paste, by its path, or by names."""

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
from workplace_provider.tableau.client.answers import SYSTEM
from workplace_provider.tableau.client.listing import Condition

if TYPE_CHECKING:
    from workplace_provider.tableau.client.model import View

LUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_BROWSER_PATH: Final = re.compile(
    r"^/?(?:(?:site|t)/(?P<site>[^/]+)/)?(?:authoring|views)/(?P<path>[^/]+/[^/]+)(?P<more>/.*)?$"
)
_SHOWN: Final = 12
_HIDDEN: Final = (
    "a hidden sheet cannot be exported: Tableau gives it no id; show it, or export the dashboard that it is part of"
)


@dataclass(frozen=True, slots=True)
class ViewReference:
    """A view as it was asked for.

    :param luid: its id
    :param path: ``Workbook/Sheet`` of its URL
    :param name: its name
    :param workbook: its workbook's name
    :param project: its project's name
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


def read_reference(view: str, *, workbook: str = "", project: str = "", base_url: str, site: str) -> list[ViewReference]:
    """Read how somebody wrote down a view.

    :param view: id, URL from a browser's address line, ``Workbook/Sheet`` as in such a URL or with the names, or a name
    :param workbook: name of its workbook, when ``view`` is a name
    :param project: name of its project, to tell workbooks of the same name apart
    :param base_url: where Tableau is
    :param site: the site that is signed in to
    :return: the readings to try, the most exact one first
    :raises Invalid: it is a URL of something else, or of another server or site
    """
    text = view.strip()
    if not text:
        raise Invalid("the view is empty", system=SYSTEM, advice="give its URL, Workbook/Sheet, or its name")
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
    # A name may have a slash in it, too.
    return [*by_path, ViewReference(name=sheet, workbook=book, project=project), ViewReference(name=text, project=project)]


def _path_of(url: str, base_url: str, site: str) -> str:
    parts = urlsplit(url)
    asked = urlsplit(base_url)
    if (parts.hostname or "").lower() != (asked.hostname or "").lower():
        raise Invalid(
            f"{url} is on another server than the connection's {asked.hostname}",
            system=SYSTEM,
            advice="use a connection of that server",
        )
    # In a browser, everything behind # is the application's; an embedded view has it in the path.
    where, _, query = parts.fragment.partition("?") if parts.fragment else (parts.path, "", parts.query)
    where = where.removeprefix(asked.path.rstrip("/")) if not parts.fragment else where
    found = _BROWSER_PATH.match(where)
    if found is None:
        raise Invalid(
            f"{url} is not the URL of a view", system=SYSTEM, advice="open the view, and copy the browser's address line"
        )
    if (found["site"] or "") != site:
        raise Invalid(
            f"{url} is on the site {found['site'] or 'Default'!r}, and the connection is for {site or 'Default'!r}",
            system=SYSTEM,
            advice="set site in the connection, or use a connection of that site",
        )
    if more := unquote(found["more"] or "").strip("/"):
        raise Invalid(
            f"{more.rpartition('/')[2]!r} is a custom view, which cannot be exported yet: {url}",
            system=SYSTEM,
            advice="give the URL of the view itself, and its filters beside it",
        )
    # What begins with a colon says how a browser shows the view. Everything else narrows it.
    pairs = [
        (name, value)
        for part in ({query, parts.query} if parts.fragment else {query})
        for name, value in parse_qsl(part, keep_blank_values=True)
        if not name.startswith(":")
    ]
    if pairs:
        listed = ", ".join(f"{name}={value}" for name, value in pairs)
        raise Invalid(
            f"the view's URL has filters in it: {listed}",
            system=SYSTEM,
            advice=f"give them as filters: {json.dumps(dict(pairs), ensure_ascii=False)}, and the URL without them",
        )
    return unquote(found["path"])


def conditions_of(reference: ViewReference, *, wildcards: bool) -> tuple[Condition, ...]:
    """What to ask the server for, so that few views come back.

    :param wildcards: the server knows them; without, what cannot be asked for exactly is not asked for
    """
    if reference.path:
        asked = {"contentUrl": reference.path.replace("/", "/sheets/", 1)}
    else:
        asked = {"name": reference.name, "workbookName": reference.workbook, "projectName": reference.project}
    conditions = (Condition(field, value) for field, value in asked.items() if value)
    return tuple(each for each in conditions if wildcards or each.exact)


_ATTRIBUTES: Final = {
    "name": "name",
    "contentUrl": "content_url",
    "workbookName": "workbook",
    "projectName": "project",
}


def can_compare(conditions: Iterable[Condition]) -> bool:
    """Whether conditions can be compared here, for a server that does not."""
    return all(condition.field in _ATTRIBUTES for condition in conditions)


def satisfies(item: object, conditions: Iterable[Condition]) -> bool:
    """Whether a view or workbook is as conditions say."""
    return all(_same(getattr(item, _ATTRIBUTES[each.field], each.value), each.value) for each in conditions)


def matching(reference: ViewReference, views: Iterable[View]) -> list[View]:
    """The views that are exactly the ones asked for; characters are compared whichever way they are composed."""
    wanted = {"path": reference.path, "name": reference.name, "workbook": reference.workbook, "project": reference.project}
    return [
        view for view in views if all(not value or _same(getattr(view, field), value) for field, value in wanted.items())
    ]


def the_one(found: Sequence[View], reference: ViewReference, nearby: Callable[[], Sequence[View]]) -> View:
    """The only view found.

    :param nearby: views to name when there is none
    :raises NotFound: there is none; the message names similar ones
    :raises Invalid: there are several; the message lists them
    """
    if len(found) == 1:
        if not found[0].id:
            raise BadResponse(f"the server lists the view {found[0]} without its id", system=SYSTEM, method="GET")
        return found[0]
    if found:
        listed = "".join(f"\n  {view} {view.id}" for view in found[:_SHOWN])
        more = f"\n  and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise Invalid(
            f"{len(found)} views are {reference}:{listed}{more}",
            system=SYSTEM,
            advice="give the project too, or the view's URL or id",
        )
    views = nearby()
    wanted = reference.path.rpartition("/")[2] or reference.name
    names = {name: view for view in views for name in (view.name, view.path.rpartition("/")[2])}
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    near = list(dict.fromkeys(names[name] for name in close)) or list(views)[:_SHOWN]
    there = "; there are " + ", ".join(str(view) for view in near) if near else ""
    raise NotFound(
        f"no view {reference}{there}", system=SYSTEM, advice=f"check the name and the permission to view; {_HIDDEN}"
    )


def _same(one: str, other: str) -> bool:
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
