"""The addresses that a connection may lead to: URLs of third parties must not reach hosts that only the worker can reach."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

_Address: TypeAlias = IPv4Address | IPv6Address

# Networks of examples (RFC 5737, RFC 3849): no machine has such an address, so there is nothing inside to protect.
_DOCUMENTATION: Final = tuple(
    ip_network(network) for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
# Of IANA's registries of special-purpose addresses, what Python 3.11 takes for global.
_SPECIAL: Final = tuple(ip_network(network) for network in ("192.0.0.0/24", "2001::/23", "3fff::/20"))
# The only block of IPv6 that is assigned to the public internet (RFC 4291, IANA's registry of global unicast addresses).
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
# An IPv4 address in the last 32 bits: NAT64 (RFC 6052), and the old IPv4-compatible form.
_WITH_IPV4_AT_THE_END: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))


class AddressRefused(Exception):
    """A host leads to an address that this source must not reach.

    :param host: as the URL names it
    :param address: what it leads to
    """

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} leads to {address}")
        self.host = host
        self.address = address


class PublicAddresses:
    """Lets the connections of one client lead to public addresses only.

    The source's own host may be inside where a trusted person named it, in a connection or as an address. A name is never
    enough: the address that is connected to decides, for each new connection, so a name that changes its address between two
    requests (DNS rebinding) gains nothing. Once the own host was outside, it must not lead inside any more.

    :param host: of the source's own URL
    :param private_hosts: names and addresses that may be inside all the same
    :param trusted: whether the own host may be inside
    """

    def __init__(self, host: str, *, private_hosts: Iterable[str] = (), trusted: bool = False) -> None:
        self._host = _comparable(host)
        self._private_hosts = frozenset(map(_comparable, private_hosts))
        self._trusted = trusted or self._host == "localhost" or _parse(self._host) is not None

    def check(self, host: str, address: str) -> None:
        """Refuse an address before it is connected to.

        :param host: as the URL names it
        :param address: what it was resolved to
        :raises AddressRefused: the address is not public, and the host is not allowed to be inside
        """
        name = _comparable(host)
        if is_public(address):
            if name == self._host:
                self._trusted = False
        elif name not in self._private_hosts and not (self._trusted and name == self._host):
            raise AddressRefused(host, address)

    def check_behind_proxy(self, host: str) -> None:
        """Refuse a host that a proxy would resolve, as far as this machine can resolve it too.

        :raises AddressRefused: as in :meth:`check`
        """
        try:
            resolved = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # The proxy knows names that this machine does not; what it lets through is its own rule.
        for *_, address in resolved:
            self.check(host, str(address[0]))


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet; anything that is no IP address is not."""
    parsed = _parse(address)
    if parsed is None:
        return False
    inner = _embedded(parsed)
    if inner is not None:
        return is_public(str(inner))
    if any(parsed in network for network in _DOCUMENTATION):
        return True
    if isinstance(parsed, IPv6Address) and parsed not in _GLOBAL_UNICAST:
        return False
    return parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in _SPECIAL)


def _embedded(address: _Address) -> IPv4Address | None:
    """Return the IPv4 address that a translator or tunnel would send the packets of an IPv6 address to."""
    if not isinstance(address, IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _WITH_IPV4_AT_THE_END):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _parse(text: str) -> _Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _comparable(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()
