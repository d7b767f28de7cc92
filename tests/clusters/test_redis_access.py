"""The ways to Redis: TLS, the user that the docs recommend, a socket; and what is said where a way is closed."""

from __future__ import annotations

import asyncio
import gc
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hubbub.core import Rejected
from hubbub.plugins.history.redis import RedisStore
from hubbub.plugins.history.redis_config import InRedis
from hubbub.plugins.history.store import Retention, StoreUnavailable
from hubbub.plugins.redis.broker import RedisBroker
from hubbub.plugins.redis.config import RedisConfig
from redis.exceptions import NoPermissionError

from ..plugins.history.filling import NOW, fill, stored
from ..plugins.history.servers import Redis, send
from .carrying import carry, refusal
from .certificates import Authority
from .machines import Machines
from .redis_kinds import PASSWORD, Cluster, RedisOnPort, RedisWithTls, connect, denials, give_user

# What was cut off in the middle of TLS is closed by an answer, for which the loop of a test does not wait.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Leave to no other test what is not closed yet."""
    yield
    gc.collect()


PROGRAMS = ["redis-server", *(["valkey-server"] if shutil.which("valkey-server") else [])]
"""Valkey is tried as well where it is installed; not every distribution has it."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisOnPort]:
    server = RedisOnPort()
    give_user(server)
    yield server
    server.remove()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "ours")


@pytest.fixture(scope="module")
def redis_with_tls(authority: Authority) -> Iterator[RedisWithTls]:
    server = RedisWithTls(authority)
    give_user(server)
    yield server
    server.remove()


def broker(url: str) -> RedisBroker:
    return RedisBroker(RedisConfig.model_validate({"url": url}))


async def keep(store: RedisStore) -> None:
    """Have a store do all that it does for a server."""
    await store.start()
    position = await fill(store, "lobby", 3, keys=["alice 1", None, None])
    assert await store.read("lobby", 0, 10) == stored(1, 2, 3)
    assert await store.read_back("lobby", None, 1) == stored(3)
    assert await store.find_key("lobby", "alice 1", now=NOW) == 1
    assert [room async for room in store.rooms()] == ["lobby"]
    assert await store.trim(lambda _: Retention(2), now=NOW) == 1
    assert await store.remove("lobby", 2) == 1
    assert (await store.renew("lobby", position.epoch)).epoch != position.epoch
    await store.forget("lobby")
    await store.stop()


async def complaint(store: RedisStore) -> str:
    """Why a store cannot be used."""
    try:
        await store.start()
    except StoreUnavailable as error:
        return str(error)
    finally:
        await store.stop()
    raise AssertionError("it can be used")


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_works_through_a_socket(program: str) -> None:
    server = Redis(program)
    try:
        asyncio.run(carry(broker(server.url)))
        asyncio.run(keep(RedisStore(server.url)))
    finally:
        server.remove()


def test_it_works_for_the_user_of_the_docs_who_may_do_no_more(redis: RedisOnPort) -> None:
    url = f"redis://hubbub:{PASSWORD}@{redis.address}"
    asyncio.run(carry(broker(url)))
    asyncio.run(keep(RedisStore(url)))
    assert denials(redis) == []
    with connect(redis) as connection:
        connection.auth(PASSWORD, "hubbub")  # pyright: ignore[reportUnknownMemberType] # of **kwargs
        for words in (("SET", "other", 1), ("PUBLISH", "other", 1), ("CONFIG", "GET", "*"), ("FLUSHALL",)):
            with pytest.raises(NoPermissionError):
                connection.execute_command(*words)  # pyright: ignore[reportUnknownMemberType]
    send(redis, "ACL", "LOG", "RESET")


@pytest.mark.parametrize("lacking", ["publish", "subscribe", "unsubscribe"])
def test_a_user_who_may_not_do_what_is_needed_is_found_out(lacking: str, redis: RedisOnPort) -> None:
    give_user(redis)
    send(redis, "ACL", "SETUSER", "hubbub", f"-{lacking}")
    try:
        with suppress(AssertionError, TimeoutError, Rejected):
            asyncio.run(asyncio.wait_for(carry(broker(f"redis://hubbub:{PASSWORD}@{redis.address}")), 1.5))
        assert denials(redis) != []
    finally:
        send(redis, "ACL", "LOG", "RESET")
        give_user(redis)


def test_it_works_through_tls(redis_with_tls: RedisWithTls, authority: Authority) -> None:
    url = f"rediss://hubbub:{PASSWORD}@{redis_with_tls.address}?ssl_ca_certs={authority.ca}"
    asyncio.run(carry(broker(url)))
    asyncio.run(keep(RedisStore(url)))


@pytest.mark.parametrize("whose", ["the system's", "another's"])
def test_a_certificate_of_an_unknown_authority_is_refused_and_it_is_said_where_to_name_it(
    whose: str, redis_with_tls: RedisWithTls, tmp_path: Path
) -> None:
    url = f"rediss://hubbub:{PASSWORD}@{redis_with_tls.address}"
    if whose == "another's":
        url += f"?ssl_ca_certs={Authority(tmp_path, 'another').ca}"
    place = re.escape(redis_with_tls.address)
    reason = asyncio.run(refusal(broker(url)))
    assert re.search(rf"^Redis at {place}: .*CERTIFICATE_VERIFY_FAILED.*; name the .*ssl_ca_certs=FILE$", reason)
    reason = asyncio.run(complaint(RedisStore(url)))
    assert re.search(rf"^Redis at {place} cannot .*CERTIFICATE_VERIFY_FAILED.*ssl_ca_certs=FILE\.$", reason)


def test_a_wrong_password_is_told_with_place_and_remedy_and_is_in_no_log(
    redis: RedisOnPort, tmp_path: Path
) -> None:
    url = f"redis://hubbub:wrong-s3cret@{redis.address}"
    with ExitStack() as stack:
        server = Machines(stack, tmp_path, "redis", {"url": url}).start(history={"store": "redis", "url": url})
        away = server.log.wait_for("the broker is away")
        assert f"Redis at {redis.address}: invalid username-password pair" in away
        assert "look at user and password in url" in away
        history = server.log.wait_for("history cannot be written")
        assert f"Redis at {redis.address} cannot be used: invalid username-password pair" in history
        assert "Look at user and password in the url." in history
        assert "s3cret" not in "\n".join([*server.log.all(), *server.output.all(), server.get("/readyz")[1]])


def test_a_store_that_is_not_told_of_the_cluster_says_how_to_tell_it() -> None:
    cluster = Cluster()
    try:
        reasons = [asyncio.run(complaint(RedisStore(f"redis://{node.address}"))) for node in cluster.nodes[:2]]
        assert any("write redis: {cluster: true}" in reason for reason in reasons)
    finally:
        cluster.remove()


def test_a_cluster_and_sentinels_are_not_reached_by_a_socket() -> None:
    with pytest.raises(ValueError, match="by host and port"):
        RedisStore("unix:///socket", InRedis(cluster=True))
    sentinel = {"hosts": ["a:1"], "master": "ours"}
    with pytest.raises(ValueError, match="by host and port"):
        RedisStore("unix:///socket", InRedis.model_validate({"sentinel": sentinel}))
    with pytest.raises(ValueError, match="by host and port"):
        RedisConfig.model_validate({"url": "unix:///socket", "sentinel": sentinel})
    with pytest.raises(ValueError, match="take out one of the two"):
        InRedis.model_validate({"cluster": True, "sentinel": sentinel})
    with pytest.raises(ValueError, match="expected host:port"):
        InRedis.model_validate({"sentinel": {"hosts": ["a"], "master": "ours"}})
