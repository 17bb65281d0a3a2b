from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from support.team_wiki import Dialect
from workplace_provider.common.artifact_store import ArtifactSink, ArtifactStore
from workplace_provider.confluence import connect
from workplace_provider.confluence.client import ConfluenceClient
from workplace_provider.confluence.client.model import Scope
from workplace_provider.confluence.export import ExportOutcome, ExportSpec, WikiExporter
from workplace_provider.confluence.operators.export_store import StoredExport
from workplace_provider.http.client import HttpSettings
from workplace_sandbox import Sandbox

SPACE = "ANALYTICS"
QUICK = HttpSettings(connect_timeout=5, read_timeout=20, max_wait=5)
PAGES = r"/(rest/api/content|api/v2/pages)$"
"""Where either face lists pages."""

# A program for a process of its own: the connection, base and folder of an export, and the number of pages per request.
EXPORT = """
import json, logging, sys
from workplace_provider.common.artifact_store import ArtifactStore
from workplace_provider.confluence import connect
from workplace_provider.confluence.export import ExportSpec, WikiExporter
from workplace_provider.confluence.client.model import Scope
from workplace_provider.confluence.operators.export_store import StoredExport

logging.disable(logging.INFO)
connected, base, folder = sys.argv[1:4]
spec = ExportSpec(Scope("space", "ANALYTICS"), attachments="none", pages_per_request=int((sys.argv + ["50"])[4]))
store = StoredExport(ArtifactStore(base), f"{base}/{folder}")
reader = connect(**json.loads(connected)).reader()
before = peak() if "peak" in globals() else 0
outcome = WikiExporter(reader, store, spec).run("run")
print(json.dumps([outcome.read, outcome.resumed, peak() - before if before else 0]))
"""


class Killed(BaseException):
    """The worker has died: nothing catches this."""


class DyingFolder(StoredExport):
    """A folder whose process dies at its n-th write, in the middle of a file."""

    def __init__(self, store: ArtifactStore, folder: str, dies_at: int | None) -> None:
        super().__init__(store, folder)
        self.dies_at = dies_at
        self.writes = 0

    @contextmanager
    def publish(self, name: str, media_type: str) -> Iterator[ArtifactSink]:
        with super().publish(name, media_type) as sink:
            write, finish = sink.write, sink.finish

            def counted(chunk: bytes, /) -> int:
                self._live()
                half = len(chunk) // 2
                write(chunk[:half])
                return half + write(chunk[half:])

            sink.write = counted  # type: ignore[method-assign]
            if self.dies_at is not None and not self._folder.startswith("s3:"):
                # On a disk, a dying process leaves its file half written; an object store has seen nothing of it.
                sink.discard = lambda: None  # type: ignore[method-assign]

            def finished() -> None:
                self._live()
                finish()

            sink.finish = finished  # type: ignore[method-assign]
            yield sink

    def _live(self) -> None:
        self.writes += 1
        if self.dies_at is not None and self.writes >= self.dies_at:
            raise Killed


