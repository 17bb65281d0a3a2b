from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from support.bi_site import BiSite
from workplace_provider.http.errors import AuthFailed, BadResponse, Invalid, WorkplaceError
from workplace_provider.tableau import ConnectedApp, Jwt, PersonalAccessToken, TableauClient, UserPassword
from workplace_provider.tableau.client import CSV, PNG, SessionLost, TableauSessionStolen
from workplace_provider.tableau.client import session as sessions
from workplace_sandbox import Fault


def test_nothing_is_sent_before_it_is_needed(bi: BiSite) -> None:
    bi.client().close()
    assert bi.sandbox.requests() == []


@pytest.mark.parametrize("cloud", [False, True])
def test_each_kind_of_credential_signs_in(bi: BiSite, cloud: bool) -> None:
    app = ConnectedApp(**bi.sandbox.tableau_connected_app, user=bi.sandbox.tableau_user)
    kinds = [bi.token, app, Jwt(app.mint()), UserPassword(bi.sandbox.tableau_user, bi.sandbox.tableau_password)]
    for credential in kinds:
        with bi.client(credential, cloud=cloud) as client:
            if cloud and isinstance(credential, UserPassword):
                with pytest.raises(AuthFailed):
                    client.sign_in()
                continue
            assert client.views()
    assert bi.controls.sessions == []


def test_the_default_site_of_a_server_has_an_empty_name(bi: BiSite) -> None:
    with bi.client(site="") as client:
        assert {view.workbook for view in client.views()} == {"주간 지표"}
        assert client.browser_url == f"{bi.sandbox.tableau_url}/#"


def test_a_wrong_secret_says_what_to_check_and_not_what_it_is(bi: BiSite) -> None:
    with bi.client(PersonalAccessToken("airflow", "wrong-secret-1")) as client:
        with pytest.raises(AuthFailed, match="Check token name, secret and site") as caught:
            client.views()
        assert "wrong-secret-1" not in f"{caught.value}{client!r}{caught.value!r}"
    assert bi.sign_ins() == 1, "what is wrong stays wrong"


def test_secrets_are_in_no_repr(bi: BiSite) -> None:
    seen: list[str] = []
    with bi.client(on_secret=seen.append) as client:
        session = client.sign_in()
        app = ConnectedApp(**bi.sandbox.tableau_connected_app, user="x")
        shown = repr([session, bi.token, app, Jwt("a-token"), UserPassword("a", "a-password")])
    for secret in [*seen, bi.token.secret, app.secret_value, "a-token", "a-password"]:
        assert secret not in shown
    assert seen == [session.token]


def test_one_session_serves_all_threads(bi: BiSite) -> None:
    with bi.client() as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: bi.exported(client, PNG), range(8)))
    assert bi.sign_ins() == 1


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_session_that_ends_early_is_renewed_and_the_right_file_comes(bi: BiSite, after: int) -> None:
    bi.controls.end_session_after(exports=after, every_time=after > 0)
    with bi.client(cloud=True) as client:
        files = [bi.exported(client, CSV)[0] for _ in range(4)]
        assert len(set(files)) == 1
        assert files[0].startswith("날짜,사용자 수,목표\r\n".encode())
        assert client.re_sign_ins == {0: 1, 1: 3, 2: 1}[after]


def test_a_session_that_expires_in_the_middle_of_a_list_is_renewed(bi: BiSite) -> None:
    bi.controls.add_workbooks(50)
    with bi.client() as client:
        client.sign_in()
        bi.controls.expire_sessions()
        assert len(client.workbooks(page_size=10)) > 50
    assert bi.sign_ins() == 2, "one thread signs in for all"


