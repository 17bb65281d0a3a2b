from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
TOKEN = "sc1m-t0ken"
STRICT_ATTRIBUTES = {
    *("schemas", "id", "userName", "externalId", "active", "displayName", "name", "emails", "title", "password", "meta"),
}


class Refused(Exception):
    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.scim_type = scim_type


@dataclass
class ScimService:
    """A SCIM service that holds to the letter of the RFC, or one of those that are met in the field.

    The strict one has ETags, small pages, an answer 200 to a change, and refuses what it does not know. The sloppy one has
    no description of itself, no ``meta``, truth values as text, an empty answer to a change, and ignores ``count``.
    """

    strict: bool
    url: str = ""
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    page_limit: int = 3

    @property
    def writes(self) -> int:
        return sum(method != "GET" for method, _ in self.asked)

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any, str]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = [unquote(part) for part in parts.path.strip("/").split("/")]
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "the token is missing or wrong")
        if self.strict and body and headers.get("Content-Type", "").partition(";")[0] != "application/scim+json":
            raise Refused(415, "the media type is application/scim+json")
        sent = json.loads(body) if body else {}
        if path == ["ServiceProviderConfig"]:
            if not self.strict:
                raise Refused(404, "there is no such thing here")
            return 200, {"patch": {"supported": True}, "etag": {"supported": True}, "bulk": {"supported": False}}, ""
        if path == ["Users"]:
            return self._create(sent) if method == "POST" else self._list(query)
        if len(path) != 2 or path[0] != "Users" or path[1] not in self.users:
            raise Refused(404, "there is no such user")
        user_id = path[1]
        if self.strict and headers.get("If-Match") not in (None, self._etag(user_id)):
            raise Refused(412, "it has another version")
        if method == "GET":
            return 200, self._shown(user_id), self._etag(user_id)
        if method == "DELETE":
            del self.users[user_id]
            return 204, None, ""
        if method == "PUT":
            self._set(user_id, {**sent, "id": user_id})
            return 200, self._shown(user_id), self._etag(user_id)
        return self._patch(user_id, sent)

    def _list(self, query: dict[str, str]) -> tuple[int, Any, str]:
        found = list(self.users)
        if wanted := query.get("filter"):
            found = [each for each in found if self._matches(self.users[each], wanted)]
        start = int(query.get("startIndex", "1"))
        size = min(self.page_limit, int(query.get("count", "100"))) if self.strict else self.page_limit
        page = [self._shown(each) for each in found[start - 1 : start - 1 + size]]
        answer: dict[str, Any] = {"schemas": [LIST], "totalResults": len(found)}
        if page or self.strict:
            answer["Resources"] = page
        return 200, answer, ""

    def _matches(self, user: dict[str, Any], wanted: str) -> bool:
        said = re.fullmatch(r'([\w.]+) eq ("(?:[^"\\]|\\.)*")', wanted)
        if not said:
            raise Refused(400, f"the filter cannot be read: {wanted}", "invalidFilter")
        value = json.loads(said[2])
        if said[1] == "emails.value":
            return value.lower() in [each["value"].lower() for each in user.get("emails", [])]
        there = user.get(said[1])
        return there == value if said[1] in ("id", "externalId") else str(there).lower() == value.lower()

    def _create(self, sent: dict[str, Any]) -> tuple[int, Any, str]:
        name = str(sent.get("userName") or "")
        if not name:
            raise Refused(400, "userName is required", "invalidValue")
        if name.lower() in [each["userName"].lower() for each in self.users.values()]:
            raise Refused(409, f"there is a user {name}", "uniqueness")
        user_id = f"id {len(self.versions)}/ü"
        self._set(user_id, {**sent, "id": user_id})
        return 201, self._shown(user_id), self._etag(user_id)

    def _patch(self, user_id: str, sent: dict[str, Any]) -> tuple[int, Any, str]:
        changed = json.loads(json.dumps(self.users[user_id]))
        for operation in sent["Operations"]:
            if self.strict and operation["op"] != "replace":
                raise Refused(400, "op must be replace", "invalidSyntax")
            *parents, last = operation["path"].split(".")
            into = changed
            for parent in parents:
                into = into.setdefault(parent, {})
            into[last] = operation["value"]
        self._set(user_id, changed)
        return (200, self._shown(user_id), self._etag(user_id)) if self.strict else (204, None, "")

    def _set(self, user_id: str, user: dict[str, Any]) -> None:
        if self.strict:
            if unknown := set(user) - STRICT_ATTRIBUTES:
                raise Refused(400, f"unknown attributes: {unknown}", "invalidValue")
            if not isinstance(user.get("active", True), bool):
                raise Refused(400, "active is no truth value", "invalidValue")
        elif isinstance(user.get("active"), bool):
            user["active"] = str(user["active"])
        self.users[user_id] = {name: value for name, value in user.items() if name not in ("password", "meta")}
        self.versions[user_id] = self.versions.get(user_id, 0) + 1

    def _etag(self, user_id: str) -> str:
        return f'W/"{self.versions[user_id]}"' if self.strict else ""

    def _shown(self, user_id: str) -> dict[str, Any]:
        user = self.users[user_id]
        return {**user, "meta": {"resourceType": "User", "version": self._etag(user_id)}} if self.strict else user


@contextmanager
def scim_service(*, strict: bool) -> Iterator[ScimService]:
    """The service on loopback."""
    service = ScimService(strict)

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
            self.send_header("Content-Type", "application/scim+json" if service.strict else "application/json")
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
