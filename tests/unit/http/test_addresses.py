"""Third-party sources reach public addresses only, whatever their names and redirects say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.scripted_server import ScriptedServer, reply
from workplace_provider.http.addresses import AddressRefused, PublicAddresses, is_public
from workplace_provider.http.client import HttpClient, HttpSettings
from workplace_provider.http.errors import Invalid, SourceUnavailable

OUTSIDE = "93.184.216.34"
INSIDE = [
    "10.0.0.7",
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "::ffff:10.0.0.7",
    "::ffff:7f00:1",
    "::10.0.0.7",
    "::127.0.0.1",
    "64:ff9b::10.0.0.7",
    "64:ff9b:1::a00:7",
    "2002:a00:7::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fff8",
    "100::1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "board.example",
    "",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [OUTSIDE, "1.1.1.1", "2606:4700::1111", f"::ffff:{OUTSIDE}", f"64:ff9b::{OUTSIDE}", "203.0.113.5", "2001:db8::1"],
)
def test_what_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_a_public_address_is_global_in_every_spelling(address: IPv4Address | IPv6Address) -> None:
    if isinstance(address, IPv4Address):
        assert is_public(str(address)) == is_public(f"::ffff:{address}") == is_public(f"64:ff9b::{address}")
    if is_public(str(address)) and isinstance(address, IPv4Address):
        assert not address.is_loopback
        assert not address.is_link_local


def test_the_own_host_may_be_inside_until_it_was_outside() -> None:
    addresses = PublicAddresses("Board.example.", trusted=True)
    addresses.check("board.example", "10.0.0.7")
    addresses.check("board.example", OUTSIDE)
    with pytest.raises(AddressRefused):
        addresses.check("board.example", "10.0.0.7")


@contextmanager
def internet(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> Iterator[list[str]]:
    """Names lead to addresses, one after the other where there are several; every address is this server.

    :return: the addresses that were connected to
    """
    port = int(server.url.rpartition(":")[2])
    connect = socket.socket.connect
    reached: list[str] = []

    def resolve(host: str, number: Any, *_: Any, **__: Any) -> list[Any]:
        known = names.get(host, [host])
        address = known.pop(0) if len(known) > 1 else known[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, int(number or 0)))]

    def reach(self: socket.socket, address: Any) -> None:
        reached.append(str(address[0]))
        connect(self, ("127.0.0.1", port))

    def ipv4(_: int = socket.AF_INET, *args: Any, **kwargs: Any) -> socket.socket:
        return real(socket.AF_INET, *args, **kwargs)

    real = socket.socket
    with monkeypatch.context() as patched:
        patched.setattr("socket.getaddrinfo", resolve)
        patched.setattr(socket.socket, "connect", reach)
        patched.setattr("workplace_provider.http.transport.socket.socket", ipv4)
        yield reached


def client(host: str, **options: Any) -> HttpClient:
    settings = HttpSettings(connect_timeout=5, read_timeout=5, proxies=options.pop("proxies", {}))
    addresses = PublicAddresses(host, **options)
    return HttpClient(f"http://{host}", system="Board", settings=settings, addresses=addresses, sleep=lambda _: None)


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.7/keys",
        "http://[::1]/keys",
        "http://[::ffff:10.0.0.7]/keys",
        "http://2130706433/keys",
        "http://0x7f.1/keys",
        "http://0177.0.0.1/keys",
        "http://localhost/keys",
        "http://inner.example/keys",
        "http://board.example@10.0.0.7/keys",
        "http://metadata.example./keys",
        "//10.0.0.7/keys",
        "https://10.0.0.7/keys",
        "http://board.example:8080/keys",
    ],
)
def test_a_redirect_inside_is_not_followed(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    names = {
        "board.example": [OUTSIDE, "10.0.0.7"],
        "inner.example": ["10.0.0.7"],
        "metadata.example": ["169.254.169.254"],
        "localhost": ["127.0.0.1"],
    }
    server.will(reply(302, Location=location), reply(200, b"key=inner"))
    with (
        internet(server, monkeypatch, names) as reached,
        pytest.raises(Invalid, match=r"not a public address.*private_hosts") as caught,
    ):
        client("board.example").request("GET", "feed")
    assert reached == [OUTSIDE]
    assert (len(server.asked), caught.value.retryable) == (1, False)
    assert "key=" not in str(caught.value)


def test_a_redirect_inside_after_one_outside_is_not_followed(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"board.example": [OUTSIDE], "www.example": ["203.0.113.5"]}
    server.will(reply(301, Location="http://www.example/feed"), reply(301, Location="http://10.0.0.7/"), reply(200))
    with internet(server, monkeypatch, names) as reached, pytest.raises(Invalid, match="not a public address"):
        client("board.example").request("GET", "feed")
    assert reached == [OUTSIDE, "203.0.113.5"]


def test_a_redirect_outside_is_followed(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"board.example": [OUTSIDE], "www.example": ["2606:4700::1111"]}
    server.will(reply(301, Location="http://www.example/feed"), reply(200, b"news"))
    with internet(server, monkeypatch, names) as reached:
        assert client("board.example").request("GET", "feed").content == b"news"
    assert reached == [OUTSIDE, "2606:4700::1111"]


def test_a_name_that_changes_its_address_gains_nothing(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first look-up that is public, and a second one that is not, at any place in between."""
    server.will(reply(200, b"news", Connection="close"))
    with internet(server, monkeypatch, {"board.example": [OUTSIDE, "10.0.0.7"]}) as reached:
        http = client("board.example")
        http.request("GET", "feed")
        with pytest.raises(Invalid):
            http.request("GET", "feed")
    assert reached == [OUTSIDE]


