"""Limits of every response: size, time, depth, redirects. Nothing here measures time; it counts what was read."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import random
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.peak_memory import run_measured
from support.scripted_server import Reply, ScriptedServer, reply, scripted_server
from workplace_provider.http.body import DEEPEST_JSON, check_depth, parse_json, plain_words
from workplace_provider.http.client import FilePart, HttpClient, HttpSettings
from workplace_provider.http.errors import BadResponse, Invalid, NotFound, SourceUnavailable, TooLarge, WorkplaceError
from workplace_provider.http.status import near_limit_seconds, retry_after_seconds
from workplace_provider.http.transport import ERROR_BYTES, Deadline

SETTINGS = HttpSettings(
    connect_timeout=5, read_timeout=5, attempts=2, max_response_bytes=100_000, max_download_bytes=200_000
)


@pytest.fixture
def http(server: ScriptedServer) -> HttpClient:
    return HttpClient(server.url, system="Wiki", settings=SETTINGS, sleep=lambda _: None)


def swelling(megabytes: int, encoding: str = "gzip") -> bytes:
    """Spaces that take about a thousandth of their size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(megabytes)) + packer.flush()


# --- size


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("status", [200, 404, 503])
def test_a_body_that_swells_is_not_unpacked_further_than_its_limit(
    server: ScriptedServer, http: HttpClient, encoding: str, status: int
) -> None:
    server.will(reply(status, swelling(50, encoding), Content_Encoding=encoding))
    with pytest.raises(WorkplaceError) as caught:
        http.get_json("x")
    assert (type(caught.value) is TooLarge) is (status == 200)
    if status == 200:
        assert len(server.asked) == 1
        assert "more than 100,000 bytes" in str(caught.value)
        assert "max_response_bytes" in str(caught.value)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("status", [200, 302, 500])
def test_hostile_bodies_take_little_memory(server: ScriptedServer, status: int, layers: int) -> None:
    body = swelling(200) if layers == 1 else gzip.compress(swelling(200))
    encoding = ", ".join(["gzip"] * layers)
    server.will(reply(status, body, Content_Encoding=encoding, Location="/x", Content_Type="text/html"))
    grown = run_measured(
        """
from workplace_provider.http.client import HttpClient, HttpSettings
from workplace_provider.http.errors import WorkplaceError

client = HttpClient(sys.argv[1], system="Wiki", settings=HttpSettings(attempts=1))
before = peak()
try:
    client.get_json("x")
except WorkplaceError:
    pass
print(json.dumps(peak() - before))
""",
        server.url,
    )
    # 32 MiB are accepted of a success; of the other 168 MiB, and of every other status, next to nothing is kept.
    assert grown < (80 if status == 200 else 20)


def test_no_more_than_the_beginning_of_an_error_page_is_read(server: ScriptedServer, http: HttpClient) -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(404)
        handler.send_header("Content-Length", str(10**9))
        handler.end_headers()
        for _ in range(10_000):
            handler.wfile.write(b"x" * 10_000)
            sent.append(10_000)

    server.will(endless)
    with pytest.raises(NotFound):
        http.request("GET", "x")
    # What the kernel buffers on both sides is sent too.
    assert sum(sent) < ERROR_BYTES + 20_000_000


