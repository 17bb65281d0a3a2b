from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from workplace_sandbox import Sandbox

NO_CHECK = {"X-Atlassian-Token": "no-check"}


@dataclass
class Api:
    """Confluence's REST API as one user sees it."""

    base: str
    session: requests.Session

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.base}/rest/api{path}", timeout=30, **options)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        """Status and message of a call that fails."""
        answer = self.call(method, path, **options)
        assert answer.status_code >= 400, answer.text
        body = answer.json()
        assert body["statusCode"] == answer.status_code
        assert body["reason"] == answer.reason
        return answer.status_code, body["message"]

    def create(self, title: str, body: str = "<p>본문</p>", parent: str | None = None, **more: Any) -> Any:
        answer = self.call("POST", "/content", json=page(title, body, parent, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def update(self, page_id: str, version: int, **more: Any) -> requests.Response:
        content = {"type": "page", "version": {"number": version}, **more}
        return self.call("PUT", f"/content/{page_id}", json=content)

    def attach(
        self, page_id: str, name: str, data: Any = b"data", comment: Any = None, path: str = "", **params: Any
    ) -> requests.Response:
        files: dict[str, Any] = {"file": (name, data, "image/png")}
        if comment is not None:
            files["comment"] = comment
        return self.call(
            "POST",
            f"/content/{page_id}/child/attachment{path}",
            files=files,
            headers=NO_CHECK,
            params=params,
        )


def page(title: str, body: str = "<p>본문</p>", parent: str | None = None, **more: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "type": "page",
        "title": title,
        "space": {"key": "ANALYTICS"},
        "body": {"storage": {"value": body, "representation": "storage"}},
    }
    if parent:
        content["ancestors"] = [{"id": parent}]
    return json.loads(json.dumps(content | more))


def _api(sandbox: Sandbox, token: str | None) -> Api:
    session = requests.Session()
    session.trust_env = False
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    return Api(sandbox.confluence_url, session)


@pytest.fixture
def api(sandbox: Sandbox) -> Api:
    """The API as the report bot."""
    return _api(sandbox, sandbox.confluence_token)


@pytest.fixture
def viewer(sandbox: Sandbox) -> Api:
    """The API as somebody who may only read."""
    return _api(sandbox, "sandbox-token-viewer")


@pytest.fixture
def jimin(sandbox: Sandbox) -> Api:
    """The API as a person."""
    return _api(sandbox, "sandbox-token-jimin")


@pytest.fixture
def anonymous(sandbox: Sandbox) -> Api:
    """The API without credentials."""
    return _api(sandbox, None)


@pytest.fixture
def home(sandbox: Sandbox) -> str:
    """Id of the home page of the space."""
    space = sandbox.store.space("ANALYTICS")
    assert space is not None
    assert space.homepage_id is not None
    return space.homepage_id


@dataclass
class Slack:
    """Slack's Web API as the holder of a token sees it."""

    base: str
    token: str | None

    def answer(self, method: str, *, as_json: bool = False, **arguments: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
        sent: dict[str, Any] = {"json": arguments} if as_json else {"data": form}
        return requests.post(self.base + method, headers=headers, timeout=30, **sent)

    def call(self, method: str, **arguments: Any) -> Any:
        body = self.answer(method, **arguments).json()
        assert body.pop("ok") is True, body
        return body

    def refused(self, method: str, **arguments: Any) -> str:
        """Slack's word for why a call fails."""
        body = self.answer(method, **arguments).json()
        assert body["ok"] is False, body
        return str(body["error"])

    def pages(self, method: str, key: str, **arguments: Any) -> list[list[Any]]:
        """All pages of a listing."""
        found, cursor = [], ""
        while True:
            body = self.call(method, **arguments, **({"cursor": cursor} if cursor else {}))
            found.append(body[key])
            assert len(found) < 100, "the listing does not end"
            cursor = body.get("response_metadata", {}).get("next_cursor", "")
            if not cursor:
                return found

    def with_token(self, lacking: str) -> Slack:
        """The API for a token that lacks some scopes."""
        return Slack(self.base, f"xoxb-sandbox-{lacking}")


@pytest.fixture
def slack(sandbox: Sandbox) -> Slack:
    """The Web API as the bot with every scope."""
    return Slack(sandbox.slack_api_url, sandbox.slack_bot_token)


@pytest.fixture
def channel(sandbox: Sandbox) -> str:
    """Id of a channel with the bot in it."""
    return sandbox.slack.add_channel("data-분석", members=["jimin", "alex", "report-bot"]).id
