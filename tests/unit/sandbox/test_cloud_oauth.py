"""Consent, tokens, their rotation and their end, as ``auth.atlassian.com`` handles them."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from workplace_sandbox.store import NotFoundError

REDIRECT = "http://localhost:8080/confluence/callback"
SCOPES = "read:page:confluence write:page:confluence offline_access"
UNKNOWN = {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}


class OAuth:
    """The addresses of ``auth.atlassian.com`` for the app of the sandbox."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox
        self.client_id, self.secret = sandbox.cloud_oauth_client
        self.session = requests.Session()
        self.session.trust_env = False

    def asked(self, **changes: str) -> dict[str, str]:
        parameters = {
            "audience": "api.atlassian.com",
            "client_id": self.client_id,
            "scope": SCOPES,
            "redirect_uri": REDIRECT,
            "state": "상태+1",
            "response_type": "code",
            "prompt": "consent",
        }
        return {name: value for name, value in (parameters | changes).items() if value}

    def authorize(self, **changes: str) -> requests.Response:
        url = f"{self.sandbox.atlassian_auth_url}/authorize?{urlencode(self.asked(**changes))}"
        return self.session.get(url, timeout=30, allow_redirects=False)

    def decide(self, decision: str = "allow", username: str = "haruka", **changes: str) -> dict[str, str]:
        """What the person brings back to the app."""
        form = self.asked(**changes) | {"decision": decision, "username": username}
        url = f"{self.sandbox.atlassian_auth_url}/authorize"
        answer = self.session.post(url, data=form, timeout=30, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        assert answer.headers["Location"].startswith(REDIRECT)
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def token(self, as_form: bool = False, **given: Any) -> requests.Response:
        body = {"client_id": self.client_id, "client_secret": self.secret} | given
        sent: dict[str, Any] = {"data": body} if as_form else {"json": body}
        return self.session.post(f"{self.sandbox.atlassian_auth_url}/oauth/token", timeout=30, **sent)

    def exchange(self, code: str, **more: str) -> requests.Response:
        return self.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **more)

    def refresh(self, token: str, **more: Any) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=token, **more)

    def works(self, access: str) -> bool:
        url = f"{self.sandbox.cloud_gateway_url}/ex/confluence/{self.sandbox.cloud_id}/wiki/api/v2/pages"
        return self.session.get(url, headers={"Authorization": f"Bearer {access}"}, timeout=30).status_code == 200


@pytest.fixture
def oauth(sandbox) -> OAuth:
    return OAuth(sandbox)


