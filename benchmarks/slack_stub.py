"""A workspace to list, in a process of its own: ``users.list`` and ``auth.test``, with the number of calls.

The members are encoded before the first request, so that little of the measured time is the server's. A member is as
large as Slack's, about 1.7 KB, and one in fifty is deactivated, without the keys that Slack omits for those.

    python benchmarks/slack_stub.py --members 50000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SCOPES = "users:read,users:read.email"
COUNTS = "counts"
SIZES = (24, 32, 48, 72, 192, 512, 1024)


def member(number: int) -> dict[str, Any]:
    """Return a member as Slack sends it."""
    name = f"김민수 {number}"
    hash_ = f"{number:012x}"
    profile = {
        "title": "데이터 분석가",
        "phone": "+82-2-0000-0000",
        "skype": "",
        "real_name": name,
        "real_name_normalized": name,
        "display_name": f"민수{number}",
        "display_name_normalized": f"민수{number}",
        "fields": None,
        "status_text": "",
        "status_emoji": "",
        "status_emoji_display_info": [],
        "status_expiration": 0,
        "avatar_hash": hash_,
        "email": f"person{number}@example.com",
        "first_name": f"민수 {number}",
        "last_name": "김",
        "huddle_state": "default_unset",
        "huddle_state_expiration_ts": 0,
        **{f"image_{size}": f"https://avatars.example.com/2026-11-23/{number}_{hash_}_{size}.png" for size in SIZES},
        "image_original": f"https://avatars.example.com/2026-11-23/{number}_{hash_}_original.png",
        "is_custom_image": True,
        "status_text_canonical": "",
        "team": "T1",
    }
    common = {
        "id": f"U{number:010}",
        "name": f"person{number}",
        "is_bot": False,
        "updated": 1_790_000_000 + number,
        "is_app_user": False,
        "team_id": "T1",
        "deleted": number % 50 == 1,
        "profile": profile,
    }
    if common["deleted"]:
        return common
    return {
        **common,
        "color": "9f69e7",
        "is_email_confirmed": True,
        "real_name": name,
        "tz": "Asia/Seoul",
        "tz_label": "Korea Standard Time",
        "tz_offset": 32400,
        **dict.fromkeys(("is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted"), False),
        "has_2fa": False,
        "who_can_share_contact_card": "EVERYONE",
    }


@contextmanager
def running_workspace(members: int) -> Iterator[str]:
    """Start a workspace in a process of its own.

    :param members: the number of members
    :return: the address of its methods
    """
    server = subprocess.Popen([sys.executable, __file__, "--members", str(members)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        # The address is printed when everything is encoded; it is empty when the process ended before.
        yield server.stdout.readline().strip() or sys.exit("the workspace did not start")
    finally:
        server.terminate()
        server.wait(20)


def serve(number: int) -> None:
    """Serve until the process is ended; the address is the first line of the output."""
    members = [json.dumps(member(each), ensure_ascii=False).encode() for each in range(number)]
    calls: list[str] = []
    connections: set[Any] = set()

    def page(query: dict[str, str]) -> bytes:
        start, size = int(query.get("cursor") or 0), int(query.get("limit") or 100)
        end = start + size
        more = str(end) if end < number else ""
        return b'{"ok":true,"members":[%b],"response_metadata":{"next_cursor":"%b"}}' % (
            b",".join(members[start:end]),
            more.encode(),
        )

    def counts() -> bytes:
        """Return the number of calls and connections since the last request for them."""
        told = json.dumps([len(calls), len(connections)]).encode()
        calls.clear()
        connections.clear()
        return told

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _any(self) -> None:
            parts = urlsplit(self.path)
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            query = {name: values[-1] for name, values in parse_qs(form or parts.query).items()}
            method = parts.path.rpartition("/")[2]
            if method == COUNTS:
                body = counts()
            else:
                calls.append(method)
                connections.add(self.client_address)
                body = page(query) if method == "users.list" else b'{"ok":true,"team_id":"T1","user_id":"U1"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-OAuth-Scopes", SCOPES)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _any  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}/api/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=50_000, help="how many it has (default 50,000)")
    serve(parser.parse_args().members)
