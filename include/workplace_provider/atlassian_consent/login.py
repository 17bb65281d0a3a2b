"""The command ``workplace confluence-login``: a person consents to an OAuth app, and tasks use the tokens.

The command runs on a machine with the ``airflow`` command and access to its database. It reads client id and secret from
the connection and writes the tokens to the connection's Variable; neither is printed or passed on a command line. On other
machines ``--out`` writes a file for ``airflow variables import``.
"""

from __future__ import annotations

import argparse
import getpass
import html
import json
import os
import queue
import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from workplace_provider.atlassian_consent.products import PRODUCTS, Product
from workplace_provider.common.atlassian.connection import default_token_variable, token_variable
from workplace_provider.common.atlassian.oauth import Consent, TokenEndpoint, missing_scopes
from workplace_provider.common.atlassian.sites import Atlassian, find_by_token
from workplace_provider.common.atlassian.variable_tokens import DESCRIPTION
from workplace_provider.http.client import Bearer
from workplace_provider.http.credentials import check_token
from workplace_provider.http.errors import Invalid, SourceUnavailable, WorkplaceError
from workplace_provider.http.redaction import sanitize_text

if TYPE_CHECKING:
    from workplace_provider.common.atlassian.token_store import TokenSet

DEFAULT_PORT: Final = 8912
LOOPBACK_HOST: Final = "127.0.0.1"
CALLBACK_PATH: Final = "/callback"
SECRET_VARIABLE: Final = "CONFLUENCE_CLIENT_SECRET"  # noqa: S105 - the name, not the secret


@dataclass(frozen=True, slots=True)
class _App:
    """An OAuth app, and the Variable for its tokens."""

    product: Product
    client_id: str
    client_secret: str
    host: str
    cloud_id: str
    variable: str
    atlassian: Atlassian


def main(arguments: Sequence[str] | None = None, *, prog: str = "workplace-confluence-login") -> int:
    """Run the command.

    :param arguments: arguments of the command; ``None`` for those of this process
    :param prog: the command as people type it
    :return: exit code
    """
    options = _parser(prog).parse_args(arguments)
    try:
        app = _app(options)
        scopes = tuple(options.scopes or app.product.scopes)
        tokens = _consent(app, scopes, options)
        url = find_by_token(app.host, app.cloud_id, Bearer(tokens.access_token), app.atlassian, None, _no_wait).url
        _save(app, tokens, options.out)
    except (WorkplaceError, ValueError, OSError) as error:
        print(f"{prog}: {sanitize_text(str(error))}", file=sys.stderr)
        return 1
    print(f"Connected to {url}.")
    if missing := missing_scopes(tokens, app.product.scopes):
        print(f"Not granted: {', '.join(missing)}. Add them to the app and consent again when a task needs them.")
    last = datetime.now(UTC) + timedelta(days=365)
    print(f"The consent lasts as long as it is used every 90 days, and until {last:%Y-%m-%d} at the most.")
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Consent to an OAuth app for Confluence or Jira Cloud, and keep its tokens in an Airflow Variable.",
    )
    parser.add_argument("--conn-id", default="confluence_default", help="the Airflow connection (%(default)s)")
    parser.add_argument(
        "--client-id",
        help=f"client id of the app, instead of the connection's; type in its secret, or set {SECRET_VARIABLE}",
    )
    parser.add_argument(
        "--product", choices=list(PRODUCTS), default="confluence", help="product of the app, with --client-id (%(default)s)"
    )
    parser.add_argument("--out", type=Path, help="write a file for 'airflow variables import' instead of a Variable")
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"port of the callback URL http://localhost:PORT{CALLBACK_PATH} (%(default)s)",
    )
    parser.add_argument("--scopes", nargs="+", help="scopes to request; by default all that tasks use")
    parser.add_argument("--paste", action="store_true", help="the browser is on another machine: paste its last address")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and do not open a browser")
    parser.add_argument("--timeout", type=float, default=300, help="seconds to wait for the person (%(default)s)")
    return parser


def _app(options: argparse.Namespace) -> _App:
    if options.client_id:
        secret = os.environ.get(SECRET_VARIABLE) or getpass.getpass("Client secret: ")
        check_token(secret, "the client secret")
        return _App(
            PRODUCTS[options.product],
            check_token(options.client_id, "the client id"),
            secret,
            "",
            "",
            default_token_variable(options.conn_id),
            Atlassian(),
        )
    from airflow.models.connection import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection: Any = Connection.get_connection_from_secrets(options.conn_id)
    except AirflowNotFoundException as error:
        raise ValueError(f"{error}: make it with the app's client id and secret, or give --client-id") from error
    if connection.conn_type not in PRODUCTS:
        raise ValueError(f"connection {options.conn_id} must be of type {' or '.join(PRODUCTS)}, not {connection.conn_type}")
    if not connection.login or not connection.password:
        raise ValueError(f"connection {options.conn_id} needs the app's client id as login and its secret as password")
    extra, defaults = connection.extra_dejson, Atlassian()
    where = f"connection {options.conn_id}"
    return _App(
        PRODUCTS[connection.conn_type],
        check_token(connection.login, f"{where}: the login"),
        check_token(connection.password, f"{where}: the password"),
        connection.host or "",
        str(extra.get("cloud_id") or ""),
        token_variable(connection),
        Atlassian(str(extra.get("api_url") or defaults.api), str(extra.get("auth_url") or defaults.auth)),
    )


