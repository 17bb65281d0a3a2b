from __future__ import annotations

import hashlib

import pytest

from support.paging_slack import PagingSlack
from support.scripted_server import cut, reply
from workplace_provider.http.errors import BadResponse, Forbidden, Invalid, NotFound
from workplace_provider.slack.client import SharedFile, SlackReader, download_file

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000
LOG_IN = b"\n<!DOCTYPE html><html><head><title>Sign in | Slack</title></head></html>"


class Bytes:
    """A sink, as the artifact store gives one."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, chunk: bytes, /) -> object:
        self.content += chunk
        return len(chunk)

    def restart(self) -> None:
        self.content = b""


@pytest.fixture
def reader(slack: PagingSlack) -> SlackReader:
    return SlackReader("xoxb-1", base_url=f"{slack.url}/api/", sleep=lambda _: None)


def picture(slack: PagingSlack, **more: object) -> SharedFile:
    fields = {"id": "F1", "name": "차트.png", "mimetype": "image/png", "size": len(PNG), **more}
    return SharedFile(**{"url_private": f"{slack.url}/files/F1", **fields})  # type: ignore[arg-type]


def test_a_picture_is_streamed_down_with_the_token(slack: PagingSlack, reader: SlackReader) -> None:
    slack.files["/files/F1"] = reply(200, PNG, Content_Type="image/png")
    sink = Bytes()
    done = download_file(reader, picture(slack), sink)
    assert sink.content == PNG
    assert (done.size, done.sha256, done.media_type) == (len(PNG), hashlib.sha256(PNG).hexdigest(), "image/png")
    assert slack.tokens == ["Bearer xoxb-1"]


@pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "image/png"])
def test_a_log_in_page_is_no_picture(slack: PagingSlack, reader: SlackReader, media_type: str) -> None:
    slack.files["/files/F1"] = reply(200, LOG_IN, Content_Type=media_type)
    sink = Bytes()
    with pytest.raises(Forbidden, match=r"log-in page.*차트\.png.*files:read"):
        download_file(reader, picture(slack, size=None), sink)
    assert sink.content == b""


def test_a_redirect_to_a_log_in_page_is_no_picture(slack: PagingSlack, reader: SlackReader) -> None:
    slack.files["/files/F1"] = reply(302, b"", Location=f"{slack.url}/sign-in")
    slack.files["/sign-in"] = reply(200, b"Please sign in", Content_Type="text/html")
    with pytest.raises(Forbidden, match="log-in page"):
        download_file(reader, picture(slack), Bytes())


def test_half_a_picture_is_an_error(slack: PagingSlack, reader: SlackReader) -> None:
    slack.files["/files/F1"] = reply(200, PNG[:100], Content_Type="image/png")
    with pytest.raises(BadResponse, match=f"100 bytes .* came, and it has {len(PNG)}"):
        download_file(reader, picture(slack), Bytes())
    slack.files["/files/F1"] = cut(PNG[:100], len(PNG))
    with pytest.raises(BadResponse, match="broke off"):
        download_file(reader, picture(slack), Bytes())


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"url_private": "https://drive.example.com/x"},
        {"url_private": "https://slack.com.example.com/x"},
        {"url_private": "http://files.slack.com/x"},
        {"is_external": True},
    ],
)
def test_the_token_goes_to_slack_alone(slack: PagingSlack, reader: SlackReader, elsewhere: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="not by Slack"):
        download_file(reader, picture(slack, **elsewhere), Bytes())
    assert slack.tokens == []


@pytest.mark.parametrize("gone", [{"mode": "tombstone"}, {"mode": "hidden_by_limit"}, {"url_private": None}])
def test_a_file_that_is_gone_is_not_found(slack: PagingSlack, reader: SlackReader, gone: dict[str, object]) -> None:
    with pytest.raises(NotFound, match="no longer exists"):
        download_file(reader, picture(slack, **gone), Bytes())


def test_an_address_that_is_none_is_an_error_of_this_file_only(reader: SlackReader, slack: PagingSlack) -> None:
    with pytest.raises(Invalid, match="has an invalid URL"):
        download_file(reader, picture(slack, url_private="http://[", is_external=True), Bytes())
