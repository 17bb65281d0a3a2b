from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from airflow.models.log import Log
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from fastapi import FastAPI
from sqlalchemy import select

from support.consenting import Visitor, add_connection, connection_fields, decide, variables
from workplace_provider.atlassian_consent import database, pending
from workplace_provider.atlassian_consent.products import PRODUCTS
from workplace_provider.common.atlassian.token_store import TokenSet
from workplace_provider.common.atlassian.variable_tokens import VariableTokenStore
from workplace_provider.confluence.auth.scopes import SCOPES
from workplace_sandbox import Sandbox

WIKI = "위키/주간-報告"
TOKENS = f"{WIKI}_oauth_token"
OLD = TokenSet("old-access-token", 1.0, "old-refresh-token", 1.0, ("read:page:confluence",)).as_text()


@pytest.fixture(autouse=True)
def _connection(api_server: FastAPI, sandbox: Sandbox) -> None:
    add_connection(sandbox, WIKI)


def pending_consents() -> list[str]:
    return [key for key in variables() if key.startswith(pending.KEY)]


# --- the way through


def test_a_person_connects_a_connection(otto: Visitor, sandbox: Sandbox) -> None:
    home = otto.opens()
    assert home.status_code == 200
    assert WIKI in home.text
    assert "Not connected yet" in home.text
    assert "http://localhost:8080/confluence-consent/callback" in home.text

    url = otto.is_sent_to_atlassian(WIKI)
    asked = parse_qs(urlsplit(url).query)
    assert asked["redirect_uri"] == ["http://localhost:8080/confluence-consent/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    assert sandbox.cloud_oauth_client[1] not in url

    back = otto.comes_back(decide(url))
    assert back.status_code == 303
    shown = otto.browser.get(str(back.url.join(back.headers["Location"])))
    assert shown.status_code == 200
    assert f"{WIKI} is connected" in shown.text
    assert "보고봇" in shown.text
    assert sandbox.cloud_url in shown.text
    assert "Connect again" in otto.opens().text

    tokens = VariableTokenStore(TOKENS, database.ServerVariables(WIKI)).load()
    assert tokens is not None
    assert tokens.refresh_token
    assert set(SCOPES) <= set(tokens.scopes)
    assert pending_consents() == []


def test_a_person_connects_a_connection_to_jira(otto: Visitor, sandbox: Sandbox) -> None:
    add_connection(sandbox, "jira_일감", conn_type="jira")
    assert f"Jira: {sandbox.cloud_url}" in otto.opens().text
    assert otto.connects("jira_일감").status_code == 303
    shown = otto.opens("/connection", connection="jira_일감").text
    assert "보고봇" in shown
    assert sandbox.cloud_url in shown
    tokens = TokenSet.read(variables()["jira_일감_oauth_token"])
    assert set(tokens.scopes) == {*PRODUCTS["jira"].scopes, "offline_access"}


def test_what_a_person_connected_is_in_the_audit_log(otto: Visitor) -> None:
    otto.connects(WIKI)
    with create_session() as session:
        [line] = session.scalars(select(Log).where(Log.event == "atlassian_consent")).all()
        assert line.owner == "otto"
        assert json.loads(line.extra or "") == {"connection": WIKI, "variable": TOKENS}


def test_nothing_secret_is_logged_or_shown(
    otto: Visitor, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], sandbox: Sandbox
) -> None:
    caplog.set_level("DEBUG", logger="workplace_provider")
    back = decide(otto.is_sent_to_atlassian(WIKI))
    answer = otto.comes_back(back)
    page = otto.opens("/connection", connection=WIKI)
    given = parse_qs(urlsplit(back).query)
    tokens = TokenSet.read(variables()[TOKENS])
    secrets = [given["code"][0], given["state"][0], tokens.access_token, tokens.refresh_token, sandbox.cloud_oauth_client[1]]
    said = "".join([*capfd.readouterr(), caplog.text])
    assert "request finished" in said  # Airflow's access log, which tells the query of every request
    everything = said + page.text + str(answer.headers) + otto.opens().text
    assert [secret for secret in secrets if secret in everything] == []


