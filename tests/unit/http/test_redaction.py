"""What leaves: URLs without secrets, text without control characters, whatever the input is."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workplace_provider
from workplace_provider.http.errors import BadResponse, Invalid, WorkplaceError
from workplace_provider.http.redaction import (
    clean_text,
    get_logger,
    has_invisible,
    remove_invisible,
    sanitize_exception,
    sanitize_link,
    sanitize_text,
    sanitize_url,
)

SECRET = "S3CRET"
TOKEN_NAMES = ["token", "access_token", "Password", "api_key", "sig", "X-Amz-Signature", "k", "auth", "비밀", "s"]


@given(st.text(max_size=20), st.sampled_from(TOKEN_NAMES))
def test_the_value_of_an_unknown_parameter_is_masked(value: str, name: str) -> None:
    shown = sanitize_url(f"https://user:{SECRET}@h.example:8443/p?{urlencode({name: SECRET + value, 'limit': 5})}")
    assert SECRET not in shown
    assert shown.startswith("https://h.example:8443/p?")
    assert "limit=5" in shown


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@h.example/p",
        f"https://{SECRET}@h.example/p",
        f"https://ann@example.com:{SECRET}@h.example/p",
        f"https://user:pa/{SECRET}@h.example/p",
        f"https://user:pa?{SECRET}@h.example/p",
        f"https://user:pa#{SECRET}@h.example/p",
        f"https://user:1/{SECRET}@h/p",
        f"htps://user:{SECRET}@h.example/p",
        f"https:/user:{SECRET}@h.example/p",
        f"https:\\\\user:{SECRET}@h.example\\p",
        f"user:{SECRET}@h.example/p",
        f"//user:{SECRET}@h.example/p",
        f"https//user:{SECRET}@h.example/p",
        f"https:user:{SECRET}@h.example/p",
        f"https://user:{SECRET}@h.example:99999999/p",
        f"https://user:{SECRET}@[h.example/p",
        f"https://user:{SECRET}@h.ex\u2100mple/p",
        f"https://h.example/p?{SECRET}",
        f"https://h.example/p?token={SECRET}&limit=5",
        f"https://h.example/p?a=b;token={SECRET}",
        f"https://h.example/p;token={SECRET}/q",
        f"https://h.example/p#access_token={SECRET}",
        f"https://bucket.s3.amazonaws.com/key?X-Amz-Credential={SECRET}&X-Amz-Security-Token={SECRET}",
        f"https://hooks.slack.com/services/T0/B0/{SECRET}",
        f"https://hooks.slack.com/commands/T0/1/{SECRET}",
        f"wss://wss-primary.slack.com/link/?ticket={SECRET}&app_id=A",
        f"/feed?token={SECRET}",
    ],
)
def test_a_secret_of_a_url_is_not_shown(url: str) -> None:
    assert SECRET not in sanitize_url(url)
    assert SECRET not in sanitize_text(f"GET {url} failed") or "://" not in url
    for error in (
        Invalid(f"cannot read {url}", system="Board") if "://" in url else None,
        BadResponse("no", system="B", url=url),
    ):
        assert error is None or SECRET not in str(error) + repr(error) + error.url


@pytest.mark.parametrize(
    "url",
    [
        "https://wiki.example.com:8090/ctx/rest/api/content?title=%EC%A3%BC%EA%B0%84&spaceKey=ANL&limit=25",
        "https://wiki.example.com/pages/viewpage.action?pageId=7",
        "https://[::1]:8080/api",
        "https://wiki.example.com/display/~ann@example.com/Home",
        "/rest/api/content?start=25",
        "",
    ],
)
def test_a_url_without_secrets_stays_as_it_is(url: str) -> None:
    assert sanitize_url(url) == sanitize_url(sanitize_url(url)) == url


@given(st.text(max_size=60))
def test_any_text_can_be_sanitized_twice(text: str) -> None:
    for sanitize in (sanitize_url, sanitize_link, sanitize_text, clean_text, remove_invisible):
        once = sanitize(text)
        assert sanitize(once) == once
        assert not has_invisible(once)
        once.encode()  # a log is written as UTF-8


@given(st.text(alphabet="abP/?#@:;&=%. 1[]\\", max_size=30))
def test_what_is_before_the_last_at_sign_of_an_authority_is_not_shown(password: str) -> None:
    shown = sanitize_url(f"https://user:{SECRET}{quote(password, safe='')}@h.example/p")
    assert shown == "https://h.example/p"


def test_a_link_for_people_keeps_what_it_needs() -> None:
    url = f"https://u:{SECRET}@board.example/view;jsessionid={SECRET}?no=7&code=notice&author=ann&access_token={SECRET}#top"
    assert sanitize_link(url) == "https://board.example/view?no=7&code=notice&author=ann#top"
    assert sanitize_link("mailto:ann@example.com") == "mailto:ann@example.com"
    assert sanitize_link("javascript:alert(1)") == sanitize_link("//u:p@h/x") == sanitize_link("https://u:p#x@h/") == ""


@pytest.mark.parametrize(
    "name", ["token", "rss_token", "sig", "X-Amz-Signature", "api-key", "apikey", "JSESSIONID", "password"]
)
def test_a_link_for_people_has_no_secret(name: str) -> None:
    assert sanitize_link(f"https://h.example/x?{name}={SECRET}&a=1") == "https://h.example/x?a=1"
    assert sanitize_link(f"https://h.example/x#{name}={SECRET}") == "https://h.example/x"
    assert sanitize_link(f"https://h.example/x?key={SECRET}0123456789") == "https://h.example/x"


def test_control_characters_and_overrides_are_visible_escapes() -> None:
    assert clean_text("\x1b[2J\u202egpj\u2066\x9b\r\x00\u2028\ud800") == (r"\x1b[2J\u202egpj\u2066\x9b\r\x00\u2028\ud800")
    assert clean_text("한글\tline\n👨\u200d👩\u200d👧") == "한글\tline\n👨\u200d👩\u200d👧"


def test_an_error_is_clean_whenever_its_texts_are_set() -> None:
    error = WorkplaceError("\x1b[31mno", system="Wiki\u202e", method="GET", url="https://u:p@h/x?t=1", advice="\x07 look")
    error.message += "\u2066"
    error.advice = f"open https://h.example/?token={SECRET}"
    assert str(error) == (r"\x1b[31mno\u2066. Open https://h.example/?token=***. (Wiki\u202e, GET https://h/x?t=***)")


def test_an_exception_and_its_causes_are_sanitized() -> None:
    cause = KeyError(f"https://u:{SECRET}@h/")
    error = ValueError(f"\x1b https://h/?token={SECRET}", 7)
    error.__cause__, cause.__cause__ = cause, error  # a loop does not hang
    sanitize_exception(error)
    assert error.args == (r"\x1b https://h/?token=***", 7)
    assert cause.args == ("https://h/",)


def test_a_header_that_a_server_repeats_is_masked() -> None:
    assert sanitize_text(f"bad header Authorization: Bearer {SECRET}-of-the-wiki") == "bad header Authorization: Bearer ***"
    assert sanitize_text("Basic authentication is not allowed") == "Basic authentication is not allowed"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer\n{SECRET}abcdef0",
        "Authorization=Basic dXNlcjpwYXNz",
        "authorization: bearer%20AbcdEfgh",
        "invalid token xoxb-abcdefghij-klmnop",
        "xapp-1-A0-abcdef, and more",
        "xoxe.xoxp-1-abcdefgh",
        "(ATATT3xFfGF0abcdefghijklmn=ABCD)",
        "ghp_abcdefghijklmnopqrstuv",
        "github_pat_abcdefghijklmnopqrstuv",
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
        '{"access_token": "hunterhunter", "expires_in": 3600}',
        "{'client_secret':'hunterhunter'}",
        "grant failed: refresh_token=hunterhunter&x=1",
    ],
)
def test_what_looks_like_a_credential_is_masked_wherever_it_is_quoted(text: str) -> None:
    shown = sanitize_text(text)
    assert "***" in shown
    for secret in ("S3CRET", "dXNl", "Abcd", "abcdef", "eyJz", "c2ln", "hunter"):
        assert secret not in shown
    assert sanitize_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "connection wiki: the password: it contains a line break",
        "the bearer of this title, basic understanding, Basic realm",
        "use a bot token (xoxb-) or a user token (xoxp-)",
        "the token must begin with xapp-",
        "needs chat:write, secret channels",
    ],
)
def test_words_about_credentials_stay(text: str) -> None:
    assert sanitize_text(text) == text


@pytest.mark.parametrize(
    "piece", ["bearer ", "basic=", "bearer+", "-eyJ", "eyJa-", "token", "xoxb-", "a://b", ":/", "password:"]
)
def test_a_long_hostile_text_is_sanitized_too(piece: str) -> None:
    assert len(sanitize_text(piece * (60_000 // len(piece)))) > 0


def test_log_messages_are_sanitized(caplog: pytest.LogCaptureFixture) -> None:
    log = get_logger("workplace_provider.test_redaction")
    with caplog.at_level(logging.INFO):
        log.info("a title: %s, %s", "\x1b[2J\u202e", f"https://u:{SECRET}@h.example/")
    assert caplog.messages == [r"a title: \x1b[2J\u202e, https://h.example/"]


def test_every_module_takes_its_logger_from_here() -> None:
    package = Path(workplace_provider.__file__).parent
    texts = {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    assert [name for name, text in texts.items() if "logging.getLogger" in text] == ["http/redaction.py"]