def test_a_connection_is_used_again_after_a_short_error(server: ScriptedServer, http: HttpClient) -> None:
    ports: list[int] = []

    def missing(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        reply(404)(handler)

    server.will(missing)
    for _ in range(3):
        with pytest.raises(NotFound):
            http.request("GET", "x")
    assert len(set(ports)) == 1


@pytest.mark.parametrize("body", [b"x" * 200_001, swelling(1)])
def test_a_file_over_the_limit_is_not_kept(server: ScriptedServer, http: HttpClient, body: bytes) -> None:
    headers = {} if body.startswith(b"x") else {"Content_Encoding": "gzip"}
    server.will(reply(200, body, **headers))
    sink = io.BytesIO()
    with pytest.raises(TooLarge, match="max_download_bytes"):
        http.download("x", sink)
    assert (sink.getvalue(), len(server.asked)) == (b"", 1)


def test_a_file_that_swells_does_not_fill_the_disk(server: ScriptedServer) -> None:
    settings = HttpSettings(max_response_bytes=1_000_000)
    http = HttpClient(server.url, system="Wiki", settings=settings, sleep=lambda _: None)
    server.will(reply(200, swelling(50), Content_Encoding="gzip"))
    written: list[int] = []

    class Counting(io.BytesIO):
        def write(self, chunk: Any, /) -> int:
            written.append(len(chunk))
            return super().write(chunk)

    with pytest.raises(TooLarge, match="200 times"):
        http.download("x", Counting())
    assert (sum(written) < 20_000_000, len(server.asked)) == (True, 1)


def test_a_file_and_a_response_up_to_the_limit_come_whole(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(200, gzip.compress(random.Random(1).randbytes(200_000)), Content_Encoding="gzip"))
    sink = io.BytesIO()
    assert http.download("x", sink).size == 200_000
    server.will(reply(200, b"y" * 100_000))
    assert http.request("GET", "x").content == b"y" * 100_000


def test_a_write_whose_response_is_too_large_may_have_been_done(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(200, b"x" * 100_001))
    with pytest.raises(TooLarge) as caught:
        http.request("POST", "x", json={})
    assert caught.value.outcome_unknown
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"\x1f\x8b not gzip", b""])
def test_what_cannot_be_decompressed_is_an_error_of_ours(server: ScriptedServer, http: HttpClient, body: bytes) -> None:
    server.will(reply(200, body, Content_Encoding="gzip"))
    with pytest.raises(WorkplaceError):
        http.get_json("x")


# --- time


def dripping(*parts: bytes, then: bytes = b"") -> Reply:
    """Send parts, then a byte at a time for ever."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        for part in itertools.chain(parts, itertools.repeat(then)):
            handler.connection.sendall(part)

    return send


HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Clock:
    """Time that goes on by one second whenever someone looks at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = itertools.count()
        clock = SimpleNamespace(monotonic=lambda: float(next(self._now)))
        monkeypatch.setattr("workplace_provider.http.transport.time", clock)


