"""What Confluence responds, decoded into typed structures where it arrives.

A status of 200 proves nothing: a log-in page, an empty body or the JSON of a gateway may come in the place of a response.
What does not have the shape of the thing that was asked for is an error of the provider's own, and a write counts only when
the response describes what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from workplace_provider.confluence.client.checks import same_title
from workplace_provider.confluence.client.model import ContentProperty, Page, Restrictions, Template
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.body import decode_json
from workplace_provider.http.client import READS
from workplace_provider.http.errors import BadResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from workplace_provider.http.client import HttpClient
    from workplace_provider.http.errors import WorkplaceError

Kind = TypeVar("Kind")
Id = str | int
OPERATIONS: Final = ("read", "update")
"""What restrictions are about."""
_ADVICE: Final = "a log-in page, a proxy or a gateway may stand before Confluence; open the URL in a browser"


class Decoded(msgspec.Struct, rename="camel"):
    """Something in a response; what is not listed in it is ignored."""


class Links(Decoded, kw_only=True):
    """Where things are."""

    base: str | None = None
    webui: str | None = None
    download: str | None = None
    next: str | None = None


class Listing(Decoded, Generic[Kind], kw_only=True):
    """One page of a listing."""

    results: list[Kind]
    links: Links | None = msgspec.field(default=None, name="_links")

    @property
    def following(self) -> str:
        """Where the next page is; empty on the last one."""
        return (self.links.next if self.links else None) or ""


class Account(Decoded, kw_only=True):
    """A person: by user name and key on Data Center, by account id on Cloud."""

    type: str | None = None
    username: str | None = None
    user_key: str | None = None
    account_id: str | None = None
    display_name: str | None = None
    public_name: str | None = None

    @property
    def name(self) -> str:
        """The name or id of the account."""
        return self.username or self.user_key or self.account_id or ""

    @property
    def shown(self) -> str:
        """The name that people see."""
        return self.display_name or self.public_name or ""


class Version(Decoded, kw_only=True):
    """A version of a page, comment, file or property."""

    number: int
    message: str | None = None
    minor_edit: bool | None = None
    by: Account | None = None
    when: str | None = None
    author_id: str | None = None
    created_at: str | None = None


class Form(Decoded):
    """A body in one of its forms."""

    value: str | None = None


class Above(Decoded):
    """A page that another one is below, or hangs on."""

    id: Id
    title: str | None = None


class Container(Decoded):
    """What a comment or a file hangs on."""

    id: Id | None = None


class Space(Decoded, kw_only=True):
    """A space."""

    key: str
    id: Id | None = None
    homepage_id: Id | None = None


class SpaceKey(Decoded):
    """The space of a page."""

    key: str | None = None


class History(Decoded):
    """Who wrote the first version, and when."""

    created_by: Account | None = None
    created_date: str | None = None


class Label(Decoded):
    """A label."""

    name: str
    prefix: str | None = None


class InlineProperties(Decoded):
    """The passage that an inline comment is about; API v2 has another name for the marker."""

    original_selection: str | None = None
    marker_ref: str | None = None
    inline_marker_ref: str | None = None


class State(Decoded):
    """A content status."""

    id: int
    name: str
    color: str


class PageState(Decoded):
    """The content status of a page, or none."""

    content_state: State | None = None


class Resolution(Decoded):
    """What became of an inline comment."""

    status: str | None = None


class Extensions(Decoded, kw_only=True):
    """What files and comments have beside other content."""

    file_size: int | None = None
    media_type: str | None = None
    comment: str | None = None
    location: str | None = None
    inline_properties: InlineProperties | None = None
    resolution: Resolution | None = None


class Metadata(Decoded):
    """What hangs on content: labels, and of files what is said of them."""

    media_type: str | None = None
    comment: str | None = None
    labels: Listing[Label] | None = None


class Child(Decoded):
    """A comment below another one."""

    id: Id


class Children(Decoded):
    """What is below a comment."""

    comment: Listing[Child] | None = None


class Content(Decoded, kw_only=True):
    """A page, folder, comment or file, in the fields of API v1 and of API v2."""

    id: Id
    type: str | None = None
    title: str | None = None
    status: str | None = None
    version: Version | None = None
    body: dict[str, Form | None] | None = None
    links: Links | None = msgspec.field(default=None, name="_links")
    # API v1
    space: SpaceKey | None = None
    ancestors: list[Above] | None = None
    history: History | None = None
    container: Container | None = None
    extensions: Extensions | None = None
    metadata: Metadata | None = None
    children: Children | None = None
    # API v2
    space_id: Id | None = None
    parent_id: Id | None = None
    parent_type: str | None = None
    author_id: str | None = None
    created_at: str | None = None
    media_type: str | None = None
    file_size: int | None = None
    comment: str | None = None
    resolution_status: str | None = None
    properties: InlineProperties | None = None
    subtype: str | None = None
    depth: int | None = None

    @property
    def number(self) -> int:
        """The number of the version; 0 where it was not asked for."""
        return self.version.number if self.version else 0

    @property
    def parent(self) -> str | None:
        """The id of what is right above it, as API v1 has it."""
        return str(self.ancestors[-1].id) if self.ancestors else None

    @property
    def storage(self) -> str | None:
        """The body as it is stored; ``None`` where it was not asked for."""
        return self.form("storage")

    @property
    def webui(self) -> str:
        """The path for people, below the site."""
        path = (self.links.webui if self.links else None) or ""
        # A path like "@example.com" would turn the base before it into a user name.
        return path if path.startswith("/") else f"/pages/viewpage.action?pageId={self.id}"

    def url(self, site: str, base: str | None = None) -> str:
        """Return the address for people.

        :param site: base URL of the site
        :param base: base URL that the response around this content names. A base with another host or scheme is ignored:
            addresses go into Slack messages and pages, so a response must not lead people to another site
        """
        named = (self.links.base if self.links else None) or base or ""
        return (named if _is_on(site, named) else site).rstrip("/") + self.webui

    def form(self, name: str) -> str | None:
        """Return a form of the body; ``None`` where it was not asked for."""
        form = (self.body or {}).get(name)
        return form.value if form else None


class UploadResponse(Decoded, kw_only=True):
    """A file as an upload responds it: in a listing when it was added, alone when it is a new version."""

    results: list[Content] | None = None
    id: Id | None = None
    title: str | None = None
    version: Version | None = None
    extensions: Extensions | None = None
    metadata: Metadata | None = None
    links: Links | None = msgspec.field(default=None, name="_links")

    @property
    def file(self) -> Content | None:
        """The file; ``None`` when there is none in the response."""
        if self.results:
            return self.results[0]
        if self.id is None:
            return None
        return Content(
            id=self.id,
            title=self.title,
            version=self.version,
            extensions=self.extensions,
            metadata=self.metadata,
            links=self.links,
        )


class Property(Decoded, kw_only=True):
    """A content property."""

    key: str
    value: Any = None
    id: Id | None = None
    version: Version | None = None

    @property
    def number(self) -> int:
        """The version that an update must name."""
        return self.version.number if self.version else 1


class TemplateBody(Decoded):
    """The body of a page template."""

    storage: Form | None = None


class PageTemplate(Decoded, kw_only=True):
    """A page template."""

    body: TemplateBody
    template_id: Id | None = None
    name: str | None = None
    labels: list[Label] | None = None


class ServerInformation(Decoded):
    """Which version of Data Center or Server responds."""

    version: str
    base_url: str | None = None


class Group(Decoded):
    """A group: by its name on Data Center, by its id on Cloud."""

    name: str | None = None
    id: str | None = None


class Members(Decoded, Generic[Kind], kw_only=True):
    """The accounts or groups of a restriction."""

    results: list[Kind]
    size: int | None = None
    total_size: int | None = None
    links: Links | None = msgspec.field(default=None, name="_links")

    @property
    def whole(self) -> list[Kind]:
        """All of them.

        :raises ValueError: there are more than came
        """
        total = max(self.size or 0, self.total_size or 0)
        if total > len(self.results) or (self.links and self.links.next):
            raise ValueError(f"{len(self.results)} of {total or 'more'} came")
        return self.results


class Subjects(Decoded):
    """Who alone may do something; both lists are there, also when they are empty."""

    user: Members[Account]
    group: Members[Group]


class Restriction(Decoded):
    """The restriction of an operation."""

    restrictions: Subjects


class RestrictionsByOperation(Decoded):
    """Both restrictions of a page. A response without one of them must never pass for a page that everybody may see."""

    read: Restriction
    update: Restriction

    def of(self, operation: str) -> Subjects:
        """Who alone may do an operation."""
        restriction: Restriction = getattr(self, operation)
        return restriction.restrictions


class RestrictionsResponse(Decoded):
    """The restrictions of a page: on top as servers send them, or within ``restrictions`` as the description has them."""

    read: Restriction | None = None
    update: Restriction | None = None
    restrictions: RestrictionsByOperation | None = None


class Task(Decoded):
    """A long task that was begun."""

    id: Id


class TaskMessage(Decoded):
    """What a long task says."""

    translation: str | None = None
    message: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        return self.translation or self.message or self.key or "no reason given"


class TaskState(Decoded, kw_only=True):
    """How far a long task is."""

    finished: bool
    successful: bool | None = None
    errors: list[TaskMessage] | None = None
    messages: list[TaskMessage] | None = None


def title_of(row: Content) -> str:
    """The title of a page, which every page has.

    :raises BadResponse: there is none
    """
    if row.title is None:
        raise BadResponse(f"the response has no title for the page {row.id}", system=SYSTEM, advice=_ADVICE)
    return row.title


def _is_on(site: str, url: str) -> bool:
    try:
        wanted, named = urlsplit(site), urlsplit(url)
        same_host = (named.hostname, named.port) == (wanted.hostname, wanted.port)
    except ValueError:  # a port that is no number, or a bracket without its counterpart
        return False
    return named.scheme in ("http", "https") and same_host and "@" not in named.netloc


def read(http: HttpClient, path: str, kind: type[Kind], params: Mapping[str, Any] | None = None) -> Kind:
    """GET something and decode it.

    :raises BadResponse: the response has another shape
    """
    return http.fetch(path, lambda response: decode(http, response, kind), params=params)


def decode(http: HttpClient, response: requests.Response, kind: type[Kind]) -> Kind:
    """Decode a response.

    :raises BadResponse: it has another shape. The outcome of a write is unknown then
    """
    try:
        return cast("Kind", decode_json(response.content, kind))
    except msgspec.ValidationError as error:
        raise unexpected(http, response, f"the response is not as Confluence describes it: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if b"\\ud" in response.content.lower():
            return _with_half_characters(http, response, kind)
        # A retry finds out what became of a write, even where the same page would come again for a read.
        is_write = response.request.method not in READS
        raise http.not_json(response, retryable=True if is_write else None) from error


def _with_half_characters(http: HttpClient, response: requests.Response, kind: type[Kind]) -> Kind:
    """Decode JSON with half a character of UTF-16, which people's text may have, and which only Python's decoder takes."""
    try:
        return msgspec.convert(http.json_of(response), kind, strict=False)
    except msgspec.ValidationError as error:
        raise unexpected(http, response, f"the response is not as Confluence describes it: {error}") from error


def written(
    http: HttpClient, response: requests.Response, kind: type[Kind], is_written: Callable[[Kind], bool], what: str
) -> Kind:
    """Decode the response to a write, which must describe what was written.

    :param is_written: whether it does
    :param what: what was written, for the message
    :raises BadResponse: it does not, so that the outcome is unknown
    """
    row = decode(http, response, kind)
    if not is_written(row):
        raise unexpected(http, response, f"the response does not describe {what}")
    return row


def read_content(http: HttpClient, path: str, content_id: str, params: Mapping[str, Any] | None = None) -> Content:
    """Read the content of an id, with its version.

    :raises BadResponse: the response is about something else
    """

    def decoded(response: requests.Response) -> Content:
        row = decode(http, response, Content)
        if str(row.id) != str(content_id).strip() or row.title is None or row.version is None:
            raise unexpected(http, response, f"the response does not describe the content {content_id}")
        return row

    return http.fetch(path, decoded, params=params)


def check_has_body(page: Page) -> Page:
    """Return a page that was read with its body.

    A page without one must never pass for an empty page: an edit or a copy of it would lose what people wrote.

    :raises BadResponse: the response had none
    """
    if page.body is None:
        raise BadResponse(f"the response has no body for the page {page.id}", system=SYSTEM, url=page.url, advice=_ADVICE)
    return page


def read_template(http: HttpClient, path: str, params: Mapping[str, Any], template_id: str) -> Template:
    """Read a page template with its body."""

    def decoded(response: requests.Response) -> Template:
        row = decode(http, response, PageTemplate)
        if row.body.storage is None or row.body.storage.value is None:
            raise unexpected(http, response, f"the response has no body for the template {template_id}")
        labels = tuple(label.name for label in row.labels or ())
        return Template(str(row.template_id or template_id), row.name or "", row.body.storage.value, labels)

    return http.fetch(path, decoded, params=params)


def property_of(row: Property) -> ContentProperty:
    """A content property."""
    return ContentProperty(row.key, row.value, row.number)


def written_page(
    http: HttpClient, response: requests.Response, *, title: str, version: int, page_id: str | None = None
) -> Content:
    """Decode the response to a write of a page; see :func:`written`.

    :param page_id: the page that was written; ``None`` for a new one
    :param version: that was written
    """

    def is_written(row: Content) -> bool:
        right_id = page_id is None or str(row.id) == page_id
        return right_id and row.number == version and row.title is not None and same_title(row.title, title)

    return written(http, response, Content, is_written, f"version {version} of the page {title!r}")


def written_property(http: HttpClient, response: requests.Response, key: str, value: Any) -> None:
    """Check the response to a write of a content property; see :func:`written`."""
    sent = msgspec.json.decode(msgspec.json.encode(value))
    written(http, response, Property, lambda row: row.key == key and row.value == sent, f"the property {key!r}")


def read_restrictions(
    http: HttpClient, path: str, params: Mapping[str, Any], name: Callable[[Account | Group], str | None]
) -> Restrictions:
    """Read who alone may see or edit a page.

    :param name: what the site knows an account or a group by
    :raises BadResponse: the response has another shape, or is not whole; it never means that there are no restrictions
    """

    def names(members: Members[Account] | Members[Group]) -> tuple[str, ...]:
        known = [name(member) for member in members.whole]
        if not all(known):
            raise ValueError("an account or a group has no name")
        return tuple(str(each) for each in known)

    def decoded(response: requests.Response) -> Restrictions:
        row = decode(http, response, RestrictionsResponse)
        found = row.restrictions
        if found is None:
            if row.read is None or row.update is None:
                raise unexpected(http, response, "the response does not say who may read and who may update the page")
            found = RestrictionsByOperation(row.read, row.update)
        try:
            users = {operation: names(found.of(operation).user) for operation in OPERATIONS}
            groups = {operation: names(found.of(operation).group) for operation in OPERATIONS}
        except ValueError as error:
            raise unexpected(http, response, f"the restrictions of the page are not whole: {error}") from error
        return Restrictions(users, groups)

    return http.fetch(path, decoded, params=params)


def unexpected(http: HttpClient, response: requests.Response, message: str) -> WorkplaceError:
    """Return the error for a response of another shape, or about something else than was asked for."""
    is_write = response.request.method not in READS
    return http.invalid_response(response, BadResponse, message, advice=_ADVICE, outcome_unknown=is_write)


def not_confirmed(what: str) -> BadResponse:
    """Return the error for a write that the site does not show when it is read back."""
    return BadResponse(
        f"{what} was sent, and the site does not show it",
        system=SYSTEM,
        advice=f"run it again; {_ADVICE}",
        outcome_unknown=True,
    )
