"""People who consent: a browser at Airflow, and their clicks at Atlassian."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from airflow.models.connection import Connection
from airflow.models.log import Log
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import delete, select

from workplace_sandbox import Sandbox

PAGES = "/confluence-consent"


def forget_everything() -> None:
    with create_session() as session:
        for table in (Connection, Variable, Log):
            session.execute(delete(table))


def add_connection(
    sandbox: Sandbox, conn_id: str, *, host: str | None = None, conn_type: str = "confluence", **extra: Any
) -> None:
    """Create a connection that is set up for OAuth with the sandbox's app."""
    with create_session() as session:
        session.add(Connection(conn_id=conn_id, **connection_fields(sandbox, host, **extra) | {"conn_type": conn_type}))


def connection_fields(sandbox: Sandbox, host: str | None = None, **extra: Any) -> dict[str, Any]:
    client_id, secret = sandbox.cloud_oauth_client
    addresses = {"api_url": sandbox.cloud_gateway_url, "auth_url": sandbox.atlassian_auth_url}
    return {
        "conn_type": "confluence",
        "host": sandbox.cloud_url if host is None else host,
        "login": client_id,
        "password": secret,
        "extra": json.dumps({"auth": "oauth"} | addresses | extra),
    }


def variables() -> dict[str, str]:
    """Return all Variables."""
    with create_session() as session:
        return {each.key: each.val for each in session.scalars(select(Variable))}


def decide(url: str, decision: str = "allow", username: str = "report-bot", **changed: str) -> str:
    """Decide as a person at Atlassian, and return the address that the browser is sent to."""
    parts = urlsplit(url)
    form = dict(parse_qsl(parts.query)) | {"username": username, "decision": decision} | changed
    answer = requests.post(parts._replace(query="").geturl(), data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


class Visitor:
    """A person's browser at Airflow.

    :param role: in the simple auth manager; None without a log-in
    """

    def __init__(self, api_server: FastAPI, base_url: str, username: str = "", role: str = "") -> None:
        self._api_server = api_server
        self._base_url = base_url
        self.browser = TestClient(api_server, base_url=base_url, follow_redirects=False)
        if role:
            self.log_in(username, role)

    def log_in(self, username: str, role: str) -> None:
        from airflow.api_fastapi.app import get_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        self.browser.cookies.delete("_token")
        token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=username, role=role))
        self.browser.cookies.set("_token", token)

    def opens(self, path: str = "/", **query: str) -> Response:
        return self.browser.get(f"{PAGES}{path}", params=query)

    def asks_to_connect(self, conn_id: str, origin: str | None = None) -> Response:
        headers = {"Origin": self._base_url if origin is None else origin}
        return self.browser.post(f"{PAGES}/connect", data={"connection": conn_id}, headers=headers)

    def is_sent_to_atlassian(self, conn_id: str) -> str:
        answer = self.asks_to_connect(conn_id)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def comes_back(self, address: str) -> Response:
        return self.browser.get(address)

    def connects(self, conn_id: str, **answer: str) -> Response:
        return self.comes_back(decide(self.is_sent_to_atlassian(conn_id), **answer))