@pytest.mark.parametrize(
    "script",
    [
        dripping(HEADERS + b"Content-Length: 100000000\r\n\r\n", then=b" "),
        dripping(HEADERS + b"\r\n", then=b" "),
        dripping(HEADERS + b"Transfer-Encoding: chunked\r\n\r\n", then=b"1\r\n \r\n"),
        dripping(HEADERS + b"Transfer-Encoding: chunked\r\n\r\n", b"1;", then=b"x"),
        dripping(HEADERS + b"Transfer-Encoding: chunked\r\n\r\n", b"0\r\n", then=b"a: b\r\n"),
        dripping(HEADERS, then=b"X: y\r\n"),
        dripping(then=b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(HEADERS.replace(b"200 OK", b"500 Oops") + b"Content-Length: 100000000\r\n\r\n", then=b" "),
        dripping(HEADERS.replace(b"200 OK", b"302 Found") + b"Location: /y\r\nContent-Length: 100000000\r\n\r\n", then=b" "),
    ],
    ids=["body", "body without length", "chunks", "a chunk's size", "trailers", "headers", "1xx", "error page", "redirect"],
)
@pytest.mark.parametrize("download", [False, True])
def test_a_response_ends_however_steadily_it_comes(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, script: Reply, download: bool
) -> None:
    Clock(monkeypatch)
    settings = HttpSettings(read_timeout=30, total_timeout=20, download_timeout=20, attempts=4)
    http = HttpClient(server.url, system="Wiki", settings=settings, sleep=lambda _: None)
    server.will(script)
    with pytest.raises(WorkplaceError):
        http.download("x", io.BytesIO()) if download else http.get_json("x")


def test_the_error_of_a_slow_response_names_the_setting(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    http = HttpClient(server.url, system="Wiki", settings=HttpSettings(total_timeout=20), sleep=lambda _: None)
    server.will(dripping(HEADERS + b"Content-Length: 100000000\r\n\r\n", then=b" "))
    with pytest.raises(SourceUnavailable, match=r"not complete after 20 s.*total_timeout") as caught:
        http.request("PUT", "x", json={})
    assert (caught.value.retryable, caught.value.outcome_unknown) == (True, True)
    # Further attempts would multiply the limit; the task's retry waits first.
    assert len(server.asked) == 1


def test_the_limits_follow_the_read_timeout() -> None:
    assert (HttpSettings().response_seconds, HttpSettings().download_seconds) == (300, 3600)
    assert (HttpSettings(read_timeout=2).response_seconds, HttpSettings(read_timeout=1000).download_seconds) == (10, 5000)
    assert HttpSettings(total_timeout=7, download_timeout=9).download_seconds == 9


def test_a_deadline_begins_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    deadline = Deadline(5)
    assert not deadline.expired
    deadline.start()
    deadline.start()
    assert [deadline.shorten(None), deadline.shorten(2.0)] == [4.0, 2.0]
    with pytest.raises(TimeoutError):
        list(iter(lambda: deadline.shorten(None), object()))


# --- redirects


def test_redirects_are_counted(server: ScriptedServer, http: HttpClient) -> None:
    server.will(reply(302, Location="/again"))
    with pytest.raises(BadResponse, match="More than 5 redirects") as caught:
        http.request("GET", "x")
    assert (len(server.asked), caught.value.retryable) == (6, False)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.com/x", "http://[::1", "http://a:b"])
def test_a_redirect_to_no_http_address_is_an_error_of_ours(server: ScriptedServer, http: HttpClient, location: str) -> None:
    server.will(reply(302, Location=location))
    with pytest.raises(WorkplaceError) as caught:
        http.request("GET", "x")
    assert "passwd" not in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [reply(404, b'{"message": "key=inner"}'), reply(200, b"key=inner")])
def test_nothing_of_another_hosts_page_is_quoted(server: ScriptedServer, http: HttpClient, answer: Reply) -> None:
    with scripted_server() as other:
        other.will(answer)
        server.will(reply(302, Location=f"{other.url}/inner"))
        with pytest.raises(WorkplaceError) as caught:
            http.get_json("x")
    assert "key=inner" not in str(caught.value)
    assert other.asked


# --- depth and form


def nested(levels: int, inside: str = "1") -> str:
    return '{"a": [' * (levels // 2) + inside + "]}" * (levels // 2)


@pytest.mark.parametrize("levels", [DEEPEST_JSON + 2, 900, 5_000, 100_000])
@pytest.mark.parametrize("status", [200, 400])
def test_json_that_is_nested_too_deeply_is_an_error_of_ours(
    server: ScriptedServer, http: HttpClient, levels: int, status: int
) -> None:
    settings = HttpSettings(attempts=1)
    http = HttpClient(server.url, system="Wiki", settings=settings)
    server.will(reply(status, nested(levels).encode()))
    with pytest.raises(BadResponse if status == 200 else Invalid):
        http.get_json("x")


def test_brackets_in_texts_are_no_levels() -> None:
    text = '"' + r"[[{\"[\\" * 1_000 + '"'
    assert parse_json(f"[{text}, {text}]")
    assert parse_json(nested(DEEPEST_JSON))
    assert parse_json("[" + ",".join(["[]", "{}"] * 1_000) + "]")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(json_values)
def test_json_of_any_shape_is_read(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == value


@given(json_values, st.integers(1, 40))
def test_json_is_refused_by_its_levels_alone(value: Any, levels: int) -> None:
    """Whatever is in its texts, and wherever a slice of it ends."""

    def depth(item: Any) -> int:
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    content = json.dumps([value] * 30, ensure_ascii=False).encode("utf-8", "surrogatepass")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("workplace_provider.http.body.DEEPEST_JSON", levels)
        patched.setattr("workplace_provider.http.body._SLICE", 7)
        if depth([value]) > levels:
            with pytest.raises(ValueError, match="nested"):
                check_depth(content)
        else:
            check_depth(content)


@given(st.binary(max_size=300))
def test_the_depth_of_anything_can_be_looked_at(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        check_depth(content * 300)


def pages() -> Iterator[str]:
    """What made patterns look for the end of a tag again and again."""
    for piece in ("<", "<title", "<title>", "<a ", "<!--", "< <", "</", "<title><"):
        yield (piece * ERROR_BYTES)[:ERROR_BYTES]


def test_the_words_of_a_page_cost_no_more_than_its_length() -> None:
    # Milliseconds; with a pattern that looks for the end of each tag again, minutes.
    for page in pages():
        assert len(plain_words(page)) <= 300


@given(st.text(alphabet="<>title/ \"'=a", max_size=200))
def test_words_hold_no_tags(text: str) -> None:
    assert "<title>" not in plain_words(f"<html><title>one {text.replace('<', '')}</title>{text}")


def test_the_title_of_a_page_is_its_words() -> None:
    assert plain_words("<html><TITLE lang=en> Log\n in </TITLE><p>x") == "Log in"
    assert plain_words("<p>one</p><p>two <b>three</b>") == "one two three"
    assert plain_words("plain < text") == "plain < text"


@pytest.mark.parametrize("value", ["9" * 400, "1e400", "-1", "nan", "²", "9" * 5_000, "Thu, 01 Jan 99999 00:00:00 GMT"])
def test_absurd_waits_never_overflow(value: str) -> None:
    assert retry_after_seconds(value) in (None, 366 * 24 * 3600.0)
    headers = {"X-RateLimit-NearLimit": "true", "X-RateLimit-Remaining": value, "X-RateLimit-Reset": "9999-12-31T23:59:59Z"}
    assert 0 <= near_limit_seconds(headers) <= 5


# --- uploads


def test_a_file_is_uploaded_piece_by_piece_and_byte_by_byte(server: ScriptedServer, http: HttpClient) -> None:
    content = bytes(range(256)) * 4_096
    reads: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            reads.append(size or -1)
            return super().read(size)

    server.will(reply(200))
    file = FilePart('가 "나".png', lambda: Counting(content), "image/png")
    http.upload("x", file, {"comment": "한국어 comment", "minor": "true"})
    (asked,) = server.asked
    boundary = asked.headers["Content-Type"].partition("boundary=")[2].encode()
    first, second, third, end = asked.body.split(b"--" + boundary)[1:]
    text = b'\r\nContent-Disposition: form-data; name="%s"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n'
    assert first == text % (b"comment", "한국어 comment".encode())
    assert second == text % (b"minor", b"true")
    head, _, body = third.partition(b"\r\n\r\n")
    assert head.decode() == (
        '\r\nContent-Disposition: form-data; name="file"; filename="가 \\"나\\".png"\r\nContent-Type: image/png'
    )
    assert body == content + b"\r\n"
    assert end == b"--\r\n"
    assert int(asked.headers["Content-Length"]) == len(asked.body)
    assert max(reads) <= 128 * 1024
    assert min(reads) > 0


def test_a_file_that_becomes_shorter_is_not_sent_as_whole(server: ScriptedServer, http: HttpClient) -> None:
    class Shrinking(io.BytesIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            return super().seek(offset, whence) + (100 if whence == 2 else 0)

    server.will(reply(200))
    with pytest.raises((WorkplaceError, OSError)):
        http.upload("x", FilePart("a.bin", lambda: Shrinking(b"short")))
