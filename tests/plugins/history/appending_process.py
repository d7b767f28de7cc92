"""Appends to an SQLite store until it is killed, and writes a line for each append that has returned."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import cast

import uvloop
from hubbub.plugins.history.sqlite import SqliteStore
from hubbub.plugins.history.store import Durability

from .filling import KEEP_ALL, NOW, event


async def publish(store: SqliteStore, room: str) -> None:
    position = await store.open(room, now=NOW)
    last = position.last
    while True:
        events = [event(last + number) for number in range(1, random.randint(2, 20))]
        keys = [f"{room} {last + 1}", *[None] * (len(events) - 1)]
        await store.append(room, position.epoch, last + 1, events, keys=keys, time=NOW, retention=KEEP_ALL)
        last += len(events)
        os.write(1, f"{room} {position.epoch} {last}\n".encode())


async def main(path: str, durability: str) -> None:
    store = SqliteStore(Path(path), durability=cast(Durability, durability))
    await store.start()
    await asyncio.gather(*(publish(store, f"room-{number}") for number in range(10)))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
