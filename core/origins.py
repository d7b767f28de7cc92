"""Which web pages may connect.

A browser lets any page open a WebSocket to any server, cookies included, and tells by `Origin` whose page it was
(RFC 6455 section 10.2; RFC 6454 section 7). The server has to look, or every site speaks in its visitors' names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LONGEST: Final = 300
"""Characters of a host's longest name (253), with a scheme and a port."""

_REMEMBERED: Final = 1024

_HOST: Final = r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)"
_ORIGIN: Final = re.compile(rf"([a-z][a-z0-9+.-]*)://{_HOST}(?::([0-9]{{1,5}}))?")
_ASKED_HOST: Final = re.compile(rf"{_HOST}(?::([0-9]{{1,5}}))?")
_PATTERN: Final = re.compile(rf"([a-z][a-z0-9+.-]*)://(?:\*|(\*\.)?{_HOST})(?::([0-9]{{1,5}}|\*))?")

_ANY_PORT: Final = -1


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int | None
    """The default one of the scheme filled in; None for a scheme without ports."""


class OriginPattern(NamedTuple):
    """What `server.origins` lists: an origin, or `*` for a host, for the labels before a domain, for a port."""

    scheme: str
    host: str
    """Empty for any; a host that starts with a dot stands for all of its subdomains."""
    port: int | None

    def matches(self, origin: _Origin) -> bool:
        """Whether ``origin`` is one of those that are meant."""
        if self.scheme != origin.scheme or self.port not in (_ANY_PORT, origin.port):
            return False
        if self.host.startswith("."):
            return origin.host.endswith(self.host) and len(origin.host) > len(self.host)
        return self.host in ("", origin.host)


def parse_pattern(text: str) -> OriginPattern | None:
    """What an entry of `server.origins` means; None for `*`, which lets in every page.

    Raise `ValueError`, with what to write instead, where it is no pattern.
    """
    if text == "*":
        return None
    found = _PATTERN.fullmatch(text.lower())
    host = _one_form(found[3]) if found is not None and found[3] is not None else ""
    if found is None or host is None:
        raise ValueError(f"expected https://example.com, https://*.example.com or *, got {text!r}{_advice(text)}")
    port = _ANY_PORT if found[4] == "*" else _port(found[4], found[1])
    return OriginPattern(found[1], f".{host}" if found[2] else host, port)


def _advice(text: str) -> str:
    if text == "null":
        return ". Pages without an origin may be anybody's: only * lets them in, and everyone else"
    if not text.isascii():
        return ". Write the host as browsers send it, such as xn--bcher-kva.example"
    if "://" not in text:
        return ". An origin starts with its scheme, such as https://"
    if text.count("/") > 2:
        return ". An origin has no path, and no slash at its end"
    return ""


class Origins:
    """The pages of the server's own host, and those that the config lists."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Raise `ValueError` where one of ``patterns`` is none."""
        parsed = [parse_pattern(each) for each in patterns]
        self.allows_all = None in parsed
        self._patterns = [each for each in parsed if each is not None]
        self._judge = lru_cache(_REMEMBERED)(self._judge_anew)

    def allow(self, origin: str, host: str, *, is_secure: bool) -> bool:
        """Whether a page of ``origin`` may connect to a server that was asked for by the name ``host``.

        ``is_secure`` says that the request came by TLS: a page without TLS is a foreign one then. Refused are
        ``null`` and what no browser sends.
        """
        if self.allows_all:
            return True
        return len(origin) <= _LONGEST >= len(host) and self._judge(origin, host, is_secure)

    def _judge_anew(self, origin: str, host: str, is_secure: bool) -> bool:
        parsed = _parse_origin(origin)
        if parsed is None:
            return False
        if any(each.matches(parsed) for each in self._patterns):
            return True
        if parsed.scheme not in _DEFAULT_PORTS or (is_secure and parsed.scheme != "https"):
            return False
        return _is_same(parsed, host)


def _parse_origin(text: str) -> _Origin | None:
    found = _ORIGIN.fullmatch(text.lower())
    host = _one_form(found[2]) if found is not None else None
    if found is None or host is None:
        return None
    return _Origin(found[1], host, _port(found[3], found[1]))


def _is_same(origin: _Origin, host: str) -> bool:
    """Whether ``host``, of a `Host` header, is where the page came from; without a port it is the scheme's own."""
    found = _ASKED_HOST.fullmatch(host.strip().lower())
    if found is None:
        return False
    return (_one_form(found[1]), _port(found[2], origin.scheme)) == (origin.host, origin.port)


def _port(digits: str | None, scheme: str) -> int | None:
    return int(digits) if digits else _DEFAULT_PORTS.get(scheme)


def _one_form(host: str) -> str | None:
    """``host``, an IPv6 address in its one canonical form; None where it is none."""
    if not host.startswith("["):
        return host
    try:
        return IPv6Address(host[1:-1]).compressed
    except ValueError:
        return None