def test_a_connection_of_the_environment_is_connected_by_its_name(
    otto: Visitor, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = connection_fields(sandbox) | {"extra": json.loads(connection_fields(sandbox)["extra"])}
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", json.dumps(fields))
    assert otto.connects("elsewhere").status_code == 303
    assert "elsewhere_oauth_token" in variables()


def test_a_connection_without_a_host_is_for_the_only_site(otto: Visitor, sandbox: Sandbox) -> None:
    add_connection(sandbox, "週報", host="")
    assert otto.connects("週報").status_code == 303
    assert sandbox.cloud_url in otto.opens("/connection", connection="週報").text


def test_connecting_again_replaces_the_tokens(otto: Visitor) -> None:
    Variable.set(TOKENS, OLD)
    assert "Connect again" in otto.opens().text
    assert otto.connects(WIKI).status_code == 303
    assert TokenSet.read(variables()[TOKENS]).refresh_token != "old-refresh-token"


def test_two_consents_at_once_in_one_browser_both_come_through(otto: Visitor, sandbox: Sandbox) -> None:
    add_connection(sandbox, "other")
    first, second = otto.is_sent_to_atlassian(WIKI), otto.is_sent_to_atlassian("other")
    assert otto.comes_back(decide(second)).status_code == 303
    assert otto.comes_back(decide(first)).status_code == 303
    assert {TOKENS, "other_oauth_token"} <= set(variables())


def test_a_task_that_refreshes_meanwhile_does_not_bring_the_former_consent_back(otto: Visitor) -> None:
    Variable.set(TOKENS, OLD)
    Variable.set(f"{TOKENS}_lease", json.dumps({"owner": "a task", "until": time.time() + 60}))

    def finish_refreshing() -> None:
        Variable.set(TOKENS, OLD.replace("old-", "older-"))
        Variable.delete(f"{TOKENS}_lease")

    task = threading.Timer(0.5, finish_refreshing)
    task.start()
    assert otto.connects(WIKI).status_code == 303
    task.join()
    assert "sandbox-refresh-" in variables()[TOKENS]


def test_the_page_refreshes_tokens_that_have_ended(otto: Visitor, sandbox: Sandbox) -> None:
    otto.connects(WIKI)
    before = TokenSet.read(variables()[TOKENS])
    sandbox.cloud.expire_access_tokens()
    assert otto.opens("/connection", connection=WIKI).status_code == 200
    assert TokenSet.read(variables()[TOKENS]).refresh_token != before.refresh_token


# --- who may


def test_somebody_without_a_session_logs_in_first(api_server: FastAPI) -> None:
    nobody = Visitor(api_server, "http://localhost:8080")
    answer = nobody.opens()
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/auth/login?next=http%3A%2F%2Flocalhost%3A8080%2Fconfluence-consent%2F"
    assert nobody.asks_to_connect(WIKI).status_code == 401
    assert pending_consents() == []


def test_a_code_is_not_put_into_the_address_of_the_log_in(otto: Visitor, api_server: FastAPI) -> None:
    back = decide(otto.is_sent_to_atlassian(WIKI))
    answer = Visitor(api_server, "http://localhost:8080").comes_back(back)
    assert answer.status_code == 401
    assert "Location" not in answer.headers
    assert parse_qs(urlsplit(back).query)["code"][0] not in answer.text
    # The session is back in another tab, and so is the person.
    assert otto.comes_back(back).status_code == 303


def test_whoever_may_not_edit_connections_gets_nowhere(vera: Visitor, otto: Visitor) -> None:
    otto.connects(WIKI)
    stored = variables()
    for answer in (
        vera.opens(),
        vera.asks_to_connect(WIKI),
        vera.asks_to_connect("no such connection"),
        vera.opens("/connection", connection=WIKI),
    ):
        assert answer.status_code == 403
        assert "Not allowed" in answer.text
        assert "보고봇" not in answer.text
    assert variables() == stored


def test_the_right_is_looked_at_again_when_the_answer_comes(otto: Visitor) -> None:
    back = decide(otto.is_sent_to_atlassian(WIKI))
    otto.log_in("otto", "VIEWER")
    assert otto.comes_back(back).status_code == 403
    assert variables() == {}


@pytest.mark.parametrize("who", ["mallory", "otto in another browser"])
def test_an_answer_to_somebody_elses_consent_is_refused(who: str, otto: Visitor, api_server: FastAPI) -> None:
    back = decide(otto.is_sent_to_atlassian(WIKI))
    other = Visitor(api_server, "http://localhost:8080", "otto" if "otto" in who else who, "OP")
    if who == "mallory":
        other.browser.cookies.set("workplace_consent", otto.browser.cookies["workplace_consent"])
    answer = other.comes_back(back)
    assert answer.status_code == 403
    assert "Started by another user" in answer.text
    assert variables() == {}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://localhost:8081", "http://127.0.0.1:8080"])
def test_a_page_of_another_site_begins_no_consent(origin: str, otto: Visitor) -> None:
    answer = otto.asks_to_connect(WIKI, origin)
    assert answer.status_code == 403
    assert "http://localhost:8080/confluence-consent/" in answer.text
    assert pending_consents() == []


def test_only_who_may_edit_variables_has_tokens_put_into_another_than_the_usual(
    otto: Visitor, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    add_connection(sandbox, "team", token_variable="shared_token")
    assert otto.connects("team").status_code == 303
    monkeypatch.setattr(get_auth_manager(), "is_authorized_variable", lambda **_: False)
    assert otto.asks_to_connect("team").status_code == 403
    assert otto.connects(WIKI).status_code == 303


# --- what goes wrong


def test_a_person_declines(otto: Visitor) -> None:
    Variable.set(TOKENS, OLD)
    answer = otto.connects(WIKI, decision="deny")
    assert answer.status_code == 400
    assert "No consent was given" in answer.text
    assert variables() == {TOKENS: OLD}


@pytest.mark.parametrize("query", [{}, {"state": "guessed", "code": "stolen"}, {"code": "stolen"}, {"state": "한글\x00"}])
def test_an_answer_nobody_waits_for(query: dict[str, str], otto: Visitor, capfd: pytest.CaptureFixture[str]) -> None:
    otto.is_sent_to_atlassian(WIKI)
    answer = otto.opens("/callback", **query)
    assert answer.status_code == 400
    assert "Unknown or expired consent request" in answer.text
    assert len(pending_consents()) == 1
    assert "stolen" not in "".join(capfd.readouterr())


def test_an_answer_works_once(otto: Visitor) -> None:
    back = decide(otto.is_sent_to_atlassian(WIKI))
    assert otto.comes_back(back).status_code == 303
    stored = variables()
    again = otto.comes_back(back)
    assert again.status_code == 400
    assert "Unknown or expired consent request" in again.text
    assert variables() == stored


def test_of_two_answers_at_once_one_counts(otto: Visitor) -> None:
    state = parse_qs(urlsplit(otto.is_sent_to_atlassian(WIKI)).query)["state"][0]
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(lambda _: pending.take(state), range(8)))
    assert len([each for each in taken if each is not None]) == 1


def test_what_others_wrote_in_the_place_of_a_consent_is_none(otto: Visitor, api_server: FastAPI) -> None:
    forged = {"user_id": "otto", "conn_id": WIKI, "browser": pending.digest(""), "redirect_uri": "", "verifier": "v"}
    for state, text in (("a", "no JSON"), ("b", "[]"), ("c", "{}"), ("d", json.dumps(forged))):
        Variable.set(pending.KEY + pending.digest(state), text)
        assert otto.opens("/callback", state=state, code="a-code").status_code in (400, 403)
    assert otto.asks_to_connect(WIKI).status_code == 303


def test_an_answer_that_comes_too_late(otto: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as quick:
        quick.setattr(pending, "LASTS", -1.0)
        back = decide(otto.is_sent_to_atlassian(WIKI))
        assert "Unknown or expired consent request" in otto.comes_back(back).text
        otto.is_sent_to_atlassian(WIKI)
    # What nobody came back for goes when the next one begins.
    otto.is_sent_to_atlassian(WIKI)
    assert len(pending_consents()) == 1
    assert TOKENS not in variables()


def test_a_code_that_was_used_before(otto: Visitor, sandbox: Sandbox) -> None:
    Variable.set(TOKENS, OLD)
    back = decide(otto.is_sent_to_atlassian(WIKI))
    client_id, secret = sandbox.cloud_oauth_client
    used = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "client_secret": secret,
        "code": parse_qs(urlsplit(back).query)["code"][0],
        "redirect_uri": "http://localhost:8080/confluence-consent/callback",
    }
    requests.post(f"{sandbox.atlassian_auth_url}/oauth/token", json=used, timeout=5)
    answer = otto.comes_back(back)
    assert answer.status_code == 502
    assert "Invalid authorization code" in answer.text
    assert variables() == {TOKENS: OLD}


def test_somebody_elses_code_is_not_taken(otto: Visitor) -> None:
    """PKCE: a code that was got for another request does not fit the verifier of this one."""
    mine, other = otto.is_sent_to_atlassian(WIKI), otto.is_sent_to_atlassian(WIKI)
    stolen = parse_qs(urlsplit(decide(other)).query)["code"][0]
    answer = otto.opens("/callback", state=parse_qs(urlsplit(mine).query)["state"][0], code=stolen)
    assert answer.status_code == 502
    assert "code verifier" in answer.text
    assert TOKENS not in variables()


def test_a_consent_for_another_site(otto: Visitor, sandbox: Sandbox) -> None:
    add_connection(sandbox, "wrong_site", host="https://other-team.atlassian.net")
    answer = otto.connects("wrong_site")
    assert answer.status_code == 400
    assert "for another site" in answer.text
    assert "https://other-team.atlassian.net" in answer.text
    assert sandbox.cloud_url in answer.text
    assert variables() == {}


def test_the_account_that_consented_is_named(otto: Visitor, sandbox: Sandbox) -> None:
    sandbox.cloud.add_person("hana", "김하나", "hana@example.com")
    otto.connects(WIKI, username="hana")
    shown = otto.opens("/connection", connection=WIKI).text
    assert "김하나" in shown
    assert sandbox.cloud.account_id("hana") in shown


def test_a_consent_without_all_scopes(otto: Visitor) -> None:
    Variable.set(TOKENS, OLD)
    answer = otto.connects(WIKI, scope=" ".join([*SCOPES[1:], "offline_access"]))
    assert answer.status_code == 400
    assert SCOPES[0] in answer.text
    assert variables() == {TOKENS: OLD}


def test_a_consent_that_would_end_after_an_hour(otto: Visitor) -> None:
    answer = otto.connects(WIKI, scope=" ".join(SCOPES))
    assert answer.status_code == 502
    assert "offline_access" in answer.text
    assert variables() == {}


def test_an_app_that_may_not_ask_for_the_scopes(otto: Visitor, sandbox: Sandbox) -> None:
    sandbox.cloud.set_app_scopes(sandbox.cloud_oauth_client[0], SCOPES[1:])
    where = requests.get(otto.is_sent_to_atlassian(WIKI), allow_redirects=False, timeout=5).headers["Location"]
    answer = otto.comes_back(where)
    assert answer.status_code == 400
    assert "invalid_scope" in answer.text
    assert SCOPES[0] in answer.text


def test_a_consent_that_was_taken_back(otto: Visitor, sandbox: Sandbox) -> None:
    otto.connects(WIKI)
    sandbox.cloud.revoke_consents()
    answer = otto.opens("/connection", connection=WIKI)
    assert answer.status_code == 409
    assert "The consent has ended" in answer.text
    assert otto.connects(WIKI).status_code == 303
    assert otto.opens("/connection", connection=WIKI).status_code == 200


def test_a_variable_with_something_else_in_it_is_left_alone(otto: Visitor) -> None:
    Variable.set(TOKENS, "주간 보고의 설정")
    assert "holds something else" in otto.opens().text
    assert otto.asks_to_connect(WIKI).status_code == 409
    assert otto.opens("/connection", connection=WIKI).status_code == 409
    assert variables() == {TOKENS: "주간 보고의 설정"}


def test_a_variable_that_comes_from_elsewhere_is_told(
    otto: Visitor, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    add_connection(sandbox, "shadowed")
    monkeypatch.setenv("AIRFLOW_VAR_SHADOWED_OAUTH_TOKEN", OLD)
    answer = otto.connects("shadowed")
    assert answer.status_code == 409
    assert "environment or a secrets backend" in answer.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"extra": "{}"}, "needs no consent"),
        ({"conn_type": "http"}, "is of the type http"),
        ({"login": ""}, "client id and secret"),
        ({"extra": '{"auth": "oauth", "auth_url": "http://evil.example"}'}, "must begin with https://"),
        ({"extra": '{"auth": "oauth", "read_timeout": "soon"}'}, "read_timeout"),
    ],
)
def test_a_connection_that_is_not_set_up_for_it(
    fields: dict[str, str], said: str, otto: Visitor, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connection_fields(sandbox) | fields
    monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps(connection | {"extra": json.loads(connection["extra"])}))
    answer = otto.asks_to_connect("odd")
    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize("conn_id", ["", "없는-연결", "<script>alert(1)</script>", "위키\x00", "x" * 300])
