"""Confluence Cloud: REST API v2, and the endpoints of v1 that have no successor, such as uploads, copies and search."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from workplace_provider.common.query import quoted
from workplace_provider.confluence.client.checks import check_body, differs, page_title, same_title, segment
from workplace_provider.confluence.client.cloud_directory import CloudDirectory
from workplace_provider.confluence.client.cloud_wiki import CloudReader
from workplace_provider.confluence.client.comments import is_blank, report_orphans
from workplace_provider.confluence.client.content_rows import attachment_on_cloud, page_of_v1, page_of_v2
from workplace_provider.confluence.client.decoding import (
    check_has_body,
    check_new_comment,
    check_written_property,
    decode,
    decode_written_page,
    group_missing,
    not_confirmed,
    property_of,
    read,
    read_content,
    read_restrictions,
    read_template,
    unexpected,
)
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.model import (
    HOLDS_TITLE,
    Attachment,
    Comment,
    ContentProperty,
    ContentState,
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
    AvailableStates,
    Content,
    Group,
    Label,
    PageState,
    PermissionCheck,
    Property,
    Task,
    TaskState,
    Version,
)
from workplace_provider.confluence.client.safe_write import ANY_STATUS, NewPage, SafeWrites
from workplace_provider.confluence.client.version1 import Version1Requests, digest_of, global_labels
from workplace_provider.http.errors import AlreadyExists, BadResponse, Conflict, Invalid, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger
from workplace_provider.http.spool import spooled_file

if TYPE_CHECKING:
    from workplace_provider.confluence.auth.access import Access
    from workplace_provider.confluence.client.cloud_connection import CloudConnection
    from workplace_provider.http.client import FilePart, HttpClient

log = get_logger("workplace_provider.confluence")

LISTING: Final = 250
GROUP_LISTING: Final = 200
# As many ids as fit into a URL that every proxy accepts.
IDS_AT_ONCE: Final = 100
V1_LISTING: Final = 100
V1_FIELDS: Final = "version,space,ancestors,history"
STATES_OF_SPACE: Final = range(4)
OLDER_VERSIONS: Final = 10
BLOG_STATUSES: Final = ("current", "trashed")
"""The statuses of blog posts: none of them is archived."""
TASK_POLLS: Final = 60


class CloudClient(SafeWrites, Version1Requests):
    """The client for Confluence Cloud; see :class:`~workplace_provider.confluence.client.protocol.ConfluenceClient`.

    :param connection: to the site
    """

    def __init__(self, connection: CloudConnection) -> None:
        self._connection = connection
        self._sleep = connection.sleep
        self._directory = CloudDirectory(connection)
        self._user: User | None = None
        self.content_type: ContentType = "page"

    def blog_posts(self) -> CloudClient:
        """Return a client for the blog posts of the site."""
        client = copy.copy(self)
        client.content_type = "blogpost"
        return client

    @property
    def base_url(self) -> str:
        """The URL of the site, as people open it."""
        return self._connection.base_url

    @property
    def _http(self) -> HttpClient:  # type: ignore[override]  # read only here
        return self._connection.http

    @property
    def _access(self) -> Access:
        return self._connection.access

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

    def wait(self, seconds: float) -> None:
        """Sleep between two attempts."""
        self._sleep(seconds)

    # --- account and site ---------------------------------------------------------------------------------------------

    def current_user(self) -> User:
        """Return the account that the credential belongs to, by its account id; requested once."""
        if self._user is None:
            data = self._access.whoami()
            name = str(data.get("displayName") or data.get("publicName") or data["accountId"])
            self._user = User(str(data["accountId"]), name)
        return self._user

    def display_name(self, kind: str, user: str) -> str | None:
        """Return the display name of an account, or ``None`` where it is unknown."""
        name = self._directory.name_of(user) if kind == "account-id" else user
        return None if name == user else name

    def server(self) -> Server:
        """Return the site. Cloud reports no version."""
        self._access.ensure_verified()
        return Server("cloud", "", self.base_url)

    # --- reading pages ------------------------------------------------------------------------------------------------

    def get_page(self, page_id: str, *, body: bool = False) -> Page:
        """Return a page by id, with any status."""
        statuses = ANY_STATUS if self.content_type == "page" else BLOG_STATUSES
        params = {"status": statuses, **_body_format(body)}
        page = self._page(read_content(self._http, self._page_path(page_id), page_id, params))
        return check_has_body(page) if body else page

    def find_page(self, space: str, title: str, *, body: bool = False) -> Page | None:
        """Return the current or archived page with a title in a space."""
        title = page_title(title)
        params = {
            "space-id": self._directory.space_id(space),
            "title": title,
            "status": HOLDS_TITLE if self.content_type == "page" else "current",
            **_body_format(body),
        }
        pages = [self._page(row, space) for row in self._listed(self._collection, params)]
        # The look-up ignores case, and so does the uniqueness of titles.
        holders = [page for page in pages if same_title(page.title, title)]
        exact = [page for page in holders if page.title.strip() == title]
        page = next(iter(exact or holders), None)
        if page is None:
            # A site that is open to the public shows only its public pages to a token that has expired in between.
            self._access.verify()
            return None
        return check_has_body(page) if body else page

    def get_version(self, page_id: str, number: int) -> PageVersion:
        """Return one version of a page, the current one or an earlier one."""
        version = read(self._http, f"{self._page_path(page_id)}/versions/{number}", Version)
        return PageVersion(version.number, version.author_id or "", version.message or "")

    def get_template(self, template_id: str) -> Template:
        """Return a page template with its body."""
        return read_template(
            self._http, f"rest/api/template/{segment(template_id)}", {"expand": "body.storage"}, template_id
        )

    def children(self, page_id: str) -> Iterator[Page]:
        """Iterate over the current child pages of a page or of a folder, in the order of the page tree.

        The listing of the tree has no versions and links, so each hundred pages take one request more.
        """
        waiting: list[str] = []
        for row in self._direct_children(page_id):
            if (row.type or "page") == "page" and (row.status or "current") == "current":
                waiting.append(str(row.id))
            if len(waiting) == IDS_AT_ONCE:
                yield from self._pages(waiting, page_id)
                waiting = []
        yield from self._pages(waiting, page_id)

    def other_children(self, page_id: str) -> list[str]:
        """Return the titles of what is right below a page or folder and is no page, such as folders and whiteboards."""
        return [row.title or str(row.id) for row in self._direct_children(page_id) if (row.type or "page") != "page"]

    def find_folder(self, space: str, title: str, *, parent_id: str | None = None) -> Page | None:
        """Return a folder by its title, as if it were a page.

        :param parent_id: the page or folder right above it; anywhere in the space when ``None``
        :raises Invalid: when several folders have the title
        """
        title = page_title(title)
        above = parent_id if parent_id is not None else self._directory.home_page(space)
        rows = [row for row in self._direct_children(above) if row.type == "folder"] if above else []
        rows = [row for row in rows if same_title(row.title or "", title)]
        if not rows and parent_id is None:
            # Folders elsewhere cannot be listed, only searched for. The search index lags behind writes.
            cql = f"type = folder and space = {quoted(space)} and title = {quoted(title)}"
            results = listed(self._http, "rest/api/content/search", {"cql": cql, "limit": V1_LISTING}, Content)
            rows = [row for row in results if same_title(row.title or "", title)]
        if len(rows) > 1:
            raise Invalid(
                f"the space {space} has {len(rows)} folders {title!r}",
                advice="name the page or folder above it too, or give the folder's id",
            )
        if not rows:
            return None
        folder_id = str(rows[0].id)
        return self._page(read_content(self._http, f"api/v2/folders/{segment(folder_id)}", folder_id), space)

    def search(self, cql: str, *, body: bool = False) -> Iterator[Page]:
        """Iterate over the content that a CQL query finds."""
        expand = f"{V1_FIELDS},body.storage" if body else V1_FIELDS
        params = {"cql": cql, "limit": V1_LISTING, "expand": expand}
        for row in listed(self._http, "rest/api/content/search", params, Content):
            yield page_of_v1(row, self.base_url)

    # --- writing pages ------------------------------------------------------------------------------------------------

    comments_first_version = False

    def copy_page(self, source: Page, space: str, title: str, body: str, *, parent_id: str | None = None) -> Page:
        """Copy a page and its files on the server, with another body, exactly once, even if the response is lost.

        Properties are not copied: one of them marks the source as created by the provider, and as complete.

        :raises AlreadyExists: when another page has the title
        """
        title = page_title(title)
        check_body(body)
        return self._create_once(NewPage(space, title, body, parent_id, copy_of=source))

    def archive_page(self, page_id: str) -> None:
        """Archive a page, and wait until the site has finished. An archived page is not changed.

        Archived pages keep their title and their links, but leave the page tree and the search.

        :raises Invalid: when the site does not archive the page
        :raises BadResponse: when the site has not finished after a minute
        """
        if self.get_page(page_id).status == "archived":
            return
        body = {"pages": [{"id": int(page_id)}]}
        response = self._http.request("POST", "rest/api/content/archive", json=body, idempotent=True)
        task = decode(self._http, response, Task)
        for _ in range(TASK_POLLS):
            state = read(self._http, f"rest/api/longtask/{segment(str(task.id))}", TaskState)
            if state.finished:
                if state.successful:
                    return
                reason = "; ".join(map(str, (*(state.errors or ()), *(state.messages or ())))) or "no reason given"
                raise Invalid(f"the page {page_id} was not archived: {reason}")
            self._sleep(1.0)
        raise BadResponse(f"archiving the page {page_id} has not finished after {TASK_POLLS} s", advice="run it again later")

    @property
    def _collection(self) -> str:
        return f"api/v2/{self.content_type}s"

    def _page_path(self, page_id: str) -> str:
        return f"{self._collection}/{segment(page_id)}"

    def _send_new_page(self, new: NewPage) -> Page:
        if new.copy_of is not None:
            return self._send_copy(new, new.copy_of)
        content: dict[str, Any] = {
            "spaceId": self._directory.space_id(new.space),
            "status": "current",
            "title": new.title,
            "body": {"representation": "storage", "value": new.body},
        }
        if new.parent_id is not None:
            content["parentId"] = new.parent_id
        # Without it, a page without a parent is created below the space's home page.
        params = {"root-level": "true"} if new.parent_id is None and self.content_type == "page" else None
        response = self._http.request("POST", self._collection, params=params, json=content)
        return self._page(decode_written_page(self._http, response, title=new.title, version=1), new.space)

    def _send_copy(self, new: NewPage, source: Page) -> Page:
        destination = (
            {"type": "space", "value": new.space}
            if new.parent_id is None
            else {"type": "parent_content", "value": new.parent_id}
        )
        content = {
            "copyAttachments": True,
            "copyPermissions": False,
            "copyProperties": False,
            "copyLabels": False,
            "copyCustomContents": False,
            "destination": destination,
            "pageTitle": new.title,
            "body": {"storage": {"value": new.body, "representation": "storage"}},
        }
        path = f"rest/api/content/{segment(source.id)}/copy"
        response = self._http.request("POST", path, params={"expand": V1_FIELDS}, json=content)
        row = decode(self._http, response, Content)
        if str(row.id) == source.id or row.number != 1:
            raise unexpected(self._http, response, f"the response does not describe the copy {new.title!r}")
        copy = page_of_v1(row, self.base_url)
        if not same_title(copy.title, new.title):
            # The API description does not define what happens when the title is taken. A copy with another title is not
            # wanted.
            self._trash_own_copy(copy, new.title)
            raise AlreadyExists(
                f"the title {new.title!r} is taken: the copy was named {copy.title!r}, and is in the trash again",
                code="title-exists",
            )
        page = self.get_page(copy.id, body=True)
        # The API description allows another body for the copy; a site that does not support that yet copies the old one.
        return page if not differs(page.body or "", new.body) else self.update_page(copy.id, lambda _: new.body)[0]

    def _trash_own_copy(self, copy: Page, title: str) -> None:
        """Move a copy with another title to the trash, if it certainly is one that this account has just created."""
        page = self.get_page(copy.id)
        if page.version != 1 or page.created_by != self.current_user().name or not same_title(page.title, copy.title):
            raise not_confirmed(f"the copy {title!r}")
        self.trash_page(page.id)

    def _send_update(self, page: Page, title: str, body: str, message: str, *, minor: bool) -> None:
        if page.status != "current":
            raise Invalid(
                f"the page {page.title!r} is {page.status}: {page.url}",
                advice="restore it first; an update would restore it without being asked to",
            )
        report_orphans(self, page, body)
        content = {
            "id": page.id,
            "status": "current",
            "title": title,
            "body": {"representation": "storage", "value": body},
            "version": {"number": page.version + 1, "message": message},
        }
        response = self._http.request("PUT", self._page_path(page.id), json=content, idempotent=False)
        decode_written_page(self._http, response, page_id=page.id, title=title, version=page.version + 1)

    def _send_move(self, page: Page, parent_id: str) -> None:
        # The successor of this request in API v2, an update with another parent, would need the body, too.
        path = f"rest/api/content/{segment(page.id)}/move/append/{segment(parent_id)}"
        self._http.request("PUT", path, idempotent=True)

    # --- attachments --------------------------------------------------------------------------------------------------

    def attachments(self, page_id: str) -> Iterator[Attachment]:
        """Iterate over the files of a page."""
        for row in self._listed(f"{self._page_path(page_id)}/attachments", {}):
            yield self._attachment(row, page_id)

    def find_attachment(self, page_id: str, name: str) -> Attachment | None:
        """Return the file with this name on a page."""
        rows = self._listed(f"{self._page_path(page_id)}/attachments", {"filename": name})
        files = (self._attachment(row, page_id) for row in rows)
        return next((file for file in files if file.name == name), None)

    def create_attachment(self, page_id: str, file: FilePart, *, comment: str = "", minor: bool = True) -> Attachment:
        """Upload a new file.

        After a 503 the site may have an entry without the file's bytes, or with damaged ones. They are compared then, and
        the file is uploaded once more, as a new version, when they differ.
        """
        try:
            return super().create_attachment(page_id, file, comment=comment, minor=minor)
        except WorkplaceError as error:
            if error.status != 503:
                raise
            self._sleep(1.0)
            present = self.find_attachment(page_id, file.name)
            if present is None:
                raise
            if self._has_bytes_of(present, file):
                return present
            return self.update_attachment(present, file, comment=comment, minor=minor)

    def _has_bytes_of(self, attachment: Attachment, file: FilePart) -> bool:
        with spooled_file() as stored:
            try:
                return self.download_attachment(attachment, stored).sha256 == digest_of(file)
            except (NotFound, BadResponse):
                return False

    def _attachment(self, row: Content, page_id: str) -> Attachment:
        return attachment_on_cloud(row, page_id)

    # --- labels, properties, restrictions -----------------------------------------------------------------------------

    def labels(self, page_id: str) -> list[str]:
        """Return the page's global labels; personal ones (``my:``) are visible to their owner only."""
        return global_labels(listed(self._http, f"{self._page_path(page_id)}/labels", {"limit": LISTING}, Label))

    def properties(self, page_id: str) -> Iterator[ContentProperty]:
        """Iterate over the content properties of a page."""
        for row in self._properties(page_id, {}):
            yield property_of(row)

    def get_property(self, page_id: str, key: str) -> ContentProperty | None:
        """Return one content property."""
        row = self._read_property(page_id, key)
        return property_of(row) if row else None

    def _properties(self, page_id: str, params: Mapping[str, Any]) -> Iterator[Property]:
        return listed(self._http, f"{self._page_path(page_id)}/properties", {"limit": LISTING, **params}, Property)

    def _read_property(self, page_id: str, key: str) -> Property | None:
        return next((row for row in self._properties(page_id, {"key": key}) if row.key == key), None)

    def _send_property(self, page_id: str, key: str, value: Any, present: Property | None) -> None:
        path = f"{self._page_path(page_id)}/properties"
        if present is None:
            response = self._http.request("POST", path, json={"key": key, "value": value})
        else:
            body = {"key": key, "value": value, "version": {"number": present.number + 1, "message": ""}}
            response = self._http.request("PUT", f"{path}/{segment(str(present.id))}", json=body, idempotent=False)
        check_written_property(self._http, response, key, value)

    def restrictions(self, page_id: str) -> Restrictions:
        """Return the restrictions that are set on the page itself: account ids, and ids of groups."""
        path = f"rest/api/content/{segment(page_id)}/restriction/byOperation"
        return read_restrictions(self._http, path, {"expand": "restrictions.user,restrictions.group"}, by_id=True)

    def _send_restrictions(self, page_id: str, restrictions: Restrictions) -> None:
        path = f"rest/api/content/{segment(page_id)}/restriction"
        results = []
        for operation in OPERATIONS:
            users, groups = restrictions.users.get(operation, ()), restrictions.groups.get(operation, ())
            subjects: dict[str, Any] = {}
            if users:
                subjects["user"] = [{"type": "known", "accountId": account} for account in users]
            if groups:
                subjects["group"] = [{"type": "group", "id": group} for group in groups]
            if subjects:
                results.append({"operation": operation, "restrictions": subjects})
        if results:
            self._http.request("PUT", path, json={"results": results})
        else:
            # An operation must not be sent without users and groups, nor an empty list of operations.
            self._http.request("DELETE", path)

    def find_group(self, name: str) -> str:
        """Return the id of a group. The site finds groups by a part of the name; only the whole name counts."""
        groups = listed(self._http, "rest/api/group/picker", {"query": name, "limit": GROUP_LISTING}, Group)
        matches = {group.id for group in groups if group.id and (group.name or "").casefold() == name.casefold()}
        if len(matches) != 1:
            raise group_missing(name)
        return matches.pop()

    def may_create_below(self, page: Page, account: str) -> bool:
        """Return whether an account may edit a page; in its space it may then also create pages.

        The site considers its own permissions, those of the space, and the restrictions of the page.
        """
        path = f"rest/api/content/{segment(page.id)}/permission/check"
        body = {"subject": {"type": "user", "identifier": account}, "operation": "update"}
        response = self._http.request("POST", path, json=body, idempotent=True)
        return decode(self._http, response, PermissionCheck).has_permission

    def create_comment(self, page_id: str, body: str) -> Comment:
        """Add a comment below a page with one request."""
        content = {"pageId": page_id, "body": {"representation": "storage", "value": body}}
        response = self._http.request("POST", "api/v2/footer-comments", json=content)
        row = decode(self._http, response, Content)
        return check_new_comment(self._http, response, self._comment(row, "footer"), body)

    def remove_comment(self, comment_id: str) -> None:
        """Remove a comment below a page, if it exists."""
        with contextlib.suppress(NotFound):
            self._http.request("DELETE", f"api/v2/footer-comments/{segment(comment_id)}", idempotent=True)

    def comment_property(self, comment_id: str, key: str) -> ContentProperty | None:
        """Return one content property of a comment."""
        path = f"api/v2/comments/{segment(comment_id)}/properties"
        rows = listed(self._http, path, {"limit": LISTING, "key": key}, Property)
        return next((property_of(row) for row in rows if row.key == key), None)

    def set_comment_property(self, comment_id: str, key: str, value: Any) -> None:
        """Create a content property of a comment, exactly once, even if the response is lost."""
        path = f"api/v2/comments/{segment(comment_id)}/properties"
        try:
            response = self._http.request("POST", path, json={"key": key, "value": value})
            check_written_property(self._http, response, key, value)
        except WorkplaceError as error:
            if not (error.outcome_unknown or isinstance(error, Conflict | AlreadyExists)):
                raise
            present = self.comment_property(comment_id, key)
            if present is None or present.value != value:
                raise

    def comments(self, page_id: str) -> Iterator[Comment]:
        """Iterate over the comments of a page with their replies; authors by the name that people see."""
        for kind in ("footer", "inline"):
            for row in self._listed(f"{self._page_path(page_id)}/{kind}-comments", {"body-format": "storage"}):
                is_resolved = row.resolution_status == "resolved"
                yield from self._thread(row, kind, "resolved" if is_resolved else kind, None)

    def _thread(self, row: Content, kind: str, location: str, parent_id: str | None) -> Iterator[Comment]:
        comment = self._comment(row, location, parent_id)
        yield comment
        path = f"api/v2/{kind}-comments/{segment(comment.id)}/children"
        for reply in self._listed(path, {"body-format": "storage"}):
            yield from self._thread(reply, kind, location, comment.id)

    def _comment(self, row: Content, location: str, parent_id: str | None = None) -> Comment:
        account = (row.version.author_id if row.version else None) or ""
        return Comment(
            id=str(row.id),
            location=location,
            author=self._directory.name_of(account),
            body=row.storage or "",
            parent_id=parent_id,
            marker=(row.properties.inline_marker_ref if row.properties else None) or "",
            account=account,
        )

    # --- content status, live docs and whole wikis --------------------------------------------------------------------

    def content_state(self, page_id: str) -> ContentState | None:
        """Return the content status of a page; ``None`` when it has no status."""
        path = f"rest/api/content/{segment(page_id)}/state"
        state = read(self._http, path, PageState, {"status": "current"}).content_state
        return None if state is None else ContentState(state.id, state.name, state.color)

    def available_content_states(self, page_id: str) -> list[ContentState]:
        """Return the content statuses that a page can have: those of its space, and recent ones of the account."""
        states = read(self._http, f"rest/api/content/{segment(page_id)}/state/available", AvailableStates)
        rows = [*(states.space_content_states or ()), *(states.custom_content_states or ())]
        return [ContentState(state.id, state.name, state.color) for state in rows]

    def set_content_state(self, page_id: str, state: ContentState) -> None:
        """Set the content status of a page, as its next version."""
        # States of the space are set by id. A state that a person defined is set by name and color, and becomes ours.
        wanted = {"id": state.id} if state.id in STATES_OF_SPACE else {"name": state.name, "color": state.color}
        path = f"rest/api/content/{segment(page_id)}/state"
        response = self._http.request("PUT", path, params={"status": "current"}, json=wanted, idempotent=True)
        written = decode(self._http, response, PageState).content_state
        if written is None or written.name != state.name:
            raise unexpected(self._http, response, f"the response does not show the content status {state.name!r}")

    def move_beside(self, page_id: str, position: Literal["before", "after"], target_id: str) -> None:
        """Move a page before or after another page, under the parent of that page."""
        path = f"rest/api/content/{segment(page_id)}/move/{position}/{segment(target_id)}"
        self._http.request("PUT", path, idempotent=True)

    def text_in_older_version(self, page: Page) -> int | None:
        """Return the latest older version with text if the page is a live doc, otherwise ``None``.

        Only listings report that a page is a live doc (atlassian/atlassian-mcp-server#192).
        """
        if self.content_type != "page":
            return None
        rows = list(self._listed("api/v2/pages", {"id": page.id}))
        if not rows or rows[0].subtype != "live":
            return None
        for number in range(page.version - 1, max(0, page.version - 1 - OLDER_VERSIONS), -1):
            params = {"version": number, "body-format": "storage"}
            older = read_content(self._http, self._page_path(page.id), page.id, params)
            if not is_blank(older.storage or ""):
                return number
        return None

    def reader(self) -> CloudReader:
        """Return a reader for whole wikis, which lists many pages per request."""
        return CloudReader(self._connection, self._directory, self.content_type)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _listed(self, path: str, params: Mapping[str, Any]) -> Iterator[Content]:
        return listed(self._http, path, {"limit": LISTING, **params}, Content)

    def _page(self, row: Content, space: str = "") -> Page:
        page = page_of_v2(row, self.base_url, space=space)
        return page if page.space else replace(page, space=self._directory.space_key(str(row.space_id or "")))

    def _pages(self, page_ids: Sequence[str], parent_id: str) -> Iterator[Page]:
        if not page_ids:
            return
        rows = self._listed("api/v2/pages", {"id": list(page_ids), "status": "current"})
        pages = {str(row.id): self._page(row) for row in rows}
        for page_id in page_ids:
            # A missing one was trashed, or moved out of sight, after the listing.
            if page_id in pages:
                yield replace(pages[page_id], parent_id=parent_id)

    def _direct_children(self, content_id: str) -> Iterator[Content]:
        try:
            yield from self._listed(f"{self._page_path(content_id)}/direct-children", {})
        except NotFound as error:
            try:
                yield from self._listed(f"api/v2/folders/{segment(content_id)}/direct-children", {})
            except NotFound:
                raise error from None


def _body_format(body: bool) -> dict[str, str]:
    return {"body-format": "storage"} if body else {}
