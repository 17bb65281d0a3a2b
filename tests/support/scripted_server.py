from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[BaseHTTPRequestHandler], None]


def reply(status: int, body: bytes = b"{}", **headers: str) -> Reply:
    """Return a response; header names are given with underscores."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in sent.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def drop(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a response."""
    handler.close_connection = True
    handler.connection.close()


def cut(body: bytes, declared: int, status: int = 200, **headers: str) -> Reply:
    """Return a response that breaks off before its declared length."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        reply(status, body, Content_Length=str(declared), **headers)(handler)
        drop(handler)

    return send


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """Responds to requests in the order of the script; the last entry is repeated."""

    url: str = ""
    script: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def will(self, *script: Reply) -> None:
        self.script[:] = script


@contextmanager
def scripted_server(*, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """Run a server on loopback, over TLS when a context is given."""
    scripted = ScriptedServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            scripted.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            step = scripted.script.pop(0) if len(scripted.script) > 1 else scripted.script[0]
            try:
                step(self)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any

        def log_message(self, *_: object) -> None:
            pass

    http_server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http_server.daemon_threads = True
    if tls is not None:
        http_server.socket = tls.wrap_socket(http_server.socket, server_side=True)
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    scripted.url = f"{'https' if tls else 'http'}://127.0.0.1:{http_server.server_address[1]}"
    try:
        yield scripted
    finally:
        http_server.shutdown()
        http_server.server_close()
        thread.join()
