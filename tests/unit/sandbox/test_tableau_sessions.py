"""Signing in to the sandbox's Tableau, and how sessions end."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests

from support.tableau_rest import ask_to_sign_in, error_code, post, sign_in, signed_in
from workplace_sandbox import Fault, Sandbox

PASSWORD = {"name": "report-bot", "password": "sandbox-password"}


def token(sandbox: Sandbox, key: str | None = None, kid: str | None = None, **changes: Any) -> str:
    app = sandbox.tableau_connected_app
    claims = {
        "iss": app["client_id"],
        "sub": "report-bot",
        "aud": "tableau",
        "jti": str(uuid.uuid4()),
        "exp": time.time() + 300,
        "scp": ["tableau:content:read", "tableau:views:download"],
    }
    left = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(left, key or app["secret_value"], "HS256", {"kid": kid or app["secret_id"]})


def test_every_personal_access_token_signs_in(sandbox):
    for name, secret in sandbox.tableau_pats.items():
        api = sign_in(sandbox.tableau_url, personalAccessTokenName=name, personalAccessTokenSecret=secret)
        assert api.ok("/workbooks")
    assert [(each.user, each.site, each.pat) for each in sandbox.tableau.sessions] == [
        ("report-bot", "analytics", name) for name in sandbox.tableau_pats
    ]


@pytest.mark.parametrize("again_on", ["analytics", ""])
def test_the_same_token_again_ends_the_session_before_whatever_the_site(sandbox, again_on):
    first = sign_in(sandbox.tableau_url)
    second = sign_in(sandbox.tableau_url, again_on)
    assert first.refusal("/workbooks") == "401002"
    assert second.ok("/workbooks")


def test_tokens_passwords_and_servers_do_not_disturb_each_other(sandbox):
    apis = [
        sign_in(sandbox.tableau_url),
        sign_in(sandbox.tableau_url, personalAccessTokenName="airflow-2", personalAccessTokenSecret="sandbox-pat-secret-2"),
        sign_in(sandbox.tableau_url, **PASSWORD),
        sign_in(sandbox.tableau_url, **PASSWORD),
        sign_in(sandbox.tableau_cloud_url),
        sign_in(sandbox.tableau_cloud_url, jwt=token(sandbox)),
        sign_in(sandbox.tableau_cloud_url, jwt=token(sandbox)),
    ]
    for api in apis:
        assert api.ok("/views")


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        ({"personalAccessTokenName": "airflow", "personalAccessTokenSecret": "wrong"}, "401001"),
        ({"personalAccessTokenName": "nobody", "personalAccessTokenSecret": ""}, "401001"),
        ({"personalAccessTokenName": "airflow"}, "401001"),
        ({"name": "report-bot", "password": "wrong"}, "401001"),
        ({"name": "nobody", "password": "sandbox-password"}, "401001"),
        ({"jwt": "not.a.token"}, "401001"),
        ({"personalAccessTokenName": "airflow", "personalAccessTokenSecret": "sandbox-pat-secret", **PASSWORD}, "400000"),
        ({}, "400000"),
    ],
)
def test_wrong_credentials_are_refused(sandbox, credentials, code):
    answer = ask_to_sign_in(sandbox.tableau_url, "analytics", **credentials)
    assert error_code(answer) == code
    assert "sandbox-pat-secret" not in answer.text


@pytest.mark.parametrize(
    "body", ["", "<tsRequest>", "<tsRequest/>", "{}", '<!DOCTYPE x [<!ENTITY e "x">]><tsRequest>&e;</tsRequest>']
)
def test_a_body_that_is_no_sign_in_is_a_bad_request(sandbox, body):
    assert error_code(post(f"{sandbox.tableau_url}/api/3.29/auth/signin", body)) == "400000"


def test_an_unknown_site_is_refused_and_the_default_one_is_the_server_alone(sandbox):
    pat = {"personalAccessTokenName": "airflow", "personalAccessTokenSecret": "sandbox-pat-secret"}
    assert error_code(ask_to_sign_in(sandbox.tableau_url, "nowhere", **pat)) == "401001"
    assert sign_in(sandbox.tableau_url, "").ok("/workbooks")
    assert error_code(ask_to_sign_in(sandbox.tableau_cloud_url, "", **pat)) == "401001"


def test_cloud_refuses_passwords(sandbox):
    assert error_code(ask_to_sign_in(sandbox.tableau_cloud_url, "analytics", **PASSWORD)) == "401001"


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "another secret, long enough for the algorithm"},
        {"kid": "another"},
        {"iss": "another"},
        {"sub": "nobody"},
        {"aud": "another"},
        {"jti": None},
        {"exp": 1},
        {"exp": time.time() + 3600},
        {"scp": None},
        {"scp": ["other:things"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_json_web_token_that_is_not_right_is_refused(sandbox, changes):
    answer = ask_to_sign_in(sandbox.tableau_url, "analytics", jwt=token(sandbox, **changes))
    assert error_code(answer) == "401001"


def test_a_json_web_token_is_good_for_one_sign_in(sandbox):
    once = token(sandbox)
    assert sign_in(sandbox.tableau_url, jwt=once, isUat="false").ok("/views")
    assert error_code(ask_to_sign_in(sandbox.tableau_url, "analytics", jwt=once)) == "401001"
    assert error_code(ask_to_sign_in(sandbox.tableau_url, "analytics", jwt=token(sandbox), isUat="true")) == "401001"


def test_json_in_json_out(sandbox):
    url = f"{sandbox.tableau_url}/api/3.29/auth/signin"
    pat = {"personalAccessTokenName": "airflow", "personalAccessTokenSecret": "sandbox-pat-secret"}
    body = {"credentials": {**pat, "site": {"contentUrl": "analytics"}}}
    answer = post(url, body, Accept="application/json").json()["credentials"]
    assert answer["site"]["contentUrl"] == "analytics"
    assert answer["user"]["id"]
    wrong = {"credentials": {**pat, "personalAccessTokenSecret": "x", "site": {"contentUrl": "analytics"}}}
    refused = post(url, wrong, Accept="application/json")
    assert refused.json()["error"]["code"] == "401001"
    assert signed_in(sandbox.tableau_url, post(url, body)).ok("/views"), "XML is the default, whatever was sent"


def test_a_session_of_the_server_ends_when_it_is_idle_for_four_hours(sandbox):
    api = sign_in(sandbox.tableau_url)
    for _ in range(3):
        sandbox.tableau.clock.advance(timedelta(minutes=239))
        assert api.ok("/workbooks")
    sandbox.tableau.clock.advance(timedelta(minutes=240))
    assert api.refusal("/workbooks") == "401002"
    assert sandbox.tableau.sessions == []


def test_a_session_of_cloud_ends_two_hours_after_it_began(sandbox):
    api = sign_in(sandbox.tableau_cloud_url)
    for _ in range(2):
        sandbox.tableau.clock.advance(timedelta(minutes=59))
        assert api.ok("/workbooks")
    sandbox.tableau.clock.advance(timedelta(minutes=2))
    assert api.refusal("/workbooks") == "401002"


def test_signing_out_twice_says_that_the_session_is_gone(sandbox):
    api = sign_in(sandbox.tableau_url)
    url = f"{sandbox.tableau_url}/api/3.29/auth/signout"
    assert post(url, token=api.token).status_code == 204
    assert error_code(post(url, token=api.token)) == "401002"
    assert api.refusal("/views") == "401002"
    assert error_code(post(url)) == "401000"


def test_without_a_token_nothing_is_told(sandbox):
    api = sign_in(sandbox.tableau_url)
    api.token = ""
    assert api.refusal("/workbooks") == "401000"


def test_a_token_is_for_one_site(sandbox):
    api, other = sign_in(sandbox.tableau_url), sign_in(sandbox.tableau_url, "", **PASSWORD)
    api.site, mine = other.site, api.site
    assert api.refusal("/workbooks") == "403004"
    api.site = str(uuid.uuid4())
    assert api.refusal("/workbooks") == "404000"
    api.site = mine
    assert api.ok("/workbooks")


def test_switching_sites_gives_a_new_token_and_ends_the_old_one(sandbox):
    api = sign_in(sandbox.tableau_url)
    url = f"{sandbox.tableau_url}/api/3.29/auth/switchSite"
    switch = '<tsRequest><site contentUrl="{}"/></tsRequest>'
    assert error_code(post(url, switch.format("analytics"), api.token)) == "403070"
    assert error_code(post(url, switch.format("nowhere"), api.token)) == "401003"
    moved = signed_in(sandbox.tableau_url, post(url, switch.format(""), api.token))
    assert moved.site != api.site
    assert moved.ok("/workbooks")
    assert api.refusal("/workbooks") == "401002"
    sign_in(sandbox.tableau_url)
    assert moved.refusal("/workbooks") == "401002", "it is still the session of that token"


def test_cloud_does_not_switch_sites(sandbox):
    api = sign_in(sandbox.tableau_cloud_url)
    url = f"{sandbox.tableau_cloud_url}/api/3.29/auth/switchSite"
    assert post(url, '<tsRequest><site contentUrl="x"/></tsRequest>', api.token).status_code == 405
    assert api.ok("/workbooks")


@pytest.mark.parametrize("version", ["2.4", "3.4", "3.19", "3.29"])
def test_versions_up_to_the_newest_are_taken(sandbox, version):
    assert sign_in(sandbox.tableau_url, version=version).ok("/workbooks")


@pytest.mark.parametrize("version", ["2.3", "3.30", "4.0", "x", "3"])
def test_other_versions_are_not(sandbox, version):
    assert error_code(ask_to_sign_in(sandbox.tableau_url, "analytics", version, jwt="x")) == "404003"


def test_everybody_may_ask_for_the_version(sandbox):
    for url in (sandbox.tableau_url, sandbox.tableau_cloud_url):
        for version in ("2.4", "3.29", "3.99"):
            answer = requests.get(f"{url}/api/{version}/serverinfo", headers={"Accept": "application/json"}, timeout=30)
            assert answer.json()["serverInfo"]["restApiVersion"] == "3.29"
        assert error_code(requests.get(f"{url}/api/2.0/serverinfo", timeout=30)) == "404003"


def test_what_is_no_method_is_answered_in_tableaus_way(sandbox):
    api = sign_in(sandbox.tableau_url)
    assert api.refusal("/metrics") == "404001"
    assert error_code(requests.get(f"{sandbox.tableau_url}/api/3.29/auth/signin", timeout=30)) == "405000"


def test_faults_meet_tableau_too(sandbox):
    api = sign_in(sandbox.tableau_url)
    error = '<error code="429000"><summary>Too many</summary><detail>Slower</detail></error>'
    body = f'<tsResponse xmlns="http://tableau.com/api">{error}</tsResponse>'
    headers = {"Retry-After": "3", "Content-Type": "application/xml"}
    sandbox.add_fault(Fault("/tableau/api/.*/workbooks$", "status", status=429, headers=headers, body=body))
    answer = api.call("/workbooks")
    assert (error_code(answer), answer.headers["retry-after"]) == ("429000", "3")
    assert api.ok("/workbooks")


def test_the_journal_has_the_filters_and_no_token(sandbox):
    api = sign_in(sandbox.tableau_url)
    view = api.view("WeeklyKPI/Overview")
    api.ok(f"/views/{view}/data", {"vf_기기": "PC", "maxAge": 1})
    record = sandbox.requests("/data$")[-1]
    assert record.query == "vf_%EA%B8%B0%EA%B8%B0=PC&maxAge=1"
    assert api.token not in str([each.to_json() for each in sandbox.requests()])


@pytest.mark.parametrize(("user", "status"), [({"id": None}, 200), ({}, 200), (None, 200), ({"id": "1"}, 401)])
def test_a_user_without_an_id_is_no_impersonation(sandbox, user, status):
    """tableau-api-lib sends ``{"id": null}`` with each personal access token."""
    token = {"personalAccessTokenName": "airflow", "personalAccessTokenSecret": "sandbox-pat-secret"}
    body = {"credentials": {**token, "site": {"contentUrl": "analytics"}, "user": user}}
    response = requests.post(f"{sandbox.tableau_url}/api/3.29/auth/signin", json=body, timeout=30)
    assert response.status_code == status
