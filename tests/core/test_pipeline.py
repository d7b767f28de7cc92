import asyncio
from collections.abc import Callable
from typing import Union

import pytest
from hubbub.core import (
    Connection,
    Event,
    Message,
    Plugin,
    PluginConfig,
    PluginError,
    Private,
    Rejected,
    RoomEvent,
    Stamped,
    hookimpl,
)
from hubbub.core.testing import ClientForTests, HubForTests
from hubbub.protocol import Ping, Pong

AnyPluginClass = type[Plugin[PluginConfig]]


def outcome(client: ClientForTests) -> str:
    """What became of one message: its text as it was published, or the code of the error."""
    client.take()
    client.say("hello", id="1")
    client.take("ack")
    answers = client.take()
    assert len(answers) == 1, answers
    return str(answers[0].get("content") or answers[0]["code"])


def recorder(name: str, calls: list[str]) -> AnyPluginClass:
    """A plugin that writes down each call of the hooks in which order shows."""

    class Recorder(Plugin[PluginConfig]):
        @hookimpl
        def startup(self) -> None:
            calls.append(f"startup {name}")

        @hookimpl
        def check_event(self) -> None:
            calls.append(f"check_event {name}")

        @hookimpl
        def event_handled(self) -> None:
            calls.append(f"event_handled {name}")

        @hookimpl
        def left(self) -> None:
            calls.append(f"left {name}")

        @hookimpl
        def disconnected(self) -> None:
            calls.append(f"disconnected {name}")

        @hookimpl
        def shutdown(self) -> None:
            calls.append(f"shutdown {name}")

    return Recorder


def test_plugins_are_called_in_the_order_of_the_config_and_at_the_end_in_reverse() -> None:
    calls: list[str] = []
    classes = {name: recorder(name, calls) for name in ("a", "b", "c")}
    with HubForTests({"c": {}, "a": {}, "b": {}}, plugins=classes) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "ping"})
        alice.close()
    orders: dict[str, str] = {}
    for call in calls:
        hook, name = call.split()
        orders[hook] = orders.get(hook, "") + name
    assert orders == {
        "startup": "cab",
        "check_event": "cab",
        "event_handled": "cab",
        "left": "cab",
        "disconnected": "bac",
        "shutdown": "bac",
    }


def test_tryfirst_and_trylast_go_before_the_order_of_the_config() -> None:
    calls: list[str] = []

    class Last(Plugin[PluginConfig]):
        @hookimpl(trylast=True)
        def check_event(self) -> None:
            calls.append("last")

    class Middle(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self) -> None:
            calls.append("middle")

    class First(Plugin[PluginConfig]):
        @hookimpl(tryfirst=True)
        def check_event(self) -> None:
            calls.append("first")

    with HubForTests(
        {"last": {}, "middle": {}, "first": {}}, plugins={"last": Last, "middle": Middle, "first": First}
    ) as hub:
        hub.connect("alice").send({"type": "ping"})
    assert calls == ["first", "middle", "last"]


def test_the_annotation_of_event_is_the_filter() -> None:
    calls: list[tuple[str, type[Event]]] = []

    class Filters(Plugin[PluginConfig]):
        @hookimpl(specname="check_event")
        def one(self, event: Message) -> None:
            calls.append(("one", type(event)))

        @hookimpl(specname="check_event")
        def union(self, event: Private | Ping) -> None:
            calls.append(("union", type(event)))

        @hookimpl(specname="check_event")
        def old_union(self, event: Union[Ping, Pong]) -> None:  # noqa: UP007
            calls.append(("old union", type(event)))

        @hookimpl(specname="check_event")
        def base(self, event: RoomEvent) -> None:
            calls.append(("base", type(event)))

        @hookimpl(specname="check_event")
        def text(self, event: "Private | Message") -> None:
            calls.append(("text", type(event)))

        @hookimpl(specname="check_event")
        def stamped(self, event: Stamped) -> None:
            calls.append(("stamped", type(event)))

        @hookimpl(specname="check_event")
        def everything(self, event: Event) -> None:
            calls.append(("everything", type(event)))

        @hookimpl(specname="check_event")
        def without(self) -> None:
            calls.append(("without", Event))

    with HubForTests({"chat": {}, "filters": {}}, plugins={"filters": Filters}) as hub:
        alice = hub.connect("alice")

        def called_for(event: dict[str, str]) -> set[str]:
            calls.clear()
            alice.send(event)
            return {name for name, _ in calls}

        always = {"everything", "without"}
        assert called_for({"type": "message", "content": "hello"}) == {"one", "base", "text", "stamped"} | always
        private = {"type": "private", "to": "alice", "content": "hello"}
        assert called_for(private) == {"union", "text", "stamped"} | always
        assert called_for({"type": "ping"}) == {"union", "old union"} | always
        assert called_for({"type": "pong"}) == {"old union"} | always
        assert called_for({"type": "help"}) == always


