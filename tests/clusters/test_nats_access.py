"""The ways to NATS: TLS, a password, a token, an NKey; and what is said where a way is closed."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hubbub.plugins.nats.broker import NatsBroker
from hubbub.plugins.nats.config import NatsConfig

from ..end_to_end.kept_port import KeptPort
from ..plugins.history.servers import Nats
from .carrying import carry, refusal
from .certificates import Authority
from .machines import Machines

# What was cut off in the middle of TLS is closed by an answer, for which the loop of a test does not wait.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Leave to no other test what is not closed yet."""
    yield
    gc.collect()


SECRET = "pa55word"
SEED = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y"
PUBLIC = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"
"""Of the bytes 0 to 31, so that nobody takes it for a secret."""
OTHER_SEED = "SUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEQ"

WRONG: dict[str, dict[str, object]] = {
    "password": {"user": "hubbub", "password": "wrong-s3cret"},
    "token": {"token": "wrong-s3cret"},
    "nkey": {"nkey": OTHER_SEED},
}
RIGHT: dict[str, dict[str, object]] = {
    "password": {"user": "hubbub", "password": SECRET},
    "token": {"token": SECRET},
    "nkey": {"nkey": SEED},
}


def test_a_nats_that_is_not_there_is_answered_with_where_to_look() -> None:
    port = KeptPort()
    reason = asyncio.run(refusal(broker(f"nats://127.0.0.1:{port.number}")))
    assert reason.endswith("; look whether it runs, and at host and port in servers")


def login(way: str) -> str:
    """The lines of NATS's own config; the user of the docs may use the subjects of the prefix alone."""
    if way == "token":
        return f'authorization {{ token: "{SECRET}" }}'
    who = f'nkey: "{PUBLIC}"' if way == "nkey" else f'user: "hubbub", password: "{SECRET}"'
    may = 'permissions: { publish: "hubbub.>", subscribe: "hubbub.>" }'
    return f"authorization {{ users: [ {{ {who}, {may} }} ] }}"


@contextmanager
def nats(folder: Path, lines: str) -> Generator[Nats]:
    (folder / "nats.conf").write_text(lines)
    server = Nats("-c", str(folder / "nats.conf"))
    try:
        yield server
    finally:
        server.remove()


def broker(server: str, **config: object) -> NatsBroker:
    return NatsBroker(NatsConfig.model_validate({"servers": [server], **config}))


@pytest.mark.parametrize("way", RIGHT)
def test_it_works_for_a_user_who_may_use_the_subjects_of_the_prefix_alone(way: str, tmp_path: Path) -> None:
    with nats(tmp_path, login(way)) as server:
        asyncio.run(carry(broker(server.url, **RIGHT[way])))


def test_a_login_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    with nats(tmp_path, login("password")) as server:
        reason = asyncio.run(refusal(broker(server.url)))
    assert "it wants a login: write user and password, token, credentials or nkey" in reason


@pytest.mark.parametrize("way", WRONG)
def test_a_wrong_login_is_told_with_place_and_remedy_and_without_the_secret(
    way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with nats(tmp_path, login(way)) as server:
        reason = asyncio.run(refusal(broker(server.url, **WRONG[way])))
        place = f"127.0.0.1:{server.port}"
    assert re.search(rf"^NATS at {re.escape(place)}: .*Authorization Violation.*; look at .*{way}$", reason)
    assert "s3cret" not in reason + caplog.text
    assert OTHER_SEED not in reason + caplog.text


def test_a_wrong_password_is_in_no_log_of_the_server(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(nats(tmp_path, login("password")))
        hubbub = Machines(stack, tmp_path, "nats", {"servers": [server.url], **WRONG["password"]}).start()
        hubbub.log.wait_for("the broker is away")
        assert "s3cret" not in "\n".join([*hubbub.log.all(), *hubbub.output.all(), hubbub.get("/readyz")[1]])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "ours")


@pytest.fixture(scope="module")
def nats_with_tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    files = f'cert_file: "{authority.certificate}", key_file: "{authority.key}"'
    with nats(tmp_path_factory.mktemp("nats"), f"tls {{ {files} }}\n{login('password')}") as server:
        yield server


def test_it_works_through_tls(nats_with_tls: Nats, authority: Authority) -> None:
    for scheme in ("tls", "nats"):
        url = f"{scheme}://127.0.0.1:{nats_with_tls.port}"
        asyncio.run(carry(broker(url, ca_file=str(authority.ca), **RIGHT["password"])))


@pytest.mark.parametrize("whose", ["the system's", "another's"])
def test_a_certificate_of_an_unknown_authority_is_refused_and_it_is_said_where_to_name_it(
    whose: str, nats_with_tls: Nats, tmp_path: Path
) -> None:
    others = {} if whose == "the system's" else {"ca_file": str(Authority(tmp_path, "another").ca)}
    place = f"127.0.0.1:{nats_with_tls.port}"
    reason = asyncio.run(refusal(broker(f"tls://{place}", **others, **RIGHT["password"])))
    assert re.search(rf"^NATS at {re.escape(place)}: .*CERTIFICATE_VERIFY_FAILED.*; name .* in ca_file$", reason)
