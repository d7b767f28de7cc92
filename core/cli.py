"""The ``hubbub`` command: serve, check, plugins, nodes, bench, version."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .app import create_app
from .bench import add_bench_arguments, bench
from .config import LoadedConfig, load_config
from .config_errors import ConfigError, Problem
from .logs import configure_logging
from .nodes_command import nodes
from .plugin_commands import add_plugin_commands
from .plugin_error import PluginError
from .report import report_config, report_plugins
from .server import CannotListenError, serve
from .version import VERSION
from .workers import WorkerFailedError, Workers

DEFAULT_CONFIG = Path("config.yaml")
MISTAKEN_CONFIG = Path("config.yml")

MOST_WORKERS = 256

logger = logging.getLogger("hubbub.core.cli")  # Also where it runs as __main__.

INTERRUPTED = 128 + 2
PIPE_CLOSED = 128 + 13
"""Exit statuses as a shell has them for what a signal ended: SIGINT, SIGPIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status: 0 for success, 1 for a mistake that was explained, 2 for usage."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        options = _parser(words).parse_args(words)
        return options.command(options)
    except (ConfigError, PluginError, CannotListenError, WorkerFailedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # As in `hubbub plugins | head`: nobody wants the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hubbub", description="A realtime event server in which every behaviour is a plugin."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    with_config = argparse.ArgumentParser(add_help=False)
    with_config.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        help="the config; without it config.yaml in this folder, or a built-in one where there is none",
    )
    serving = commands.add_parser("serve", parents=[with_config], help="start the server")
    serving.add_argument("--host", help="address to listen on, instead of the config's server.host")
    serving.add_argument("--port", help="port to listen on, instead of server.port; 0 takes a free one")
    serving.add_argument("--workers", type=_workers, default=1, metavar="N", help="processes that share the port")
    serving.set_defaults(command=_serve)
    checking = commands.add_parser("check", parents=[with_config], help="check a config and say what would run")
    checking.set_defaults(command=_check)
    plugins = commands.add_parser("plugins", parents=[with_config], help="list the enabled and installed plugins")
    plugins.set_defaults(command=_plugins)
    listing = commands.add_parser("nodes", parents=[with_config], help="list the servers that share a broker")
    listing.set_defaults(command=_nodes)
    benching = commands.add_parser("bench", help="load a running server, and say how fast it is")
    add_bench_arguments(benching)
    benching.set_defaults(command=bench)
    commands.add_parser("version", help="print the version").set_defaults(command=_version)
    wanted = next((word for word in words if not word.startswith("-")), None)
    if wanted not in commands.choices:  # No other command waits for plugins to be imported.
        add_plugin_commands(commands, wanted, with_config, _load)
    return parser


def _load(options: argparse.Namespace) -> LoadedConfig:
    path: Path | None = options.config
    if path is None and DEFAULT_CONFIG.exists():
        path = DEFAULT_CONFIG
    if path is None and MISTAKEN_CONFIG.exists():
        text = f"is not read by itself. Rename it to {DEFAULT_CONFIG}, or name it: --config {MISTAKEN_CONFIG}"
        raise ConfigError([Problem(str(MISTAKEN_CONFIG), "", text)])
    environment = dict(os.environ)
    given: dict[str, str] = {}
    for name in ("host", "port"):
        value: str | None = getattr(options, name, None)
        if value is not None:
            variable = f"HUBBUB_SERVER__{name.upper()}"
            environment[variable] = value
            given[f"environment variable {variable}"] = f"--{name}"
    try:
        return load_config(path, environment)
    except ConfigError as error:
        raise ConfigError(
            replace(each, place=given.get(each.place, each.place)) for each in error.problems
        ) from None


def _serve(options: argparse.Namespace) -> int:
    loaded = _load(options)
    app = create_app(loaded)
    if options.workers > 1 and not app.state.hub.broker.is_shared:
        sys.stderr.write(
            f"--workers {options.workers}: with the in-memory broker every worker would be a server of its own, "
            "and people in one room would not hear those on another worker. Start one worker, or connect them: "
            "a line 'redis:' under 'plugins:' in the config does it.\n"
        )
        return 1
    configure_logging(loaded.config.logging)
    if loaded.path is None:
        logger.info("there is no %s in %s: the built-in config is used", DEFAULT_CONFIG, Path.cwd())
    for warning in loaded.warnings:
        logger.warning("%s", warning)
    if options.workers > 1:
        return Workers(loaded, options.workers).run()
    serve(app, loaded)
    return 0


def _workers(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if not 1 <= number <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {MOST_WORKERS}, but got {text!r}")
    return number


def _check(options: argparse.Namespace) -> int:
    loaded = _load(options)
    sys.stdout.write(report_config(loaded, create_app(loaded).state.hub))
    return 0


def _plugins(options: argparse.Namespace) -> int:
    loaded = _load(options)
    sys.stdout.write(report_plugins(loaded, create_app(loaded).state.hub))
    return 0


def _nodes(options: argparse.Namespace) -> int:
    return nodes(_load(options))


def _version(_: argparse.Namespace) -> int:
    sys.stdout.write(f"hubbub {VERSION}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
