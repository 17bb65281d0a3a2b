"""The sandbox as a program of its own, and the demonstration's requests to it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import requests

from workplace_sandbox.local.errors import LocalError
from workplace_sandbox.local.processes import OWNER, Program
from workplace_sandbox.local.rest import patient_session
from workplace_sandbox.members import MEMBERS_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOKEN = "sandbox-token"  # noqa: S105  the sandbox's published one
MEMBER_HEADERS = {"X-Attic-User": "demo", "X-Attic-Role": "manageMember"}
TIMEOUT = (5.0, 30.0)  # seconds to connect, to read
STOP_GRACE = 5.0  # seconds


class SandboxError(LocalError):
    """The sandbox refused a request; the message names it."""


class LocalSandbox:
    """One `workplace-sandbox serve`.

    :param work: directory for its state and its log.
    :param port: free port.
    :param last_report: file in storage format that becomes the body of the newest report in the wiki.
    """

    def __init__(self, work: Path, port: int, last_report: Path | None) -> None:
        self._ready_file = work / "sandbox.json"
        self._session = patient_session()
        command = [sys.executable, "-m", "workplace_sandbox.cli", "serve", "--port", str(port)]
        command += ["--state", str(work / "sandbox"), "--ready-file", str(self._ready_file)]
        if last_report:
            command += ["--last-report", str(last_report)]
        self.program = Program(
            "sandbox",
            command,
            environment={**os.environ, OWNER: str(work)},
            log=work / "logs" / "sandbox.log",
            grace=STOP_GRACE,
        )
        self.addresses: dict[str, str] = {}

    @property
    def url(self) -> str:
        """Address of its first page."""
        return self.addresses["url"]

    def ready(self) -> bool:
        """Return whether it is up; from then on `addresses` are known.

        :raises ProcessEnded: it has ended.
        """
        self.program.check()
        try:
            self.addresses = json.loads(self._ready_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not written yet, or half written
            return False
        return True

    def pages_titled(self, space: str, title: str) -> list[dict[str, Any]]:
        """Return the current pages with that title, over the public REST API.

        :raises SandboxError: the request is refused.
        """
        query = {"spaceKey": space, "title": title, "type": "page"}
        pages: list[dict[str, Any]] = self._get(f"{self.addresses['confluence_url']}/rest/api/content", query)["results"]
        return pages

    def attachment_digest(self, page_id: str, filename: str) -> str:
        """Return the SHA-256 of a page's file; empty when the page has no such file.

        :raises SandboxError: the request is refused.
        """
        wiki = self.addresses["confluence_url"]
        files = self._get(f"{wiki}/rest/api/content/{page_id}/child/attachment", {"filename": filename})["results"]
        if not files:
            return ""
        response = self._fetch(f"{wiki}{files[0]['_links']['download']}")
        return hashlib.sha256(response.content).hexdigest()

    def announcements(self, link: str) -> int:
        """Return the number of Slack messages with this link."""
        return sum(_contains_link(message, link) for message in self._get(f"{self.url}/_sandbox/messages"))

    def accounts(self) -> list[dict[str, Any]]:
        """Return the accounts of the member service.

        :raises SandboxError: the request is refused.
        """
        response = self._get(f"{self.url}{MEMBERS_PATH}/api/members", {"size": "200"}, MEMBER_HEADERS)
        members: list[dict[str, Any]] = response["members"]
        return members

    def export(self, directory: Path) -> Path:
        """Export the wiki and the channels as files.

        :return: the file to open.
        :raises SandboxError: the request is refused, or the export is empty.
        """
        try:
            response = self._session.post(
                f"{self.url}/_sandbox/export", json={"directory": str(directory.resolve())}, timeout=TIMEOUT
            )
            response.raise_for_status()
        except requests.RequestException as error:
            raise SandboxError(f"the pages could not be exported: {error}") from error
        index = directory / "index.html"
        if not index.is_file():
            raise SandboxError(f"the export left no {index}")
        return index

    def _get(self, url: str, query: dict[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Any:
        try:
            return self._fetch(url, query, headers).json()
        except ValueError as error:
            raise SandboxError(f"{url}: {error}") from error

    def _fetch(
        self, url: str, query: dict[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        try:
            credentials = headers or {"Authorization": f"Bearer {TOKEN}"}
            response = self._session.get(url, params=query, timeout=TIMEOUT, headers=credentials)
            response.raise_for_status()
        except requests.RequestException as error:
            raise SandboxError(f"{url}: {error}") from error
        return response


def _contains_link(value: Any, link: str) -> bool:
    """Return whether a JSON value holds exactly this link: …pageId=12 is not …pageId=123."""
    if isinstance(value, dict):
        return any(_contains_link(item, link) for item in value.values())
    if isinstance(value, list):
        return any(_contains_link(item, link) for item in value)
    return isinstance(value, str) and link in re.split(r"[\s<>|\"]+", value)
