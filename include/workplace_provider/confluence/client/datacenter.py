"""Confluence Data Center and Server: REST API v1, as described for 10.0.3."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client.checks import page_title, same_title, segment
from workplace_provider.confluence.client.comments import report_orphans
from workplace_provider.confluence.client.content_rows import attachment_on_datacenter, page_of_v1
from workplace_provider.confluence.client.datacenter_wiki import DataCenterReader
from workplace_provider.confluence.client.decoding import (
    check_has_body,
    check_new_comment,
    check_written_property,
    decode,
    decode_written_page,
    group_missing,
    property_of,
    read,
    read_content,
    read_restrictions,
    read_template,
    unexpected,
)
from workplace_provider.confluence.client.errors import parse_datacenter_error
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.model import (
    HOLDS_TITLE,
    Attachment,
    Comment,
    ContentProperty,
    ContentType,
    Page,
    PageVersion,
    Restrictions,
    Server,
    Template,
    User,
)
from workplace_provider.confluence.client.responses import (
    OPERATIONS,
    Account,
    Content,
    Extensions,
    Group,
    Label,
    Property,
    ServerInformation,
    SpacePermission,
)
from workplace_provider.confluence.client.safe_write import ANY_STATUS, NewPage, SafeWrites
from workplace_provider.confluence.client.version1 import Version1Requests, files_path, global_labels
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.client import HttpClient
from workplace_provider.http.errors import BadResponse, Forbidden, NotFound
from workplace_provider.http.redaction import get_logger
from workplace_provider.http.spool import spooled_file

if TYPE_CHECKING:
    import requests
    from requests.auth import AuthBase

    from workplace_provider.http.client import HttpSettings

log = get_logger("workplace_provider.confluence")

PAGE_FIELDS: Final = "version,space,ancestors,history"
# In a long listing every field costs the server time for each row. The parent is known, and the author is not needed.
CHILD_FIELDS: Final = "version,space"
COMMENT_FIELDS: Final = "body.storage,extensions.inlineProperties,extensions.resolution,ancestors,history"
LISTING: Final = 200


class DataCenterClient(SafeWrites, Version1Requests):
    """The client for Data Center; see :class:`~workplace_provider.confluence.client.protocol.ConfluenceClient`.

    :param base_url: the site with its context path
    :param site_url: base URL of links for people, if the API is called at another address; the base URL otherwise
    :param auth: puts the credential on a request
    :param settings: time-outs, TLS and limits
    :param sleep: sleeps between attempts
    """

    def __init__(
        self,
        base_url: str,
        *,
        site_url: str = "",
        auth: AuthBase,
        settings: HttpSettings | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._sleep = sleep or time.sleep
        self._http = HttpClient(
            base_url,
            system=SYSTEM,
            auth=auth,
            settings=settings,
            parse_error=parse_datacenter_error,
            sleep=self._sleep,
        )
        self.base_url = self._http.base_url
        self._site_url = site_url.rstrip("/") or self.base_url
        self._user: User | None = None
        self.content_type: ContentType = "page"
        self._names: dict[tuple[str, str], str | None] = {}

    def blog_posts(self) -> DataCenterClient:
        """Return a client for the blog posts of the site."""
        client = copy.copy(self)
        client.content_type = "blogpost"
        return client

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def wait(self, seconds: float) -> None:
        """Sleep between two attempts."""
        self._sleep(seconds)

    # --- account and site ---------------------------------------------------------------------------------------------

    def current_user(self) -> User:
        """Return the account that the credential belongs to; requested once."""
        if self._user is None:
            account = self._http.fetch("rest/api/user/current", self._decode_account)
            name = "" if account.type == "anonymous" else account.username or ""
            self._user = User(name, account.display_name or "")
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
        """Return the version of the site."""
        data = read(self._http, "rest/api/server-information", ServerInformation)
        return Server("datacenter", data.version, data.base_url or self.base_url)

    def _decode_account(self, response: requests.Response) -> Account:
        account = decode(self._http, response, Account)
        if account.type != "anonymous" and not account.username:
            raise unexpected(self._http, response, "the response does not name the account of the connection")
        return account

    # --- reading pages ------------------------------------------------------------------------------------------------

    def get_page(self, page_id: str, *, body: bool = False) -> Page:
        """Return a page by id, with any status."""
        params = {"status": ANY_STATUS, "expand": _expand(body=body)}
        page = self._page(read_content(self._http, self._page_path(page_id), page_id, params))
        return check_has_body(page) if body else page

    def find_page(self, space: str, title: str, *, body: bool = False) -> Page | None:
        """Return the current or archived page with a title in a space."""
        title = page_title(title)
        if self.content_type == "blogpost":
            return self._find_blog_post(space, title, body=body)
        params = {
            "spaceKey": space,
            "title": title,
            "type": "page",
            "status": HOLDS_TITLE,
            "expand": _expand(body=body),
        }
        pages = [self._page(row) for row in self._listed("rest/api/content", params)]
        # The look-up ignores case on some databases, and so does the uniqueness of titles.
        holders = [page for page in pages if same_title(page.title, title)]
        exact = [page for page in holders if page.title.strip() == title]
        page = next(iter(exact or holders), None)
        return check_has_body(page) if body and page is not None else page

    def _find_blog_post(self, space: str, title: str, *, body: bool) -> Page | None:
        # The look-up by title needs the posting day, which a repeat on another day does not know, so the blog is listed.
        path = f"rest/api/space/{segment(space)}/content/blogpost"
        rows = [row for row in self._listed(path, {"expand": CHILD_FIELDS}) if same_title(row.title or "", title)]
        row = next(iter([row for row in rows if (row.title or "").strip() == title] or rows), None)
        return None if row is None else self.get_page(str(row.id), body=body)

    def get_version(self, page_id: str, number: int) -> PageVersion:
        """Return one version of a page, the current one or an earlier one."""
        path = self._page_path(page_id)
        row = read_content(self._http, path, page_id, {"status": ANY_STATUS, "expand": "version"})
        if row.number != number:
            # An earlier version has an id of its own, so the id of the response is not checked.
            params = {"status": "historical", "version": number, "expand": "version"}
            row = read(self._http, path, Content, params)
        if row.version is None or row.number != number:
            raise BadResponse(f"no version {number} of the page {page_id} in the response")
        author = row.version.by.username if row.version.by else None
        return PageVersion(number, author or "", row.version.message or "")

    def get_template(self, template_id: str) -> Template:
        """Return a page template with its body. Its endpoint is experimental, and not in the API description."""
        path = f"rest/experimental/template/{segment(template_id)}"
        return read_template(self._http, path, {"expand": "body"}, template_id)

    def children(self, page_id: str) -> Iterator[Page]:
        """Iterate over the current child pages, in the order of the page tree."""
        for row in self._listed(f"{self._page_path(page_id)}/child/page", {"expand": CHILD_FIELDS}):
            yield replace(self._page(row), parent_id=page_id)

    def search(self, cql: str, *, body: bool = False) -> Iterator[Page]:
        """Iterate over the content that a CQL query finds."""
        for row in self._listed("rest/api/content/search", {"cql": cql, "expand": _expand(body=body)}):
            yield self._page(row)

    # --- writing pages ------------------------------------------------------------------------------------------------

    comments_first_version = True

    def _page_path(self, page_id: str) -> str:
        return f"rest/api/content/{segment(page_id)}"

    def _send_new_page(self, new: NewPage) -> Page:
        content: dict[str, Any] = {
            "type": self.content_type,
            "title": new.title,
            "space": {"key": new.space},
            "body": {"storage": {"value": new.body, "representation": "storage"}},
        }
        if new.parent_id is not None:
            content["ancestors"] = [{"id": new.parent_id}]
        if new.message:
            content["version"] = {"number": 1, "message": new.message}
        params = {"expand": _expand(body=False)}
        response = self._http.request("POST", "rest/api/content", params=params, json=content)
        return self._page(decode_written_page(self._http, response, title=new.title, version=1))

    def _send_update(self, page: Page, title: str, body: str, message: str, *, minor: bool) -> None:
        report_orphans(self, page, body)
        content = {
            "id": page.id,
            "type": self.content_type,
            "title": title,
            "version": {"number": page.version + 1, "message": message, "minorEdit": minor},
            "body": {"storage": {"value": body, "representation": "storage"}},
        }
        response = self._http.request("PUT", self._page_path(page.id), json=content, idempotent=False)
        decode_written_page(self._http, response, page_id=page.id, title=title, version=page.version + 1)

    def _send_move(self, page: Page, parent_id: str) -> None:
        content = {
            "id": page.id,
            "type": "page",
            "title": page.title,
            "version": {"number": page.version + 1, "message": page.message, "minorEdit": True},
            # The version number protects a body that another writer saves in between.
            "body": {"storage": {"value": page.body, "representation": "storage"}},
            "ancestors": [{"id": parent_id}],
        }
        response = self._http.request("PUT", self._page_path(page.id), json=content, idempotent=False)
        decode_written_page(self._http, response, page_id=page.id, title=page.title, version=page.version + 1)

    # --- attachments --------------------------------------------------------------------------------------------------

    def attachments(self, page_id: str) -> Iterator[Attachment]:
        """Iterate over the files of a page."""
        for row in self._listed(files_path(page_id), {"expand": "version,container"}):
            yield self._attachment(row, page_id)

    def find_attachment(self, page_id: str, name: str) -> Attachment | None:
        """Return the file with this name on a page."""
        rows = self._listed(files_path(page_id), {"filename": name, "expand": "version,container"})
        files = [self._attachment(row, page_id) for row in rows]
        return next((file for file in files if file.name == name), None)

    def remove_repeated_version(self, attachment: Attachment, sha256: str) -> Attachment | None:
        """Remove a version of a file when the version before it has the same content.

        Data Center 10.0.3 documents the endpoint as "Remove attachment version"; Cloud has no such endpoint.
        """
        number = attachment.version - 1
        path = f"download/attachments/{segment(attachment.page_id)}/{segment(attachment.name)}"
        with spooled_file() as stored:
            if self._http.download(path, stored, params={"version": number}).sha256 != sha256:
                return None
        version = f"{files_path(attachment.page_id)}/{segment(attachment.id)}/version/{attachment.version}"
        with contextlib.suppress(NotFound):  # the response to an earlier attempt was lost
            self._http.request("DELETE", version, idempotent=True)
        return replace(attachment, version=number)

    def _attachment(self, row: Content, page_id: str) -> Attachment:
        return attachment_on_datacenter(row, page_id)

    # --- labels, properties, restrictions -----------------------------------------------------------------------------

    def labels(self, page_id: str) -> list[str]:
        """Return the page's global labels; personal ones (``my:``) are visible to their owner only."""
        return global_labels(listed(self._http, f"{self._page_path(page_id)}/label", {"limit": LISTING}, Label))

    def properties(self, page_id: str) -> Iterator[ContentProperty]:
        """Iterate over the content properties of a page."""
        params = {"limit": LISTING, "expand": "version"}
        for row in listed(self._http, f"{self._page_path(page_id)}/property", params, Property):
            yield property_of(row)

    def get_property(self, page_id: str, key: str) -> ContentProperty | None:
        """Return one content property."""
        row = self._read_property(page_id, key)
        return property_of(row) if row else None

    def _read_property(self, page_id: str, key: str) -> Property | None:
        def decode_property(response: requests.Response) -> Property:
            row = decode(self._http, response, Property)
            if row.key != key or row.version is None:
                raise unexpected(self._http, response, f"the response does not describe the property {key!r}")
            return row

        try:
            return self._http.fetch(f"{self._page_path(page_id)}/property/{segment(key)}", decode_property)
        except NotFound:
            return None

    def _send_property(self, page_id: str, key: str, value: Any, present: Property | None) -> None:
        path = f"{self._page_path(page_id)}/property"
        if present is None:
            response = self._http.request("POST", path, json={"key": key, "value": value})
        else:
            body = {"key": key, "value": value, "version": {"number": present.number + 1}}
            response = self._http.request("PUT", f"{path}/{segment(key)}", json=body, idempotent=False)
        check_written_property(self._http, response, key, value)

    def restrictions(self, page_id: str) -> Restrictions:
        """Return the restrictions that are set on the page itself: names of users and groups."""
        fields = [f"{operation}.restrictions.{kind}" for operation in OPERATIONS for kind in ("user", "group")]
        path = f"{self._page_path(page_id)}/restriction/byOperation"
        return read_restrictions(self._http, path, {"expand": ",".join(fields)}, by_id=False)

    def _send_restrictions(self, page_id: str, restrictions: Restrictions) -> None:
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
        self._http.request("PUT", f"{self._page_path(page_id)}/restriction", json=body)

    def find_group(self, name: str) -> str:
        """Return the name of a group, after a check that the site has it."""
        try:
            group = read(self._http, f"rest/api/group/{segment(name)}", Group)
        except NotFound as error:
            raise group_missing(name) from error
        if group.name is None or group.name.casefold() != name.casefold():
            raise BadResponse(f"the response describes the group {group.name!r} instead of {name!r}")
        return group.name

    def may_create_below(self, page: Page, account: str) -> bool:
        """Return whether a user may create pages in the space of a page: by a permission of their own or of a group.

        The restrictions of the page are not considered: the API does not evaluate them for other users.
        """
        user = read(self._http, "rest/api/user", Account, {"username": account})
        if user.username != account or not user.user_key:
            raise BadResponse(f"the response describes the user {user.username!r} instead of {account!r}")
        path = f"rest/api/space/{segment(page.space)}/permissions"
        if self._may_create(f"{path}/user/{segment(user.user_key)}"):
            return True
        groups = listed(self._http, "rest/api/user/memberof", {"username": account, "limit": LISTING}, Group)
        return any(group.name and self._may_create(f"{path}/group/{segment(group.name)}") for group in groups)

    def _may_create(self, path: str) -> bool:
        permissions = read(self._http, path, list[SpacePermission])
        return any((each.operation.operation_key, each.operation.target_type) == ("create", "page") for each in permissions)

    def create_comment(self, page_id: str, body: str) -> Comment:
        """Add a comment below a page with one request."""
        content = {
            "type": "comment",
            "container": {"id": page_id, "type": "page"},
            "body": {"storage": {"value": body, "representation": "storage"}},
        }
        params = {"expand": COMMENT_FIELDS}
        response = self._http.request("POST", "rest/api/content", params=params, json=content)
        return check_new_comment(self._http, response, _comment(decode(self._http, response, Content)), body)

    def remove_comment(self, comment_id: str) -> None:
        """Remove a comment below a page, if it exists."""
        with contextlib.suppress(NotFound):
            self._http.request("DELETE", f"rest/api/content/{segment(comment_id)}", idempotent=True)

    def comment_property(self, comment_id: str, key: str) -> ContentProperty | None:
        """Return one content property of a comment."""
        return self.get_property(comment_id, key)

    def set_comment_property(self, comment_id: str, key: str, value: Any) -> None:
        """Create a content property of a comment."""
        self.set_property(comment_id, key, lambda _: value, absent=True)

    def comments(self, page_id: str) -> Iterator[Comment]:
        """Iterate over the comments of a page with their replies."""
        params = {
            "depth": "all",
            "location": ("footer", "inline", "resolved"),
            "expand": COMMENT_FIELDS,
        }
        for row in self._listed(f"{self._page_path(page_id)}/child/comment", params):
            yield _comment(row)

    def reader(self) -> DataCenterReader:
        """Return a reader for whole wikis, which lists many pages per request."""
        return DataCenterReader(self._http, self._site_url)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _listed(self, path: str, params: Mapping[str, Any]) -> Iterator[Content]:
        return listed(self._http, path, {"limit": LISTING, **params}, Content)

    def _page(self, row: Content) -> Page:
        return page_of_v1(row, self._site_url)


def _comment(row: Content) -> Comment:
    author = row.history.created_by if row.history else None
    return Comment(
        id=str(row.id),
        location=_location_of(row),
        author=(author.display_name if author else None) or "",
        body=row.storage or "",
        parent_id=row.parent,
        marker=_marker_of(row),
        account=(author.username if author else None) or "",
    )


def _location_of(row: Content) -> str:
    """Return the location of a comment: ``resolved`` also for one that is listed as inline with that resolution."""
    extensions = row.extensions or Extensions()
    is_resolved = extensions.resolution is not None and extensions.resolution.status == "resolved"
    return "resolved" if is_resolved else extensions.location or "footer"


def _marker_of(row: Content) -> str:
    inline = row.extensions.inline_properties if row.extensions else None
    return (inline.marker_ref if inline else None) or ""


def _expand(*, body: bool) -> str:
    return f"{PAGE_FIELDS},body.storage" if body else PAGE_FIELDS
