from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from support.scim_group_store import GROUP, GroupRefused, GroupStore

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
TOKEN = "sc1m-t0ken"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
KNOWN_ATTRIBUTES = {
    *("schemas", "id", "userName", "externalId", "active", "displayName", "name", "emails", "title", "password", "meta"),
}


class Refused(Exception):
    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type


@dataclass(frozen=True, kw_only=True)
class Manners:
    """The behaviour of a service where the RFC leaves a choice.

    :param exact: it refuses another media type, a body without its schema, an unknown attribute, and an operation or a
        boolean
        that is not written as in the RFC; it describes itself, and ids are compared exactly. Otherwise it does none of
        that: it
        returns booleans as text, omits empty values, and ignores ``count``
    :param versions: whether a user has a version. Where it is required, a change must name it, and only the header
        contains it
    :param after_change: the response to a change: the ``user``, ``nothing`` (204, without a version either), or a body
        that
        is ``empty`` with status 200
    :param numbers: ids are numbers, and not texts
    """

    exact: bool
    versions: Literal["none", "offered", "demanded"] = "none"
    after_change: Literal["user", "nothing", "empty"] = "user"
    numbers: bool = False


STRICT = Manners(exact=True, versions="offered")
TERSE = Manners(exact=True, versions="demanded", after_change="nothing")
SLOPPY = Manners(exact=False, after_change="empty")
NUMBERS = Manners(exact=False, after_change="nothing", numbers=True)


