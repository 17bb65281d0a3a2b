"""Parser of Tableau's responses, which are XML or JSON, and the meaning of its error codes."""

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
# Possessive, to avoid exponential backtracking over comments that could end at several places.
_HTML: Final = re.compile(rb"(?:<!--(?>.*?-->)|\s|\xef\xbb\xbf)*+<(!doctype\s+html|html|head|body)\b", re.I | re.S)
VIEW_NOT_FOUND_FOR_DATA: Final = "400080"
_SIGN_IN_REFUSED: Final = "401001"
_SOURCE_FAILED: Final = frozenset({"400074", "400081"})
_EMPTY_CROSSTAB: Final = "400130"
# Errors of the credentials of a data source. They last until a person signs in to it, so a retry does not help.
_NOT_CONNECTED: Final = re.compile(
    r"DataSourcesNotConnected|FederatedDataSource|OAuth refresh token|not connected|credential|password", re.I
)


class SourceNotConnected(SourceUnavailable):
    """The credentials of a view's data source are missing or were rejected."""

    retryable_by_default = False


class EmptyView(Invalid):
    """A view shows no data with these filters, so there is nothing to export."""


class FeatureDisabled(Forbidden):
    """The feature is disabled on the site or server."""


class SessionLost(AuthFailed):
    """The session has ended: it expired, or the same token was used to sign in elsewhere."""


@dataclass(frozen=True, slots=True)
class ResponseNode:
    """An element of a response with its attributes, text and child elements."""

    name: str
    attributes: Mapping[str, str]
    text: str = ""
    children: tuple[ResponseNode, ...] = field(default=(), repr=False)

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def first(self, name: str) -> ResponseNode:
        """Return the first child with this name, or an empty element."""
        return next(self.all(name), ResponseNode(name, {}))

    def all(self, name: str) -> Iterator[ResponseNode]:
        """Yield the children with this name."""
        return (child for child in self.children if child.name == name)

    def text_of(self, name: str) -> str:
        """Return the text of a child. In JSON, it is a value with this name, or ``value`` in an object with this name."""
        return self.get(name) or self.first(name).text or self.first(name).get("value")


