"""Confluence Data Center and Server: REST API v1, as described for 10.0.3."""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client import version1
from workplace_provider.confluence.client.checks import check_body, page_title, same_title, segment
from workplace_provider.confluence.client.comments import report_orphans
from workplace_provider.confluence.client.datacenter_wiki import DataCenterReader
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.model import (
    HOLDS_TITLE,
    Attachment,
    Comment,
    ContentProperty,
    Page,
    PageVersion,
    Restrictions,
    Server,
    Template,
    User,
    is_unfinished_create,
)
from workplace_provider.confluence.client.responses import (
    OPERATIONS,
    Account,
    Content,
    Label,
    Property,
    ServerInformation,
    check_has_body,
    decode,
    property_of,
    read,
    read_content,
    read_restrictions,
    read_template,
    title_of,
    unexpected,
    written_page,
    written_property,
)
from workplace_provider.confluence.client.writing import (
    check_restrictions,
    created_once,
    stored_property,
    trash,
    updated,
)
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.client import Download, ErrorDetails, ErrorResponse, FilePart, HttpClient, HttpSettings
from workplace_provider.http.errors import (
    AlreadyExists,
    AuthFailed,
    BadResponse,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
)
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    import requests
    from requests.auth import AuthBase

log = get_logger("workplace_provider.confluence")

PAGE_FIELDS: Final = "version,space,ancestors,history"
# In a long listing every field costs the server something for each row; the parent is known, the author not needed.
CHILD_FIELDS: Final = "version,space"
# Spelled out, because "any" means current and trashed only.
ANY_STATUS: Final = (*HOLDS_TITLE, "trashed")
LISTING: Final = 200
# Without this exact value the server takes an upload for a forged request; "nocheck" is refused by newer versions.

_STALE = re.compile(r"Version must be incremented|OptimisticLock|stale data|StaleObjectState|ConflictException", re.I)
_TITLE_TAKEN = re.compile(r"title already exists|already exists with the (same )?title", re.I)
_FILE_TAKEN = re.compile(r"same file name as an existing attachment", re.I)


