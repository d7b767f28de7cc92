from hubbub.core import Message, Plugin, PluginConfig, hookimpl


class Shout(Plugin[PluginConfig]):
    """Turns every message into capitals."""

    @hookimpl
    def transform_event(self, event: Message) -> Message:
        if isinstance(event.content, str):
            event.content = event.content.upper()
        return event
