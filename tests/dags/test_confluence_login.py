from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from airflow.models.variable import Variable

from workplace_provider.atlassian_consent import login as command
from workplace_provider.atlassian_consent.login import RedirectListener
from workplace_provider.http.errors import Invalid, SourceUnavailable
from workplace_provider.jira.client import SCOPES as JIRA_SCOPES
from workplace_sandbox import Sandbox

pytestmark = [pytest.mark.dags, pytest.mark.usefixtures("airflow_db")]

VARIABLE = "wiki_oauth_token"


@pytest.fixture(autouse=True)
def _connection(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    client_id, secret = sandbox.cloud_oauth_client
    extra = {"auth": "oauth", "api_url": sandbox.cloud_gateway_url, "auth_url": sandbox.atlassian_auth_url}
    connection = {"conn_type": "confluence", "login": client_id, "password": secret, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_WIKI", json.dumps(connection))
    Variable.delete(VARIABLE)


def decide(url: str, decision: str = "allow") -> str:
    """What a person does in the browser; the address that the browser is sent to."""
    parts = urlsplit(url)
    form = {**dict(parse_qsl(parts.query)), "username": "report-bot", "decision": decision}
    answer = requests.post(parts._replace(query="").geturl(), data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Lets the command open a browser, in which a person decides."""
    threads: list[threading.Thread] = []
    decision = ["allow"]

    def visit(url: str) -> None:
        there = decide(url, decision[0])
        # A page that guesses is not answered, nor is the browser's wish for an icon.
        base = there.partition("?")[0]
        assert requests.get(f"{base}?code=stolen&state=guessed", timeout=5).status_code == 404
        assert requests.get(base.replace("/callback", "/favicon.ico"), timeout=5).status_code == 404
        shown = requests.get(there, timeout=5)
        assert ("close this page" in shown.text) == (decision[0] == "allow")

    def opened(url: str) -> bool:
        threads.append(threading.Thread(target=visit, args=(url,)))
        threads[-1].start()
        return True

    monkeypatch.setattr(command.webbrowser, "open", opened)
    yield lambda word: decision.__setitem__(0, word)
    for thread in threads:
        thread.join()


def login(*more: str) -> int:
    return command.main(["--conn-id", "wiki", "--port", "0", "--timeout", "30", *more])


def test_a_person_consents_in_a_browser(
    sandbox: Sandbox, browser: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert login() == 0
    kept = json.loads(Variable.get(VARIABLE))
    printed = "".join(capsys.readouterr())
    assert f"Connected to {sandbox.cloud_url}." in printed
    assert f"The tokens are in the Variable {VARIABLE}." in printed
    assert "Not granted" not in printed
    assert kept["refresh_token"]
    for secret in (kept["access_token"], kept["refresh_token"], sandbox.cloud_oauth_client[1], "code="):
        assert secret not in printed


def test_a_connection_to_jira_gets_the_scopes_of_jira(
    browser: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = json.loads(os.environ["AIRFLOW_CONN_WIKI"]) | {"conn_type": "jira"}
    monkeypatch.setenv("AIRFLOW_CONN_WIKI", json.dumps(connection))
    assert login() == 0
    assert set(json.loads(Variable.get(VARIABLE))["scope"].split()) == {*JIRA_SCOPES, "offline_access"}
    assert "Not granted" not in capsys.readouterr().out


def test_who_declines_changes_nothing(browser: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    browser("deny")
    assert login() == 1
    assert "The consent was not given: User did not authorize the request" in capsys.readouterr().err
    assert Variable.get(VARIABLE, default_var=None) is None


def test_the_browser_may_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pasted(_: str) -> str:
        (url,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("http")]
        return f"  {decide(url)}\n"

    monkeypatch.setattr("builtins.input", pasted)
    out = tmp_path / "variables.json"
    few = ["read:page:confluence", "read:space:confluence"]
    assert login("--paste", "--out", str(out), "--scopes", *few) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(out.read_text())[VARIABLE]["scope"].split()) == {*few, "offline_access"}
    assert "Not granted: " in capsys.readouterr().out
    assert Variable.get(VARIABLE, default_var=None) is None
    monkeypatch.setattr("builtins.input", lambda _: "nonsense")
    assert login("--paste", "--out", str(out)) == 1
    assert "The address has no parameters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        (None, "isn't defined"),
        ({"conn_type": "confluence", "login": "x"}, "the app's client id as login"),
        ({"conn_type": "http", "login": "x", "password": "y"}, "must be of type confluence or jira, not http"),
    ],
)
def test_an_app_that_is_not_known_is_said_so(
    connection: Any, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_WIKI")
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_WIKI", json.dumps(connection))
    assert login() == 1
    assert message in capsys.readouterr().err


def test_nobody_comes_back() -> None:
    with RedirectListener(0) as listener, pytest.raises(SourceUnavailable, match="use --paste"):
        listener.wait_for_redirect("state", 0.05)


def test_a_port_that_is_taken_is_said_so() -> None:
    with RedirectListener(0) as listener:
        port = urlsplit(listener.redirect_uri).port
        assert port
        with pytest.raises(Invalid, match=f"Cannot listen on port {port}"):
            RedirectListener(port)