def test_a_hook_without_an_annotation_is_called_for_every_event() -> None:
    calls: list[object] = []

    class Plain(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, event) -> None:  # type: ignore[no-untyped-def]  # pyright: ignore
            calls.append(type(self))

    with HubForTests({"plain": {}}, plugins={"plain": Plain}) as hub:
        hub.connect("alice").send({"type": "ping"})
        assert calls == [Plain]


@pytest.mark.parametrize("annotation", [int, Message | None, "Mesage", "Message.Nothing", "Message ||"])
def test_an_annotation_that_is_no_event_type_is_refused_at_the_start(annotation: object) -> None:
    def check_event(self: object, event: object) -> None: ...

    check_event.__annotations__["event"] = annotation
    broken: AnyPluginClass = type("Broken", (Plugin,), {"check_event": hookimpl(check_event)})
    with pytest.raises(PluginError, match=r"plugin 'broken'.*check_event.*'event'"):
        HubForTests({"broken": {}}, plugins={"broken": broken})


def test_only_the_annotation_of_event_has_to_exist_at_run_time() -> None:
    class Late(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, connection: "OnlyForTheTypeChecker", event: "Message") -> None:  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore
            raise Rejected("forbidden", "No.")

    with HubForTests({"chat": {}, "late": {}}, plugins={"late": Late}) as hub:
        assert outcome(hub.connect("alice")) == "forbidden"


def test_a_hook_names_the_arguments_that_it_needs_in_any_order() -> None:
    seen: list[object] = []

    class Subsets(Plugin[PluginConfig]):
        @hookimpl(specname="disconnected")
        def none(self) -> None:
            seen.append(())

        @hookimpl(specname="disconnected")
        def one(self, reason: str) -> None:
            seen.append(reason)

        @hookimpl(specname="disconnected")
        def two(self, reason: str, connection: Connection) -> None:
            seen.append((reason, connection.user))

        @hookimpl(specname="disconnected")
        def three(self, code: int, reason: str, connection: Connection) -> None:
            seen.append((code, reason, connection.user))

        @hookimpl(specname="check_event")
        def swapped(self, event: Ping, connection: Connection) -> None:
            seen.append((type(event), connection.user))

        @hookimpl(specname="check_event")
        def event_alone(self, event: Ping) -> None:
            seen.append(type(event))

    with HubForTests({"subsets": {}}, plugins={"subsets": Subsets}) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "ping"})
        assert sorted(map(str, seen)) == sorted(map(str, [(Ping, "alice"), Ping]))
        seen.clear()
        alice.close()
    assert sorted(map(str, seen)) == sorted(map(str, [(), "left", ("left", "alice"), (1000, "left", "alice")]))


ARGUMENTS = {
    "startup": "",
    "authenticate": "handshake",
    "check_connect": "connection",
    "connected": "connection",
    "check_join": "connection, room",
    "joined": "connection, room",
    "check_event": "connection, event",
    "transform_event": "connection, event",
    "handle_event": "connection, event",
    "check_publish": "room, event",
    "event_published": "room, event",
    "event_handled": "connection, event",
    "left": "connection, room, reason",
    "disconnected": "connection, code, reason",
    "shutdown": "",
}


@pytest.mark.parametrize("is_async", [False, True])
def test_every_hook_may_be_def_or_async_def(is_async: bool) -> None:
    def implementation(hook: str, arguments: str) -> Callable[..., object]:
        names = {"calls": calls, "sleep": asyncio.sleep}
        lines = f"def {hook}({', '.join(filter(None, ('self', arguments)))}):\n calls.append({hook!r})\n"
        if is_async:
            lines = f"async {lines} await sleep(0.01)\n calls.append({hook!r})\n"
        exec(lines, names)
        function = names[hook]
        assert callable(function)
        return hookimpl(function)

    calls: list[str] = []
    namespace = {hook: implementation(hook, arguments) for hook, arguments in ARGUMENTS.items()}
    every: AnyPluginClass = type("Every", (Plugin,), namespace)
    with HubForTests({"every": {}, "chat": {}}, plugins={"every": every}) as hub:
        alice = hub.connect("alice")
        hub.advance(1)
        alice.say("hello", id="1")
        hub.advance(1)
        assert alice.receive("message", content="hello")
        assert alice.receive("ack", id="1")
        alice.close()
        hub.advance(1)
    expected = [hook for hook in ARGUMENTS for _ in range(2 if is_async else 1)]
    assert sorted(calls) == sorted(expected)
    assert list(dict.fromkeys(calls)) == list(ARGUMENTS)


def test_a_def_hook_may_return_what_is_to_be_waited_for() -> None:
    waited: list[str] = []

    class Returns(Plugin[PluginConfig]):
        @hookimpl
        def check_event(self, event: Ping) -> "asyncio.Future[None]":
            async def wait() -> None:
                await asyncio.sleep(1)
                waited.append("checked")

            return asyncio.ensure_future(wait())

    with HubForTests({"returns": {}}, plugins={"returns": Returns}) as hub:
        alice = hub.connect("alice")
        alice.send({"type": "ping"})
        assert not alice.take("pong")
        hub.advance(1)
        assert alice.receive("pong")
        assert waited == ["checked"]
