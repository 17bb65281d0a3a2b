"""Listings that never end, or go on somewhere else."""

from __future__ import annotations

import itertools
import json
from http.server import BaseHTTPRequestHandler

import pytest

from support.scripted_server import ScriptedServer, reply
from workplace_provider.confluence.client import listing
from workplace_provider.confluence.client.listing import listed
from workplace_provider.confluence.client.responses import Label
from workplace_provider.http.client import Bearer, HttpClient
from workplace_provider.http.errors import BadResponse


def page(following: str, *names: str) -> bytes:
    return json.dumps({"results": [{"name": name} for name in names], "_links": {"next": following}}).encode()


def labels(server: ScriptedServer) -> list[str]:
    http = HttpClient(server.url, system="Confluence", auth=Bearer("t"))
    return [label.name for label in listed(http, "labels", {"limit": 2}, Label)]


@pytest.mark.parametrize("names", [(), ("one",)])
def test_a_listing_whose_pages_bring_nothing_new_ends_as_an_error(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    monkeypatch.setattr(listing, "MAX_PAGES_WITHOUT_NEWS", 5)
    numbers = itertools.count()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        reply(200, page(f"/labels?cursor={next(numbers)}", *names))(handler)

    server.will(respond)
    with pytest.raises(BadResponse, match="does not end"):
        labels(server)
    assert len(server.asked) <= 7


def test_pages_that_are_empty_for_our_account_are_passed_over(server: ScriptedServer) -> None:
    server.will(*(reply(200, page(f"?cursor={number}")) for number in range(20)), reply(200, page("", "last")))
    assert labels(server) == ["last"]


@pytest.mark.parametrize("following", ["http://[/x?cursor=1", "//[bad]/?cursor=1"])
def test_a_next_page_at_no_address_is_an_error_of_our_own(server: ScriptedServer, following: str) -> None:
    server.will(reply(200, page(following, "one")))
    with pytest.raises(BadResponse, match="not a valid URL"):
        labels(server)


def test_a_next_page_on_another_host_is_asked_for_at_ours(server: ScriptedServer) -> None:
    server.will(reply(200, page("https://evil.invalid/labels?cursor=1", "one")), reply(200, page("", "two")))
    assert labels(server) == ["one", "two"]
    assert server.asked[1].path == "/labels?cursor=1"
