"""The session that docs/history.md shows goes as it is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.protocol import Json

PAGE = Path(__file__).parents[3] / "docs" / "history.md"
DIFFERS = ("timestamp", "guest_key", "epoch")


def sessions() -> list[list[str]]:
    return [
        block.splitlines()
        for block in re.findall(r"^```console session\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    ]


def without_what_differs(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: without_what_differs(each) for name, each in value.items() if name not in DIFFERS}
    return [without_what_differs(each) for each in value] if isinstance(value, list) else value


def connect(hub: HubForTests, command: str, epoch: str | None) -> ClientForTests:
    """Do what the command of a session does, with the epoch that the room has here."""
    url = re.search(r'"(ws:.*)"', command)
    assert url is not None
    query = dict(parse_qsl(urlsplit(url[1]).query))
    if epoch is not None:
        query["epoch"] = epoch
    return hub.connect(query.pop("user"), query=query)


def test_the_server_answers_as_the_session_shows() -> None:
    first, second = sessions()
    with HubForTests({"chat": {}, "presence": {}, "history": {}}) as hub:
        alice = connect(hub, first[0], None)
        epoch: str = alice.events[1]["epoch"]
        play(alice, first[1:])
        alice.vanish()
        bob = hub.connect("bob")
        bob.say("two")
        bob.say("three")
        play(connect(hub, second[0], epoch), second[1:])


def play(client: ClientForTests, lines: list[str]) -> None:
    for line in lines:
        if line.startswith("> "):
            client.send(line.removeprefix("> "))
        else:
            shown, received = json.loads(line.removeprefix("< ")), client.events.pop(0)
            assert list(received) == list(shown)
            assert without_what_differs(received) == without_what_differs(shown)
    assert not client.events