def _consent(app: _App, scopes: tuple[str, ...], options: argparse.Namespace) -> TokenSet:
    endpoint = TokenEndpoint(app.client_id, app.client_secret, app.atlassian.auth)
    try:
        if options.paste:
            consent = Consent(app.client_id, f"http://localhost:{options.port}{CALLBACK_PATH}", scopes)
            _show(consent.url(app.atlassian.auth))
            return consent.tokens(_read_pasted(input), endpoint)
        with RedirectListener(options.port) as listener:
            consent = Consent(app.client_id, listener.redirect_uri, scopes)
            url = consent.url(app.atlassian.auth)
            _show(url)
            if not options.no_browser:
                webbrowser.open(url)
            return consent.tokens(listener.wait_for_redirect(consent.state, options.timeout), endpoint)
    finally:
        endpoint.close()


def _show(url: str) -> None:
    print(f"Open this address, choose the site, and accept:\n\n{url}\n", flush=True)


def _read_pasted(ask: Callable[[str], str]) -> Mapping[str, str]:
    text = ask("Paste the last address of the browser (its page shows an error, as expected): ")
    answer = dict(parse_qsl(urlsplit(text.strip()).query))
    if not answer:
        raise Invalid("the address has no parameters", system="Atlassian", advice="paste all of it, from http:// on")
    return answer


def _save(app: _App, tokens: TokenSet, out: Path | None) -> None:
    if out is not None:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({app.variable: json.loads(tokens.as_text())}, file)
        print(f"The tokens are in {out}. Run 'airflow variables import {out}' soon, and delete the file.")
        return
    from airflow.models.variable import Variable

    Variable.set(app.variable, tokens.as_text(), description=DESCRIPTION)
    print(f"The tokens are in the Variable {app.variable}.")


def _no_wait(_: float) -> None:
    """Do not wait between attempts: a person prefers an error to a long wait."""


class RedirectListener:
    """A listener on a loopback port that receives Atlassian's redirect after a consent.

    :param port: the port of the app's callback URL; 0 for a free one
    """

    def __init__(self, port: int) -> None:
        self._redirects: queue.Queue[dict[str, str]] = queue.Queue()
        self._state = ""
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query))
                if parts.path != CALLBACK_PATH or not listener._expects(query):
                    self._reply(404, "No consent is in progress here.")
                    return
                listener._redirects.put(query)
                error = query.get("error_description") or query.get("error")
                self._reply(200, f"Not connected: {error}" if error else "Thank you. You can close this page.")

            def _reply(self, status: int, text: str) -> None:
                page = f"<!DOCTYPE html><meta charset='utf-8'><title>Airflow</title><p>{html.escape(text)}</p>".encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """Log nothing: the request line contains the code."""

        try:
            self._server = ThreadingHTTPServer((LOOPBACK_HOST, port), Handler)
        except OSError as error:
            raise Invalid(
                f"cannot listen on port {port}: {error.strerror}",
                system="Atlassian",
                advice="choose another port with --port, and add its callback URL to the app",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def redirect_uri(self) -> str:
        """The URL that Atlassian redirects the person to; it must be exactly the app's callback URL."""
        return f"http://localhost:{self._server.server_address[1]}{CALLBACK_PATH}"

    def __enter__(self) -> RedirectListener:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for_redirect(self, state: str, timeout: float) -> Mapping[str, str]:
        """Return the query of the redirect with this ``state``; requests with another state get a 404.

        :param timeout: seconds to wait
        :raises SourceUnavailable: when no redirect arrives in time
        """
        self._state = state
        try:
            return self._redirects.get(timeout=timeout)
        except queue.Empty:
            raise SourceUnavailable(
                f"no consent within {timeout:.0f} s",
                system="Atlassian",
                advice="start again; when the browser is on another machine, use --paste",
                retryable=False,
            ) from None

    def _expects(self, query: Mapping[str, str]) -> bool:
        return bool(self._state) and secrets.compare_digest(query.get("state", "").encode(), self._state.encode())
