"""Sign in, list and export through tabcmd and tableau-api-lib, each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from workplace_sandbox import Sandbox

WORKBOOK = "WeeklyKPI"
VIEW = f"{WORKBOOK}/Overview"
# The sandbox's ids are the same each time.
CUSTOM_VIEW = f"{WORKBOOK}/UsersByDevice/f8386392-8301-57ed-9666-8eace1e6bda5/SeoulOnly"
STARTS = {"pdf": b"%PDF", "png": b"\x89PNG", "csv": "단계".encode(), "twbx": b"PK"}
TABCMD: dict[str, list[str]] = {
    "list projects": ["list", "projects"],
    "list workbooks --details": ["list", "workbooks", "--name", "--address", "--details"],
    "list datasources": ["list", "datasources"],
    "list flows": ["list", "flows"],
    **{f"export --{kind}": ["export", VIEW, f"--{kind}", "-f", f"view.{kind}"] for kind in ("pdf", "png", "csv")},
    "export --fullpdf": ["export", VIEW, "--fullpdf", "-f", "full.pdf"],
    "export --pdf --filter --pagesize --pagelayout": [
        "export", VIEW, "--pdf", "--filter", "채널=검색", "--pagesize", "a4", "--pagelayout", "landscape", "-f", "a4.pdf",
    ],
    "export --png --resolution": ["export", f"{VIEW}?:refresh=yes", "--png", "--resolution", "high", "-f", "high.png"],
    **{f"get /views/….{kind}": ["get", f"/views/{VIEW}.{kind}", "-f", f"got.{kind}"] for kind in ("pdf", "png", "csv")},
    "get /workbooks/….twbx": ["get", f"/workbooks/{WORKBOOK}.twbx", "-f", "workbook.twbx"],
    "export a custom view --pdf": ["export", CUSTOM_VIEW, "--pdf", "-f", "custom.pdf"],
    "export a custom view --png": ["export", CUSTOM_VIEW, "--png", "-f", "custom.png"],
    "refreshextracts --datasource": [
        "refreshextracts", "--datasource", "매출 원천", "--project", "日本事業", "--parent-project-path", "데이터분석팀",
        "--synchronous",
    ],
    "logout": ["logout"],
}  # fmt: skip


@contextmanager
def at_the_root(address: str) -> Iterator[str]:
    """Serve an address below the root of another port: tabcmd keeps only the host and the port of a server's address.

    :param address: The address with a path.
    :return: The address without one.
    """
    target = urlsplit(address)

    class Forwarder(BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = HTTPConnection(target.netloc, timeout=60)
            connection.request(self.command, target.path + self.path, body or None, dict(self.headers))
            response = connection.getresponse()
            content = response.read()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = forward  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forwarder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def tabcmd(sandbox: Sandbox, environment: Path) -> tuple[list[str], list[str]]:
    """Run tabcmd's commands, and return the lines of the table and the failures."""
    home = environment / "home"
    home.mkdir()
    lines: list[str] = []
    failures: list[str] = []
    name, secret = next(iter(sandbox.tableau_pats.items()))
    with at_the_root(sandbox.tableau_url) as address:
        login = ["login", "-s", address, "-t", sandbox.tableau_site, "--token-name", name, "--token-value", secret]
        for call, arguments in {"login with a personal access token": login, **TABCMD}.items():
            done = subprocess.run(
                [environment / "bin" / "tabcmd", *arguments],
                cwd=home,
                env={**os.environ, "HOME": str(home), "NO_PROXY": "127.0.0.1,localhost"},
                capture_output=True,
                text=True,
                timeout=180,
                check=False,
            )
            file = home / arguments[-1] if "-f" in arguments else None
            if done.returncode or (file and not (file.is_file() and file.read_bytes().startswith(STARTS[file.suffix[1:]]))):
                lines.append(f"`{call}` | FAILED")
                failures.append(f"{call}: exit status {done.returncode}: {(done.stdout + done.stderr).strip()[-800:]}")
            else:
                lines.append(f"`{call}` | {'a ' + file.suffix[1:].upper() + ' file' if file else 'done'}")
    return lines, failures


def tableau_api_lib(sandbox: Sandbox, environment: Path) -> tuple[list[str], list[str]]:
    """Run the calls of tableau-api-lib, and return the lines of the table and the failures."""
    name, secret = next(iter(sandbox.tableau_pats.items()))
    settings = {
        "server": sandbox.tableau_url,
        "api_version": "3.29",
        "personal_access_token_name": name,
        "personal_access_token_secret": secret,
        "site_name": sandbox.tableau_site,
        "site_url": sandbox.tableau_site,
    }
    done = subprocess.run(
        [
            environment / "bin" / "python",
            "-W",
            "ignore",
            Path(__file__).with_name("tableau_api_lib_calls.py"),
            json.dumps(settings),
        ],
        env={**os.environ, "NO_PROXY": "127.0.0.1,localhost"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if done.returncode:
        return [], [f"exit status {done.returncode}: {done.stderr.strip()[-800:]}"]
    results: dict[str, str] = json.loads(done.stdout)
    lines = [f"`{call}` | {result}" for call, result in results.items()]
    return lines, [line for line in lines if "FAILED" in line]


EXPORTERS: dict[str, Callable[[Sandbox, Path], tuple[list[str], list[str]]]] = {
    "tabcmd": tabcmd,
    "tableau-api-lib": tableau_api_lib,
}