def parse(content: bytes) -> ResponseNode:
    """Parse the body of a response.

    XML is read by local names, because servers differ in the namespace (older ones use ``http://tableausoftware.com/api``)
    and in the prefix (``ns0:``). In JSON, a list of elements has the singular name, and is omitted if it is empty.

    :raises ValueError: the body is neither XML nor JSON
    """
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{":
        return _from_json("tsResponse", parse_json(content))
    if start != b"<":
        raise ValueError("neither XML nor JSON")
    # Without huge_tree, libxml2 rejects more than 256 levels and texts of more than 10 MB.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not well-formed XML: {error}") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]  # a parsed document has one
        raise ValueError("an HTML page, or a document with a DOCTYPE")
    return _from_xml(root)


def parse_response(http: HttpClient, response: requests.Response) -> ResponseNode:
    """Parse a response. The error of an empty or truncated response is retryable.

    :raises BadResponse: the response is neither XML nor JSON, such as a log-in page
    """
    try:
        return parse(response.content)
    except (ValueError, RecursionError) as error:
        content = response.content.strip()
        is_page = _HTML.match(content) is not None
        raise http.invalid_response(
            response,
            BadResponse,
            f"cannot read the response: {'it is empty' if not content else error}",
            advice="check host and path of the connection; a proxy or log-in page may respond instead of Tableau",
            retryable=not is_page and (not content or content[:1] in b"<{"),
        ) from error


def path_segment(item_id: str) -> str:
    """Return an id as one segment of a URL path.

    :raises BadResponse: the id is empty, because an item of a response has no id
    """
    if not item_id:
        raise BadResponse("an item in a response has no id", advice="check host and path of the connection")
    return quote(item_id, safe="")


def _from_xml(element: etree._Element) -> ResponseNode:
    tag = str(element.tag)
    return ResponseNode(
        tag.rpartition("}")[2],
        {str(name): str(value) for name, value in element.attrib.items()},
        (element.text or "").strip(),
        tuple(_from_xml(child) for child in element),
    )


def _from_json(name: str, value: Mapping[str, Any]) -> ResponseNode:
    attributes: dict[str, str] = {}
    children: list[ResponseNode] = []
    for key, content in value.items():
        if isinstance(content, Mapping):
            children.append(_from_json(key, content))
        elif isinstance(content, list):
            children += [
                _from_json(key, item) if isinstance(item, Mapping) else ResponseNode(key, {}, _as_text(item))
                for item in content
            ]
        elif content is not None:
            attributes[key] = _as_text(content)
    return ResponseNode(name, attributes, "", tuple(children))


def _as_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def parse_error(response: ErrorResponse) -> ErrorDetails:
    """Parse the error format of Tableau's REST API: ``error`` with a code, a summary and a detail.

    Tableau's codes start with the HTTP status. Different methods use different codes for the same error (an unknown view is
    404011 for an image and 400080 for its data), so unknown codes are interpreted by their class.
    """
    try:
        error = parse(response.text.encode()).first("error")
    except ValueError:
        return ErrorDetails()
    code = error.get("code")
    if not code:
        return ErrorDetails()
    message = ": ".join(filter(None, (error.text_of("summary"), error.text_of("detail"))))
    kind, advice, retryable = _meaning(code, message, response.status)
    return ErrorDetails(kind, message, code, advice, retryable)


def source_error(message: str) -> WorkplaceError:
    """Return the error for a data source that failed, from the reason that Tableau names; retryable if it may pass."""
    kind, advice = _kind_of_source_error(message)
    return kind(message, advice=advice, system=SYSTEM)


def _kind_of_source_error(message: str) -> tuple[type[WorkplaceError], str]:
    if _NOT_CONNECTED.search(message):
        return SourceNotConnected, "sign in to the data source in Tableau, or embed its credentials"
    return SourceUnavailable, "open it in Tableau and check its data source"


def _meaning(code: str, message: str, status: int) -> tuple[type[WorkplaceError] | None, str, bool | None]:
    if code in SESSION_LOST:
        return SessionLost, "", None
    if code in _SOURCE_FAILED:
        failed, advice = _kind_of_source_error(message)
        return failed, advice, failed.retryable_by_default
    if code == VIEW_NOT_FOUND_FOR_DATA:
        # Tableau sometimes returns this code for an existing view (tableau/server-client-python#1146). Only views that were
        # just looked up are exported, so a retry may help.
        return SourceUnavailable, _CHECK_VIEW, None
    if code in _VIEW_DISABLED:
        return FeatureDisabled, "ask an administrator to enable this export for the site or server", None
    kind, advice = _MEANINGS.get(code, (None, ""))
    if kind is None and code.startswith("4031"):
        kind, advice = Forbidden, "give the account the permissions to view and to download this view's data"
    if kind is None and 400 <= status < 500 and code.startswith("404"):
        kind = NotFound
    return kind or kind_of(status), advice, None


_CHECK_VIEW = "check that the view exists, and that the account has the permission to view it"
_MEANINGS: Final[Mapping[str, tuple[type[WorkplaceError], str]]] = {
    _SIGN_IN_REFUSED: (
        AuthFailed,
        "check token name, secret and site; a personal access token expires after 15 days without use",
    ),
    "400000": (Invalid, "give either a token or a user and password, not both"),
    "404000": (NotFound, "check the connection's site: it must be the name in the URL, not the display name"),
    "404003": (Invalid, "the server is too old for this API version; set api_version in the connection"),
    "404006": (NotFound, _CHECK_VIEW),
    "404011": (NotFound, _CHECK_VIEW),
    "405000": (
        Invalid,
        "use https, and on Tableau Cloud the host with its pod, such as https://prod-apnortheast-a.online.tableau.com",
    ),
    "403004": (Forbidden, "give the account the permissions to view the view and to download images"),
    "403018": (Forbidden, "give the account the permission to view workbooks"),
    "403032": (Forbidden, "give the account the permissions to view the view and to download data"),
    "404048": (NotFound, "check the custom view, and whether it is private to its owner"),
    "409090": (Invalid, "it has no extract of its own; refresh the data sources that it uses"),
    _EMPTY_CROSSTAB: (EmptyView, "the view shows no data with these filters, or none of its sheets supports crosstabs"),
}