def test_a_public_board_that_leads_inside_from_the_start_is_refused(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.will(reply(200, b"key=inner"))
    with internet(server, monkeypatch, {"board.example": ["10.0.0.7"]}) as reached:
        with pytest.raises(Invalid, match=r"board\.example leads to 10\.0\.0\.7"):
            client("board.example").request("GET", "feed")
        assert reached == []
        client("board.example", private_hosts=["board.example"]).request("GET", "feed")
        client("board.example", trusted=True).request("GET", "feed")
    assert reached == ["10.0.0.7", "10.0.0.7"]


def test_named_hosts_may_be_inside(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"board.example": [OUTSIDE], "cdn.corp.example": ["10.0.0.7"]}
    server.will(reply(302, Location="http://cdn.corp.example/feed"), reply(200, b"news"))
    with internet(server, monkeypatch, names) as reached:
        http = client("board.example", private_hosts=["CDN.corp.example"])
        assert http.request("GET", "feed").content == b"news"
    assert reached == [OUTSIDE, "10.0.0.7"]


@pytest.mark.parametrize("host", ["10.0.0.7", "inner.example"])
def test_a_proxy_is_not_asked_for_what_is_inside(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    names = {"board.example": [OUTSIDE], "inner.example": ["10.0.0.7"], "proxy.corp": ["10.1.1.1"]}
    server.will(reply(302, Location=f"http://{host}/keys"), reply(200, b"key=inner"))
    with internet(server, monkeypatch, names) as reached, pytest.raises(Invalid, match="not a public address"):
        client("board.example", proxies={"http": "http://proxy.corp:3128"}).request("GET", "feed")
    assert reached == ["10.1.1.1"]


def test_other_systems_may_be_anywhere(server: ScriptedServer) -> None:
    server.will(reply(200, b"[]"))
    assert HttpClient(server.url, system="Wiki").get_json("x") == []


def test_an_unreachable_address_is_an_error_that_may_go_away(
    monkeypatch: pytest.MonkeyPatch, server: ScriptedServer
) -> None:
    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    def refuse(*_: Any) -> None:
        raise ConnectionRefusedError

    for name, replacement in (("socket.getaddrinfo", unknown), ("workplace_provider.http.transport.socket.socket", refuse)):
        with internet(server, monkeypatch, {"board.example": [OUTSIDE]}), monkeypatch.context() as patched:
            patched.setattr(name, replacement)
            with pytest.raises(SourceUnavailable):
                client("board.example").request("GET", "feed")
    assert server.asked == []
