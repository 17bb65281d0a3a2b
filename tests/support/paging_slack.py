"""A Slack Web API for reading, small enough to be read at once, that fails where a test wants it to.

It pages as Slack does: history newest first without replies, the thread's root again on the first page of replies.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.scripted_server import Reply, reply

Json = dict[str, Any]
SCOPES = "channels:history,channels:read,groups:read,users:read,users:read.email,files:read"


def refusal(code: str, **more: Any) -> Reply:
    return reply(200, json.dumps({"ok": False, "error": code, **more}).encode())


def ts(seconds: int, micros: int = 0) -> str:
    return f"{seconds:010d}.{micros:06d}"


@dataclass
class PagingSlack:
    """One workspace; ``faults`` maps the number of a request, from 0, to its response."""

    url: str = ""
    users: Sequence[Json] = field(default_factory=list)
    channels: list[Json] = field(default_factory=list)
    messages: dict[str, list[Json]] = field(default_factory=dict)
    files: dict[str, Reply] = field(default_factory=dict)
    scopes: str | None = SCOPES
    largest_page: int = 999
    empty_pages: bool = False
    parent_on_reply_pages: bool = True
    faults: dict[int, Reply] = field(default_factory=dict)
    asked: list[tuple[str, Json]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    def reset(self) -> None:
        fresh = PagingSlack()
        for name in vars(fresh):
            if name != "url":
                setattr(self, name, getattr(fresh, name))

    def add_channel(self, channel_id: str, name: str, **more: Any) -> str:
        self.channels.append({"id": channel_id, "name": name, "is_private": False, "is_archived": False, **more})
        self.messages.setdefault(channel_id, [])
        return channel_id

    def post(self, channel: str, at: str, text: str = "", **more: Any) -> Json:
        message = {"type": "message", "user": "U1", "text": text or f"message {at}", "ts": at, **more}
        root = next((each for each in self.messages[channel] if each["ts"] == more.get("thread_ts")), None)
        if root is not None and root["ts"] != at:
            root["thread_ts"] = root["ts"]
            root["reply_count"] = root.get("reply_count", 0) + 1
            root["latest_reply"] = max(root.get("latest_reply", ""), at)
        self.messages[channel].append(message)
        return message

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]

    def answer(self, method: str, query: Json) -> Json:
        handler = getattr(self, method.replace(".", "_"), None)
        if handler is None:
            return {"ok": False, "error": "unknown_method"}
        answered: Json = handler(query)
        return answered

    def auth_test(self, _: Json) -> Json:
        return {"ok": True, "url": f"{self.url}/", "team": "Team", "team_id": "T1", "user_id": "U0", "bot_id": "B0"}

    def users_list(self, query: Json) -> Json:
        return self._page("members", self.users, query)

    def users_info(self, query: Json) -> Json:
        return self._one("user", self.users, query["user"])

    def conversations_list(self, query: Json) -> Json:
        wanted = query.get("types", "public_channel").split(",")
        kinds = [c for c in self.channels if ("private_channel" if c["is_private"] else "public_channel") in wanted]
        return self._page("channels", kinds, query)

    def conversations_info(self, query: Json) -> Json:
        return self._one("channel", self.channels, query["channel"])

    def conversations_history(self, query: Json) -> Json:
        if query["channel"] not in self.messages:
            return {"ok": False, "error": "channel_not_found"}
        roots = [
            m
            for m in self.messages[query["channel"]]
            if (m.get("thread_ts") or m["ts"]) == m["ts"] or m.get("subtype") == "thread_broadcast"
        ]
        found = sorted((m for m in roots if self._within(m, query)), key=lambda m: m["ts"], reverse=True)
        return self._page("messages", found, query)

    def conversations_replies(self, query: Json) -> Json:
        thread = [m for m in self.messages[query["channel"]] if (m.get("thread_ts") or m["ts"]) == query["ts"]]
        root = [m for m in thread if m["ts"] == query["ts"]]
        if not root:
            return {"ok": False, "error": "thread_not_found"}
        replies = sorted((m for m in thread if m["ts"] != query["ts"] and self._within(m, query)), key=lambda m: m["ts"])
        page = self._page("messages", replies if self.parent_on_reply_pages else root + replies, query)
        if self.parent_on_reply_pages:
            page["messages"] = root + page["messages"]
        return page

    @staticmethod
    def _within(message: Json, query: Json) -> bool:
        inclusive = query.get("inclusive") == "true"
        after = message["ts"] > query.get("oldest", "") or (inclusive and message["ts"] == query.get("oldest"))
        latest = query.get("latest", "9")
        return after and (message["ts"] < latest or (inclusive and message["ts"] == latest))

    def _page(self, key: str, items: Sequence[Json], query: Json) -> Json:
        size = min(int(query.get("limit", 100)), self.largest_page)
        start, _, blank = query.get("cursor", "0").partition("-")
        at = int(start)
        if self.empty_pages and not blank:
            return {"ok": True, key: [], "has_more": True, "response_metadata": {"next_cursor": f"{at}-full"}}
        page: Json = {"ok": True, key: items[at : at + size]}
        more = at + size < len(items)
        if key == "messages":
            page["has_more"] = more
        if more or key != "messages":
            page["response_metadata"] = {"next_cursor": str(at + size) if more else ""}
        return page

    @staticmethod
    def _one(key: str, items: Sequence[Json], wanted: str) -> Json:
        found = next((each for each in items if each["id"] == wanted), None)
        return {"ok": True, key: found} if found else {"ok": False, "error": f"{key}_not_found"}


@contextmanager
def paging_slack() -> Iterator[PagingSlack]:
    """Run the server on loopback."""
    slack = PagingSlack()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two writes; the second would wait for the first's receipt

        def _any(self) -> None:
            parts = urlsplit(self.path)
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            slack.tokens.append(self.headers.get("Authorization"))
            slack.connections.add(self.client_address)
            step: Callable[[BaseHTTPRequestHandler], None]
            if parts.path in slack.files:
                step = slack.files[parts.path]
            else:
                method = parts.path.rpartition("/")[2]
                query = {name: values[-1] for name, values in parse_qs(form or parts.query).items()}
                number = len(slack.asked)
                slack.asked.append((method, query))
                headers = {"x_oauth_scopes": slack.scopes} if slack.scopes is not None else {}
                step = slack.faults.get(number) or reply(200, json.dumps(slack.answer(method, query)).encode(), **headers)
            try:
                step(self)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = _any

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    slack.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield slack
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