class DataCenterClient:
    """The Data Center dialect of :class:`~workplace_provider.confluence.client.protocol.ConfluenceClient`.

    :param base_url: the site with its context path
    :param auth: puts the credential on a request
    :param settings: time-outs, TLS and limits
    :param sleep: waits between attempts
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: AuthBase,
        settings: HttpSettings | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._sleep = sleep or time.sleep
        self._http = HttpClient(
            base_url, system=SYSTEM, auth=auth, settings=settings, parse_error=parse_error, sleep=self._sleep
        )
        self.base_url = self._http.base_url
        self._user: User | None = None
        self._names: dict[tuple[str, str], str | None] = {}

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def wait(self, seconds: float) -> None:
        """Let time pass between two attempts."""
        self._sleep(seconds)

    # --- who and what -------------------------------------------------------------------------------------------------

    def current_user(self) -> User:
        """The account that the credential belongs to; asked once."""
        if self._user is None:
            data = self._http.fetch("rest/api/user/current", self._account)
            self._user = User("" if data.type == "anonymous" else data.username or "", data.display_name or "")
        return self._user

    def display_name(self, kind: str, user: str) -> str | None:
        """Return the display name of a user by key or user name, or ``None`` where it is unknown."""
        parameter = {"userkey": "key", "username": "username"}.get(kind)
        if parameter is None:
            return None
        if (kind, user) not in self._names:
            try:
                account = read(self._http, "rest/api/user", Account, {parameter: user})
            except (NotFound, Forbidden) as error:
                log.info("the display name of a mentioned user is unknown: %s", error)
                account = Account()
            self._names[kind, user] = account.display_name
        return self._names[kind, user]

    def server(self) -> Server:
        """Which version answers."""
        data = read(self._http, "rest/api/server-information", ServerInformation)
        return Server("datacenter", data.version, data.base_url or self.base_url)

    def _account(self, response: requests.Response) -> Account:
        account = decode(self._http, response, Account)
        if account.type != "anonymous" and not account.username:
            raise unexpected(self._http, response, "the response does not tell the account of the connection")
        return account

    # --- pages --------------------------------------------------------------------------------------------------------

    def get_page(self, page_id: str, *, body: bool = False) -> Page:
        """A page by id, whatever its status."""
        params = {"status": ANY_STATUS, "expand": _expand(body=body)}
        page = self._page(read_content(self._http, f"rest/api/content/{segment(page_id)}", page_id, params))
        return check_has_body(page) if body else page

    def find_page(self, space: str, title: str, *, body: bool = False) -> Page | None:
        """The current or archived page that holds a title in a space."""
        title = page_title(title)
        params = {
            "spaceKey": space,
            "title": title,
            "type": "page",
            "status": HOLDS_TITLE,
            "expand": _expand(body=body),
        }
        pages = [self._page(data) for data in self._listed("rest/api/content", params)]
        # The look-up of some databases ignores case; Confluence's uniqueness does too.
        holders = [page for page in pages if same_title(page.title, title)]
        exact = [page for page in holders if page.title.strip() == title]
        found = next(iter(exact or holders), None)
        return check_has_body(found) if body and found is not None else found

    def get_version(self, page_id: str, number: int) -> PageVersion:
        """One version of a page, the current one or an earlier one."""
        path = f"rest/api/content/{segment(page_id)}"
        row = read_content(self._http, path, page_id, {"status": ANY_STATUS, "expand": "version"})
        if row.number != number:
            params = {"status": "historical", "version": number, "expand": "version"}
            # A version of the past has an id of its own.
            row = read(self._http, path, Content, params)
        if row.version is None or row.number != number:
            raise BadResponse(f"no version {number} of the page {page_id} in the response", system=SYSTEM)
        author = row.version.by.username if row.version.by else None
        return PageVersion(number, author or "", row.version.message or "")

    def get_template(self, template_id: str) -> Template:
        """A page template with its body; the API for it is called experimental, and is not in the description."""
        path = f"rest/experimental/template/{segment(template_id)}"
        return read_template(self._http, path, {"expand": "body"}, template_id)

    def children(self, page_id: str) -> Iterator[Page]:
        """The current child pages, in the order of the page tree."""
        for data in self._listed(f"rest/api/content/{segment(page_id)}/child/page", {"expand": CHILD_FIELDS}):
            yield replace(self._page(data), parent_id=page_id)

    def search(self, cql: str, *, body: bool = False) -> Iterator[Page]:
        """The content that a CQL query finds."""
        for data in self._listed("rest/api/content/search", {"cql": cql, "expand": _expand(body=body)}):
            yield self._page(data)

    comments_first_version = True

    def create_page(self, space: str, title: str, body: str, *, parent_id: str | None = None, message: str = "") -> Page:
        """Create a page, once, even if the answer to the request is lost."""
        title = page_title(title)
        check_body(body)
        content: dict[str, Any] = {
            "type": "page",
            "title": title,
            "space": {"key": space},
            "body": {"storage": {"value": body, "representation": "storage"}},
        }
        if parent_id is not None:
            content["ancestors"] = [{"id": parent_id}]
        if message:
            content["version"] = {"number": 1, "message": message}

        def send() -> Page:
            params = {"expand": _expand(body=False)}
            response = self._http.request("POST", "rest/api/content", params=params, json=content)
            return self._page(written_page(self._http, response, title=title, version=1))

        def look() -> Page | None:
            found = self.find_page(space, title, body=True)
            author = self.current_user().name
            if found is None or not is_unfinished_create(found, author=author, body=body, parent_id=parent_id):
                return None
            return found

        try:
            return created_once(send, look, self._sleep)
        except AlreadyExists as error:
            error.advice = self._who_holds(space, title) or error.advice
            raise

    def update_page(
        self,
        page_id: str,
        edit: Callable[[str], str],
        *,
        title: str | None = None,
        message: str = "",
        minor: bool = False,
    ) -> tuple[Page, bool]:
        """Edit a page's body; somebody else's edit in between is kept, and nothing is written when nothing changes."""

        def send(page: Page, new_title: str, body: str) -> None:
            report_orphans(page, body, self.comments)
            content = {
                "id": page_id,
                "type": "page",
                "title": new_title,
                "version": {"number": page.version + 1, "message": message, "minorEdit": minor},
                "body": {"storage": {"value": body, "representation": "storage"}},
            }
            response = self._http.request("PUT", f"rest/api/content/{segment(page_id)}", json=content, idempotent=False)
            written_page(self._http, response, page_id=page_id, title=new_title, version=page.version + 1)

        return updated(lambda body: self.get_page(page_id, body=body), send, edit, title, self._sleep)

    def trash_page(self, page_id: str) -> None:
        """Move a page to the trash."""
        trash(self._http, f"rest/api/content/{segment(page_id)}", lambda: self.get_page(page_id))

    # --- attachments --------------------------------------------------------------------------------------------------

    def attachments(self, page_id: str) -> Iterator[Attachment]:
        """All files of a page."""
        for data in self._listed(version1.files_of(page_id), {"expand": "version,container"}):
            yield _attachment(data, page_id)

    def find_attachment(self, page_id: str, name: str) -> Attachment | None:
        """The file of that name on a page."""
        params = {"filename": name, "expand": "version,container"}
        found = [_attachment(data, page_id) for data in self._listed(version1.files_of(page_id), params)]
        return next((attachment for attachment in found if attachment.name == name), None)

    def create_attachment(self, page_id: str, file: FilePart, *, comment: str = "", minor: bool = True) -> Attachment:
        """Add a file. The request is sent once."""
        return _attachment(version1.upload(self._http, page_id, file, comment, minor=minor), page_id)

    def update_attachment(
        self, attachment: Attachment, file: FilePart, *, comment: str = "", minor: bool = True
    ) -> Attachment:
        """Add a new version to a file. The request is sent once."""
        row = version1.upload_version(self._http, attachment, file, comment, minor=minor)
        return _attachment(row, attachment.page_id)

    def download_attachment(self, attachment: Attachment, sink: IO[bytes]) -> Download:
        """Stream a file's bytes into ``sink``."""
        return self._http.download(attachment.download, sink, check=version1.expect_attachment(attachment))

    def remove_repeated_version(self, attachment: Attachment, sha256: str) -> Attachment | None:
        """Remove a version of a file when the version before it has the same content.

        The description of Data Center 10.0.3 has this call ("Remove attachment version"); Cloud has none.
        """
        number = attachment.version - 1
        page = segment(attachment.page_id)
        path = f"download/attachments/{page}/{segment(attachment.name)}"
        with tempfile.TemporaryFile() as stored:
            if self._http.download(path, stored, params={"version": number}).sha256 != sha256:
                return None
        file = f"rest/api/content/{page}/child/attachment/{segment(attachment.id)}"
        with contextlib.suppress(NotFound):  # the response to an earlier attempt was lost
            self._http.request("DELETE", f"{file}/version/{attachment.version}", idempotent=True)
        return replace(attachment, version=number)

    # --- what belongs to a page ---------------------------------------------------------------------------------------

    def labels(self, page_id: str) -> list[str]:
        """The page's global labels; personal ones (``my:``) are their owner's."""
        path = f"rest/api/content/{segment(page_id)}/label"
        return version1.global_labels(listed(self._http, path, {"limit": LISTING}, Label))

    def add_labels(self, page_id: str, labels: Sequence[str]) -> None:
        """Add labels; those that are there stay."""
        version1.add_labels(self._http, page_id, labels, self.labels)

    def remove_label(self, page_id: str, label: str) -> None:
        """Take a label away."""
        version1.remove_label(self._http, page_id, label, self.labels)

    def properties(self, page_id: str) -> Iterator[ContentProperty]:
        """All content properties of a page."""
        path = f"rest/api/content/{segment(page_id)}/property"
        for row in listed(self._http, path, {"limit": LISTING, "expand": "version"}, Property):
            yield property_of(row)

    def get_property(self, page_id: str, key: str) -> ContentProperty | None:
        """One content property."""

        def decoded(response: requests.Response) -> ContentProperty:
            row = decode(self._http, response, Property)
            if row.key != key or row.version is None:
                raise unexpected(self._http, response, f"the response does not describe the property {key!r}")
            return property_of(row)

        try:
            return self._http.fetch(f"rest/api/content/{segment(page_id)}/property/{segment(key)}", decoded)
        except NotFound:
            return None

    def set_property(self, page_id: str, key: str, update: Callable[[Any], Any], *, absent: bool = False) -> Any:
        """Compute a content property from its present value and write it, with the version as a guard."""
        path = f"rest/api/content/{segment(page_id)}/property"

        def read_present() -> tuple[Any, int] | None:
            present = self.get_property(page_id, key)
            return (present.value, present.version) if present else None

        def send(value: Any, version: int | None) -> None:
            if version is None:
                response = self._http.request("POST", path, json={"key": key, "value": value})
            else:
                body = {"key": key, "value": value, "version": {"number": version + 1}}
                response = self._http.request("PUT", f"{path}/{segment(key)}", json=body, idempotent=False)
            written_property(self._http, response, key, value)

        return stored_property(read_present, send, update, self._sleep, absent=absent)

    def restrictions(self, page_id: str) -> Restrictions:
        """Who alone may see or edit the page, set on the page itself."""
        operations = ",".join(f"{op}.restrictions.{who}" for op in OPERATIONS for who in ("user", "group"))
        path = f"rest/api/content/{segment(page_id)}/restriction/byOperation"
        return read_restrictions(
            self._http,
            path,
            {"expand": operations},
            lambda member: member.username if isinstance(member, Account) else member.name,
        )

    def set_restrictions(self, page_id: str, restrictions: Restrictions) -> None:
        """Replace the page's restrictions."""
        body = [
            {
                "operation": operation,
                "restrictions": {
                    "user": [{"type": "known", "username": name} for name in restrictions.users.get(operation, ())],
                    "group": [{"type": "group", "name": name} for name in restrictions.groups.get(operation, ())],
                },
            }
            for operation in OPERATIONS
        ]
        self._http.request("PUT", f"rest/api/content/{segment(page_id)}/restriction", json=body)
        check_restrictions(self.restrictions(page_id), restrictions, page_id)

    def comments(self, page_id: str) -> Iterator[Comment]:
        """All comments with their replies."""
        params = {
            "depth": "all",
            "location": ("footer", "inline", "resolved"),
            "expand": "body.storage,extensions.inlineProperties,ancestors,history",
        }
        for row in self._listed(f"rest/api/content/{segment(page_id)}/child/comment", params):
            author = row.history.created_by if row.history else None
            yield Comment(
                id=str(row.id),
                location=(row.extensions.location if row.extensions else None) or "footer",
                author=(author.display_name if author else None) or "",
                body=row.storage or "",
                parent_id=row.parent,
                marker=_marker_of(row),
            )

    def reader(self) -> DataCenterReader:
        """What reads whole wikis, in listings of many pages."""
        return DataCenterReader(self._http, self._listed, _attachment)

    # --- how ----------------------------------------------------------------------------------------------------------

    def _listed(self, path: str, params: Mapping[str, Any]) -> Iterator[Content]:
        return listed(self._http, path, {"limit": LISTING, **params}, Content)

    def _who_holds(self, space: str, title: str) -> str:
        holder = self.find_page(space, title)
        if holder is None:
            return ""
        state = "archived page; restore or rename it" if holder.status == "archived" else "page; rename one of them"
        return f"the title is held by the {state}: {holder.url}"

    def _page(self, row: Content) -> Page:
        created_by = row.history.created_by if row.history else None
        return Page(
            id=str(row.id),
            space=(row.space.key if row.space else None) or "",
            title=title_of(row),
            status=row.status or "current",
            version=row.number,
            url=row.url(self.base_url),
            parent_id=row.parent,
            body=row.storage,
            created_by=(created_by.username if created_by else None) or "",
        )


