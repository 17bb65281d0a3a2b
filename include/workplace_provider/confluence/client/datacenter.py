"""Confluence Data Center and Server: REST API v1, as described for 10.0.3."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final

from workplace_provider.confluence.client import version1
from workplace_provider.confluence.client.checks import check_body, check_title, segment
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
    left_by_create,
)
from workplace_provider.confluence.client.writing import created_once, stored_property, updated
from workplace_provider.confluence.system import SYSTEM
from workplace_provider.http.client import Answer, Download, Explanation, FilePart, HttpClient, HttpSettings
from workplace_provider.http.errors import (
    AlreadyExists,
    AuthFailed,
    BadAnswer,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
)

if TYPE_CHECKING:
    from requests.auth import AuthBase

PAGE_FIELDS: Final = "version,space,ancestors,history"
# In a long listing every field costs the server something for each row; the parent is known, the author not needed.
CHILD_FIELDS: Final = "version,space"
# Spelled out, because "any" means current and trashed only.
ANY_STATUS: Final = (*HOLDS_TITLE, "trashed")
LISTING: Final = 200
OPERATIONS: Final = ("read", "update")
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
        self._http = HttpClient(base_url, system=SYSTEM, auth=auth, settings=settings, explain=explain, sleep=self._sleep)
        self.base_url = self._http.base_url
        self._user: User | None = None

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
            data = self._http.get_json("rest/api/user/current")
            anonymous = data.get("type") == "anonymous"
            self._user = User("" if anonymous else str(data.get("username", "")), str(data.get("displayName", "")))
        return self._user

    def server(self) -> Server:
        """Which version answers."""
        data = self._http.get_json("rest/api/server-information")
        return Server("datacenter", str(data.get("version", "")), str(data.get("baseUrl", self.base_url)))

    # --- pages --------------------------------------------------------------------------------------------------------

    def get_page(self, page_id: str, *, body: bool = False) -> Page:
        """A page by id, whatever its status."""
        data = self._http.get_json(
            f"rest/api/content/{segment(page_id)}", {"status": ANY_STATUS, "expand": _expand(body=body)}
        )
        return self._page(data)

    def find_page(self, space: str, title: str, *, body: bool = False) -> Page | None:
        """The current or archived page that holds a title in a space."""
        check_title(title)
        params = {
            "spaceKey": space,
            "title": title,
            "type": "page",
            "status": HOLDS_TITLE,
            "expand": _expand(body=body),
        }
        pages = [self._page(data) for data in self._listed("rest/api/content", params)]
        # The look-up of some databases ignores case; Confluence's uniqueness does too.
        holders = [page for page in pages if page.title.casefold() == title.casefold()]
        exact = [page for page in holders if page.title == title]
        return next(iter(exact or holders), None)

    def get_version(self, page_id: str, number: int) -> PageVersion:
        """One version of a page, the current one or an earlier one."""
        path = f"rest/api/content/{segment(page_id)}"
        data = self._http.get_json(path, {"status": ANY_STATUS, "expand": "version"})
        if data.get("version", {}).get("number") != number:
            data = self._http.get_json(path, {"status": "historical", "version": number, "expand": "version"})
        version = data.get("version", {})
        author = version.get("by", {}).get("username", "")
        return PageVersion(int(version.get("number", 0)), str(author), str(version.get("message") or ""))

    def get_template(self, template_id: str) -> Template:
        """A page template with its body; the API for it is called experimental, and is not in the description."""
        data = self._http.get_json(f"rest/experimental/template/{segment(template_id)}", {"expand": "body"})
        storage = data.get("body", {}).get("storage", {}).get("value")
        if storage is None:
            raise BadAnswer(f"no body in the template {template_id}", system=SYSTEM)
        labels = tuple(str(label["name"]) for label in data.get("labels") or ())
        return Template(str(data.get("templateId", template_id)), str(data.get("name", "")), str(storage), labels)

    def children(self, page_id: str) -> Iterator[Page]:
        """The current child pages, in the order of the page tree."""
        for data in self._listed(f"rest/api/content/{segment(page_id)}/child/page", {"expand": CHILD_FIELDS}):
            yield replace(self._page(data), parent_id=page_id)

    def search(self, cql: str, *, body: bool = False) -> Iterator[Page]:
        """The content that a CQL query finds."""
        for data in self._listed("rest/api/content/search", {"cql": cql, "expand": _expand(body=body)}):
            yield self._page(data)

    def create_page(self, space: str, title: str, body: str, *, parent_id: str | None = None) -> Page:
        """Create a page, once, even if the answer to the request is lost."""
        check_title(title)
        check_body(body)
        content: dict[str, Any] = {
            "type": "page",
            "title": title,
            "space": {"key": space},
            "body": {"storage": {"value": body, "representation": "storage"}},
        }
        if parent_id is not None:
            content["ancestors"] = [{"id": parent_id}]

        def send() -> Page:
            params = {"expand": _expand(body=False)}
            return self._page(
                self._http.json_of(self._http.request("POST", "rest/api/content", params=params, json=content))
            )

        def look() -> Page | None:
            found = self.find_page(space, title, body=True)
            author = self.current_user().name
            if found is None or not left_by_create(found, author=author, body=body, parent_id=parent_id):
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
            content = {
                "id": page_id,
                "type": "page",
                "title": new_title,
                "version": {"number": page.version + 1, "message": message, "minorEdit": minor},
                "body": {"storage": {"value": body, "representation": "storage"}},
            }
            self._http.request("PUT", f"rest/api/content/{segment(page_id)}", json=content, repeat=False)

        return updated(lambda body: self.get_page(page_id, body=body), send, edit, title, self._sleep)

    def trash_page(self, page_id: str) -> None:
        """Move a page to the trash."""
        try:
            self._http.request("DELETE", f"rest/api/content/{segment(page_id)}")
        except NotFound:
            if self.get_page(page_id).status != "trashed":
                raise

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
        return self._http.download(attachment.download, sink)

    # --- what belongs to a page ---------------------------------------------------------------------------------------

    def labels(self, page_id: str) -> list[str]:
        """The page's global labels; personal ones (``my:``) are their owner's."""
        found = self._listed(f"rest/api/content/{segment(page_id)}/label", {})
        return version1.global_labels(found)

    def add_labels(self, page_id: str, labels: Sequence[str]) -> None:
        """Add labels; those that are there stay."""
        version1.add_labels(self._http, page_id, labels)

    def remove_label(self, page_id: str, label: str) -> None:
        """Take a label away."""
        version1.remove_label(self._http, page_id, label, self.labels)

    def properties(self, page_id: str) -> Iterator[ContentProperty]:
        """All content properties of a page."""
        for data in self._listed(f"rest/api/content/{segment(page_id)}/property", {"expand": "version"}):
            yield _property(data)

    def get_property(self, page_id: str, key: str) -> ContentProperty | None:
        """One content property."""
        try:
            data = self._http.get_json(f"rest/api/content/{segment(page_id)}/property/{segment(key)}")
        except NotFound:
            return None
        return _property(data)

    def set_property(self, page_id: str, key: str, update: Callable[[Any], Any], *, absent: bool = False) -> Any:
        """Compute a content property from its present value and write it, with the version as a guard."""
        path = f"rest/api/content/{segment(page_id)}/property"

        def read() -> tuple[Any, int] | None:
            present = self.get_property(page_id, key)
            return (present.value, present.version) if present else None

        def send(value: Any, version: int | None) -> None:
            if version is None:
                self._http.request("POST", path, json={"key": key, "value": value})
            else:
                body = {"key": key, "value": value, "version": {"number": version + 1}}
                self._http.request("PUT", f"{path}/{segment(key)}", json=body, repeat=False)

        return stored_property(read, send, update, self._sleep, absent=absent)

    def restrictions(self, page_id: str) -> Restrictions:
        """Who alone may see or edit the page, set on the page itself."""
        operations = ",".join(f"{op}.restrictions.{who}" for op in OPERATIONS for who in ("user", "group"))
        data = self._http.get_json(f"rest/api/content/{segment(page_id)}/restriction/byOperation", {"expand": operations})
        users: dict[str, tuple[str, ...]] = {}
        groups: dict[str, tuple[str, ...]] = {}
        for operation in OPERATIONS:
            given = data.get("restrictions", data).get(operation, {}).get("restrictions", {})
            users[operation] = tuple(each["username"] for each in given.get("user", {}).get("results", ()))
            groups[operation] = tuple(each["name"] for each in given.get("group", {}).get("results", ()))
        return Restrictions(users, groups)

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

    def comments(self, page_id: str) -> Iterator[Comment]:
        """All comments with their replies."""
        params = {
            "depth": "all",
            "location": ("footer", "inline", "resolved"),
            "expand": "body.storage,extensions.inlineProperties,ancestors,history",
        }
        for data in self._listed(f"rest/api/content/{segment(page_id)}/child/comment", params):
            ancestors = data.get("ancestors") or []
            yield Comment(
                id=str(data["id"]),
                location=str(data.get("extensions", {}).get("location", "footer")),
                author=str(data.get("history", {}).get("createdBy", {}).get("displayName", "")),
                body=str(data.get("body", {}).get("storage", {}).get("value", "")),
                parent_id=str(ancestors[-1]["id"]) if ancestors else None,
            )

    def reader(self) -> DataCenterReader:
        """What reads whole wikis, in listings of many pages."""
        return DataCenterReader(self._http, self._listed, _attachment)

    # --- how ----------------------------------------------------------------------------------------------------------

    def _listed(self, path: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        return listed(self._http, path, {"limit": LISTING, **params})

    def _who_holds(self, space: str, title: str) -> str:
        holder = self.find_page(space, title)
        if holder is None:
            return ""
        state = "archived page; restore or rename it" if holder.status == "archived" else "page; rename one of them"
        return f"the title is held by the {state}: {holder.url}"

    def _page(self, data: Mapping[str, Any]) -> Page:
        if not isinstance(data, Mapping) or "id" not in data:
            raise BadAnswer("no content in the answer", system=SYSTEM)
        ancestors = data.get("ancestors") or []
        storage = data.get("body", {}).get("storage")
        links = data.get("_links", {})
        base = str(links.get("base") or self.base_url)
        return Page(
            id=str(data["id"]),
            space=str(data.get("space", {}).get("key", "")),
            title=str(data.get("title", "")),
            status=str(data.get("status", "current")),
            version=int(data.get("version", {}).get("number", 0)),
            url=base.rstrip("/") + str(links.get("webui") or f"/pages/viewpage.action?pageId={data['id']}"),
            parent_id=str(ancestors[-1]["id"]) if ancestors else None,
            body=str(storage["value"]) if storage else None,
            created_by=str(data.get("history", {}).get("createdBy", {}).get("username", "")),
        )


def explain(answer: Answer) -> Explanation:
    """Read Confluence's error format, ``{"statusCode", "message", "reason", "data"}``.

    :param answer: an answer that is no success
    :return: which error it is, where the status alone does not tell, and what to do about it
    """
    data = answer.json if isinstance(answer.json, dict) else {}
    message = str(data.get("message") or "")
    text = message or answer.text
    if answer.status in (400, 409) and _TITLE_TAKEN.search(text):
        return Explanation(AlreadyExists, message, "title-exists", "choose another title, or rename the page that has it")
    if answer.status == 400 and _FILE_TAKEN.search(text):
        return Explanation(AlreadyExists, message, "attachment-exists", "add a new version to the file instead")
    if answer.status == 400 and re.search(r"content already has a value|property.*already exists", text, re.I):
        return Explanation(AlreadyExists, message, "property-exists")
    if answer.status in (400, 409, 500) and _STALE.search(text):
        return Explanation(Conflict, message, "stale", "somebody else wrote at the same time; run it again")
    if answer.status == 401 and "scope" in text:
        return Explanation(Forbidden, message, "scope", "the token lacks a scope for this; make one that has it")
    if answer.status == 401:
        return Explanation(
            AuthFailed,
            message,
            "",
            "the token or password of the connection is wrong, expired or revoked; make a new one and put it there",
        )
    if answer.status == 403 and "XSRF" in text:
        return Explanation(Forbidden, message, "xsrf", "a proxy may drop the header X-Atlassian-Token")
    if answer.status == 403:
        return Explanation(
            Forbidden, message, "", "give the connection's account the permission in the space or on the page"
        )
    if answer.status == 404:
        return Explanation(NotFound, message, "", "check id and space, and that the connection's account may see it there")
    if answer.status == 413:
        return Explanation(TooLarge, message, "", "split the page, or attach the data as a file")
    if answer.status == 405:
        return Explanation(Invalid, message, "", "the site may be another deployment than Data Center; check the host")
    return Explanation(None, message)


def _expand(*, body: bool) -> str:
    return f"{PAGE_FIELDS},body.storage" if body else PAGE_FIELDS


def _attachment(data: Mapping[str, Any], page_id: str) -> Attachment:
    return version1.attachment_of(data, page_id, str(data.get("_links", {}).get("download", "")))


def _property(data: Mapping[str, Any]) -> ContentProperty:
    return ContentProperty(str(data["key"]), data.get("value"), int(data.get("version", {}).get("number", 1)))