def test_a_person_lets_an_app_in(oauth, sandbox):
    page = oauth.authorize()
    assert page.status_code == 200
    assert "佐藤 遥" in page.text
    kept = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    assert kept == oauth.asked()
    back = oauth.decide()
    assert back["state"] == "상태+1"
    answer = oauth.exchange(back["code"])
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert {name: tokens[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer", "expires_in": 3600, "scope": SCOPES,
    }  # fmt: skip
    assert oauth.works(tokens["access_token"])
    home = sandbox.store.space("ANALYTICS").homepage_id
    url = f"{sandbox.cloud_gateway_url}/ex/confluence/{sandbox.cloud_id}/wiki/api/v2/pages/{home}/title"
    change = {"status": "current", "title": "새 이름"}
    requests.put(url, json=change, headers={"Authorization": f"Bearer {tokens['access_token']}"}, timeout=30)
    assert sandbox.store.page(home).updated_by == "haruka"


def test_a_code_works_once_and_not_for_long(oauth, sandbox):
    code = oauth.decide()["code"]
    assert oauth.exchange(code).status_code == 200
    again = oauth.exchange(code)
    assert (again.status_code, again.json()["error"]) == (403, "invalid_grant")
    late = oauth.decide()["code"]
    sandbox.cloud.advance(601)
    assert oauth.exchange(late).status_code == 403


def test_a_code_is_bound_to_address_app_and_verifier(oauth):
    code = oauth.decide()["code"]
    assert oauth.token(grant_type="authorization_code", code=code, redirect_uri="http://localhost/other").status_code == 403
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    pkce = {"code_challenge": challenge, "code_challenge_method": "S256"}
    assert oauth.exchange(oauth.decide(**pkce)["code"]).status_code == 403
    assert oauth.exchange(oauth.decide(**pkce)["code"], code_verifier=verifier).status_code == 200


def test_a_person_says_no(oauth):
    back = oauth.decide("deny")
    assert (back["error"], back["state"]) == ("access_denied", "상태+1")
    assert "code" not in back


def test_nobody_is_sent_to_an_address_that_is_not_the_apps(oauth):
    for changes in (
        {"redirect_uri": "https://elsewhere.example/"},
        {"client_id": "other"},
        {"redirect_uri": "javascript:x"},
    ):
        answer = oauth.authorize(**changes)
        assert answer.status_code == 400
        assert "Location" not in answer.headers
    for changes, word in (
        ({"scope": "read:everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"audience": "other"}, "invalid_request"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request"),
    ):
        answer = oauth.authorize(**changes)
        assert parse_qs(urlsplit(answer.headers["Location"]).query)["error"] == [word]


def test_without_offline_access_there_is_no_refresh_token(oauth):
    tokens = oauth.exchange(oauth.decide(scope="read:page:confluence")["code"]).json()
    assert "refresh_token" not in tokens
    assert tokens["scope"] == "read:page:confluence"


def test_a_page_in_the_consent_form_stays_text(oauth):
    assert "<script>" not in oauth.authorize(state="<script>alert(1)</script>").text


def test_refresh_tokens_rotate(oauth, sandbox):
    first = sandbox.cloud.consent()
    second = oauth.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert oauth.works(first["access_token"])
    third = oauth.refresh(second["refresh_token"], as_form=True).json()
    assert oauth.works(third["access_token"])


def test_two_that_refresh_at_once_both_get_tokens(oauth, sandbox):
    first = sandbox.cloud.consent()
    one, other = (oauth.refresh(first["refresh_token"]).json() for _ in range(2))
    sandbox.cloud.advance(599)
    assert oauth.refresh(first["refresh_token"]).status_code == 200
    for tokens in (one, other):
        assert oauth.works(oauth.refresh(tokens["refresh_token"]).json()["access_token"])


def test_a_refresh_token_used_late_ends_its_whole_family(oauth, sandbox):
    first, stranger = sandbox.cloud.consent(), sandbox.cloud.consent(username="alex")
    second = oauth.refresh(first["refresh_token"]).json()
    sandbox.cloud.advance(601)
    late = oauth.refresh(first["refresh_token"])
    assert (late.status_code, late.json()) == (403, UNKNOWN)
    assert oauth.refresh(second["refresh_token"]).json() == UNKNOWN
    assert oauth.works(second["access_token"]), "an access token that is out lives until its hour is over"
    assert oauth.refresh(stranger["refresh_token"]).status_code == 200


def test_refresh_tokens_end_after_90_days_of_rest_and_a_year_at_all(oauth, sandbox):
    day = 24 * 3600
    resting = sandbox.cloud.consent()["refresh_token"]
    busy = sandbox.cloud.consent()["refresh_token"]
    for _ in range(5):
        sandbox.cloud.advance(70 * day)
        busy = oauth.refresh(busy).json()["refresh_token"]
    assert oauth.refresh(resting).json() == UNKNOWN
    sandbox.cloud.advance(20 * day)
    assert oauth.refresh(busy).json() == UNKNOWN


def test_access_tokens_expire(oauth, sandbox):
    token = sandbox.cloud.consent()["access_token"]
    sandbox.cloud.advance(3599)
    assert oauth.works(token)
    sandbox.cloud.advance(1)
    assert not oauth.works(token)
    sandbox.cloud.set_access_lifetime(60)
    brief = sandbox.cloud.consent()
    assert brief["expires_in"] == 60
    assert sandbox.cloud.expire_access_tokens() >= 1
    assert not oauth.works(brief["access_token"])
    assert oauth.refresh(brief["refresh_token"]).status_code == 200


def test_a_consent_that_is_taken_back(oauth, sandbox):
    mine, others = sandbox.cloud.consent(username="haruka"), sandbox.cloud.consent(username="alex")
    assert sandbox.cloud.revoke_consents("haruka") == 1
    assert oauth.refresh(mine["refresh_token"]).json() == UNKNOWN
    assert not oauth.works(mine["access_token"])
    assert oauth.works(others["access_token"])


def test_one_family_is_ended(oauth, sandbox):
    mine, other = sandbox.cloud.consent(), sandbox.cloud.consent()
    sandbox.cloud.revoke_family(mine["refresh_token"])
    assert oauth.refresh(mine["refresh_token"]).json() == UNKNOWN
    assert not oauth.works(mine["access_token"])
    assert oauth.works(other["access_token"])
    with pytest.raises(NotFoundError, match="token"):
        sandbox.cloud.revoke_family("none")


def test_an_app_gives_its_tokens_back(oauth, sandbox):
    tokens = sandbox.cloud.consent()
    url = f"{sandbox.atlassian_auth_url}/oauth/revoke"
    given = {"client_id": oauth.client_id, "client_secret": oauth.secret, "token": tokens["refresh_token"]}
    assert oauth.session.post(url, json=given, timeout=30).status_code == 200
    assert not oauth.works(tokens["access_token"])
    assert oauth.session.post(url, json=given | {"token": "none"}, timeout=30).status_code == 200


def test_a_service_account(oauth, sandbox):
    client_id, secret = sandbox.cloud_service_client
    answer = oauth.token(grant_type="client_credentials", client_id=client_id, client_secret=secret)
    tokens = answer.json()
    assert "refresh_token" not in tokens
    assert "offline_access" not in tokens["scope"].split()
    assert oauth.works(tokens["access_token"])
    url = f"{sandbox.atlassian_auth_url}/oauth/token"
    basic = oauth.session.post(url, data={"grant_type": "client_credentials"}, auth=(client_id, secret), timeout=30)
    assert oauth.works(basic.json()["access_token"])
    assert oauth.token(grant_type="client_credentials").json()["error"] == "unauthorized_client"
    sandbox.cloud.set_app_scopes(client_id, ["read:space:confluence"])
    poor = oauth.token(grant_type="client_credentials", client_id=client_id, client_secret=secret).json()
    assert not oauth.works(poor["access_token"])


@pytest.mark.parametrize(
    ("given", "status", "word"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "no"}, 403, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "no", "client_secret": "no"}, 401, "access_denied"),
        ({"grant_type": "authorization_code", "code": "no"}, 403, "invalid_grant"),
        ({"grant_type": "password"}, 403, "unsupported_grant_type"),
        ({"client_id": "nobody"}, 401, "access_denied"),
    ],
)
def test_what_is_refused(oauth, given, status, word):
    answer = oauth.token(**given)
    assert (answer.status_code, answer.json()["error"]) == (status, word)


def test_what_cannot_be_read(oauth, sandbox):
    url = f"{sandbox.atlassian_auth_url}/oauth/token"
    for body in (b"{", b"[]", b"\xff"):
        answer = oauth.session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
