from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from support.consented import QUICK, atlassian, consented_client, first_tokens, refreshes
from support.refreshing_task import ask_for_the_user
from support.scripted_server import ScriptedServer, reply
from workplace_provider.common.atlassian.credentials import OAuthApp, ServiceAccountApp
from workplace_provider.common.atlassian.oauth import Consent, RefreshTokenAuth, TokenEndpoint, missing_scopes
from workplace_provider.common.atlassian.token_store import FileTokenStore, MemoryTokenStore, TokenSet, lease
from workplace_provider.confluence import connect
from workplace_provider.confluence.auth.scopes import SCOPES
from workplace_provider.http.errors import AuthFailed, BadResponse, Forbidden, Invalid, NotFound
from workplace_sandbox import Sandbox
from workplace_sandbox.faults import Fault

REDIRECT = "http://127.0.0.1:8765/callback"


@pytest.fixture
def store(sandbox: Sandbox) -> MemoryTokenStore:
    return MemoryTokenStore(first_tokens(sandbox))


class StoreWithoutLocks(MemoryTokenStore):
    """A store in which the locks have failed, as when a lease was written too slowly."""

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        return ()


def endpoint(sandbox: Sandbox) -> TokenEndpoint:
    return TokenEndpoint(*sandbox.cloud_oauth_client, sandbox.atlassian_auth_url, settings=QUICK, sleep=lambda _: None)


