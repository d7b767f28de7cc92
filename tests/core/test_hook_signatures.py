"""Methods that would never be called, or not as their author means it, stop the start."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cached_property

import pluggy
import pytest
from hubbub.core import Connection, Event, Plugin, PluginConfig, PluginError, hookimpl
from hubbub.core.hook_signatures import check_hooks
from hubbub.core.plugin import PROJECT

MANAGER = pluggy.PluginManager(PROJECT)


def unknown(self: object) -> None: ...


def misspelt(self: object, conection: Connection) -> None: ...


def has_default(self: object, event: Event, connection: Connection | None = None) -> None: ...


def by_keyword(self: object, *, event: Event) -> None: ...


def takes_all(self: object, *arguments: object) -> None: ...


def takes_all_named(self: object, event: Event, **arguments: object) -> None: ...


def yields(self: object) -> Iterator[None]:
    yield


async def yields_later(self: object) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("hook", "method", "says"),
    [
        ("on_message", unknown, "there is no hook 'on_message'. The hooks are startup, shutdown,"),
        ("check_events", unknown, "there is no hook 'check_events'. Did you mean 'check_event'?"),
        ("check_event", misspelt, "check_event has no argument 'conection'. Did you mean 'connection'?"),
        ("joined", misspelt, "Name those that you need of: connection, room"),
        ("startup", misspelt, "startup has no argument 'conection'. There are none to name"),
        (
            "check_event",
            has_default,
            "'connection' has a default, and would always have it; leave the default out",
        ),
        (
            "check_event",
            by_keyword,
            "'event' gets nothing; name those that you need of: connection, event, without *",
        ),
        ("check_event", takes_all, "'arguments' gets nothing"),
        ("check_event", takes_all_named, "'arguments' gets nothing"),
        ("check_event", yields, "it has a yield, and so would never run"),
        ("check_event", yields_later, "it has a yield, and so would never run"),
    ],
)
def test_a_method_that_does_not_fit_its_hook_is_told_with_the_remedy(
    hook: str, method: Callable[..., object], says: str
) -> None:
    plugin = type("Broken", (Plugin,), {"method": hookimpl(specname=hook)(method)})(PluginConfig())
    with pytest.raises(PluginError, match=f"the plugin 'mine' .*Broken.method: .*{re.escape(says)}"):
        check_hooks(MANAGER, "mine", plugin)


def test_a_method_that_is_named_as_a_hook_must_be_marked_as_one() -> None:
    class Forgets(Plugin[PluginConfig]):
        def check_event(self, event: Event) -> None: ...

    with pytest.raises(
        PluginError, match=r"Forgets.check_event: it is named as a hook but not marked; write @hookimpl"
    ):
        check_hooks(MANAGER, "mine", Forgets(PluginConfig()))


def test_properties_are_not_asked_and_other_methods_are_nobodys_business() -> None:
    class Fine(Plugin[PluginConfig]):
        @property
        def rooms(self) -> int:
            raise RuntimeError("not yet")

        @cached_property
        def first_room(self) -> str:
            return next(iter(self.manager.rooms))

        def count(self, *rooms: str) -> Iterator[str]:
            yield from rooms

        @hookimpl
        @staticmethod
        def joined(room: str, seconds: float = 5) -> None: ...

    check_hooks(MANAGER, "mine", Fine(PluginConfig()))
