from __future__ import annotations

import copy
import datetime as dt
import hashlib
import io
import pickle
import socket
import ssl
import time
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support.scripted_server import Reply, ScriptedServer, cut, drop, reply, scripted_server
from workplace_provider.http.client import (
    Basic,
    Bearer,
    ErrorDetails,
    ErrorResponse,
    FilePart,
    HttpClient,
    HttpSettings,
    expect_file,
)
from workplace_provider.http.errors import (
    AuthFailed,
    BadResponse,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SourceUnavailable,
    TooLarge,
    WorkplaceError,
)

TOKEN = "s3cret-token"
SETTINGS = HttpSettings(connect_timeout=2, read_timeout=0.5)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def http(server: ScriptedServer, slept: list[float]) -> HttpClient:
    return HttpClient(f"{server.url}/wiki", system="Wiki", auth=Bearer(TOKEN), settings=SETTINGS, sleep=slept.append)


def test_nothing_is_sent_before_it_is_asked_for(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(200, b'{"a": 1}'))
    assert server.asked == []
    assert http.get_json("rest/x", {"q": "가 나", "many": ["a", "b"], "none": None}) == {"a": 1}
    (asked,) = server.asked
    assert asked.path == "/wiki/rest/x?q=%EA%B0%80+%EB%82%98&many=a&many=b"
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("fault", [drop, reply(500), reply(502), reply(503), reply(504), reply(429)])
def test_what_may_be_repeated_is(server: ScriptedServer, http: HttpClient, method: str, fault: object) -> None:
    server.will(fault, fault, reply(200))  # type: ignore[arg-type]
    assert http.request(method, "x").status_code == 200
    assert len(server.asked) == 3


@pytest.mark.parametrize("fault", [drop, reply(500), reply(503), reply(503, Retry_After="0")])
def test_a_post_is_not_repeated_when_the_server_may_have_acted(
    server: ScriptedServer, http: HttpClient, fault: object
) -> None:
    server.will(fault, reply(200))  # type: ignore[arg-type]
    with pytest.raises(SourceUnavailable) as caught:
        http.request("POST", "x", json={})
    assert caught.value.outcome_unknown
    assert caught.value.retryable
    assert len(server.asked) == 1


def test_a_post_is_repeated_after_429_because_nothing_happened(
    server: ScriptedServer, http: HttpClient, slept: list[float]
) -> None:
    server.will(reply(429, Retry_After="7"), reply(200))
    http.request("POST", "x", json={})
    assert slept == [7.0]


def test_a_post_that_never_left_is_repeated(slept: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    http = HttpClient(f"http://127.0.0.1:{port}", system="Wiki", settings=SETTINGS, sleep=slept.append)
    with pytest.raises(SourceUnavailable, match="Check host, port and proxy") as caught:
        http.request("POST", "x", json={})
    assert not caught.value.outcome_unknown
    assert len(slept) == SETTINGS.attempts - 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_as_a_date(server: ScriptedServer, http: HttpClient, slept: list[float], status: int) -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=20)
    server.will(reply(status, Retry_After=format_datetime(soon, usegmt=True)), reply(200))
    http.request("GET", "x")
    assert 17 < slept[0] <= 20


def test_a_wait_beyond_the_cap_is_an_error_and_no_sleep(
    server: ScriptedServer, http: HttpClient, slept: list[float]
) -> None:
    server.will(reply(429, Retry_After="3600"))
    with pytest.raises(RateLimited) as caught:
        http.request("GET", "x")
    assert slept == []
    assert (caught.value.retryable, caught.value.retry_after) == (True, 3600.0)


def test_a_blocked_account_is_told_and_not_retried(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(429, Retry_After="9223372036854775807", X_RateLimit_Limit="0"))
    with pytest.raises(RateLimited, match="blocks this account") as caught:
        http.request("GET", "x")
    assert not caught.value.retryable


def test_the_number_of_attempts_is_bounded(server: ScriptedServer, http: HttpClient, slept: list[float]) -> None:
    server.will(reply(500))
    with pytest.raises(SourceUnavailable):
        http.request("GET", "x")
    assert len(server.asked) == SETTINGS.attempts
    assert slept == sorted(slept)
    assert all(0 < seconds <= SETTINGS.max_wait for seconds in slept)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, Invalid, False),
        (401, AuthFailed, False),
        (403, Forbidden, False),
        (404, NotFound, False),
        (405, Invalid, False),
        (409, Conflict, True),
        (410, NotFound, False),
        (413, TooLarge, False),
        (501, SourceUnavailable, False),
    ],
)
def test_statuses_have_types(
    server: ScriptedServer, http: HttpClient, status: int, kind: type[WorkplaceError], retryable: bool
) -> None:
    server.will(reply(status, b"<html><title>Oops &amp; more</title><p>x</p></html>"))
    with pytest.raises(kind) as caught:
        http.request("GET", "x")
    error = caught.value
    assert (type(error), error.status, error.retryable) == (kind, status, retryable)
    assert "Oops" in str(error)


