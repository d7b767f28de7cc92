"""Trying to come in with tokens, good and bad."""

from __future__ import annotations

from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.plugins.auth_jwt import AuthJwt

from ..plugins.auth.signing import as_written, key_for


def hub_with(algorithm: str, key: str | None = None, **options: object) -> HubForTests:
    whole = {"algorithms": [algorithm], "key": key or as_written(key_for(algorithm)), **options}
    return HubForTests({"chat": {}, "auth_jwt": whole}, plugins={"auth_jwt": AuthJwt})


def connect(hub: HubForTests, token: str) -> ClientForTests:
    return hub.connect(query={"token": token})


def assert_refused(hub: HubForTests, token: str) -> None:
    """See to it that nobody comes in with this token, nor refreshes with it, and that it is repeated nowhere."""
    stranger = connect(hub, token)
    assert stranger.close_code == 4001
    assert not hub.manager.connections
    repeated = [each for each in token.split(".") if len(each) > 8 and each in stranger.close_reason]
    assert not repeated