class WikiExports:
    """A wiki, and exports of it in folders that a test compares."""

    def __init__(self, sandbox: Sandbox, base: str, conn_id: str | None = None, *, dialect: Dialect = "datacenter") -> None:
        self.sandbox = sandbox
        self.dialect = dialect
        self.store = sandbox.store
        self.base = base
        self.conn_id = conn_id

    def run(
        self,
        folder: str = "a",
        key: str = "run",
        *,
        dies_at: int | None = None,
        scope: Scope | None = None,
        counted: list[int] | None = None,
        **spec: Any,
    ) -> ExportOutcome:
        """Run one attempt of an export; the sandbox's record of requests is that of it alone."""
        self.sandbox.clear_requests()
        client = self.client()
        place = DyingFolder(ArtifactStore(self.base, self.conn_id), self._at(folder), dies_at)
        given = {"bodies": ("storage",), "attachments": "files", "pages_per_request": 5, **spec}
        try:
            exporter = WikiExporter(client.reader(), place, ExportSpec(scope or Scope("space", SPACE), **given))
            return exporter.run(key)
        finally:
            client.close()
            if counted is not None:
                counted.append(place.writes)

    @property
    def url(self) -> str:
        """The site."""
        return self.sandbox.confluence_url if self.dialect == "datacenter" else f"{self.sandbox.cloud_url}/wiki"

    @property
    def connection(self) -> dict[str, Any]:
        """Return the fields of an Airflow connection to it, with short time-outs."""
        fields: dict[str, Any] = {"conn_type": "confluence", "host": self.url, "extra": {"max_retry_wait": 0.01}}
        if self.dialect == "datacenter":
            return {**fields, "password": self.sandbox.confluence_token}
        extra = {**fields["extra"], "deployment": "cloud"}
        return {**fields, "login": self.sandbox.cloud_email, "password": self.sandbox.cloud_token, "extra": extra}

    def client(self) -> ConfluenceClient:
        """Return a client that does not wait."""
        return connect(**self.connected, settings=QUICK, sleep=lambda _: None)

    @property
    def connected(self) -> dict[str, Any]:
        """The arguments of ``connect``."""
        if self.dialect == "datacenter":
            return {"base_url": self.url, "token": self.sandbox.confluence_token}
        user, token = self.sandbox.cloud_email, self.sandbox.cloud_token
        return {"base_url": self.sandbox.cloud_url, "user": user, "token": token, "deployment": "cloud"}

    def account(self, user: str) -> str:
        """Return the dialect's name of an account."""
        return user if self.dialect == "datacenter" else self.sandbox.cloud.account_id(user)

    def page_url(self, page_id: str) -> str:
        """Return the address at which people read a page."""
        if self.dialect == "datacenter":
            return f"{self.url}/pages/viewpage.action?pageId={page_id}"
        client = self.client()
        try:
            return client.get_page(page_id).url
        finally:
            client.close()

    def open(self, folder: str, name: str) -> IO[bytes]:
        return StoredExport(ArtifactStore(self.base, self.conn_id), self._at(folder)).open(name)

    def manifest(self, folder: str = "a") -> dict[str, Any]:
        with self.open(folder, "manifest.json") as stream:
            return cast(dict[str, Any], json.load(stream))

    def pages(self, folder: str = "a") -> dict[str, dict[str, Any]]:
        """Return the lines by the title of their page."""
        return {line["title"]: line for line in self._lines(folder, "pages.jsonl")}

    def changes(self, folder: str = "a") -> dict[str, tuple[str, list[str]]]:
        """Return title to the kind of change of the page, and its parts."""
        return {each["title"]: (each["change"], each["what"]) for each in self._lines(folder, "changes.jsonl")}

    def files(self, folder: str = "a") -> dict[str, bytes]:
        """Return all files in the folder on a disk, except those that always differ: the addresses in the manifest."""
        root = Path(self._at(folder).removeprefix("file://"))
        found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        manifest = json.loads(found.pop("manifest.json"))
        for file in manifest["files"]:
            del file["uri"]
        return {**found, "manifest.json": json.dumps(manifest).encode()}

    def raw(self, folder: str, name: str = "pages.jsonl") -> bytes:
        """Return a file of the latest export."""
        with self.open(folder, f"exports/{self.manifest(folder)['number']:06}/{name}") as stream:
            return stream.read()

    def asked(self) -> list[str]:
        """Return path and query of the requests of the latest attempt."""
        return [f"{each.path}?{each.query}" for each in self.sandbox.requests()]

    def attach(self, page: str, name: str, content: bytes = b"data", kind: str = "text/plain") -> str:
        return self.store.add_attachment(page, name, kind, io.BytesIO(content), "", "jimin").id

    def _lines(self, folder: str, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw(folder, name).splitlines()]

    def _at(self, folder: str) -> str:
        return f"{self.base}/{folder}"