def test_a_slow_answer_times_out(server: ScriptedServer, http: HttpClient) -> None:
    server.will(lambda _: time.sleep(1))
    with pytest.raises(SourceUnavailable, match="No response from Wiki within the time-out") as caught:
        http.request("POST", "x", json={})
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("body", [b"<html><title>Log in</title>", b'{"cut": '])
def test_what_is_no_json_is_a_bad_answer(server: ScriptedServer, http: HttpClient, body: bytes) -> None:
    server.will(reply(200, body, Content_Type="text/html"))
    with pytest.raises(BadResponse, match="Expected JSON from Wiki, found text/html"):
        http.get_json("x")


def test_the_credential_never_follows_a_redirect_to_another_host(server: ScriptedServer) -> None:
    with scripted_server() as other:
        other.will(reply(200, b"[]"))
        server.will(reply(302, Location=f"{other.url}/elsewhere"))
        http = HttpClient(server.url, system="Wiki", auth=Bearer(TOKEN), secret_headers=["X-Auth"], settings=SETTINGS)
        http.request("GET", "x", headers={"X-Auth": TOKEN})
        (asked,) = other.asked
    assert not {"Authorization", "X-Auth"} & set(asked.headers)
    assert TOKEN not in str(asked)


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b"S3CRET", Content_Type="S3CRET text"),
        reply(403, b"S3CRET", X_Reason="S3CRET"),
        reply(300, b"S3CRET", X_Location="S3CRET"),
    ],
)
def test_nothing_of_another_host_is_quoted(server: ScriptedServer, answer: Reply) -> None:
    def parse_error(refusal: ErrorResponse) -> ErrorDetails:
        return ErrorDetails(message=f"{refusal.text}{refusal.headers.get('X-Reason', '')}")

    with scripted_server() as other:
        other.will(answer)
        server.will(reply(302, Location=f"{other.url}/elsewhere"))
        http = HttpClient(server.url, system="Wiki", settings=SETTINGS, parse_error=parse_error)
        with pytest.raises(WorkplaceError) as caught:
            http.get_json("x")
    assert "S3CRET" not in str(caught.value)


def test_a_redirected_write_is_an_error_and_not_a_read(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(301, Location="https://user:pw@wiki.example.com/x?token=abc"))
    with pytest.raises(BadResponse, match=r"redirects to https://wiki\.example\.com/x\?token=\*\*\*") as caught:
        http.request("POST", "x", json={})
    assert not caught.value.retryable
    assert len(server.asked) == 1


def test_netrc_is_not_read(server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login intruder password x")
    monkeypatch.setenv("NETRC", str(netrc))
    server.will(reply(200))
    HttpClient(server.url, system="Wiki", auth=Bearer(TOKEN)).request("GET", "x")
    HttpClient(server.url, system="Wiki").request("GET", "x")
    assert [asked.headers.get("Authorization") for asked in server.asked] == [f"Bearer {TOKEN}", None]


def test_names_and_passwords_may_be_korean(server: ScriptedServer) -> None:
    server.will(reply(200))
    HttpClient(server.url, system="Wiki", auth=Basic("지민", "비밀번호")).request("GET", "x")
    assert server.asked[0].headers["Authorization"] == "Basic 7KeA66+8Ouu5hOuwgOuyiO2YuA=="


def test_every_thread_has_its_own_session(server: ScriptedServer, http: HttpClient) -> None:
    from concurrent.futures import ThreadPoolExecutor

    server.will(reply(200, b"1"))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: http.get_json("x"), range(64))) == [1] * 64
    assert 1 < len(http._sessions) <= 8
    http.close()
    assert http.get_json("x") == 1


def test_a_download_that_breaks_off_begins_again(server: ScriptedServer, http: HttpClient) -> None:
    data = bytes(range(256)) * 2000
    sink = io.BytesIO(b"head")
    sink.seek(4)

    server.will(cut(data[:1000], len(data)), reply(200, data, Content_Type="image/png; x=y"))
    done = http.download("x", sink)
    assert sink.getvalue() == b"head" + data
    assert (done.size, done.media_type) == (len(data), "image/png")


def test_a_download_that_stays_cut_is_an_error(server: ScriptedServer, http: HttpClient) -> None:
    server.will(cut(b"abc", 10))
    sink = io.BytesIO()
    with pytest.raises(BadResponse, match="broke off after"):
        http.download("x", sink)
    assert sink.getvalue() == b""


