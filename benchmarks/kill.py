"""`python -m benchmarks kill`: kills a server, or the store of its history, again and again under load.

Says how many of the acknowledged publications were lost, how many doubled, and how long it took to recover.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.killing import Outages
    from tests.plugins.history.servers import Server

ROOMS, MEMBERS = 4, 5


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks kill", description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="default 50")
    parser.add_argument("--store", choices=("sqlite", "postgres", "redis"), default="sqlite")
    parser.add_argument("--kill", choices=("server", "store"), default="server", help="what (default: the server)")
    parser.add_argument(
        "--durability", choices=("full", "normal"), default="full", help="of sqlite (default full)"
    )
    parser.add_argument("--transport", choices=("auto", "portable"), default="auto", help="default auto")
    parser.add_argument("--load", type=int, default=1000, help="acknowledged between two kills (default 1000)")
    options = parser.parse_args(arguments)
    if options.store == "sqlite" and options.kill == "store":
        parser.error("the sqlite store is a part of the server: kill that")
    return options


@contextmanager
def _store(name: str) -> Generator["Server | None"]:
    if name == "sqlite":
        yield None
        return
    from tests.plugins.history.servers import Postgres, Redis

    server = Postgres() if name == "postgres" else Redis()
    try:
        yield server
    finally:
        server.remove()


async def _kill(options: argparse.Namespace, folder: Path, store: "Server | None") -> "Outages":
    from tests.faults.crowd import Crowd
    from tests.faults.killing import RestartedServer, kill_again_and_again, take_the_store_away_again_and_again

    history = {"store": options.store, "durability": options.durability}
    history |= {"url": getattr(store, "url", None)}
    server = RestartedServer(folder, history, options.transport)
    try:
        async with Crowd(server.url, rooms=ROOMS, members=MEMBERS) as crowd:
            if options.kill == "server":
                return await kill_again_and_again(
                    crowd, options.times, kill=server.kill, start=server.start, per_round=options.load
                )
            assert store is not None
            return await take_the_store_away_again_and_again(
                crowd, server, options.times, kill=store.kill, start=store.start, per_round=options.load
            )
    finally:
        server.now.stop()


def _show(options: argparse.Namespace, outages: "Outages", seconds: float) -> None:
    judgement = outages.judgement
    killed = "the server" if options.kill == "server" else options.store
    print(f"{killed} was killed {options.times} times in {seconds:.0f} s; {options.store}, {options.transport}")
    print(f"acknowledged  {judgement.acknowledged:>9,}")
    print(f"published     {judgement.published:>9,}")
    print(f"refused       {judgement.refused:>9,}   and sent again with the same id")
    print(f"lost          {len(judgement.lost):>9,}")
    print(f"doubled       {len(judgement.doubled):>9,}")
    print(f"out of order  {len(judgement.disordered):>9,}")
    down, back = outages.seconds_down, outages.seconds_back
    what = "until it listened" if options.kill == "server" else "until it was ready again"
    print(f"{what}: median {median(down):.2f} s, longest {max(down):.2f} s")
    print(f"until all {ROOMS * MEMBERS} clients knew all: median {median(back):.2f} s, longest {max(back):.2f} s")
    for fault in judgement.faults[:20]:
        print(f"! {fault}")


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-kill-") as folder, _store(options.store) as store:
            outages = asyncio.run(_kill(options, Path(folder), store))
    except ModuleNotFoundError as error:
        print(f"{error.name} is missing: install what the tests need (pip install --group test)", file=sys.stderr)
        return 2
    _show(options, outages, time.monotonic() - began)
    return int(bool(outages.judgement.faults))
