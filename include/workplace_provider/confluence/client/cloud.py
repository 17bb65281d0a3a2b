"""Confluence Cloud: REST API v2, and what is left of v1 beside it (attachments, copy, labels, search, restrictions)."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.common.query import quoted
from workplace_provider.confluence.auth.access import Access, Renewable
from workplace_provider.confluence.auth.oauth import TokenAuth
from workplace_provider.confluence.client import version1
from workplace_provider.confluence.client.checks import check_body, differs, page_title, same_title, segment
from workplace_provider.confluence.client.cloud_answers import (
    attachment_on_cloud,
    page_of_v1,
    page_of_v2,
    parse_error,
)
from workplace_provider.confluence.client.cloud_wiki import CloudReader, CloudSite
from workplace_provider.confluence.client.comments import is_blank, report_orphans
from workplace_provider.confluence.client.digests import digest_of
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.model import (
    HOLDS_TITLE,
    Attachment,
    Comment,
    ContentProperty,
    ContentState,
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
    Listing,
    PageState,
    Property,
    Space,
    Task,
    TaskState,
    Version,
    check_has_body,
    decode,
    not_confirmed,
    property_of,
    read,
    read_content,
    read_restrictions,
    read_template,
    written,
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
from workplace_provider.http.client import Download, FilePart, HttpClient, HttpSettings
from workplace_provider.http.errors import AlreadyExists, BadResponse, Forbidden, Invalid, NotFound, WorkplaceError
from workplace_provider.http.redaction import get_logger

if TYPE_CHECKING:
    from requests.auth import AuthBase

log = get_logger("workplace_provider.confluence")

ANY_STATUS: Final = (*HOLDS_TITLE, "trashed")
LISTING: Final = 250
# As many ids as fit into a URL that every proxy lets through.
IDS_AT_ONCE: Final = 100
V1_LISTING: Final = 100
V1_FIELDS: Final = "version,space,ancestors,history"
STATES_OF_SPACE: Final = range(4)
OLDER_VERSIONS: Final = 10
TASK_LOOKS: Final = 60


class CloudClient:
    """The Cloud dialect of :class:`~workplace_provider.confluence.client.protocol.ConfluenceClient`.

    There are two bases: calls go to the site or to Atlassian's gateway, links for people always lead to the site.

    :param bases: tells the site's base and the base of the calls, both with ``/wiki``; asked once, before the first call
    :param auth: puts the credential on a request
    :param settings: time-outs, TLS and limits
    :param sleep: waits between attempts
    """

    def __init__(
        self,
        bases: Callable[[], tuple[str, str]],
        *,
        auth: AuthBase,
        settings: HttpSettings | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._bases = bases
        self._auth = auth
        self._settings = settings
        self._sleep = sleep or time.sleep
        self._lock = threading.Lock()
        self._opened: tuple[str, HttpClient] | None = None
        self._access = Access(lambda: self._http, auth if isinstance(auth, Renewable) else None)
        self._user: User | None = None
        self._space_ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._naming = threading.Lock()

    @property
    def base_url(self) -> str:
        """The site, as people call it."""
        return self._open()[0]

    @property
    def _http(self) -> HttpClient:
        return self._open()[1]

    def _open(self) -> tuple[str, HttpClient]:
        with self._lock:
            if self._opened is None:
                site, calls = self._bases()
                http = HttpClient(
                    calls,
                    system=SYSTEM,
                    auth=self._auth,
                    settings=self._settings,
                    parse_error=parse_error,
                    recover_auth=lambda failure, request: self._access.recover(failure, request),
                    sleep=self._sleep,
                )
                self._opened = site.rstrip("/"), http
            return self._opened

    def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            self._opened[1].close()
        if isinstance(self._auth, TokenAuth):
            self._auth.close()

    def wait(self, seconds: float) -> None:
        """Let time pass between two attempts."""
        self._sleep(seconds)

    # --- who and what -------------------------------------------------------------------------------------------------

    def current_user(self) -> User:
        """The account that the credential belongs to, by its account id; asked once."""
        if self._user is None:
            data = self._access.who()
            name = str(data.get("displayName") or data.get("publicName") or data["accountId"])
            self._user = User(str(data["accountId"]), name)
        return self._user

    def server(self) -> Server:
        """Which site answers; Cloud has no version that it tells."""
        self._access.ensure()
        return Server("cloud", "", self.base_url)

    # --- pages --------------------------------------------------------------------------------------------------------

    def get_page(self, page_id: str, *, body: bool = False) -> Page:
        """A page by id, whatever its status."""
        params = {"status": ANY_STATUS, **_body_format(body)}
        page = self._page(read_content(self._http, f"api/v2/pages/{segment(page_id)}", page_id, params))
        return check_has_body(page) if body else page

    def find_page(self, space: str, title: str, *, body: bool = False) -> Page | None:
        """The current or archived page that holds a title in a space."""
        title = page_title(title)
        params = {"space-id": self._space_id(space), "title": title, "status": HOLDS_TITLE, **_body_format(body)}
        pages = [self._page(data, space) for data in self._listed("api/v2/pages", params)]
        # The look-up ignores case, and so does the uniqueness of titles.
        holders = [page for page in pages if same_title(page.title, title)]
        exact = [page for page in holders if page.title.strip() == title]
        found = next(iter(exact or holders), None)
        if found is None:
            # Where a site is open to the public, a token that ended in between sees only what is public.
            self._access.check()
            return None
        return check_has_body(found) if body else found

    def get_version(self, page_id: str, number: int) -> PageVersion:
        """One version of a page, the current one or an earlier one."""
        data = read(self._http, f"api/v2/pages/{segment(page_id)}/versions/{number}", Version)
        return PageVersion(data.number, data.author_id or "", data.message or "")

    def get_template(self, template_id: str) -> Template:
        """A page template with its body."""
        return read_template(
            self._http, f"rest/api/template/{segment(template_id)}", {"expand": "body.storage"}, template_id
        )

    def children(self, page_id: str) -> Iterator[Page]:
        """The current child pages of a page or of a folder, in the order of the page tree.

        The tree is listed without versions and links; those of a hundred pages at a time come with one request more.
        """
        waiting: list[str] = []
        for row in self._below(page_id):
            if (row.type or "page") == "page" and (row.status or "current") == "current":
                waiting.append(str(row.id))
            if len(waiting) == IDS_AT_ONCE:
                yield from self._pages(waiting, page_id)
                waiting = []
        yield from self._pages(waiting, page_id)

    def find_folder(self, space: str, title: str, *, parent_id: str | None = None) -> Page | None:
        """A folder by its title, as if it were a page.

        :param parent_id: the page or folder right above it; anywhere in the space when ``None``
        :raises Invalid: when there are several
        """
        title = page_title(title)
        above = parent_id if parent_id is not None else self._home_page(space)
        rows = (
            [row for row in self._below(above) if row.type == "folder" and same_title(row.title or "", title)]
            if above
            else []
        )
        if not rows and parent_id is None:
            # Those elsewhere cannot be listed, only searched for; the index knows what was there a while ago.
            cql = f"type = folder and space = {quoted(space)} and title = {quoted(title)}"
            found = listed(self._http, "rest/api/content/search", {"cql": cql, "limit": V1_LISTING}, Content)
            rows = [row for row in found if same_title(row.title or "", title)]
        if len(rows) > 1:
            raise Invalid(
                f"there are {len(rows)} folders {title!r} in the space {space}",
                system=SYSTEM,
                advice="name the page or folder above it too, or give the id of the one that is meant",
            )
        if not rows:
            return None
        folder_id = str(rows[0].id)
        return self._page(read_content(self._http, f"api/v2/folders/{segment(folder_id)}", folder_id), space)

    def search(self, cql: str, *, body: bool = False) -> Iterator[Page]:
        """The content that a CQL query finds."""
        expand = f"{V1_FIELDS},body.storage" if body else V1_FIELDS
        params = {"cql": cql, "limit": V1_LISTING, "expand": expand}
        for data in listed(self._http, "rest/api/content/search", params, Content):
            yield page_of_v1(data, self.base_url)

    comments_first_version = False

    def create_page(self, space: str, title: str, body: str, *, parent_id: str | None = None, message: str = "") -> Page:
        """Create a page, once, even if the answer to the request is lost.

        :param parent_id: a page or a folder
        :param message: has no effect; API v2 has no version comment in ``PageCreateRequest``
        """
        title = page_title(title)
        check_body(body)
        content: dict[str, Any] = {
            "spaceId": self._space_id(space),
            "status": "current",
            "title": title,
            "body": {"representation": "storage", "value": body},
        }
        if parent_id is not None:
            content["parentId"] = parent_id
        # Without that a page without a parent goes below the space's home page.
        params = {"root-level": "true"} if parent_id is None else None

        def send() -> Page:
            response = self._http.request("POST", "api/v2/pages", params=params, json=content)
            return self._page(written_page(self._http, response, title=title, version=1), space)

        return self._made(send, space, title, body, parent_id)

    def copy_page(self, source: Page, space: str, title: str, body: str, *, parent_id: str | None = None) -> Page:
        """Copy a page and its files on the server, with another body, once, even if the answer to the request is lost.

        Properties are not copied: among them is what marks a page as made by us, and complete.

        :raises AlreadyExists: when a page holds the title
        """
        title = page_title(title)
        check_body(body)
        destination = (
            {"type": "space", "value": space} if parent_id is None else {"type": "parent_content", "value": parent_id}
        )
        content = {
            "copyAttachments": True,
            "copyPermissions": False,
            "copyProperties": False,
            "copyLabels": False,
            "copyCustomContents": False,
            "destination": destination,
            "pageTitle": title,
            "body": {"storage": {"value": body, "representation": "storage"}},
        }

        def send() -> Page:
            response = self._http.request(
                "POST", f"rest/api/content/{segment(source.id)}/copy", params={"expand": V1_FIELDS}, json=content
            )
            row = written(
                self._http,
                response,
                Content,
                lambda row: str(row.id) != source.id and row.number == 1,
                f"the copy {title!r}",
            )
            made = page_of_v1(row, self.base_url)
            if not same_title(made.title, title):
                # What the call does when the title is taken is not described; a copy under another name is not wanted.
                self._trash_own_copy(made, title)
                raise AlreadyExists(
                    f"the title {title!r} is taken: the copy was named {made.title!r}, and is in the trash again",
                    system=SYSTEM,
                    code="title-exists",
                )
            copied = self.get_page(made.id, body=True)
            # The description lets the copy have another body; a site that does not know that yet would copy the old one.
            return copied if not differs(copied.body or "", body) else self.update_page(made.id, lambda _: body)[0]

        return self._made(send, space, title, body, parent_id)

    def update_page(
        self,
        page_id: str,
        edit: Callable[[str], str],
        *,
        title: str | None = None,
        message: str = "",
        minor: bool = False,
    ) -> tuple[Page, bool]:
        """Edit a page's body; somebody else's edit in between is kept, and nothing is written when nothing changes.

        :param minor: has no effect; API v2 knows no minor edits of pages
        """

        def send(page: Page, new_title: str, body: str) -> None:
            if page.status != "current":
                raise Invalid(
                    f"the page {page.title!r} is {page.status}: {page.url}",
                    system=SYSTEM,
                    advice="restore it; writing to it would do that unasked",
                )
            report_orphans(page, body, self.comments)
            content = {
                "id": page_id,
                "status": "current",
                "title": new_title,
                "body": {"representation": "storage", "value": body},
                "version": {"number": page.version + 1, "message": message},
            }
            response = self._http.request("PUT", f"api/v2/pages/{segment(page_id)}", json=content, idempotent=False)
            written_page(self._http, response, page_id=page_id, title=new_title, version=page.version + 1)

        return updated(lambda body: self.get_page(page_id, body=body), send, edit, title, self._sleep)

    def trash_page(self, page_id: str) -> None:
        """Move a page to the trash."""
        trash(self._http, f"api/v2/pages/{segment(page_id)}", lambda: self.get_page(page_id))

    def archive_page(self, page_id: str) -> None:
        """Archive a page, and wait until that is done."""
        if self.get_page(page_id).status == "archived":
            return
        response = self._http.request(
            "POST", "rest/api/content/archive", json={"pages": [{"id": int(page_id)}]}, idempotent=True
        )
        task = decode(self._http, response, Task)
        for _ in range(TASK_LOOKS):
            state = read(self._http, f"rest/api/longtask/{segment(str(task.id))}", TaskState)
            if state.finished:
                if state.successful:
                    return
                said = "; ".join(str(each) for each in (*(state.errors or ()), *(state.messages or ())))
                raise Invalid(f"the page {page_id} was not archived: {said or 'no reason given'}", system=SYSTEM)
            self._sleep(1.0)
        raise BadResponse(
            f"archiving the page {page_id} does not come to an end", system=SYSTEM, advice="run it again later"
        )

    # --- attachments --------------------------------------------------------------------------------------------------

    def attachments(self, page_id: str) -> Iterator[Attachment]:
        """All files of a page."""
        for data in self._listed(f"api/v2/pages/{segment(page_id)}/attachments", {}):
            yield attachment_on_cloud(data, page_id)

    def find_attachment(self, page_id: str, name: str) -> Attachment | None:
        """The file of that name on a page."""
        found = self._listed(f"api/v2/pages/{segment(page_id)}/attachments", {"filename": name})
        files = (attachment_on_cloud(data, page_id) for data in found)
        return next((attachment for attachment in files if attachment.name == name), None)

    def create_attachment(self, page_id: str, file: FilePart, *, comment: str = "", minor: bool = True) -> Attachment:
        """Add a file.

        After a 503 an entry may be there without the file's bytes, or with broken ones. They are compared then, and the file
        is sent once more, as a new version, when they are others.
        """
        try:
            return attachment_on_cloud(version1.upload(self._http, page_id, file, comment, minor=minor), page_id)
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

    def update_attachment(
        self, attachment: Attachment, file: FilePart, *, comment: str = "", minor: bool = True
    ) -> Attachment:
        """Add a new version to a file. The request is sent once."""
        row = version1.upload_version(self._http, attachment, file, comment, minor=minor)
        return attachment_on_cloud(row, attachment.page_id)

    def download_attachment(self, attachment: Attachment, sink: IO[bytes]) -> Download:
        """Stream a file's bytes into ``sink``; they are elsewhere, where the credential does not follow."""
        return self._http.download(attachment.download, sink, check=version1.expect_attachment(attachment))

    def _has_bytes_of(self, attachment: Attachment, file: FilePart) -> bool:
        with tempfile.TemporaryFile() as stored:
            try:
                return self.download_attachment(attachment, stored).sha256 == digest_of(file)
            except (NotFound, BadResponse):
                return False

    # --- what belongs to a page ---------------------------------------------------------------------------------------

    def labels(self, page_id: str) -> list[str]:
        """The page's global labels; personal ones (``my:``) are their owner's."""
        path = f"api/v2/pages/{segment(page_id)}/labels"
        return version1.global_labels(listed(self._http, path, {"limit": LISTING}, Label))

    def add_labels(self, page_id: str, labels: Sequence[str]) -> None:
        """Add labels; those that are there stay."""
        version1.add_labels(self._http, page_id, labels, self.labels)

    def remove_label(self, page_id: str, label: str) -> None:
        """Take a label away."""
        version1.remove_label(self._http, page_id, label, self.labels)

    def properties(self, page_id: str) -> Iterator[ContentProperty]:
        """All content properties of a page."""
        for row in self._properties(page_id, {}):
            yield property_of(row)

    def get_property(self, page_id: str, key: str) -> ContentProperty | None:
        """One content property."""
        row = self._property(page_id, key)
        return property_of(row) if row else None

    def set_property(self, page_id: str, key: str, update: Callable[[Any], Any], *, absent: bool = False) -> Any:
        """Compute a content property from its present value and write it, with the version as a guard."""
        path = f"api/v2/pages/{segment(page_id)}/properties"

        def read_present() -> tuple[Any, Property] | None:
            row = self._property(page_id, key)
            return (row.value, row) if row else None

        def send(value: Any, present: Property | None) -> None:
            if present is None:
                response = self._http.request("POST", path, json={"key": key, "value": value})
            else:
                body = {"key": key, "value": value, "version": {"number": present.number + 1, "message": ""}}
                response = self._http.request("PUT", f"{path}/{segment(str(present.id))}", json=body, idempotent=False)
            written_property(self._http, response, key, value)

        return stored_property(read_present, send, update, self._sleep, absent=absent)

    def restrictions(self, page_id: str) -> Restrictions:
        """Who alone may see or edit the page, set on the page itself: account ids, and ids of groups."""
        path = f"rest/api/content/{segment(page_id)}/restriction/byOperation"
        params = {"expand": "restrictions.user,restrictions.group"}
        return read_restrictions(
            self._http, path, params, lambda member: member.account_id if isinstance(member, Account) else member.id
        )

    def set_restrictions(self, page_id: str, restrictions: Restrictions) -> None:
        """Replace the page's restrictions."""
        path = f"rest/api/content/{segment(page_id)}/restriction"
        results = []
        for operation in OPERATIONS:
            users, groups = restrictions.users.get(operation, ()), restrictions.groups.get(operation, ())
            held: dict[str, Any] = {}
            if users:
                held["user"] = [{"type": "known", "accountId": account} for account in users]
            if groups:
                held["group"] = [{"type": "group", "id": group} for group in groups]
            if held:
                results.append({"operation": operation, "restrictions": held})
        if results:
            self._http.request("PUT", path, json={"results": results})
        else:
            # An operation may not be named without anybody in it, and replacing by nothing is no request.
            self._http.request("DELETE", path)
        check_restrictions(self.restrictions(page_id), restrictions, page_id)

    def comments(self, page_id: str) -> Iterator[Comment]:
        """All comments with their replies; authors by the name that the site shows."""
        for kind in ("footer", "inline"):
            path = f"api/v2/pages/{segment(page_id)}/{kind}-comments"
            for data in self._listed(path, {"body-format": "storage"}):
                resolved = data.resolution_status == "resolved"
                yield from self._thread(data, kind, "resolved" if resolved else kind, None)

    # --- content status and live docs ---------------------------------------------------------------------------------

    def content_state(self, page_id: str) -> ContentState | None:
        """The content status of a page; ``None`` when it has none."""
        path = f"rest/api/content/{segment(page_id)}/state"
        state = read(self._http, path, PageState, {"status": "current"}).content_state
        return None if state is None else ContentState(state.id, state.name, state.color)

    def set_content_state(self, page_id: str, state: ContentState) -> None:
        """Set the content status of a page, as its next version."""
        # The states of the space are known by number; one of another person becomes ours, by its name and colour.
        wanted = {"id": state.id} if state.id in STATES_OF_SPACE else {"name": state.name, "color": state.color}
        path = f"rest/api/content/{segment(page_id)}/state"
        self._http.request("PUT", path, params={"status": "current"}, json=wanted, idempotent=True)

    def text_in_older_version(self, page: Page) -> int | None:
        """The latest older version with text, where the page is a live doc; ``None`` otherwise.

        Only listings say that a page is a live doc (atlassian/atlassian-mcp-server#192).
        """
        rows = list(self._listed("api/v2/pages", {"id": page.id}))
        if not rows or rows[0].subtype != "live":
            return None
        for number in range(page.version - 1, max(0, page.version - 1 - OLDER_VERSIONS), -1):
            params = {"version": number, "body-format": "storage"}
            older = read_content(self._http, f"api/v2/pages/{segment(page.id)}", page.id, params)
            if not is_blank(older.storage or ""):
                return number
        return None

    def reader(self) -> CloudReader:
        """What reads whole wikis, in listings of many pages."""
        site = CloudSite(self.base_url, self._space_id, self._space_key, self._names_of, self._access.check)
        return CloudReader(self._http, site)

    # --- how ----------------------------------------------------------------------------------------------------------

    def _made(self, send: Callable[[], Page], space: str, title: str, body: str, parent_id: str | None) -> Page:
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

    def _who_holds(self, space: str, title: str) -> str:
        holder = self.find_page(space, title)
        if holder is None:
            return ""
        state = "archived page; restore or rename it" if holder.status == "archived" else "page; rename one of them"
        return f"the title is held by the {state}: {holder.url}"

    def _listed(self, path: str, params: Mapping[str, Any]) -> Iterator[Content]:
        return listed(self._http, path, {"limit": LISTING, **params}, Content)

    def _page(self, row: Content, space: str = "") -> Page:
        page = page_of_v2(row, self.base_url, space=space)
        return page if page.space else replace(page, space=self._space_key(str(row.space_id or "")))

    def _trash_own_copy(self, made: Page, title: str) -> None:
        """Move a copy that got another name to the trash, when it certainly is one that this account has just made."""
        page = self.get_page(made.id)
        if page.version != 1 or page.created_by != self.current_user().name or not same_title(page.title, made.title):
            raise not_confirmed(f"the copy {title!r}")
        self.trash_page(page.id)

    def _pages(self, page_ids: Sequence[str], parent_id: str) -> Iterator[Page]:
        if not page_ids:
            return
        found = {
            str(data.id): self._page(data)
            for data in self._listed("api/v2/pages", {"id": list(page_ids), "status": "current"})
        }
        for page_id in page_ids:
            # One that is gone since was trashed or moved out of sight in between.
            if page_id in found:
                yield replace(found[page_id], parent_id=parent_id)

    def _below(self, content_id: str) -> Iterator[Content]:
        try:
            yield from self._listed(f"api/v2/pages/{segment(content_id)}/direct-children", {})
        except NotFound as error:
            try:
                yield from self._listed(f"api/v2/folders/{segment(content_id)}/direct-children", {})
            except NotFound:
                raise error from None

    def _space_id(self, key: str) -> str:
        if key not in self._space_ids:
            for space in self._spaces({"keys": key}):
                self._space_ids[space.key] = str(space.id)
        if key not in self._space_ids:
            self._access.check()
            raise NotFound(
                f"there is no space {key!r}",
                system=SYSTEM,
                code="space-missing",
                advice="check the key, and that the connection's account may see the space",
            )
        return self._space_ids[key]

    def _home_page(self, key: str) -> str:
        return next((str(space.homepage_id or "") for space in self._spaces({"keys": key}) if space.key == key), "")

    def _spaces(self, params: Mapping[str, Any]) -> Iterator[Space]:
        return listed(self._http, "api/v2/spaces", {"limit": LISTING, **params}, Space)

    def _space_key(self, space_id: str) -> str:
        known = {number: key for key, number in list(self._space_ids.items())}
        if space_id and space_id not in known:
            for space in self._spaces({"ids": space_id}):
                self._space_ids[space.key] = str(space.id)
                known[str(space.id)] = space.key
        return known.get(space_id, "")

    def _properties(self, page_id: str, params: Mapping[str, Any]) -> Iterator[Property]:
        return listed(self._http, f"api/v2/pages/{segment(page_id)}/properties", {"limit": LISTING, **params}, Property)

    def _property(self, page_id: str, key: str) -> Property | None:
        return next((row for row in self._properties(page_id, {"key": key}) if row.key == key), None)

    def _thread(self, row: Content, kind: str, location: str, parent_id: str | None) -> Iterator[Comment]:
        comment_id = str(row.id)
        yield Comment(
            id=comment_id,
            location=location,
            author=self._name((row.version.author_id if row.version else None) or ""),
            body=row.storage or "",
            parent_id=parent_id,
            marker=(row.properties.inline_marker_ref if row.properties else None) or "",
        )
        path = f"api/v2/{kind}-comments/{segment(comment_id)}/children"
        for reply in self._listed(path, {"body-format": "storage"}):
            yield from self._thread(reply, kind, location, comment_id)

    def display_name(self, kind: str, user: str) -> str | None:
        """Return the display name of an account, or ``None`` where it is unknown."""
        name = self._name(user) if kind == "account-id" else user
        return None if name == user else name

    def _name(self, account_id: str) -> str:
        """The name that the site shows for an account; its id where we may not ask."""
        return self._names_of([account_id]).get(account_id, account_id) if account_id else account_id

    def _names_of(self, account_ids: Collection[str]) -> Mapping[str, str]:
        """The names that the site shows for accounts, each asked for once; ids where we may not ask."""
        # One at a time, so that what many workers want to know at once is asked for once.
        with self._naming:
            unknown = sorted(each for each in set(account_ids) if each and each not in self._names)
            for start in range(0, len(unknown), LISTING):
                asked = unknown[start : start + LISTING]
                users: Sequence[Account] = ()
                try:
                    answer = self._http.request("POST", "api/v2/users-bulk", json={"accountIds": asked}, idempotent=True)
                except Forbidden as error:
                    log.info("authors stay account ids: %s", error)
                else:
                    users = decode(self._http, answer, Listing[Account]).results
                self._names.update(zip(asked, asked, strict=True))
                for user in users:
                    self._names[user.name] = user.shown or user.name
            return {each: self._names[each] for each in account_ids if each}


def _body_format(body: bool) -> dict[str, str]:
    return {"body-format": "storage"} if body else {}
