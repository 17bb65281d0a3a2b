"""Wait on this machine for the person whom Atlassian sends back after a consent."""

from __future__ import annotations

import html
import queue
import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from workplace_provider.http.errors import Invalid, SourceUnavailable

PATH: Final = "/callback"
HOST: Final = "127.0.0.1"


class RedirectListener:
    """Listens on a loopback port, for one answer to one consent.

    :param port: the port of the app's callback URL; 0 for a free one
    """

    def __init__(self, port: int) -> None:
        self._answers: queue.Queue[dict[str, str]] = queue.Queue()
        self._state = ""
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                answer = dict(parse_qsl(parts.query))
                if parts.path != PATH or not listener._expects(answer):
                    self._reply(404, "Nothing is waited for here.")
                    return
                listener._answers.put(answer)
                said = answer.get("error_description") or answer.get("error")
                self._reply(200, f"Not connected: {said}" if said else "Thank you. You can close this page.")

            def _reply(self, status: int, text: str) -> None:
                page = f"<!DOCTYPE html><meta charset='utf-8'><title>Confluence</title><p>{html.escape(text)}</p>".encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """The request line has the code in it."""

        try:
            self._server = ThreadingHTTPServer((HOST, port), Handler)
        except OSError as error:
            raise Invalid(
                f"port {port} cannot be listened on: {error.strerror}",
                system="Atlassian",
                advice="choose another with --port, and add its callback URL to the app",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def redirect_uri(self) -> str:
        """Where Atlassian shall send the person; it must be the app's callback URL to the letter."""
        return f"http://localhost:{self._server.server_address[1]}{PATH}"

    def __enter__(self) -> RedirectListener:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, state: str, timeout: float) -> Mapping[str, str]:
        """What the person comes back with; requests with another ``state`` are nobody's business, and not answered.

        :param timeout: seconds to wait
        :raises SourceUnavailable: when nobody came
        """
        self._state = state
        try:
            return self._answers.get(timeout=timeout)
        except queue.Empty:
            raise SourceUnavailable(
                f"nobody came back within {timeout:.0f} s",
                system="Atlassian",
                advice="begin again; when the browser is on another machine, use --paste",
                retryable=False,
            ) from None

    def _expects(self, answer: Mapping[str, str]) -> bool:
        return bool(self._state) and secrets.compare_digest(answer.get("state", "").encode(), self._state.encode())
