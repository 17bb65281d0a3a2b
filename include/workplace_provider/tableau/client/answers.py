"""Tableau's answers, in XML or JSON, as one kind of tree; and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lxml import etree

from workplace_provider.http.body import parse_json
from workplace_provider.http.client import ErrorDetails, ErrorResponse
from workplace_provider.http.errors import (
    AuthFailed,
    BadResponse,
    Forbidden,
    Invalid,
    NotFound,
    SourceUnavailable,
    WorkplaceError,
)
from workplace_provider.http.status import kind_of

if TYPE_CHECKING:
    import requests

    from workplace_provider.http.client import HttpClient

SYSTEM: Final = "Tableau"

SESSION_LOST: Final = frozenset({"401000", "401002"})
PAGE_PAST_THE_END: Final = "400006"
_VIEW_DISABLED: Final = frozenset({"403068", "403105", "403157"})
# Possessive: a comment that may also end at the next one's end would be tried in all combinations.
_HTML: Final = re.compile(rb"(?:<!--(?>.*?-->)|\s|\xef\xbb\xbf)*+<(!doctype\s+html|html|head|body)\b", re.I | re.S)
VIEW_NOT_FOUND_FOR_DATA: Final = "400080"
_SIGN_IN_REFUSED: Final = "401001"
_SOURCE_FAILED: Final = frozenset({"400074", "400081"})
_EMPTY_CROSSTAB: Final = "400130"
# A source that nobody is logged in to stays so until a person does something about it.
_NOT_CONNECTED: Final = re.compile(
    r"DataSourcesNotConnected|FederatedDataSource|OAuth refresh token|not connected|credential|password", re.I
)


class SourceNotConnected(SourceUnavailable):
    """A view's data source cannot be asked, because its credentials are missing or refused."""

    retryable_by_default = False


class EmptyView(Invalid):
    """A view has no data with these filters, so there is nothing to export."""


class FeatureDisabled(Forbidden):
    """The site or server has the feature switched off."""


class SessionLost(AuthFailed):
    """The session has ended: its time is up, or the same token was used to sign in elsewhere."""


@dataclass(frozen=True, slots=True)
class Node:
    """An element of an answer: its attributes, its text, and the elements in it."""

    name: str
    attributes: Mapping[str, str]
    text: str = ""
    children: tuple[Node, ...] = field(default=(), repr=False)

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)

    def first(self, name: str) -> Node:
        """The first element of that name in it; an empty one when there is none."""
        return next(self.all(name), Node(name, {}))

    def all(self, name: str) -> Iterator[Node]:
        """The elements of that name in it."""
        return (child for child in self.children if child.name == name)

    def text_of(self, name: str) -> str:
        """The text of an element in it. JSON has it as a value of that name, or as ``value`` in an object."""
        return self.get(name) or self.first(name).text or self.first(name).get("value")


