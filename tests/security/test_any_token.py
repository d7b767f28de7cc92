"""Whatever comes as a token, nobody comes in by it, nothing fails and nothing of it is repeated."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hubbub.plugins.auth_http.plugin
import pytest
from hubbub.core.handshake import parse_query
from hubbub.core.testing import HubForTests
from hubbub.plugins.auth_http import AuthHttp
from hubbub.plugins.auth_jwt import AuthJwt
from hubbub.plugins.auth_tokens import AuthTokens
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ..plugins.auth.signing import SECRET, as_written, forge, key_for, part

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=6,
)
HEADER_NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "cty", "enc", "zip"])
HEADERS = st.dictionaries(
    HEADER_NAMES, JSON | st.sampled_from(["HS256", "RS256", "none", "JWT", "A256KW"]), max_size=5
)
CLAIM_NAMES = st.sampled_from(["sub", "exp", "nbf", "iat", "aud", "iss", "jti", "groups", "rooms", "realm_access"])
CLAIMS = st.dictionaries(CLAIM_NAMES, JSON, max_size=6)
PARTS = st.text(max_size=40) | st.binary(max_size=40).map(part) | HEADERS.map(part) | CLAIMS.map(part)
TOKENS = st.text(max_size=200) | st.lists(PARTS, max_size=6).map(".".join)

PLUGINS: dict[str, Any] = {
    "auth_jwt": {"algorithms": ["HS256"], "key": SECRET, "groups_claim": "realm_access.roles"},
    "auth_jwt with a public key": {"algorithms": ["RS256"], "key": as_written(key_for("RS256"))},
    "auth_tokens": {"file": "{file}"},
    "auth_http": {"url": "http://127.0.0.1/"},
}
CLASSES: dict[str, Any] = {"auth_jwt": AuthJwt, "auth_tokens": AuthTokens, "auth_http": AuthHttp}


class Refusing:
    """Stands for a backend that knows nobody."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    async def ask(self, question: bytes) -> tuple[int, bytes]:
        json.loads(question)
        return 401, b""

    async def close(self) -> None:
        pass


class Log(logging.Handler):
    """Every line, of every level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"


@pytest.fixture
def log() -> Iterator[Log]:
    handler, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(params=PLUGINS)
def hub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubForTests]:
    name: str = request.param.split(" ")[0]
    (tmp_path / "tokens.yaml").write_text(f"- {{user: alice, sha256: {'a' * 64}}}")
    options = {
        key: value.replace("{file}", str(tmp_path / "tokens.yaml")) if isinstance(value, str) else value
        for key, value in PLUGINS[request.param].items()
    }
    monkeypatch.setattr(hubbub.plugins.auth_http.plugin, "Backend", Refusing)
    with HubForTests({name: options}, plugins={name: CLASSES[name]}) as hub:
        yield hub


def assert_quiet(log: Log, token: str) -> None:
    assert "Traceback" not in log.text
    assert "internal" not in log.text
    assert not [each for each in token.split(".") if len(each) >= 12 and each in log.text]
    log.text = ""


ANY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY
@given(token=TOKENS)
@example(token="")
@example(token="..")
@example(token="\ud800.\udfff.\x00")
@example(token=f"{part(b'null')}.{part(b'null')}.")
@example(token=f"{part('alg')}.{part(['exp'])}.{part(b'')}")
@example(token=f"{part(['alg'])}.e30.AAAA")
@example(token=f"{part({'alg': 'HS256', 'crit': 5})}.e30.AAAA")
def test_any_text_as_a_token_is_refused_with_4001(hub: HubForTests, log: Log, token: str) -> None:
    for client in (
        hub.connect(query={"token": token}),
        hub.connect(headers={"authorization": f"Bearer {token}"}),
        hub.connect(subprotocols=(f"bearer.{token}",)),
    ):
        assert client.close_code == 4001
    assert not hub.manager.connections
    assert_quiet(log, token)


@ANY
@given(header=HEADERS, payload=CLAIMS | st.binary(max_size=40))
@example(header={"alg": "HS256"}, payload={"sub": 10**30, "exp": 10**30})
@example(header={"alg": "HS256"}, payload={"sub": "a", "exp": 253402300799})
@example(header={"alg": "HS256"}, payload=b'{"sub":"a","exp":' + b"9" * 5000 + b"}")
@example(header={"alg": "HS256"}, payload=b'{"sub":' + b"9" * 5000 + b"}")
@example(header={"alg": "HS256"}, payload=b'{"sub":"\\ud800","exp":4000000000}')
@example(header={"alg": "HS256"}, payload={"exp": 4e9, "sub": "x", "groups": ["\x00"], "rooms": {"\ud800": []}})
def test_any_claims_with_a_good_signature_let_in_or_are_refused(log: Log, header: Any, payload: Any) -> None:
    token = forge(header, SECRET.encode(), payload)
    with HubForTests({"auth_jwt": PLUGINS["auth_jwt"]}, plugins={"auth_jwt": AuthJwt}) as hub:
        assert hub.connect(query={"token": token}).close_code in (None, 4001, 4003)
    assert_quiet(log, token)


NAMES = st.sampled_from(["token", "user", "guest_key", "since", "epoch", "TOKEN", "token[]"]) | st.text(max_size=5)
QUERIES = st.binary(max_size=200) | st.lists(
    st.tuples(NAMES, st.text(max_size=30)).map(lambda pair: f"{pair[0]}={pair[1]}"), max_size=6
).map(lambda pairs: "&".join(pairs).encode(errors="replace"))


@ANY
@given(query=QUERIES)
@example(query=b"token")
@example(query=b"token=")
@example(query=b"token=%ff%fe&token=x")
@example(query=b"%74oken=%00")
@example(query=b"&" * 5000)
def test_any_query_is_refused_with_4001(hub: HubForTests, log: Log, query: bytes) -> None:
    parameters = parse_query(query)
    assert hub.connect(query=parameters).close_code == 4001
    assert not hub.manager.connections
    assert_quiet(log, parameters.get("token", ""))


@ANY
@given(token=TOKENS.filter(bool))
def test_any_text_as_a_token_to_refresh_with_changes_nothing(log: Log, token: str) -> None:
    with HubForTests({"auth_jwt": PLUGINS["auth_jwt"]}, plugins={"auth_jwt": AuthJwt}) as hub:
        alice = hub.connect(query={"token": forge({"alg": "HS256"}, SECRET.encode())})
        alice.send(json.dumps({"type": "refresh", "token": token, "id": "1"}))
        assert alice.receive("error")["code"] in ("unauthorized", "bad_json")
        assert alice.connection.user == "alice"
    assert_quiet(log, token)
