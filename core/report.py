"""What `hubbub check` and `hubbub plugins` print."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import yaml
from pydantic import BaseModel

from ..protocol import tag_of
from .api.config import ApiConfig
from .config import LoadedConfig, ServerConfig
from .hub import Hub
from .implementations import AnyPlugin
from .loader import installed_plugins
from .origins import Origins

_DOOR = ("origins", "trusted_proxies", "proxy_protocol")
"""Options of the server that have a line of their own, set or not."""


def report_config(loaded: LoadedConfig, hub: Hub) -> str:
    """What would run with this config; secrets are masked."""
    config = loaded.config
    server = config.server
    lines = [
        f"{loaded.path or 'the built-in config'} is valid. This would run:",
        f"  server   http://{_address(server)}/ and ws://{_address(server)}{server.path}",
        *(f"           {line}" for line in _changed(server, {"host", "port", "path", *_DOOR})),
        f"  pages    {_pages(server)}",
        f"  proxies  {_proxies(server)}",
        f"  room     {config.rooms.default} is the default room",
    ]
    for pattern, options in config.rooms.options.items():
        lines.append(f"  rooms    {pattern}: {_inline(options.model_dump(exclude_unset=True))}")
    for number, (name, plugin) in enumerate(hub.plugins.items(), start=1):
        options = _changed(plugin.config, set())
        lines.append(f"  plugin   {number}. {name}" + (f": {', '.join(options)}" if options else ""))
    if not hub.plugins:
        lines.append("  plugin   none: nobody can say anything; list some under 'plugins:', such as chat")
    off = [name for name, options in config.plugins.items() if options is False]
    if off:
        lines.append(f"  off      {', '.join(off)}")
    lines += (f"  api      {line}" for line in _api_keys(config.api))
    lines += (f"  ignored  {warning}" for warning in loaded.warnings)
    lines.append(f"  logging  {config.logging.level}, {config.logging.format}")
    return loaded.source.mask("\n".join(lines) + "\n")


def report_plugins(loaded: LoadedConfig, hub: Hub) -> str:
    """Each enabled plugin in call order, then the installed ones that are off; secrets are masked."""
    installed = installed_plugins()
    lines: list[str] = []
    for number, (name, plugin) in enumerate(hub.plugins.items(), start=1):
        origin = installed.get(name)
        source = f"{origin.distribution} {origin.version}" if origin else type(plugin).__module__
        lines.append(f"{number}. {name} ({source}): {_summary(plugin)}")
        lines.append(f"     hooks   {', '.join(hub.pipeline.hooks_of(name)) or 'none'}")
        if plugin.events:
            lines.append(f"     events  {', '.join(tag_of(event) for event in plugin.events)}")
        lines += (f"     {line}" for line in _options(plugin.config))
    off = [each for name, each in installed.items() if name not in hub.plugins]
    if off:
        lines.append("Installed, but off; a line under 'plugins:' in the config switches one on:")
        lines += (f"   {each.name} ({each.distribution} {each.version})" for each in off)
    return loaded.source.mask("\n".join(lines) + "\n")


def _address(server: ServerConfig) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{host}:{server.port}"


def _pages(server: ServerConfig) -> str:
    if Origins(server.origins).allows_all:
        return "may connect from any site"
    return "may connect from " + ", ".join(("the server's own host", *server.origins))


def _proxies(server: ServerConfig) -> str:
    if not server.trusted_proxies:
        return "none is trusted: a client's address is that of its socket"
    must = ", which must speak the PROXY protocol" if server.proxy_protocol else ""
    return f"trusted: {', '.join(server.trusted_proxies)}{must}"


def _api_keys(config: ApiConfig) -> list[str]:
    if not config.keys:
        return ["off, as no key is under api.keys"]
    return [f"{key.name}: may {', '.join(key.scopes)}; rooms {', '.join(key.rooms)}" for key in config.keys]


def _summary(plugin: AnyPlugin) -> str:
    documentation = inspect.getdoc(type(plugin)) or "no description"
    return documentation.split("\n", 1)[0]


def _options(config: BaseModel) -> Iterator[str]:
    for name, field in type(config).model_fields.items():
        if name not in ("on_error", "hook_timeout") or name in config.model_fields_set:
            description = f"   # {field.description}" if field.description else ""
            yield f"{name}: {_inline(config.model_dump(mode='json')[name])}{description}"


def _changed(config: BaseModel, but: set[str]) -> list[str]:
    values = config.model_dump(mode="json", exclude_unset=True, exclude=but)
    return [f"{name}: {_inline(value)}" for name, value in values.items()]


def _inline(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
