"""Publish and export through clients that other projects wrote, on the sandbox.

    python benchmarks/proof_clients.py        (make proof-clients)

Each client is installed by its name into an environment of its own, which is removed at the end. The Confluence clients
publish a page with a picture twice on both dialects, the second time with another text and another picture: after that there
must be one page and one attachment, both with the new content. The Tableau clients sign in, list and export. Where a client
cannot do its work on a dialect, the table shows the request that fails and its status. The exit status is 1 when anything
else happens.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from clients.tableau import EXPORTERS
from workplace_sandbox import Sandbox

PROJECT = Path(__file__).parents[1]
DRIVERS = Path(__file__).parent / "clients"
sys.path.insert(0, str(PROJECT / "tests"))

PINNED = {
    "md2conf": "markdown-to-confluence==0.6.5",
    "mcp-atlassian": "mcp-atlassian==0.23.1",
    "confluence.js": "confluence.js@2.1.0",
    "confluence.js 3": "confluence.js@3.2.0",
    "md2cf": "md2cf==2.3.0",
    "tabcmd": "tabcmd==2.0.21",
    "tableau-api-lib": "tableau-api-lib==0.1.50",
}
SPACE = "ANALYTICS"
TITLE = "Published by a client"
PICTURE = "figure.png"
DATA_CENTER, CLOUD = "Data Center", "Cloud"


class Failed(Exception):
    """A client did not do what it was expected to do."""


@dataclass
class Run:
    """One client on one dialect.

    :param sandbox: where it publishes
    :param environment: where the client is installed
    :param directory: where the files are that it publishes
    :param authority: the certificate authority of the sandbox
    """

    sandbox: Sandbox
    environment: Path
    directory: Path
    authority: Path

    @property
    def markdown(self) -> Path:
        """The page."""
        return self.directory / "page.md"

    def start(self, command: list[str | Path], **variables: str) -> None:
        """Run a client to its end."""
        trusted = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), str(self.authority))
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.directory,
            env={**os.environ, "NO_PROXY": "127.0.0.1,localhost", **trusted, **variables},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if done.returncode:
            raise Failed(f"exit status {done.returncode}: {(done.stdout + done.stderr).strip()[-1500:]}")

    def job(self, **more: object) -> str:
        """Return the page that the drivers publish, as JSON."""
        body = f"<p>{self.markdown.read_text(encoding='utf-8').splitlines()[2]}</p>"
        body += f'<p><ac:image><ri:attachment ri:filename="{PICTURE}" /></ac:image></p>'
        page = {"space": SPACE, "title": TITLE, "body": body, "filename": PICTURE, "file": str(self.directory / PICTURE)}
        return json.dumps({**page, **more})


# --- the clients


def md2conf(run: Run, dialect: str) -> None:
    url, token, version = run.sandbox.confluence_url, run.sandbox.confluence_token, "v1"
    login: list[str | Path] = []
    if dialect == CLOUD:
        url, token, version = f"{run.sandbox.cloud_url}/wiki", run.sandbox.cloud_token, "v2"
        login = ["-u", run.sandbox.cloud_email, "--api-url", f"{url}/"]
    address = urlsplit(url)
    root = run.sandbox.store.space(SPACE).homepage_id
    command = [run.environment / "bin" / "md2conf", "-d", address.netloc, "-p", f"{address.path}/", "-s", SPACE]
    run.start([*command, "--api-version", version, "-a", token, "--root-page", str(root), *login, run.markdown])


def md2cf(run: Run, dialect: str) -> None:
    url, login = run.sandbox.confluence_url, ["--token", run.sandbox.confluence_token]
    if dialect == CLOUD:
        url, login = f"{run.sandbox.cloud_url}/wiki", ["-u", run.sandbox.cloud_email, "-p", run.sandbox.cloud_token]
    run.start([run.environment / "bin" / "md2cf", "-o", f"{url}/rest/api", *login, "-s", SPACE, run.markdown])


def confluence_js(run: Run, dialect: str) -> None:
    host, prefix = run.sandbox.url, f"{urlsplit(run.sandbox.confluence_url).path}/rest"
    login: dict[str, object] = {"oauth2": {"accessToken": run.sandbox.confluence_token}}
    if dialect == CLOUD:
        host, prefix = run.sandbox.cloud_url, "/wiki/rest"
        login = {"basic": {"email": run.sandbox.cloud_email, "apiToken": run.sandbox.cloud_token}}
    more: dict[str, object] = {"host": host, "prefix": prefix, "authentication": login, "installed": str(run.environment)}
    run.start(["node", DRIVERS / "confluence_js.cjs", run.job(**more)])


def confluence_js_3(run: Run, dialect: str) -> None:
    host, login = run.sandbox.confluence_url, {"type": "bearer", "token": run.sandbox.confluence_token}
    if dialect == CLOUD:
        host = run.sandbox.cloud_url
        login = {"type": "basic", "email": run.sandbox.cloud_email, "apiToken": run.sandbox.cloud_token}
    job = run.job(host=host, authentication=login, installed=str(run.environment))
    run.start(["node", DRIVERS / "confluence_js_3.mjs", job])


def access_token(sandbox: Sandbox) -> str:
    """Return an OAuth token of the service account."""
    import requests

    client_id, secret = sandbox.cloud_service_client
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    answer = requests.post(f"{sandbox.atlassian_auth_url}/oauth/token", data=form, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def mcp_atlassian(run: Run, dialect: str) -> None:
    variables = {"CONFLUENCE_URL": run.sandbox.confluence_url, "CONFLUENCE_PERSONAL_TOKEN": run.sandbox.confluence_token}
    if dialect == CLOUD:
        variables = {
            "CONFLUENCE_URL": f"https://api.atlassian.com/ex/confluence/{run.sandbox.cloud_id}",
            "ATLASSIAN_OAUTH_CLOUD_ID": run.sandbox.cloud_id,
            "ATLASSIAN_OAUTH_ACCESS_TOKEN": access_token(run.sandbox),
            "GATEWAY": run.sandbox.cloud_gateway_url,
            "MCP_ALLOWED_URL_DOMAINS": "127.0.0.1,localhost",
            # Its upload looks for the present file with a call that Cloud has removed, so the file is deleted before.
            "REPLACE_FILE": "1",
        }
    run.start([run.environment / "bin" / "python", DRIVERS / "mcp_atlassian_tools.py", run.job()], **variables)


CLIENTS: dict[str, Callable[[Run, str], None]] = {
    "md2conf": md2conf,
    "mcp-atlassian": mcp_atlassian,
    "confluence.js": confluence_js,
    "confluence.js 3": confluence_js_3,
    "md2cf": md2cf,
}


@dataclass(frozen=True)
class Limit:
    """The request that a client cannot do without, which its dialect does not offer.

    :param method: of the request
    :param path: the end of its path
    :param status: what the published description of the dialect leads to
    :param reason: for the table
    """

    method: str
    path: str
    status: int
    reason: str


LIMITS = {
    ("md2cf", CLOUD): Limit(
        "GET", f"/wiki/rest/api/space/{SPACE}", 410, "speaks API v1 only; Cloud has removed its calls for pages"
    ),
    ("confluence.js", CLOUD): Limit(
        "GET", "/wiki/rest/api/content", 410, "2.x speaks API v1 only; 3.x, in the next rows, speaks v2"
    ),
    ("confluence.js 3", DATA_CENTER): Limit(
        "GET", "/wiki/api/v2/spaces", 404, "3.x speaks Cloud only, by its own description; 2.x publishes on Data Center"
    ),
}
REASONS = {
    ("mcp-atlassian", CLOUD): "the picture with its tool `delete_attachment` before `upload_attachment`, see below",
}


# --- what is published, and what has to be there


def picture(side: int) -> bytes:
    """Return a grey picture of so many pixels each way."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress((b"\0" + b"\x80" * side) * side)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def prepare(run: Run, number: int) -> None:
    """Write what is published the first or the second time; a client may have written an id into the page's file."""
    known = (
        [line for line in run.markdown.read_text(encoding="utf-8").splitlines() if line.startswith("<!--")]
        if number > 1
        else []
    )
    text = f"# {TITLE}\n\nText number {number}\n\n![figure]({PICTURE})\n"
    run.markdown.write_text("".join(f"{line}\n" for line in known) + text, encoding="utf-8")
    (run.directory / PICTURE).write_bytes(picture(number))


