"""Guests: people whom no auth plugin knows, and who keeps the name that one of them has chosen.

A guest's `welcome` holds a ``guest_key`` that proves to have had the name. Without it nobody gets a name under
which somebody is online; with it the same person comes back, or opens another tab.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping

from ..protocol import Rejected
from .config import ServerConfig
from .connection import Connection
from .handshake import Handshake
from .identity import Identity
from .names import guest_name

GUEST_KEY = "guest_key"
"""The parameter of the URL."""


class _Online:
    """The names of all who are online."""

    def __init__(self, is_online: Callable[[str], bool]) -> None:
        self._is_online = is_online

    def __contains__(self, user: object) -> bool:
        return isinstance(user, str) and self._is_online(user)


class Guests:
    """Names those whom no plugin names."""

    def __init__(self, server: ServerConfig, is_online: Callable[[str], bool], *, may_choose: bool) -> None:
        """``may_choose``: whether a guest may ask for a name; not where an auth plugin gives them to others."""
        self._has_unique_names = server.guest_names == "unique"
        self._online = _Online(is_online)
        self._may_choose = may_choose
        # Keys from a time when guests chose their names open nothing where names are given.
        purpose = b"hubbub guest keys" if may_choose else b"hubbub keys of guests with given names"
        shared = server.secret.get_secret_value() if server.secret is not None else secrets.token_hex(32)
        self._secret = hmac.digest(shared.encode(errors="surrogatepass"), purpose, "sha256")

    def identify(self, handshake: Handshake) -> Identity:
        """The name that the URL asks for, or a friendly one that nobody online has.

        Raise `Rejected` ``unauthorized`` where there is a token that no auth plugin knows.
        """
        if not self._may_choose and handshake.token is not None:
            raise Rejected("unauthorized", "No authentication plugin of this server knows your token.")
        user = handshake.query.get("user") if self._may_choose or self._proves(handshake) else None
        return Identity(user if user is not None else guest_name(self._online), "guest")

    def check_name(self, user: str, handshake: Handshake, users: Mapping[str, Mapping[str, Connection]]) -> None:
        """Raise `Rejected` where somebody else, or a member, is online under this name."""
        is_members = any(not each.identity.is_guest for each in users.get(user, {}).values())
        may_share = user not in self._online or not self._has_unique_names or self._proves(handshake)
        if may_share and (self._may_choose or not is_members):
            return
        raise Rejected(
            "forbidden",
            f"The name {user!r} is taken by somebody online: choose another one, as in ?user={user[:60]}-2",
            path="user",
            close=4009,
        )

    def make_way(self, identity: Identity, users: Mapping[str, Mapping[str, Connection]]) -> None:
        """Close the guests who have, by chance, the name of a user that an auth plugin vouches for."""
        if not identity.is_guest and not self._may_choose:
            for connection in list(users.get(identity.user, {}).values()):
                if connection.identity.is_guest:
                    connection.close(4009, f"{identity.user!r} is the name of a member, who is here now.")

    def key_for(self, user: str) -> str:
        """What proves to have had this name, as long as ``server.secret`` is the same."""
        return hmac.digest(self._secret, user.encode(errors="surrogatepass"), "sha256").hex()[:32]

    def _proves(self, handshake: Handshake) -> bool:
        key, user = handshake.query.get(GUEST_KEY), handshake.query.get("user")
        if key is None or user is None:
            return False
        return hmac.compare_digest(key.encode(errors="surrogatepass"), self.key_for(user).encode())
