"""Whose request it is by address: the socket's other end, or what a trusted proxy says.

Owns the reading of `X-Forwarded-For`. It is believed only from proxies that the operator named, and
only as far as they wrote it: anybody can send the header.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address

_FORWARDED: Final = b"x-forwarded-for"
# One subscriber has a whole /64 (RFC 6177), and may take another address of it for each request.
_IPV6_PREFIX: Final = 64


class Addresses:
    """Reads the client's address out of an ASGI scope."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)

    def of(self, scope: Any) -> str:
        """An IPv4 address, an IPv6 /64, or whatever else the server calls the other end."""
        client = scope.get("client")
        peer = _read(client[0]) if client else None
        if peer is None:
            return str(client[0]) if client else ""
        if self._trusted and self._is_trusted(peer):
            peer = self._forwarded(peer, scope["headers"])
        if isinstance(peer, IPv6Address):
            return str(ip_network((peer, _IPV6_PREFIX), strict=False))
        return str(peer)

    def _forwarded(self, peer: _Address, headers: Iterable[tuple[bytes, bytes]]) -> _Address:
        """The last address on the way that is none of ours; where a word is no address, the one after it."""
        listed = b",".join(value for name, value in headers if name == _FORWARDED)
        for word in reversed(listed.decode("latin-1").split(",")):
            address = _read(word.strip())
            if address is None:
                break
            peer = address
            if not self._is_trusted(address):
                break
        return peer

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _read(text: str) -> _Address | None:
    """An address, with the IPv4 one out of an IPv6 socket as what it is; None for what is none."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
