"""Which address a client has: that of its socket, or behind a trusted proxy the one that the proxy tells."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, MutableMapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, cast

logger = logging.getLogger(__name__)

UNIX: Final = "unix"
"""How `server.trusted_proxies` names those that come by a Unix socket, and so have no address."""

FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"})
"""The headers by which a proxy tells of its client."""

_HOP: Final = re.compile(
    r"\[([0-9a-fA-F:.]+)\](?::[0-9]{1,5})?|([0-9.]+)(?::[0-9]{1,5})?|([0-9a-fA-F:.]+)", re.ASCII
)
_SECURE: Final = frozenset({"https", "wss"})
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_REMEMBERED: Final = 4096


def parse_proxy(text: str) -> IPv4Network | IPv6Network | None:
    """What an entry of `server.trusted_proxies` means; None for `UNIX`.

    Raise `ValueError`, with what to write instead, where it is neither an address nor a network.
    """
    if text == UNIX:
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"expected an address, a network such as 10.0.0.0/8, or unix, got {text!r}{_advice(text)}"
        ) from None
    if "/" in text and str(ip_address(text.split("/")[0])) != str(network.network_address):
        raise ValueError(f"{text} is no network: write {network}, or {text.split('/')[0]} for the one address")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = cast(IPv4Address, network.network_address.ipv4_mapped)
        return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _advice(text: str) -> str:
    if text == "*":
        return ". To believe everybody is to believe nobody: name the proxies"
    return ". Names are not looked up" if text[:1].isalpha() and ":" not in text else ""


def normal(address: str) -> str:
    """``address``, as IPv4 where it is an IPv4 address written as IPv6 (RFC 4291 section 2.5.5.2)."""
    if ":" in address:
        parsed = _parse(address)
        if parsed is not None:
            return str(parsed)
    return address


def subnet(address: str) -> str:
    """What counts as one address: an IPv4 address, or the IPv6 network of 64 bits that one customer has."""
    if ":" not in address:
        return address
    try:
        network = int(IPv6Address(address.partition("%")[0])) >> 64 << 64
    except ValueError:
        return address
    return f"{IPv6Address(network)}/64"


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


class TrustedProxies:
    """The proxies that are believed about their clients: nobody else is."""

    def __init__(self, entries: Iterable[str]) -> None:
        """``entries`` are addresses, networks, and `UNIX`. Raise `ValueError` where one is neither."""
        parsed = [parse_proxy(each) for each in entries]
        self._trusts_unix = None in parsed
        self._networks = [each for each in parsed if each is not None]
        self._is_trusted = lru_cache(_REMEMBERED)(self._look_up)
        self._has_warned = False

    def trust(self, peer: str) -> bool:
        """Whether the peer with this address is a trusted proxy; an empty one has come by a Unix socket."""
        return self._is_trusted(peer) if self._networks or self._trusts_unix else False

    def _look_up(self, peer: str) -> bool:
        address = _parse(peer)
        if address is None:
            return self._trusts_unix and not peer
        return any(address in network for network in self._networks)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The address of the client for whom the trusted ``peer`` sends ``forwarded_for``.

        Each proxy appends whom it was asked by, so the list is believed from the right, through all hops that are
        trusted themselves. What is no address ends the walk at the last that was one.
        """
        client = peer
        for hop in reversed(forwarded_for.split(",")):
            address = _hop(hop.strip())
            if address is None:
                return client
            client = str(address)
            if not self.trust(client):
                return client
        return client

    def settle(self, scope: MutableMapping[str, object]) -> str:
        """Let ``scope``, of an ASGI connection, tell the client's own address and scheme; return the address.

        What strangers say about themselves is taken out: whoever reads the headers after this may believe them.
        """
        headers = cast("list[tuple[bytes, bytes]]", scope["headers"])
        socket = cast("tuple[str, int] | None", scope.get("client"))
        peer = client = normal(socket[0]) if socket else ""
        told = [each for each in headers if each[0] in FORWARDED]
        if told and self.trust(peer):
            hops = [value for name, value in told if name == b"x-forwarded-for"]
            if hops:
                client = self.client(peer, b",".join(hops).decode("latin-1"))
            schemes = [value for name, value in told if name == b"x-forwarded-proto"]
            if schemes:
                _set_scheme(scope, schemes[0].decode("latin-1"))
        elif told:
            scope["headers"] = [each for each in headers if each[0] not in FORWARDED]
            self._warn(peer)
        if client != (socket[0] if socket else ""):
            scope["client"] = (client, socket[1] if socket and client == peer else 0)
        return client

    def _warn(self, peer: str) -> None:
        """Say once that what looks like a proxy of the deployer's own is not believed."""
        address = _parse(peer)
        if not self._has_warned and (address is None or address.is_private):
            self._has_warned = True
            logger.warning(
                "%s sends X-Forwarded headers, which are not believed: if it is your proxy, add it to "
                "server.trusted_proxies; until then all of its clients count as one",
                peer or "a Unix socket",
            )


def is_secure(forwarded_proto: str) -> bool:
    """Whether `X-Forwarded-Proto`, from a trusted proxy, says that its client came by TLS."""
    return forwarded_proto.partition(",")[0].strip().lower() in _SECURE


def _set_scheme(scope: MutableMapping[str, object], forwarded_proto: str) -> None:
    names = ("wss", "ws") if scope["type"] == "websocket" else ("https", "http")
    scope["scheme"] = names[0] if is_secure(forwarded_proto) else names[1]


def _hop(text: str) -> IPv4Address | IPv6Address | None:
    """An entry of `X-Forwarded-For`: an address, which may have a port, and then brackets around IPv6."""
    found = _HOP.fullmatch(text)
    return _parse(found[1] or found[2] or found[3]) if found is not None else None
