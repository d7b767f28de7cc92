"""Redis as it is run: on a port, with TLS, behind Sentinels, as a cluster; and the user of the docs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import TypeVar, cast

import redis as client

from ..end_to_end.kept_port import KeptPort
from ..plugins.history.servers import Redis, RedisOnPort, Server, find_program, send
from .certificates import Authority

DOCS = Path(__file__).parents[2] / "docs" / "cluster.md"
PASSWORD = "pa55word"

AnyServer = TypeVar("AnyServer", bound=Server)


class RedisWithTls(RedisOnPort):
    """A Redis that is reached by TLS alone, and by its socket."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        super().__init__()

    def command(self) -> Sequence[str]:
        certificate, key, ca = self._authority.certificate, self._authority.key, self._authority.ca
        files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(ca))
        own = [*super().command(), "--port", "0", "--tls-port", str(self.port)]
        return [*own, *files, "--tls-auth-clients", "no"]


class Sentinel(Server):
    """Somebody who watches a master, ready when its replica is known as well."""

    ready = "+slave slave"

    def __init__(self, master: RedisOnPort) -> None:
        self.program = find_program("redis-server")
        self._kept_port = KeptPort()
        self.port = self._kept_port.number
        super().__init__()
        (self.folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor ours 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds ours 400\n"
            "sentinel failover-timeout ours 3000\n"
        )
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        return [self.program, str(self.folder / "sentinel.conf"), "--sentinel"]


class Watched:
    """A master with a replica, and a Sentinel that makes the one the other when it is needed."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            self.master = _until_the_end_of(stack, RedisOnPort("--repl-diskless-sync-delay", "0"))
            self.replica = _until_the_end_of(stack, RedisOnPort("--replicaof", "127.0.0.1", str(self.master.port)))
            for redis in (self.master, self.replica):
                give_user(redis, "+role")
            self.catch_up()
            self.sentinel = _until_the_end_of(stack, Sentinel(self.master))
            self._stack = stack.pop_all()

    def catch_up(self) -> None:
        """Wait until the replica has what the master has."""
        with connect(self.master) as connection:
            connection.set("caught", "up")
            assert connection.wait(1, 10_000) == 1  # pyright: ignore[reportUnknownMemberType] # of **kwargs

    def remove(self) -> None:
        self._stack.close()


class ClusterNode(RedisOnPort):
    """One of a cluster."""

    def __init__(self) -> None:
        self._kept_bus = KeptPort()
        super().__init__("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")

    def command(self) -> Sequence[str]:
        return [*super().command(), "--cluster-port", str(self._kept_bus.number)]


class Cluster:
    """Three masters."""

    def __init__(self) -> None:
        program = find_program("redis-cli")
        with ExitStack() as stack:
            self.nodes = [_until_the_end_of(stack, ClusterNode()) for _ in range(3)]
            addresses = [node.address for node in self.nodes]
            subprocess.run(
                [program, "--cluster", "create", *addresses, "--cluster-yes"],
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=60,
            )
            for node in self.nodes:
                give_user(node, "+cluster|slots")
                _wait_until_it_works(node)
            self._stack = stack.pop_all()

    def remove(self) -> None:
        self._stack.close()


def _wait_until_it_works(node: ClusterNode) -> None:
    """Each node of a cluster finds out for itself that all slots are served."""
    deadline = monotonic() + 30
    while b"cluster_state:ok" not in cast(bytes, send(node, "CLUSTER", "INFO")):
        assert monotonic() < deadline, "the cluster does not work"


def _until_the_end_of(stack: ExitStack, server: AnyServer) -> AnyServer:
    stack.callback(server.remove)
    return server


def give_user(redis: Redis, *besides: str) -> None:
    """Make the user that the docs recommend, and ``besides`` what they name for this kind of Redis."""
    text = DOCS.read_text()
    lines = re.findall(r"^ACL SETUSER hubbub .*$", text, re.MULTILINE)
    assert len(lines) == 2
    for extra in besides:
        assert f"`{extra}`" in text
    for line in (*lines, f"ACL SETUSER hubbub {' '.join(besides)}"):
        send(redis, *line.replace(">password", f">{PASSWORD}").split())


def denials(redis: Redis) -> object:
    """What Redis has refused to users because they may not."""
    return send(redis, "ACL", "LOG")


def connect(redis: Redis) -> client.Redis:
    """A client of the default user."""
    return client.Redis.from_url(redis.url)  # pyright: ignore[reportUnknownMemberType]
