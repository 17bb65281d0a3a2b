"""Credentials that cannot be sent: the error names the field, and never shows the value."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.scripted_server import ScriptedServer, reply
from workplace_provider.http.client import Basic, Bearer, HttpClient, HttpSettings
from workplace_provider.http.credentials import InvalidCredential, check_header, check_password, check_token, check_url
from workplace_provider.http.errors import Invalid, SourceUnavailable

SECRET = "S3CRET-of-the-wiki"
PASTE_ERRORS = ["{}\n", "{}\r\n", "\n{}", " {}", "{} ", "{}\x1b", "{}\u202e", "\ufeff{}", "{}\x00"]


@pytest.mark.parametrize("paste", [*PASTE_ERRORS, "{}\u2013x", "{} x", "{}\u00a0", "Bearer {}"])
def test_a_token_that_was_pasted_badly(paste: str) -> None:
    with pytest.raises(InvalidCredential, match=r"^the token contains (a|an) ") as caught:
        Bearer(paste.format(SECRET))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("paste", PASTE_ERRORS)
def test_a_password_that_was_pasted_badly(paste: str) -> None:
    for make in (lambda: Basic("ann", paste.format(SECRET)), lambda: Basic(paste.format(SECRET), "pw")):
        with pytest.raises(InvalidCredential, match=r"^the (password|user name) contains ") as caught:
            make()
        assert SECRET not in str(caught.value)


def test_a_password_of_words_in_any_language_is_taken() -> None:
    assert check_password("비밀 번호 ü", "the password") == "비밀 번호 ü"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"https://ann:{SECRET}@wiki.example.com", "contains a user or a password"),
        (f"https://{SECRET}@wiki.example.com", "contains a user or a password"),
        (f"htps://ann:{SECRET}@wiki.example.com", "must begin with http:// or https://"),
        (f"https:/ann:{SECRET}@wiki.example.com", "must begin with http:// or https://"),
        (f"https://wiki.example.com?token={SECRET}", "must end with the path"),
        (f"https://wiki.example.com#{SECRET}", "must end with the path"),
        (f"https://wiki.example.com/ {SECRET}", "contains a space"),
        (f"https://wiki.example.com/{SECRET}\n", "contains a line break"),
        (f"https://wiki.example.com/{SECRET}\u202e", "contains a control character"),
        (f"https://wiki.example.com:{SECRET}", "has no valid host name and port"),
        (f"https://[{SECRET}", "has no valid host name and port"),
        ("https://", "has no valid host name and port"),
        ("", "is empty"),
    ],
)
def test_a_url_that_cannot_be_a_base_url(url: str, problem: str) -> None:
    with pytest.raises(InvalidCredential, match=f"^the host {problem}") as caught:
        check_url(url, "the host")
    assert SECRET not in str(caught.value)


def test_a_proxy_may_have_a_password() -> None:
    proxy = f"http://ann:{SECRET}@proxy.example.com:3128"
    assert check_url(proxy, "the proxy", user_info=True) == proxy


@pytest.mark.parametrize("name", ["X Key", "X-Key:", "열쇠", "", f"X-{SECRET} y"])
def test_a_header_whose_name_is_none(name: str) -> None:
    with pytest.raises(InvalidCredential, match="has a name with a character") as caught:
        check_header(name, SECRET)
    assert SECRET not in str(caught.value)


@given(st.text(max_size=20))
def test_what_is_taken_can_be_sent(value: str) -> None:
    for check in (check_token, check_password, lambda text, _: check_header("X-Key", text)):
        checked: Callable[[str, str], str] = check
        with suppress(InvalidCredential):
            assert checked(value, "the field") == value == value.strip(" \t\r\n")
            assert not set("\r\n\x00").intersection(value)


def _header_auth(request: object) -> object:
    """An auth object of its own, which checks nothing."""
    request.headers["Authorization"] = f"Bearer {SECRET}\n"  # type: ignore[attr-defined]
    return request


def test_a_header_that_no_one_checked_is_not_repeated_from_the_library() -> None:
    with (
        HttpClient("http://127.0.0.1:9", system="Wiki", auth=_header_auth) as http,
        pytest.raises(Invalid, match="the header Authorization contains a line break") as caught,
    ):  # type: ignore[arg-type]
        http.get_json("x")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None, "a traceback shows the cause"
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "proxy",
    [
        f"http://ann:{SECRET} x@127.0.0.1:9",
        f"htp://ann:{SECRET}@127.0.0.1:9",
        f"http://ann:{SECRET}@127.0.0.1:99999",
        f"//{SECRET}@",
    ],
)
def test_a_proxy_that_cannot_be_used_is_not_repeated_from_the_library(proxy: str) -> None:
    settings = HttpSettings(proxies={"http": proxy, "https": proxy}, attempts=1)
    with (
        HttpClient("http://wiki.example.com", system="Wiki", settings=settings) as http,
        pytest.raises((Invalid, SourceUnavailable)) as caught,
    ):
        http.get_json("x")
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_a_proxy_answers_is_not_repeated(server: ScriptedServer) -> None:
    server.will(reply(407, body=SECRET.encode()))
    settings = HttpSettings(proxies={"https": f"http://ann:{SECRET}@{server.url.removeprefix('http://')}"}, attempts=1)
    with (
        HttpClient("https://wiki.example.com", system="Wiki", settings=settings) as http,
        pytest.raises(SourceUnavailable) as caught,
    ):
        http.get_json("x")
    assert SECRET not in str(caught.value)


def test_a_certificate_file_that_is_not_there() -> None:
    with (
        HttpClient("https://127.0.0.1:9", system="Wiki", settings=HttpSettings(ca_bundle="/nowhere.pem")) as http,
        pytest.raises(Invalid, match="certificates of the connection"),
    ):
        http.get_json("x")