def test_a_download_is_requested_no_more_often_than_attempts_whatever_goes_wrong(
    server: ScriptedServer, http: HttpClient
) -> None:
    server.will(reply(503), cut(b"abc", 10), reply(502), cut(b"abc", 10), reply(200, b"file"))
    sink = io.BytesIO()
    with pytest.raises(BadResponse, match="broke off"):
        http.download("x", sink)
    assert len(server.asked) == SETTINGS.attempts
    assert sink.getvalue() == b""


@pytest.mark.parametrize(
    "fault", [cut(b"<html>half", 100, status=503), cut(b"", 9, status=500), cut(b"{", 9, status=429, Retry_After="1")]
)
def test_an_error_response_that_breaks_off_counts_by_its_status(
    server: ScriptedServer, http: HttpClient, fault: Reply
) -> None:
    server.will(fault, reply(200, b"file"))
    sink = io.BytesIO()
    http.download("x", sink)
    assert sink.getvalue() == b"file"


@pytest.mark.parametrize(
    "lie",
    [
        reply(200, b"<html>Log in</html>", Content_Type="text/html"),
        reply(200, b""),
        reply(200, b"fil"),
        reply(200, b"FILE"),
    ],
)
def test_a_download_is_the_file_that_is_expected_or_an_error(server: ScriptedServer, http: HttpClient, lie: Reply) -> None:
    whole = expect_file("a.png", "Wiki", size=4, media_type="image/png", sha256=hashlib.sha256(b"file").hexdigest())
    server.will(lie, reply(200, b"file"))
    sink = io.BytesIO()
    http.download("x", sink, check=whole)
    assert sink.getvalue() == b"file"
    server.will(lie)
    sink = io.BytesIO()
    with pytest.raises(BadResponse, match=r"a\.png.*GET|GET.*a\.png") as caught:
        http.download("x", sink, check=whole)
    assert caught.value.retryable
    assert sink.getvalue() == b""


def test_a_log_in_page_is_no_file_of_unknown_size(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(200, b"<html>Log in</html>", Content_Type="text/html"))
    with pytest.raises(BadResponse, match="HTML page"):
        http.download("x", io.BytesIO(), check=expect_file("a.png", "Wiki", media_type="image/png"))
    http.download("x", io.BytesIO(), check=expect_file("a.html", "Wiki", media_type="text/html; charset=utf-8"))


@pytest.mark.parametrize("body", [b"", b"  ", b'{"a": ', b'[{"a": 1}, {'])
def test_json_that_is_empty_or_cut_off_is_requested_again(server: ScriptedServer, http: HttpClient, body: bytes) -> None:
    server.will(reply(200, body), reply(200, b'{"a": 1}'))
    assert http.get_json("x") == {"a": 1}
    server.will(reply(200, body))
    with pytest.raises(BadResponse) as caught:
        http.get_json("x")
    assert caught.value.retryable