def test_a_consent_is_used_refreshed_and_kept(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    before = store.load()
    client = consented_client(sandbox, store)
    assert client.current_user().display_name == "보고봇"
    after = store.load()
    assert before is not None
    assert after is not None
    assert after.refresh_token not in ("", before.refresh_token)
    assert after.expires_at > time.time() + 3000
    client.current_user()
    assert len(refreshes(sandbox)) == 1
    assert after.access_token not in repr(after)
    assert after.refresh_token not in repr(after)


def test_the_site_is_found_by_the_token_alone(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    client = consented_client(sandbox, store, host="")
    assert client.base_url == f"{sandbox.cloud_url}/wiki"
    other = consented_client(sandbox, store, host="https://other.atlassian.net")
    with pytest.raises(NotFound, match=f"not for https://other.atlassian.net, but for: {sandbox.cloud_url}"):
        other.current_user()


def test_an_access_token_is_replaced_before_it_ends(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    now = time.time()
    auth = RefreshTokenAuth(endpoint(sandbox), store, now=lambda: now)
    first = auth.current()
    now += 3600 - 121
    assert auth.current() == first
    now += 2
    assert auth.current().access_token != first.access_token


def test_a_token_that_ends_early_is_replaced_after_its_refusal(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    client = consented_client(sandbox, store)
    client.current_user()
    sandbox.cloud.expire_access_tokens()
    # A write that was refused for its token was not carried out, so it is sent again.
    page = client.create_page("ANALYTICS", "20261119_주간 보고", "<p>본문</p>")
    assert client.get_page(page.id).version == 1
    assert len(refreshes(sandbox)) == 2


def test_a_new_refresh_token_is_stored_before_it_is_used(sandbox: Sandbox) -> None:
    class Failing(MemoryTokenStore):
        fails = 99

        def save(self, tokens: TokenSet) -> None:
            self.fails -= 1
            if self.fails >= 0:
                raise OSError("the database is away")
            super().save(tokens)

    store = Failing(first_tokens(sandbox))
    client = consented_client(sandbox, store)
    with pytest.raises(OSError, match="database is away"):
        client.current_user()
    assert [asked.path for asked in sandbox.requests()] == ["/cloud/auth/oauth/token"]
    # The next attempt comes within the leeway, with the old token.
    store.fails = 1
    assert consented_client(sandbox, store).current_user().display_name == "보고봇"
    sandbox.cloud.advance(3600)
    assert consented_client(sandbox, store).current_user().display_name == "보고봇"


def test_a_lost_answer_is_asked_for_again(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    sandbox.add_fault(Fault("/oauth/token$", "drop_after", times=1))
    assert consented_client(sandbox, store).current_user().display_name == "보고봇"
    assert len(refreshes(sandbox)) == 2
    sandbox.cloud.advance(timedelta(hours=2))
    assert consented_client(sandbox, store).current_user().display_name == "보고봇"


def test_two_machines_at_once_are_within_the_leeway(sandbox: Sandbox) -> None:
    tokens = first_tokens(sandbox)
    store = StoreWithoutLocks(tokens)
    barrier = threading.Barrier(8)

    def use(_: int) -> str:
        auth = RefreshTokenAuth(endpoint(sandbox), store)
        barrier.wait()
        return auth.current().access_token

    with ThreadPoolExecutor(8) as pool:
        used = set(pool.map(use, range(8)))
    assert len(used) == len(refreshes(sandbox))
    sandbox.cloud.advance(timedelta(hours=2))
    assert consented_client(sandbox, store).current_user().display_name == "보고봇"


def test_a_lost_race_takes_what_the_winner_stored(sandbox: Sandbox) -> None:
    tokens = first_tokens(sandbox)
    winner = endpoint(sandbox).refresh(tokens.refresh_token)
    sandbox.cloud.advance(timedelta(minutes=11))

    class Late(StoreWithoutLocks):
        """Shows the old tokens until they were refused."""

        looks = 0

        def load(self) -> TokenSet | None:
            self.looks += 1
            return tokens if self.looks <= 1 else winner

    store = Late()
    store.looks = 0
    auth = RefreshTokenAuth(endpoint(sandbox), store, sleep=lambda _: None)
    # The old token ends the family: that is the harm that re-reading cannot mend, and the locks keep away from.
    assert auth.current() == winner


def test_a_revoked_consent_says_to_consent_again(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    client = consented_client(sandbox, store)
    page = client.create_page("ANALYTICS", "제목", "<p>본문</p>")
    sandbox.cloud.revoke_consents()
    for ask in (lambda: client.get_page(page.id), lambda: client.find_page("ANALYTICS", "제목")):
        with pytest.raises(AuthFailed, match="consent again with workplace-confluence-login") as caught:
            ask()
        assert not caught.value.retryable
        assert caught.value.code == "invalid_grant"


def test_a_consent_ends_after_a_year(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    sandbox.cloud.advance(timedelta(days=366))
    with pytest.raises(AuthFailed, match="after a year in any case"):
        consented_client(sandbox, store).current_user()


def test_without_a_consent_it_is_told_how_to_get_one(sandbox: Sandbox) -> None:
    with pytest.raises(AuthFailed, match=r"No tokens in memory\. Consent first"):
        consented_client(sandbox, MemoryTokenStore()).current_user()
    lasting_an_hour = MemoryTokenStore(first_tokens(sandbox, ["read:page:confluence"]))
    with pytest.raises(AuthFailed, match="with the scope offline_access"):
        consented_client(sandbox, lasting_an_hour).current_user()


def test_a_wrong_client_secret_is_told(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    credential = OAuthApp(sandbox.cloud_oauth_client[0], "wr0ng", store, atlassian=atlassian(sandbox))
    with pytest.raises(AuthFailed, match="Check the client id and the client secret") as caught:
        connect(sandbox.cloud_url, credential=credential, settings=QUICK).current_user()
    assert "wr0ng" not in str(caught.value)
    kept = store.load()
    assert kept is not None
    assert kept.refresh_token not in str(caught.value)


def test_a_consent_to_too_little_names_what_is_missing(sandbox: Sandbox) -> None:
    scopes = ["read:page:confluence", "read:content-details:confluence", "read:space:confluence", "offline_access"]
    store = MemoryTokenStore(first_tokens(sandbox, scopes))
    client = consented_client(sandbox, store)
    assert client.find_page("ANALYTICS", "없는 제목") is None
    with pytest.raises(Forbidden, match="does not have the scope write:page:confluence; add it to the app"):
        client.create_page("ANALYTICS", "제목", "<p>x</p>")
    tokens = store.load()
    assert tokens is not None
    assert "write:page:confluence" in missing_scopes(tokens, SCOPES)
    assert "read:page:confluence" not in missing_scopes(tokens, SCOPES)


def test_a_service_account_needs_no_consent_and_no_store(sandbox: Sandbox) -> None:
    credential = ServiceAccountApp(*sandbox.cloud_service_client, atlassian=atlassian(sandbox))
    client = connect("", credential=credential, settings=QUICK)
    assert client.current_user().display_name == "보고봇"
    sandbox.cloud.expire_access_tokens()
    assert client.find_page("ANALYTICS", "없는 제목") is None
    assert len(refreshes(sandbox)) == 2


# --- many at once -------------------------------------------------------------------------------------------------------


def test_eight_threads_with_one_client_refresh_once(sandbox: Sandbox, store: MemoryTokenStore) -> None:
    client = consented_client(sandbox, store)
    client.current_user()
    sandbox.cloud.expire_access_tokens()
    barrier = threading.Barrier(8)

    def ask(_: int) -> str:
        barrier.wait()
        found = client.find_page("ANALYTICS", "없는 제목")
        assert found is None
        return client.base_url

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert len(refreshes(sandbox)) == 2


@pytest.mark.parametrize("number", [3, pytest.param(8, marks=pytest.mark.large)])
def test_processes_refresh_once_and_none_is_locked_out(sandbox: Sandbox, tmp_path: Path, number: int) -> None:
    path = tmp_path / "tokens.json"
    store = FileTokenStore(path)
    store.save(first_tokens(sandbox))
    assert path.stat().st_mode & 0o777 == 0o600
    spawn = multiprocessing.get_context("spawn")
    for round_ in range(2):
        start, results = spawn.Event(), spawn.Queue()
        given = (str(path), atlassian(sandbox), sandbox.cloud_oauth_client, sandbox.cloud_url, start, results)
        tasks = [spawn.Process(target=ask_for_the_user, args=given) for _ in range(number)]
        for task in tasks:
            task.start()
        start.set()
        assert [results.get(timeout=120) for _ in tasks] == ["보고봇"] * number
        for task in tasks:
            task.join()
        assert len(refreshes(sandbox)) == round_ + 1
        sandbox.cloud.advance(timedelta(hours=2))
        kept = store.load()
        assert kept is not None
        store.save(TokenSet(kept.access_token, 0, kept.refresh_token, kept.issued_at, kept.scopes))


class Board:
    """A register that all machines see, each write a little later."""

    def __init__(self, slow: float = 0.0) -> None:
        self.value = ""
        self._slow = slow

    def read(self) -> str:
        return self.value

    def write(self, value: str) -> None:
        time.sleep(self._slow)
        self.value = value


def test_a_lease_lets_one_machine_in_at_a_time() -> None:
    board, inside, most, guard = Board(slow=0.005), [0], [0], threading.Lock()
    barrier = threading.Barrier(8)

    def machine(_: int) -> None:
        barrier.wait()
        with lease(board, lambda: False, settles=0.15) as held:
            assert held
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            with guard:
                inside[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(machine, range(8)))
    assert most == [1]
    assert board.value == ""


def test_a_lease_of_a_machine_that_died_ends() -> None:
    board, clock = Board(), [1000.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with lease(board, lambda: False, sleep=sleep, now=lambda: clock[0]):
        left = board.value
    board.value = left
    with lease(board, lambda: False, sleep=sleep, now=lambda: clock[0]) as held:
        assert held
    assert 1060 <= clock[0] < 1070, clock


def test_waiting_for_a_lease_ends_when_another_has_refreshed() -> None:
    board = Board()
    with (
        lease(board, lambda: False, sleep=lambda _: None) as first,
        lease(board, lambda: True, sleep=lambda _: None) as second,
    ):
        assert (first, second) == (True, False)
    assert board.value == ""
    board.value = "not json"
    with lease(board, lambda: False, sleep=lambda _: None) as held:
        assert held


class Leased(MemoryTokenStore):
    """Tokens that all machines see, and a lease between them; each machine has one task."""

    def __init__(self, tokens: TokenSet) -> None:
        super().__init__(tokens)
        self.board = Board(slow=0.005)

    def locks(self, done: Callable[[], bool]) -> Sequence[AbstractContextManager[Any]]:
        return (lease(self.board, done, settles=0.2),)


def test_eight_machines_refresh_once(sandbox: Sandbox) -> None:
    store, barrier = Leased(first_tokens(sandbox)), threading.Barrier(8)

    def machine(_: int) -> str:
        auth = RefreshTokenAuth(endpoint(sandbox), store)
        barrier.wait()
        return auth.current().access_token

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(machine, range(8)))) == 1
    assert len(refreshes(sandbox)) == 1
    assert store.board.value == ""


# --- consent ------------------------------------------------------------------------------------------------------------


def _person_allows(consent: Consent, sandbox: Sandbox, **changed: str) -> dict[str, str]:
    """What a browser comes back with."""
    asked = dict(parse_qsl(urlsplit(consent.url(sandbox.atlassian_auth_url)).query))
    form = {**asked, "username": "report-bot", "decision": "allow", **changed}
    answer = requests.post(f"{sandbox.atlassian_auth_url}/authorize", data=form, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def test_a_person_consents(sandbox: Sandbox) -> None:
    consent = Consent(sandbox.cloud_oauth_client[0], REDIRECT, SCOPES)
    assert consent.verifier not in consent.url(sandbox.atlassian_auth_url)
    tokens = consent.tokens(_person_allows(consent, sandbox), endpoint(sandbox))
    assert tokens.refresh_token
    assert missing_scopes(tokens, SCOPES) == []
    assert consented_client(sandbox, MemoryTokenStore(tokens)).current_user().display_name == "보고봇"


def test_an_answer_to_another_consent_is_refused(sandbox: Sandbox) -> None:
    consent = Consent(sandbox.cloud_oauth_client[0], REDIRECT, SCOPES)
    answer = _person_allows(consent, sandbox)
    with pytest.raises(Invalid, match="another request"):
        Consent(sandbox.cloud_oauth_client[0], REDIRECT, SCOPES).tokens(answer, endpoint(sandbox))
    stolen = Consent(sandbox.cloud_oauth_client[0], REDIRECT, SCOPES, state=consent.state)
    with pytest.raises(AuthFailed, match="code verifier"):
        stolen.tokens(answer, endpoint(sandbox))


def test_a_person_declines(sandbox: Sandbox) -> None:
    consent = Consent(sandbox.cloud_oauth_client[0], REDIRECT, SCOPES)
    with pytest.raises(Invalid, match="The consent was not given: User did not authorize"):
        consent.tokens(_person_allows(consent, sandbox, decision="deny"), endpoint(sandbox))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"a": 1}', "eyJsecret", '{"access_token": "s3cret", "expires_at": "x"}']
)
def test_what_is_no_token_is_not_repeated(text: str) -> None:
    with pytest.raises(Invalid, match="not a set of OAuth tokens") as caught:
        TokenSet.read(text)
    assert "cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("lasts", ['"abc"', "[1]", "NaN", "1e999", "-5", "null", "1" * 400])
def test_a_life_that_is_no_number_does_not_cost_the_refresh_token(server: ScriptedServer, lasts: str) -> None:
    server.will(reply(200, f'{{"access_token": "a2", "refresh_token": "r2", "expires_in": {lasts}}}'.encode()))
    store = MemoryTokenStore(TokenSet("a1", 0.0, "r1"))
    address = TokenEndpoint("id", "secret", server.url, settings=QUICK, sleep=lambda _: None, now=lambda: 1000.0)
    assert RefreshTokenAuth(address, store, now=lambda: 1000.0).current().access_token == "a2"
    assert store.load() == TokenSet("a2", 4600.0, "r2", 1000.0)


@pytest.mark.parametrize("token", ['"s3cret\\n"', '{"s3cret": 1}', '"s3cret€"'])
def test_a_token_that_cannot_be_sent_takes_the_place_of_none(server: ScriptedServer, token: str) -> None:
    server.will(reply(200, f'{{"access_token": {token}, "refresh_token": "r2"}}'.encode()))
    store = MemoryTokenStore(TokenSet("a1", 0.0, "r1"))
    tokens = RefreshTokenAuth(TokenEndpoint("id", "secret", server.url, settings=QUICK, sleep=lambda _: None), store)
    with pytest.raises(BadResponse, match="access token") as caught:
        tokens.current()
    assert "s3cret" not in str(caught.value)
    assert store.load() == TokenSet("a1", 0.0, "r1")