def test_a_connection_that_is_not_there(conn_id: str, otto: Visitor) -> None:
    for answer in (otto.asks_to_connect(conn_id), otto.opens("/connection", connection=conn_id)):
        assert answer.status_code == 404
        assert "<script>" not in answer.text


def test_a_connection_that_nobody_connected(otto: Visitor) -> None:
    assert "Not connected yet" in otto.opens("/connection", connection=WIKI).text


def test_atlassian_is_away(otto: Visitor, sandbox: Sandbox) -> None:
    add_connection(sandbox, "away", auth_url="http://127.0.0.1:9", connect_timeout=1)
    state = parse_qs(urlsplit(otto.is_sent_to_atlassian("away")).query)["state"][0]
    answer = otto.opens("/callback", state=state, code="a-code")
    assert answer.status_code == 502
    assert sandbox.cloud_oauth_client[1] not in answer.text


def test_airflow_must_know_its_own_address(otto: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__API__BASE_URL")
    answer = otto.opens()
    assert answer.status_code == 500
    assert "[api] base_url" in answer.text


def test_a_form_of_any_length_is_not_read(otto: Visitor) -> None:
    assert otto.asks_to_connect("x" * 5000).status_code == 413


# --- the pages themselves


def test_what_others_wrote_is_text_on_the_page(otto: Visitor, sandbox: Sandbox) -> None:
    add_connection(sandbox, "hostile", host="https://<img src=x onerror=alert(1)>")
    assert "<img" not in otto.opens().text
    state = parse_qs(urlsplit(otto.is_sent_to_atlassian(WIKI)).query)["state"][0]
    answer = otto.opens("/callback", state=state, error="server_error", error_description="<img src=x onerror=alert(1)>")
    assert answer.status_code == 400
    assert "&lt;img" in answer.text
    assert "<img" not in answer.text


def test_pages_are_not_framed_stored_or_scripted(otto: Visitor, vera: Visitor) -> None:
    for answer in (otto.opens(), vera.opens(), otto.asks_to_connect(WIKI)):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
    policy = otto.opens().headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy


def test_the_cookie_is_for_these_pages_only(otto: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = otto.asks_to_connect(WIKI).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "Path=/confluence-consent;" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://Airflow.example.com:443/team/")
    behind_a_proxy = otto.asks_to_connect(WIKI, "https://airflow.example.com")
    assert "Path=/team/confluence-consent;" in behind_a_proxy.headers["Set-Cookie"]
    assert "Secure" in behind_a_proxy.headers["Set-Cookie"]
    asked = parse_qs(urlsplit(behind_a_proxy.headers["Location"]).query)
    assert asked["redirect_uri"] == ["https://Airflow.example.com:443/team/confluence-consent/callback"]


def test_the_plugin_costs_other_processes_nothing() -> None:
    program = (
        "import sys, workplace_provider.atlassian_consent; "
        "print([m for m in ('fastapi', 'jinja2', 'requests') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
