"""The config of the stream: what is made where there is none, and whether one that is there keeps a history."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from .jetstream_record import VERSION
from .store import StoreUnusable

DESCRIPTION = "History of Hubbub, version {}"


class StreamOptions(NamedTuple):
    """The stream that is made where there is none."""

    name: str
    replicas: int
    storage: Literal["file", "memory"]


class StreamConfig(msgspec.Struct):
    """What matters here of how a stream is."""

    subjects: list[str] = []
    description: str = ""
    retention: str = "limits"
    storage: str = "file"
    num_replicas: int = 1
    discard: str = "old"
    max_msgs: int = -1
    max_age: int = 0
    max_msgs_per_subject: int = -1
    sealed: bool = False
    deny_purge: bool = False
    allow_rollup_hdrs: bool = False
    mirror: msgspec.Raw | None = None


def _subjects(stream: str) -> list[str]:
    return [f"{stream}.room.*", f"{stream}.touched"]


def wanted(options: StreamOptions) -> bytes:
    """The config of the stream that is made where there is none."""
    return msgspec.json.encode(
        {
            "name": options.name,
            "description": DESCRIPTION.format(VERSION),
            "subjects": _subjects(options.name),
            "storage": options.storage,
            "num_replicas": options.replicas,
            "retention": "limits",
            # What is full refuses, and drops nothing out of the middle of a history.
            "discard": "new",
            "max_msgs": -1,
            "max_bytes": -1,
            "max_age": 0,
            "max_msgs_per_subject": -1,
            "max_consumers": -1,
            "allow_rollup_hdrs": True,
        }
    )


def check(options: StreamOptions, config: StreamConfig, place: str) -> None:
    """Raise `StoreUnusable` where the stream that is there would not keep a history."""
    ours, _, version = config.description.rpartition(" ")
    if ours != DESCRIPTION.format("").rstrip() or not version.isdigit():
        raise StoreUnusable(
            f"The stream {options.name} in NATS at {place} was not made by Hubbub: its description is "
            f"{config.description!r}. Give the history another stream."
        )
    if int(version) > VERSION:
        raise StoreUnusable(
            f"The stream {options.name} in NATS at {place} was made by a newer Hubbub: its version is "
            f"{version}, and this one knows up to {VERSION}. Upgrade Hubbub, or give it another stream."
        )
    wrong = [
        f"{name} is {there}, not {wanted}"
        for name, there, wanted in (
            ("subjects", sorted(config.subjects), sorted(_subjects(options.name))),
            ("storage", config.storage, options.storage),
            ("replicas", config.num_replicas, max(config.num_replicas, options.replicas)),
            ("retention", config.retention, "limits"),
            ("discard", config.discard, "new"),
            ("max_msgs", config.max_msgs, -1),
            ("max_age", config.max_age, 0),
            ("max_msgs_per_subject", config.max_msgs_per_subject, -1),
            ("sealed", config.sealed, False),
            ("deny_purge", config.deny_purge, False),
            ("allow_rollup_hdrs", config.allow_rollup_hdrs, True),
            ("mirror", config.mirror is not None, False),
        )
        if there != wanted
    ]
    if wrong:
        raise StoreUnusable(
            f"The stream {options.name} in NATS at {place} does not keep a history as it is to be: "
            f"{'; '.join(wrong)}. Change it (nats stream edit {options.name}) or the config, or give the history "
            "another stream."
        )
