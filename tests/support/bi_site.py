from __future__ import annotations

import io
from typing import Any
from urllib.parse import parse_qsl

from PIL import Image

from workplace_provider.http.client import HttpSettings
from workplace_provider.tableau import ExportOptions, PersonalAccessToken, TableauClient, ViewFilters
from workplace_provider.tableau.client import Credential, Exported, ViewFormat
from workplace_sandbox import Sandbox

PROJECT = "데이터분석팀"
USERS = "WeeklyKPI/WeeklyActiveUsers"
DEVICES = "WeeklyKPI/UsersByDevice"
QUICK = HttpSettings(connect_timeout=5, read_timeout=20)


class Memory:
    """A sink that keeps its content."""

    def __init__(self) -> None:
        self.content = b""
        self.restarts = 0

    def write(self, chunk: bytes, /) -> None:
        self.content += chunk

    def restart(self) -> None:
        self.content = b""
        self.restarts += 1


class BiSite:
    """The sandbox's Tableau with the queries of a test."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.controls = sandbox.tableau
        name, secret = next(iter(sandbox.tableau_pats.items()))
        self.token = PersonalAccessToken(name, secret)
        self.waits: list[float] = []

    def client(self, credentials: Any = None, *, cloud: bool = False, **more: Any) -> TableauClient:
        url = self.sandbox.tableau_cloud_url if cloud else self.sandbox.tableau_url
        site = more.pop("site", self.sandbox.tableau_site)
        settings = more.pop("settings", QUICK)
        given: Credential | list[Credential] = credentials or self.token
        return TableauClient(url, given, site, settings=settings, sleep=self.waits.append, **more)

    def tokens(self) -> list[PersonalAccessToken]:
        return [PersonalAccessToken(name, secret) for name, secret in self.sandbox.tableau_pats.items()]

    def exported(
        self, client: TableauClient, exported: ViewFormat, view: str = USERS, **options: Any
    ) -> tuple[bytes, Exported, Memory]:
        """Export a view into memory."""
        memory = Memory()
        filters = ViewFilters(options.pop("filters", {}))
        done = client.export(client.find_view(view), exported, memory, ExportOptions(filters=filters, **options))
        return memory.content, done, memory

    def sign_ins(self) -> int:
        return len(self.sandbox.requests("/auth/signin$"))

    def export_queries(self) -> list[dict[str, str]]:
        """Return the queries of the exports so far."""
        asked = self.sandbox.requests(r"/views/[^/]+/(image|data|pdf|crosstab/excel)$")
        return [dict(parse_qsl(each.query, keep_blank_values=True)) for each in asked]


def pixels(content: bytes) -> tuple[int, int]:
    size: tuple[int, int] = Image.open(io.BytesIO(content)).size
    return size
