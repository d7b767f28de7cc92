"""Puts a server together as a FastAPI application: the only place that knows everything."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from starlette.routing import WebSocketRoute

from .api.install import install_api
from .broker import Broker
from .browser import page_routes
from .config import LoadedConfig
from .endpoint import WebSocketEndpoint
from .health import health_routes
from .hub import Hub
from .loader import PluginClass
from .started_first import StartedFirst
from .version import VERSION


def create_app(
    loaded: LoadedConfig,
    *,
    plugins: Mapping[str, PluginClass] | None = None,
    broker: Broker | None = None,
) -> FastAPI:
    """The application for a config; its `Hub` is ``app.state.hub``.

    It can be mounted in another application, which then has its lifespan from `Hub.lifespan`.
    ``plugins`` are classes that the config may name without their being installed.
    Raise `ConfigError` or `PluginError` where the config or a plugin cannot be used.
    """
    hub = Hub(loaded, plugins=plugins, broker=broker)

    app = FastAPI(title="Hubbub", version=VERSION, lifespan=hub.lifespan, docs_url=None, redoc_url=None)
    app.state.hub = hub
    path = hub.config.server.path
    endpoint = WebSocketEndpoint(hub)
    for pattern in (path, f"{path}/", f"{path}/{{room:path}}"):
        app.router.routes.append(WebSocketRoute(pattern, endpoint))
    names_are_chosen = not hub.pipeline.implements("authenticate")
    app.router.routes.extend((*health_routes(hub), *page_routes(path, names_are_chosen=names_are_chosen)))
    install_api(app, hub)
    app.add_middleware(StartedFirst, hub=hub)
    return app