def expect(sandbox: Sandbox, number: int) -> str:
    """Compare what is stored with what was published the first or the second time, and return a cell of the table."""
    pages = [page for page in sandbox.store.pages(SPACE) if page.title == TITLE]
    if len(pages) != 1:
        raise Failed(f"after time {number} there are {len(pages)} pages")
    if f"Text number {number}" not in pages[0].body or PICTURE not in pages[0].body:
        raise Failed(f"after time {number} the page is {pages[0].body!r}")
    files = sandbox.store.attachments(pages[0].id)
    if [file.filename for file in files] != [PICTURE]:
        raise Failed(f"after time {number} the attachments are {[file.filename for file in files]}")
    if files[0].path.read_bytes() != picture(number):
        raise Failed(f"after time {number} the picture is another")
    return f"1 page (version {pages[0].version}), 1 attachment (version {files[0].version})"


def publish(client: str, dialect: str, environment: Path, directory: Path) -> list[str]:
    """Publish twice, and return the cells of the table: the first and the second time, and the reason."""
    from support.certificates import certificates

    directory.mkdir()
    authority, (certificate, key), _ = certificates(directory)
    # md2conf has no other scheme than https for Data Center.
    tls = {"ssl_certfile": certificate, "ssl_keyfile": key} if (client, dialect) == ("md2conf", DATA_CENTER) else {}
    limit = LIMITS.get((client, dialect))
    cells: list[str] = []
    with Sandbox(seed=False, **tls) as sandbox:
        run = Run(sandbox, environment, directory, authority)
        for number in (1, 2):
            prepare(run, number)
            try:
                CLIENTS[client](run, dialect)
                cells.append(expect(sandbox, number))
            except Failed:
                last = sandbox.requests()[-1]
                if (
                    limit is None
                    or (last.method, last.status) != (limit.method, limit.status)
                    or not last.path.endswith(limit.path)
                ):
                    raise
                return ["no", "no", f"`{limit.method} {limit.path}`: {limit.status}; {limit.reason}"]
    if limit:
        raise Failed("it is listed as unable to publish, and has published")
    return [*cells, REASONS.get((client, dialect), "")]