def test_a_write_whose_response_is_not_json_may_have_been_applied(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(200, b"<html>Log in</html>", Content_Type="text/html"))
    with pytest.raises(BadResponse) as caught:
        http.json_of(http.request("POST", "x", json={}))
    assert caught.value.outcome_unknown
    assert len(server.asked) == 1


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Send no response before the client gives up."""
    handler.connection.settimeout(5)
    handler.rfile.read(1)


def test_a_request_that_is_too_slow_for_the_server_is_sent_as_often_as_set(
    server: ScriptedServer, slept: list[float]
) -> None:
    settings = HttpSettings(read_timeout=0.1, timeout_attempts=2)
    http = HttpClient(server.url, system="Wiki", settings=settings, sleep=slept.append)
    server.will(silent)
    with pytest.raises(SourceUnavailable, match="No response from Wiki within"):
        http.download("x", io.BytesIO())
    assert len(server.asked) == 2


def test_a_download_ends_within_its_time(server: ScriptedServer, http: HttpClient) -> None:
    server.will(silent)
    with pytest.raises(SourceUnavailable, match="not complete after"):
        http.download("x", io.BytesIO(), seconds=0.1)
    assert len(server.asked) == 1


@pytest.mark.parametrize("value", ["9" * 400, "Thu, 99 Nov 99999 99:99:99 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_retry_after_is_an_error_of_our_own(server: ScriptedServer, http: HttpClient, value: str) -> None:
    server.will(reply(503, Retry_After=value))
    with pytest.raises(SourceUnavailable) as caught:
        http.request("POST", "x")
    assert caught.value.retry_after is None or caught.value.retry_after <= 366 * 24 * 3600


def test_text_fields_of_an_upload_say_their_charset(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(200))
    stream = io.BytesIO("내용".encode())
    http.upload("x", FilePart("주간 활성.png", lambda: stream, "image/png"), {"comment": "지난주와 같음"})
    body = server.asked[0].body.decode()
    assert 'filename="주간 활성.png"' in body
    assert "text/plain; charset=utf-8" in body
    assert "지난주와 같음" in body
    assert stream.closed


def test_an_upload_after_429_is_sent_from_its_first_byte(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(429), reply(200))
    http.upload("x", FilePart("a.bin", lambda: io.BytesIO(b"0123456789")))
    assert all(b"0123456789" in asked.body for asked in server.asked)
    assert len(server.asked) == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    import ipaddress

    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def test_certificates_are_checked_against_the_given_authority(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with scripted_server(tls=context) as server:
        server.will(reply(200, b"1"))
        with pytest.raises(SourceUnavailable, match="ca_bundle") as caught:
            HttpClient(server.url, system="Wiki").get_json("x")
        assert not caught.value.retryable
        for legacy in (False, True):
            settings = HttpSettings(ca_bundle=str(certificate[0]), legacy_tls=legacy)
            assert HttpClient(server.url, system="Wiki", settings=settings).get_json("x") == 1
        with pytest.raises(SourceUnavailable):
            HttpClient(server.url, system="Wiki", settings=HttpSettings(legacy_tls=True)).get_json("x")


def test_a_client_certificate_is_shown(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate[0])
    with scripted_server(tls=context) as server:
        server.will(reply(200, b"1"))
        authority = str(certificate[0])
        without = HttpSettings(ca_bundle=authority, attempts=1)
        with pytest.raises(SourceUnavailable):
            HttpClient(server.url, system="Wiki", settings=without).get_json("x")
        cert, key = map(str, certificate)
        shown = HttpSettings(ca_bundle=authority, client_cert=(cert, key))
        assert HttpClient(server.url, system="Wiki", settings=shown).get_json("x") == 1


def test_legacy_tls_sets_openssls_flag_only_when_asked(server: ScriptedServer) -> None:
    for legacy in (True, False):
        http = HttpClient(server.url, system="Wiki", settings=HttpSettings(legacy_tls=legacy))
        context = http._session.get_adapter("https://x").poolmanager.connection_pool_kw.get("ssl_context")
        assert bool(context and context.options & 0x4) is legacy


@pytest.mark.parametrize("url", ["wiki.example.com", "", "ftp://wiki.example.com", "http://"])
def test_a_base_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(Invalid, match=r"The base URL (must|is|has)"):
        HttpClient(url, system="Wiki")


def test_errors_survive_copying_and_pickling() -> None:
    error = RateLimited("slow down", system="Wiki", method="GET", url="http://x", status=429, retry_after=3.0)
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), vars(twin)) == (RateLimited, str(error), vars(error))


def test_the_secret_is_in_no_error_and_no_repr(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(401))
    with pytest.raises(AuthFailed) as caught:
        http.request("GET", "x", params={"token": TOKEN})
    assert TOKEN not in f"{caught.value} {caught.value!r} {vars(caught.value)} {Bearer(TOKEN)!r} {Basic('u', TOKEN)!r}"


def test_an_answer_that_cannot_be_decoded_is_asked_for_again(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(200, b"no"), reply(200, b"yes"))

    def decode(response: requests.Response) -> str:
        if response.content == b"no":
            raise http.invalid_response(response, BadResponse, "no")
        return response.text

    def adapt(failure: WorkplaceError) -> dict[str, str]:
        return {"because": failure.message}

    assert http.fetch("x", decode, params={"n": 1}, adapt=adapt) == "yes"
    assert [asked.path for asked in server.asked] == ["/wiki/x?n=1", "/wiki/x?because=no"]


def test_an_answer_that_is_refused_for_good_is_not(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(200, b"{}"))

    def decode(response: requests.Response) -> str:
        raise http.invalid_response(response, Forbidden, "not for you", code="no_access")

    with pytest.raises(Forbidden, match=r"^Not for you\. \(Wiki, GET http://\S+/wiki/x, 200\)$"):
        http.fetch("x", decode)
    assert len(server.asked) == 1


@pytest.mark.parametrize("part", [".", "..", "%2e%2E", ".%2e", "%2E"])
def test_no_part_of_a_path_leads_to_another_folder(server: ScriptedServer, part: str) -> None:
    server.will(reply(200))
    client = HttpClient(f"{server.url}/wiki", system="Example")
    for path in (f"pages/{part}", f"pages/{part}/versions/1", f"{part}/pages?x=1"):
        with pytest.raises(Invalid, match="only dots") as caught:
            client.request("DELETE", path)
        assert not caught.value.retryable
        with pytest.raises(Invalid, match="only dots"):
            client.download(path, io.BytesIO())
    assert server.asked == []
    client.request("GET", "pages/v1..2/...?next=../x")
    assert server.asked[0].path == "/wiki/pages/v1..2/...?next=../x"