def test_an_old_session_is_renewed_before_it_ends(bi: BiSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SESSION_SECONDS", -1.0)
    with bi.client() as client:
        client.views()
        bi.controls.clock.advance(timedelta(minutes=119))
        client.views()
    assert [each.status for each in bi.sandbox.requests("/views$")] == [200, 200]
    assert bi.sign_ins() > 1


def test_the_age_at_which_a_session_is_renewed_is_within_what_tableau_cloud_allows() -> None:
    assert sessions.SESSION_SECONDS < 120 * 60 - 330


def test_a_token_that_something_else_uses_is_an_error_that_names_the_rule(bi: BiSite) -> None:
    bi.controls.end_session_after(exports=0, every_time=True)
    with bi.client() as client, pytest.raises(TableauSessionStolen) as caught:
        bi.exported(client, PNG)
    said = str(caught.value)
    assert "a personal access token has one session at a time" in said
    assert "'airflow'" in said
    assert "pool with one slot (tableau_pat)" in said
    assert caught.value.retryable
    assert bi.sign_ins() == 3, "twice again, and no more"


def test_another_credential_has_another_explanation(bi: BiSite) -> None:
    bi.controls.end_session_after(exports=0, every_time=True)
    credential = UserPassword(bi.sandbox.tableau_user, bi.sandbox.tableau_password)
    with bi.client(credential) as client, pytest.raises(SessionLost, match="ended 3 times") as caught:
        bi.exported(client, PNG)
    assert not isinstance(caught.value, TableauSessionStolen)


def test_with_several_tokens_the_next_one_takes_over(bi: BiSite) -> None:
    with bi.client(bi.tokens(), first_credential=1) as client, bi.client(bi.tokens()[1]) as thief:
        client.sign_in()
        thief.sign_in()
        bi.exported(client, PNG)
        assert {each.pat for each in bi.controls.sessions} == {"airflow-2", "airflow-3"}
        bi.exported(thief, PNG)
        assert thief.re_sign_ins == 0, "nobody was robbed in return"


def many_tasks(bi: BiSite, slots: int) -> list[WorkplaceError | None]:
    """Eight tasks on one token, each with a client of its own, so many at a time."""
    pool = threading.BoundedSemaphore(slots)

    def task(_: int) -> WorkplaceError | None:
        with pool, bi.client() as client:
            try:
                for _ in range(3):
                    bi.exported(client, PNG)
            except WorkplaceError as error:
                return error
        return None

    with ThreadPoolExecutor(8) as workers:
        return list(workers.map(task, range(8)))


def test_eight_tasks_on_one_token_succeed_one_after_the_other_and_not_together(bi: BiSite) -> None:
    bi.controls.render_seconds = 0.05
    assert many_tasks(bi, slots=1) == [None] * 8
    failed = [error for error in many_tasks(bi, slots=8) if error]
    assert failed
    for error in failed:
        assert isinstance(error, TableauSessionStolen), error
        assert "one session at a time" in str(error)


def test_signing_out_never_fails(bi: BiSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = bi.client()
    client.sign_in()
    bi.controls.expire_sessions()
    client.close()
    client.close()
    with bi.client() as other:
        other.sign_in()
        bi.sandbox.add_fault(Fault("/auth/signout", "drop_before"))
    assert "sign-out failed; the session will expire" in caplog.text


@pytest.mark.parametrize("fault", [Fault("/auth/signin", "status", status=503), Fault("/auth/signin", "drop_after")])
def test_a_sign_in_that_fails_by_chance_is_repeated(bi: BiSite, fault: Fault) -> None:
    bi.sandbox.add_fault(fault)
    with bi.client() as client:
        assert client.views()


def test_a_log_in_page_instead_of_tableau_is_explained(bi: BiSite) -> None:
    bi.sandbox.add_fault(Fault("/serverinfo", "html", times=None))
    with bi.client() as client, pytest.raises(BadResponse, match="a proxy or log-in page may respond instead"):
        client.views()
    with bi.client(api_version="3.19") as client:
        bi.sandbox.add_fault(Fault("/auth/signin", "html"))
        with pytest.raises(BadResponse, match=r"Cannot read.*auth/signin|auth/signin.*Cannot read"):
            client.views()


def test_the_version_is_the_newest_that_both_know(bi: BiSite) -> None:
    with bi.client() as client:
        assert client.api_version == "3.29"
    with bi.client(api_version="3.9") as client:
        client.views()
        assert bi.sandbox.requests("/api/3.9/sites/")
        with pytest.raises(Invalid, match=r"Width and height needs version 3\.23"):
            bi.exported(client, PNG, width=800, height=400)
    with bi.client(api_version="neu") as client, pytest.raises(Invalid, match="api_version is 'neu'"):
        bi.exported(client, PNG)
    bi.sandbox.add_fault(Fault("/serverinfo", "status", status=504, times=None))
    with bi.client() as client, pytest.raises(WorkplaceError, match="504"):
        client.views()


def test_credentials_must_be_given(bi: BiSite) -> None:
    with pytest.raises(Invalid, match="No credentials to sign in with"):
        TableauClient(bi.sandbox.tableau_url, [])