def install(client: str, environment: Path) -> None:
    """Install a client into an environment of its own."""
    package = PINNED[client]
    if "@" in package:
        environment.mkdir()
        commands = [["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(environment), package]]
    else:
        uv = [sys.executable, "-m", "uv"]
        python = str(environment / "bin" / "python")
        commands = [
            [*uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
            [*uv, "pip", "install", "--quiet", "--python", python, package],
        ]
    for command in commands:
        subprocess.run(command, check=True, cwd=environment.parent)


def main() -> int:
    """Prove the clients that the arguments name, or all, and print a table."""
    wanted = sys.argv[1:] or list(PINNED)
    failures: list[str] = []
    rows: list[str] = []
    exports: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for client in wanted:
            environment = Path(folder, f"{client}-environment".replace(" ", "-"))
            install(client, environment)
            if client in EXPORTERS:
                with Sandbox() as sandbox:
                    lines, failed = EXPORTERS[client](sandbox, environment)
                exports += [f"| {client} | `{PINNED[client]}` | {line} |" for line in lines]
                failures += [f"{client}: {line}" for line in failed]
            else:
                for dialect in (DATA_CENTER, CLOUD):
                    try:
                        cells = publish(client, dialect, environment, Path(folder, f"{client}-{dialect.split()[0]}"))
                    except Failed as error:
                        cells = ["FAILED", "FAILED", ""]
                        failures.append(f"{client} on {dialect}: {error}")
                    rows.append(f"| {client} | `{PINNED[client]}` | {dialect} | {' | '.join(cells)} |")
            shutil.rmtree(environment)
    if rows:
        print(
            "| client | package | dialect | first time | second time | reason |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            sep="\n",
        )
    if exports:
        print("| client | package | call | result |", "|---|---|---|---|", *exports, "", sep="\n")
    print(*failures, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