def parse_error(answer: ErrorResponse) -> ErrorDetails:
    """Read Confluence's error format, ``{"statusCode", "message", "reason", "data"}``.

    :param answer: an answer that is no success
    :return: which error it is, where the status alone does not tell, and what to do about it
    """
    data = answer.json if isinstance(answer.json, dict) else {}
    message = str(data.get("message") or "")
    text = message or answer.text
    if answer.status in (400, 409) and _TITLE_TAKEN.search(text):
        return ErrorDetails(AlreadyExists, message, "title-exists", "choose another title, or rename the page that has it")
    if answer.status == 400 and _FILE_TAKEN.search(text):
        return ErrorDetails(AlreadyExists, message, "attachment-exists", "add a new version to the file instead")
    if answer.status == 400 and re.search(r"content already has a value|property.*already exists", text, re.I):
        return ErrorDetails(AlreadyExists, message, "property-exists")
    if answer.status in (400, 409, 500) and _STALE.search(text):
        return ErrorDetails(Conflict, message, "stale", "somebody else wrote at the same time; run it again")
    if answer.status == 401 and "scope" in text:
        return ErrorDetails(Forbidden, message, "scope", "the token lacks a scope for this; make one that has it")
    if answer.status == 401:
        return ErrorDetails(
            AuthFailed,
            message,
            "",
            "the token or password of the connection is wrong, expired or revoked; make a new one and put it there",
        )
    if answer.status == 403 and "XSRF" in text:
        return ErrorDetails(Forbidden, message, "xsrf", "a proxy may drop the header X-Atlassian-Token")
    if answer.status == 403:
        return ErrorDetails(
            Forbidden, message, "", "give the connection's account the permission in the space or on the page"
        )
    if answer.status == 404:
        return ErrorDetails(NotFound, message, "", "check id and space, and that the connection's account may see it there")
    if answer.status == 413:
        return ErrorDetails(TooLarge, message, "", "split the page, or attach the data as a file")
    if answer.status == 405:
        return ErrorDetails(Invalid, message, "", "the site may be another deployment than Data Center; check the host")
    return ErrorDetails(None, message)


def _marker_of(row: Content) -> str:
    inline = row.extensions.inline_properties if row.extensions else None
    return (inline.marker_ref if inline else None) or ""


def _expand(*, body: bool) -> str:
    return f"{PAGE_FIELDS},body.storage" if body else PAGE_FIELDS


def _attachment(row: Content, page_id: str) -> Attachment:
    return version1.attachment_of(row, page_id, (row.links.download if row.links else None) or "")
