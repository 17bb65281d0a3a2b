from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "half a body": lambda content: content[: len(content) // 2],
    "a page of HTML": lambda _: b"<html><body>Please sign in</body></html>",
    "an empty body": lambda _: b"",
}
FAULTS = ("500 before", "500 after", "503 before", "429 before", "cut before", "cut after", "sent twice", *DAMAGED)
PER_CONNECTION = {"connection", "transfer-encoding", "content-length", "host"}


@dataclass
class CountingProxy:
    """Forwards requests to a third-party server, and remembers them.

    :param refuses_writes: by the first part of a path, the status for a refused change
    :param fault: returns the fault of a request, one of ``FAULTS``; empty for none
    """

    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses_writes: dict[str, int] = field(default_factory=dict)
    fault: Callable[[str, str], str] = lambda _method, _path: ""


@contextmanager
def counting_proxy(upstream: str) -> Iterator[CountingProxy]:
    """Run a proxy on loopback before a server on loopback."""
    proxy = CountingProxy()
    behind = urlsplit(upstream).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: in two, the second waits 40 ms for the first to be acknowledged.
        wbufsize = -1

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.asked.append((self.command, self.path))
            refused = self.command != "GET" and proxy.refuses_writes.get(self.path.split("/")[1])
            if refused:
                self.send_response(refused)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            fault = proxy.fault(self.command, self.path)
            if fault.endswith("before"):
                self._fail(fault)
                return
            answer, content = self._forwarded(body)
            if fault == "sent twice":
                answer, content = self._forwarded(body)
            if fault.endswith("after"):
                self._fail(fault)
                return
            if fault in DAMAGED:
                content = DAMAGED[fault](content)
            self.send_response(200 if fault == "a page of HTML" else answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in (*PER_CONNECTION, "date", "server"):
                    self.send_header(name, value)
            if answer.status != 204 or fault == "a page of HTML":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _fail(self, fault: str) -> None:
            """Answer with the status of a fault, or cut the connection."""
            if fault.startswith("cut"):
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(int(fault[:3]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _forwarded(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
            connection = http.client.HTTPConnection(behind, timeout=20)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in PER_CONNECTION}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer, content

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