def parse(content: bytes) -> Node:
    """Read an answer.

    XML is read by local names: servers differ in the namespace (``http://tableausoftware.com/api`` of old ones) and in the
    prefix (``ns0:``). In JSON a list of elements stands under the singular name and is left out when it is empty.

    :raises ValueError: it is neither XML nor JSON
    """
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{":
        return _from_json("tsResponse", parse_json(content))
    if start != b"<":
        raise ValueError("neither XML nor JSON")
    # Without huge_tree, libxml2 refuses more than 256 levels and more than 10 MB in one text.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"no well-formed XML: {error}") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]  # a parsed document has one
        raise ValueError("an HTML page, or a document with a DOCTYPE")
    return _from_xml(root)


def readable(http: HttpClient, response: requests.Response) -> Node:
    """Read a response; one that is empty or was cut off may be requested again.

    :raises BadResponse: it is neither XML nor JSON, such as a log-in page
    """
    try:
        return parse(response.content)
    except (ValueError, RecursionError) as error:
        content = response.content.strip()
        is_page = _HTML.match(content) is not None
        raise http.invalid_response(
            response,
            BadResponse,
            f"the response cannot be read: {'it is empty' if not content else error}",
            advice="a log-in page or a proxy may stand before Tableau; check host and path",
            retryable=not is_page and (not content or content[:1] in b"<{"),
        ) from error


def segment(item_id: str) -> str:
    """Return an id as one segment of a path.

    :raises BadResponse: it is empty: a list or a response had something without an id
    """
    if not item_id:
        raise BadResponse("something in a response has no id", system=SYSTEM, advice="check host and path of the connection")
    return quote(item_id, safe="")


def _from_xml(element: etree._Element) -> Node:
    tag = str(element.tag)
    return Node(
        tag.rpartition("}")[2],
        {str(name): str(value) for name, value in element.attrib.items()},
        (element.text or "").strip(),
        tuple(_from_xml(child) for child in element),
    )


def _from_json(name: str, value: Mapping[str, Any]) -> Node:
    attributes: dict[str, str] = {}
    children: list[Node] = []
    for key, each in value.items():
        if isinstance(each, Mapping):
            children.append(_from_json(key, each))
        elif isinstance(each, list):
            children += [
                _from_json(key, item) if isinstance(item, Mapping) else Node(key, {}, _plain(item)) for item in each
            ]
        elif each is not None:
            attributes[key] = _plain(each)
    return Node(name, attributes, "", tuple(children))


def _plain(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def parse_error(answer: ErrorResponse) -> ErrorDetails:
    """Read the error format of Tableau's REST API: ``error`` with a code, a summary and a detail.

    Tableau's codes begin with the HTTP status; several codes of one class mean the same in different methods (an unknown
    view is 404011 for an image and 400080 for its data), so they are read by class.
    """
    try:
        error = parse(answer.text.encode()).first("error")
    except ValueError:
        return ErrorDetails()
    code = error.get("code")
    if not code:
        return ErrorDetails()
    said = ": ".join(filter(None, (error.text_of("summary"), error.text_of("detail"))))
    kind, advice, retryable = _meaning(code, said, answer.status)
    return ErrorDetails(kind, said, code, advice, retryable)


def _meaning(code: str, said: str, status: int) -> tuple[type[WorkplaceError] | None, str, bool | None]:
    if code in SESSION_LOST:
        return SessionLost, "", None
    if code in _SOURCE_FAILED:
        if _NOT_CONNECTED.search(said):
            return SourceNotConnected, "sign in to the view's data source on Tableau, or embed its credentials", False
        return SourceUnavailable, "open the view in Tableau: what does it say about its data source?", None
    if code == VIEW_NOT_FOUND_FOR_DATA:
        # Also said now and then of a view that is there (tableau/server-client-python#1146): only views that were just
        # looked up are exported, so asking again may help.
        return SourceUnavailable, _SEE, None
    if code in _VIEW_DISABLED:
        return FeatureDisabled, "an administrator has to switch this export on for the site or server", None
    kind, advice = _MEANINGS.get(code, (None, ""))
    if kind is None and code.startswith("4031"):
        kind, advice = Forbidden, "the account needs the permission to view and to download this view's data"
    if kind is None and 400 <= status < 500 and code.startswith("404"):
        kind = NotFound
    return kind or kind_of(status), advice, None


_SEE = "check that the view is there, and that the account may see it"
_MEANINGS: Final[Mapping[str, tuple[type[WorkplaceError], str]]] = {
    _SIGN_IN_REFUSED: (
        AuthFailed,
        "check token name, secret and site; a personal access token ends after 15 days without use",
    ),
    "400000": (Invalid, "give either a token or a user and password, not both"),
    "404000": (NotFound, "check the connection's site: the name in the URL, not the one people see"),
    "404003": (Invalid, "this server is older than what is asked of it; set api_version in the connection"),
    "404006": (NotFound, _SEE),
    "404011": (NotFound, _SEE),
    "405000": (
        Invalid,
        "use https, and on Tableau Cloud the host with its pod, such as https://prod-apnortheast-a.online.tableau.com",
    ),
    "403004": (Forbidden, "the account needs the permission to view, and to download images"),
    "403018": (Forbidden, "the account needs the permission to view workbooks"),
    "403032": (Forbidden, "the account needs the permission to view, and to download data"),
    _EMPTY_CROSSTAB: (EmptyView, "the view shows no data with these filters, or no sheet of it can be a crosstab"),
}