@dataclass
class ScimService:
    """A SCIM service, and the requests to it.

    :param page_limit: the largest number of users in a page, for any ``count``
    :param after_page: called after a page of the list was built
    :param refuses_writes: the status of every change; 0 for none
    """

    manners: Manners
    url: str = ""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    page_limit: int = 3
    after_page: Callable[[], object] = lambda: None
    refuses_writes: int = 0
    groups: GroupStore = field(init=False)

    def __post_init__(self) -> None:
        self.groups = GroupStore(lambda user_id: user_id in self.users)

    @property
    def writes(self) -> int:
        return sum(method != "GET" for method, _ in self.asked)

    def add(self, **user: Any) -> dict[str, Any]:
        """Add a user without a request."""
        self.users[user["id"]], self.versions[user["id"]] = user, 1
        return user

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any, str]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = [unquote(part) for part in parts.path.strip("/").split("/")]
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "the token is missing or wrong")
        if method != "GET" and self.refuses_writes:
            raise Refused(self.refuses_writes, "nothing is changed today")
        sent = json.loads(body) if body else {}
        if self.manners.exact and body:
            self._check(method, headers, sent)
        if path == ["ServiceProviderConfig"]:
            return self._description()
        if path[0] == "Groups":
            try:
                answered: tuple[int, Any, str] = self.groups.answer(method, path, query, headers, sent)
            except GroupRefused as error:
                raise Refused(error.status, str(error), error.scim_type) from None
            return answered
        if path == ["Users"]:
            return self._create(sent) if method == "POST" else self._list(query)
        if len(path) != 2 or path[0] != "Users" or path[1] not in self.users:
            raise Refused(404, "there is no such user")
        user_id = path[1]
        if method == "GET":
            return 200, self._shown(user_id), self._etag(user_id)
        self._check_version(user_id, headers.get("If-Match"))
        if method == "DELETE":
            del self.users[user_id]
            return 204, None, ""
        self._set(user_id, {**sent, "id": user_id} if method == "PUT" else self._patched(user_id, sent))
        if self.manners.after_change == "user":
            return 200, self._shown(user_id), self._etag(user_id)
        return 204 if self.manners.after_change == "nothing" else 200, None, ""

    def _check(self, method: str, headers: Any, sent: dict[str, Any]) -> None:
        if headers.get("Content-Type", "").partition(";")[0] != "application/scim+json":
            raise Refused(415, "the media type is application/scim+json")
        if (PATCH if method == "PATCH" else USER) not in sent.get("schemas", []) and GROUP not in sent.get("schemas", []):
            raise Refused(400, "schemas is missing, or another one", "invalidSyntax")

    def _check_version(self, user_id: str, expected: str | None) -> None:
        if self.manners.versions == "demanded" and expected is None:
            raise Refused(428, "say which version is to be changed")
        if self.manners.versions != "none" and expected not in (None, self._etag(user_id)):
            raise Refused(412, "it has another version")

    def _description(self) -> tuple[int, Any, str]:
        if not self.manners.exact:
            raise Refused(404, "there is no such thing here")
        etag = {"supported": self.manners.versions != "none"}
        return 200, {"patch": {"supported": True}, "etag": etag, "bulk": {"supported": False}}, ""

    def _list(self, query: dict[str, str]) -> tuple[int, Any, str]:
        found = list(self.users)
        if wanted := query.get("filter"):
            found = [each for each in found if self._matches(self.users[each], wanted)]
        start = int(query.get("startIndex", "1"))
        size = min(self.page_limit, int(query.get("count", "100"))) if self.manners.exact else self.page_limit
        page = [self._shown(each) for each in found[start - 1 : start - 1 + size]]
        answer: dict[str, Any] = {"schemas": [LIST], "totalResults": len(found)}
        if page or self.manners.exact:
            answer["Resources"] = page
        if not wanted:
            self.after_page()
        return 200, answer, ""

    def _matches(self, user: dict[str, Any], wanted: str) -> bool:
        said = re.fullmatch(r'([\w.]+) eq ("(?:[^"\\]|\\.)*")', wanted)
        if not said:
            raise Refused(400, f"the filter cannot be read: {wanted}", "invalidFilter")
        value = json.loads(said[2])
        if said[1] == "emails.value":
            return value.lower() in [each["value"].lower() for each in user.get("emails", [])]
        there = str(user.get(said[1], ""))
        exact = self.manners.exact and said[1] in ("id", "externalId")
        return there == value if exact else there.lower() == value.lower()

    def _create(self, sent: dict[str, Any]) -> tuple[int, Any, str]:
        name = str(sent.get("userName") or "")
        if not name:
            raise Refused(400, "userName is required", "invalidValue")
        if name.lower() in [each["userName"].lower() for each in self.users.values()]:
            raise Refused(409, f"there is a user {name}", "uniqueness")
        number = len(self.versions) + 1
        user_id = str(number) if self.manners.numbers else f"id {number}/ü"
        self._set(user_id, {**sent, "id": user_id})
        return 201, self._shown(user_id), self._etag(user_id)

    def _patched(self, user_id: str, sent: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = json.loads(json.dumps(self.users[user_id]))
        for operation in sent["Operations"]:
            if self.manners.exact and operation["op"] != "replace":
                raise Refused(400, "op must be replace", "invalidSyntax")
            *parents, last = operation["path"].split(".")
            into = changed
            for parent in parents:
                into = into.setdefault(parent, {})
            into[last] = operation["value"]
        return changed

    def _set(self, user_id: str, user: dict[str, Any]) -> None:
        if self.manners.exact:
            if unknown := set(user) - KNOWN_ATTRIBUTES:
                raise Refused(400, f"unknown attributes: {unknown}", "invalidValue")
            if not isinstance(user.get("active", True), bool):
                raise Refused(400, "active is no truth value", "invalidValue")
        elif isinstance(user.get("active"), bool):
            user["active"] = str(user["active"])
        self.users[user_id] = {name: value for name, value in user.items() if name not in ("password", "meta")}
        self.versions[user_id] = self.versions.get(user_id, 0) + 1

    def _etag(self, user_id: str) -> str:
        return f'W/"{self.versions[user_id]}"' if self.manners.versions != "none" else ""

    def _shown(self, user_id: str) -> dict[str, Any]:
        user = self.users[user_id]
        if self.manners.exact:
            version = {"version": self._etag(user_id)} if self.manners.versions == "offered" else {}
            return {**user, "meta": {"resourceType": "User", **version}}
        shown = {name: value for name, value in user.items() if value not in ("", [], {}, None)}
        return {**shown, "id": int(user_id)} if self.manners.numbers else shown


@contextmanager
def scim_service(manners: Manners) -> Iterator[ScimService]:
    """Run the service on loopback."""
    service = ScimService(manners)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: in two, the second waits 40 ms for the first to be acknowledged.
        wbufsize = -1

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with service.lock:
                service.asked.append((self.command, self.path))
                try:
                    status, answer, etag = service.answer(self.command, self.path, self.headers, body)
                except Refused as error:
                    status, etag = error.status, ""
                    answer = {"schemas": [ERROR], "status": str(status), "detail": str(error), "scimType": error.scim_type}
            sent = b"" if answer is None else json.dumps(answer, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/scim+json" if service.manners.exact else "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(sent)))
            if etag:
                self.send_header("ETag", etag)
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
