"""A seeded wiki and a browser's view of it, for the tests beside this file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.testclient import TestClient

from workplace_sandbox import seed
from workplace_sandbox.store import Store
from workplace_sandbox.ui.router import build_router

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workplace_sandbox.model import Page

SUNDAY = date(2026, 11, 22)
NEWEST_REPORT = "20261029_데이터분석팀 주간 보고"


@dataclass
class Wiki:
    """A store and a browser's view of it."""

    store: Store
    client: TestClient

    def newest_report(self) -> Page:
        return self.page(NEWEST_REPORT)

    def page(self, title: str) -> Page:
        found = self.store.page_by_title("ANALYTICS", title)
        assert found is not None, title
        return found

    def text(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text[:500]
        return answer.text


@contextlib.contextmanager
def open_wiki(directory: Path, last_report: Path | None = None) -> Iterator[Wiki]:
    """The seeded wiki behind the user interface; files are served as the REST half of the sandbox does."""
    with contextlib.closing(Store(directory / "state")) as store:
        seed.load(store, SUNDAY, last_report)
        app = FastAPI()
        app.include_router(build_router(store))

        @app.get("/confluence/download/attachments/{page_id}/{name}")
        def download(page_id: str, name: str) -> FileResponse:
            attachment = store.attachment_by_name(page_id, name)
            assert attachment is not None, name
            return FileResponse(attachment.path, media_type=attachment.media_type)

        with TestClient(app) as client:
            yield Wiki(store, client)
