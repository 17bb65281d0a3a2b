"""Credentials and addresses in connections: every hook refuses what cannot be sent, names the field, and shows no value."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.log import redact  # type: ignore[attr-defined]

from workplace_provider.common.http_connection import http_connection
from workplace_provider.common.outgoing import checked_test
from workplace_provider.confluence.hooks import ConfluenceHook
from workplace_provider.github.hooks import contribution_source
from workplace_provider.identity.hooks import ScimHook, rest_target
from workplace_provider.jira.hooks import jira_client
from workplace_provider.notices import describe_board
from workplace_provider.notices.hooks import read_notice_board
from workplace_provider.slack.hooks import SlackDirectoryHook, SlackSocketModeHook, SlackWorkflowWebhookHook
from workplace_provider.slack.notifications import SlackAlarmNotifier
from workplace_provider.tableau.hooks import TableauRestHook

SECRET = "S3CRET-of-the-connection"
NOWHERE = "http://127.0.0.1:9"
PASTE_ERRORS = [
    "{}\n",
    "{}\r\n",
    "{}\n\n",
    "\n{}",
    " {}",
    "{} ",
    "{}\t",
    "{}\x1b[0m",
    "{}\u202e",
    "\ufeff{}",
    "{}\x00x",
    "{}\nx",
]
Use = Callable[[], object]


def _board() -> object:
    board = describe_board({"name": "b", "kind": "feed", "url": "/feed", "connection": "conn"})
    return read_notice_board(board, None)


USES: dict[str, tuple[dict[str, Any], Use]] = {
    "confluence, token": ({"conn_type": "confluence"}, lambda: ConfluenceHook("conn").client.current_user()),
    "confluence, async": ({"conn_type": "confluence"}, lambda: asyncio.run(ConfluenceHook("conn").aget_client())),
    "confluence, password": (
        {"conn_type": "confluence", "login": "ann"},
        lambda: ConfluenceHook("conn").client.current_user(),
    ),
    **{
        f"confluence, cloud {auth}": (
            {"conn_type": "confluence", "login": "ann", "extra": {"deployment": "cloud", "auth": auth, "cloud_id": "c"}},
            lambda: ConfluenceHook("conn").client.current_user(),
        )
        for auth in ("token", "scoped", "oauth", "service_account")
    },
    **{
        f"tableau, {auth}": (
            {"conn_type": "tableau_rest", "login": "ann", "extra": {"auth": auth, "client_id": "c", "secret_id": "s"}},
            lambda: TableauRestHook("conn").client.sign_in(),
        )
        for auth in ("pat", "password", "connected_app", "jwt")
    },
    "slack": ({"conn_type": "slack"}, lambda: SlackDirectoryHook(slack_conn_id="conn").reader.token_owner()),
    "slack, its own client": ({"conn_type": "slack"}, lambda: SlackDirectoryHook(slack_conn_id="conn").client.api_test()),
    "slack_app": ({"conn_type": "slack_app"}, lambda: SlackSocketModeHook("conn").get_conn()),
    "slack_app, async": ({"conn_type": "slack_app"}, lambda: asyncio.run(SlackSocketModeHook("conn").aget_client())),
    "slackwebhook": (
        {"conn_type": "slackwebhook"},
        lambda: SlackWorkflowWebhookHook(slack_webhook_conn_id="conn").deliver({"text": "a"}),
    ),
    "alarm": ({"conn_type": "slackwebhook"}, lambda: SlackAlarmNotifier(slack_webhook_conn_id="conn", text="a")({})),
    "scim": ({"conn_type": "scim"}, lambda: ScimHook("conn").client.count()),
    "scim, password": ({"conn_type": "scim", "login": "ann"}, lambda: ScimHook("conn").client.count()),
    "github": ({"conn_type": "github"}, lambda: contribution_source("conn")),
    "jira": ({"conn_type": "jira"}, lambda: jira_client("conn")),
    "jira, scoped": (
        {"conn_type": "jira", "login": "ann", "extra": {"auth": "scoped", "cloud_id": "c"}},
        lambda: jira_client("conn"),
    ),
    "jira, password": ({"conn_type": "jira", "login": "ann"}, lambda: jira_client("conn")),
    "http": ({"conn_type": "http"}, lambda: http_connection("conn", "https://x.example.com")),
    "http, password": ({"conn_type": "http", "login": "ann"}, lambda: http_connection("conn", "https://x.example.com")),
    "accounts over REST": ({"conn_type": "http"}, lambda: rest_target("conn", Path("service.yaml"))),
    "notice board": ({"conn_type": "http"}, _board),
}
WITH_HOST = [name for name in USES if not name.startswith(("slack", "alarm", "accounts"))]
TESTS: dict[str, Callable[[], tuple[bool, str]]] = {
    "confluence": lambda: ConfluenceHook("conn").test_connection(),
    "tableau_rest": lambda: TableauRestHook("conn").test_connection(),
    "scim": lambda: ScimHook("conn").test_connection(),
    "slack_app": lambda: SlackSocketModeHook("conn").test_connection(),
}


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CONN_OAUTH_TOKEN", "")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def to(plain: dict[str, Any], **more: Any) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_CONN", json.dumps({"host": NOWHERE, **plain, **more}))

    return to


def failure_of(use: Use) -> str:
    """Return what the log would show of a failure: the message, and those of its causes."""
    try:
        use()
    except Exception as error:
        shown: list[str] = []
        cause: BaseException | None = error
        while cause is not None:
            shown.append(f"{cause} {cause!r}")
            cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        return "\n".join(shown)
    raise AssertionError("it was taken")


@pytest.mark.parametrize("paste", PASTE_ERRORS)
@pytest.mark.parametrize("use", USES)
def test_a_password_that_was_pasted_badly(connect: Callable[..., None], use: str, paste: str) -> None:
    plain, client = USES[use]
    connect(plain, password=paste.format(SECRET))
    said = failure_of(client)
    assert "the password contains " in said
    assert "connection conn" in said
    assert SECRET not in said, "not even before Airflow masks it"


@pytest.mark.parametrize(
    "use", ["confluence, token", "tableau, pat", "slack", "slackwebhook", "github", "http", "scim", "jira"]
)
@pytest.mark.parametrize("password", [f"{SECRET} x", f"{SECRET}\u2013x", f"Bearer {SECRET}", f"{SECRET}\u00a0x"])
def test_a_token_with_a_character_that_tokens_do_not_have(connect: Callable[..., None], use: str, password: str) -> None:
    plain, client = USES[use]
    connect(plain, password=password)
    said = failure_of(client)
    assert "the password contains " in said
    assert SECRET not in said


@pytest.mark.parametrize("use", WITH_HOST)
@pytest.mark.parametrize(
    "host",
    [
        f"https://ann:{SECRET}@wiki.example.com",
        f"ann:{SECRET}@wiki.example.com",
        f"https://ann:{SECRET}/x@wiki.example.com",
        f"htps://ann:{SECRET}@wiki.example.com",
        f"https:/ann:{SECRET}@wiki.example.com",
        f"https//ann:{SECRET}@wiki.example.com",
        f"https://wiki.example.com/?token={SECRET}",
        f"https://wiki.example.com/#{SECRET}",
        f"https://wiki.example.com {SECRET}",
        f"https://{SECRET}\n",
        f"https://[{SECRET}",
        f"https://ann:{SECRET}@h\u2100.example.com",
    ],
)
def test_an_address_that_cannot_be_used(connect: Callable[..., None], use: str, host: str) -> None:
    plain, client = USES[use]
    connect(plain, password="token", host=host)
    said = failure_of(client)
    assert "connection conn: the host " in said
    assert SECRET not in said


def test_a_schema_that_is_mistyped(connect: Callable[..., None]) -> None:
    connect({"conn_type": "http"}, host="wiki.example.com", schema="htps")
    assert "connection conn: the schema must be http or https" in failure_of(USES["http"][1])


@pytest.mark.parametrize("proxy", [f"htp://ann:{SECRET}@proxy", f"http://ann:{SECRET}@proxy x", f"http://ann:{SECRET}@p:x"])
@pytest.mark.parametrize(
    "use", ["confluence, token", "tableau, pat", "slack", "slackwebhook", "github", "http", "scim", "slack_app"]
)
def test_a_proxy_that_cannot_be_used(connect: Callable[..., None], use: str, proxy: str) -> None:
    plain, client = USES[use]
    password = f"{NOWHERE}/services/T/B/x" if use == "slackwebhook" else "xapp-token"
    connect(plain, password=password, extra={**plain.get("extra", {}), "proxy": proxy})
    said = failure_of(client)
    assert "connection conn: the extra proxy " in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("use", "extra", "field"),
    [
        ("tableau, pat", {"pats": [{"name": "a", "secret": f"{SECRET}\n"}]}, "the secret of token 1 in the extra pats"),
        ("http", {"X-Api-Key": f"{SECRET}\n"}, "the extra 'X-Api-Key'"),
        ("http", {"X-Api-Key": f"{SECRET} "}, "the extra 'X-Api-Key'"),
        ("slack", {"base_url": f"https://ann:{SECRET}@slack.example.com/api/"}, "the extra base_url"),
        ("slack_app", {"base_url": f"https://ann:{SECRET}@slack.example.com/api/"}, "the extra base_url"),
        (
            "confluence, cloud service_account",
            {"deployment": "cloud", "auth": "service_account", "api_url": f"https://ann:{SECRET}@api.example.com"},
            "the extra api_url",
        ),
        (
            "confluence, cloud scoped",
            {"deployment": "cloud", "auth": "scoped", "cloud_id": f"{SECRET}\n"},
            "the extra cloud_id",
        ),
    ],
)
def test_an_extra_that_cannot_be_used(connect: Callable[..., None], use: str, extra: dict[str, Any], field: str) -> None:
    plain, client = USES[use]
    connect(plain, password="xapp-token", extra=extra)
    said = failure_of(client)
    assert f"connection conn: {field}" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "url", ["{}/services/T/B/{} x", "htps://{}", "hooks.slack.com/services/T/B/{}\n", "https://h/?x={}"]
)
def test_the_url_of_a_webhook_that_cannot_be_used(connect: Callable[..., None], url: str) -> None:
    connect({"conn_type": "slackwebhook"}, password=url.replace("{}", SECRET), host="")
    for use in ("slackwebhook", "alarm"):
        said = failure_of(USES[use][1])
        assert "password" in said
        assert SECRET not in said


@pytest.mark.parametrize("kind", TESTS)
@pytest.mark.parametrize(
    "plain",
    [
        {"password": f"{SECRET}\n"},
        {"password": f"xapp-{SECRET}\n"},
        {"host": f"https://ann:{SECRET}@wiki.example.com", "password": "xapp-token"},
        {"password": "xapp-token", "extra": {"proxy": f"htp://ann:{SECRET}@proxy", "base_url": NOWHERE}},
        {"password": "xapp-token", "extra": {"proxy": f"http://ann:{SECRET}@127.0.0.1:9", "base_url": NOWHERE}},
    ],
)
def test_the_test_button_shows_no_secret(connect: Callable[..., None], kind: str, plain: dict[str, Any]) -> None:
    connect({"conn_type": kind, "login": "ann" if kind == "tableau_rest" else ""}, **plain)
    works, said = TESTS[kind]()
    assert not works
    assert said
    assert SECRET not in said


@pytest.mark.parametrize("error", [OSError(SECRET), TypeError(SECRET), UnicodeError(SECRET), RuntimeError(SECRET)])
def test_the_test_button_repeats_no_library(error: Exception) -> None:
    @checked_test
    def test(_: object) -> tuple[bool, str]:
        raise error

    works, said = test(None)
    assert not works
    assert type(error).__name__ in said
    assert SECRET not in said


def test_the_test_button_shows_no_control_characters() -> None:
    @checked_test
    def test(_: object) -> tuple[bool, str]:
        return True, "Ann \x1b[31m\u202e"

    assert test(None) == (True, r"Ann \x1b[31m\u202e")


def test_a_secret_is_masked_as_it_looks_without_its_line_break(connect: Callable[..., None]) -> None:
    secret = "S3CRET-with-a-line-break"
    connect({"conn_type": "http"}, password=f"{secret}\n", extra={"proxy": "http://ann:S3CRET-of-a-proxy@p:3128"})
    with suppress(ValueError):
        http_connection("conn", "https://x.example.com")
    assert "S3CRET" not in str(redact(f"login with {secret} by http://ann:S3CRET-of-a-proxy@p:3128 failed"))
