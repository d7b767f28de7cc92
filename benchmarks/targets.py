"""Hubbub and its peers: how each is started, what it is told, and what it needs."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version as installed_version
from pathlib import Path
from string import Template

import yaml

from .paths import BUILD, HUBBUB, HUBBUB_CONFIG, NODE_MODULES, PEERS, PEERS_PYTHON

NCHAN_MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"))


class Missing(Exception):
    """What a target needs is not there; the text says what and how to get it."""


@dataclass(frozen=True)
class Start:
    """What a command is made for: the port to listen on, a folder of its own, whether to compress.

    And where the broker listens, if the target has one.
    """

    port: int
    folder: Path
    deflate: bool
    broker_port: int = 0


@dataclass(frozen=True)
class Target:
    """`version` raises Missing if the target cannot run here. `broker` runs beside it, between its nodes."""

    name: str
    title: str
    note: str
    command: Callable[[Start], list[str]]
    version: Callable[[], str]
    path: str = "/ws/%r?user=u%i"
    template: str = '{"type":"message","content":"%s"}'
    dialect: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict[str, str])
    broker: "Target | None" = None


@cache
def _peer_packages() -> dict[str, str]:
    if not PEERS_PYTHON.exists():
        raise Missing("the peers' packages are not installed: python -m benchmarks --setup")
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
    )
    done = subprocess.run([PEERS_PYTHON, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def packages(*names: str) -> Callable[[], str]:
    def version() -> str:
        absent = [name for name in names if name.lower() not in _peer_packages()]
        if absent:
            raise Missing(f"{', '.join(absent)} is not installed: python -m benchmarks --setup")
        return ", ".join(f"{name} {_peer_packages()[name.lower()]}" for name in names)

    return version


def program(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(f"{name} is not installed (Debian: apt-get install {package})")
    return found


def output(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


def python_peer(file: str) -> Callable[[Start], list[str]]:
    def command(start: Start) -> list[str]:
        return [str(PEERS_PYTHON), str(PEERS / file), str(start.port), *["--deflate"][: start.deflate]]

    return command


def hubbub_with(plugins: Callable[[Start], dict[str, object]]) -> Callable[[Start], list[str]]:
    """Hubbub with its config and further plugins."""

    def command(start: Start) -> list[str]:
        config = yaml.safe_load(HUBBUB_CONFIG.read_text())
        config["plugins"] |= plugins(start)
        path = start.folder / "config.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return [str(HUBBUB), "serve", "--config", str(path), "--port", str(start.port)]

    return command


def _hubbub_command(start: Start) -> list[str]:
    compression = "true" if start.deflate else "false"
    environment = ["env", f"HUBBUB_SERVER__COMPRESSION={compression}"]
    return [*environment, str(HUBBUB), "serve", "--config", str(HUBBUB_CONFIG), "--port", str(start.port)]


def _hubbub_version() -> str:
    if not HUBBUB.exists():
        raise Missing("hubbub is not installed in this environment: pip install .")
    return f"hubbub {installed_version('hubbub')}, uvicorn {installed_version('uvicorn')}"


def _node_version() -> str:
    node = program("node", "nodejs")
    package = NODE_MODULES / "ws" / "package.json"
    if not package.exists():
        raise Missing("the package ws is not installed: python -m benchmarks --setup")
    return f"ws {json.loads(package.read_text())['version']}, Node.js {output(node, '--version')}"


def _fill(template: str, start: Start, **more: str) -> str:
    """The config of a peer with its port and folder put in; returns where it is."""
    values = {"PORT": str(start.port), "FOLDER": str(start.folder), **more}
    file = start.folder / template
    file.write_text(Template((PEERS / template).read_text()).safe_substitute(values))
    return str(file)


def _nats_version() -> str:
    return output(program("nats-server", "nats-server"), "--version").replace("nats-server: v", "nats-server ")


def _nats_command(start: Start) -> list[str]:
    return [program("nats-server", "nats-server"), "--config", _fill("nats.conf", start)]


def _nchan_module() -> str:
    for folder in NCHAN_MODULES:
        if (module := folder / "ngx_nchan_module.so").exists():
            return str(module)
    raise Missing("nginx has no Nchan module (Debian: apt-get install nginx-light libnginx-mod-nchan)")


def _nchan_version() -> str:
    _nchan_module()
    nginx = output(program("nginx", "nginx-light"), "-v").replace("nginx version: nginx/", "nginx ")
    package = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"], capture_output=True, text=True
    )
    return f"Nchan {package.stdout or 'of unknown version'}, {nginx}"


def _nchan_command(start: Start) -> list[str]:
    config = _fill("nchan.conf", start, MODULE=_nchan_module())
    return [program("nginx", "nginx-light"), "-p", str(start.folder), "-c", config]


def _write_version() -> str:
    return output("cc", "--version").splitlines()[0]


SOCKET_IO = ("--wait", "0{", "--send", "40", "--wait", "40", "--send", '42["join","%r"]', "--wait", '["joined"')
NATS_HELLO = ("--send", 'CONNECT {"verbose":false}\\r\\nSUB room.%r 1\\r\\nPING\\r\\n', "--wait", "PONG")

TARGETS: dict[str, Target] = {
    target.name: target
    for target in [
        Target(
            "hubbub", "Hubbub", "all five default plugins on, rate limits raised",
            _hubbub_command, _hubbub_version, dialect=("--wait", '"welcome"'),
        ),
        Target(
            "textbook", "Textbook FastAPI", "a list of WebSockets and send_json in a loop",
            python_peer("textbook.py"), packages("fastapi", "uvicorn", "uvloop", "httptools", "websockets"),
        ),
        Target(
            "socketio", "python-socketio", "on uvicorn; its own framing", python_peer("socketio_server.py"),
            packages("python-socketio", "uvicorn"), path="/socket.io/?EIO=4&transport=websocket",
            template='42["message","%s"]', dialect=SOCKET_IO,
        ),
        Target(
            "channels", "Django Channels", "on uvicorn; in-memory layer", python_peer("channels_server.py"),
            packages("channels", "Django", "uvicorn"),
        ),
        Target(
            "ws", "Node.js ws", "one stringify per message, one send per client",
            lambda start: [program("node", "nodejs"), str(PEERS / "node_ws.mjs"), str(start.port)], _node_version,
            environment={"NODE_ENV": "production"},
        ),
        Target(
            "socketify", "uWebSockets (socketify)", "C++ topics, handlers in Python",
            python_peer("socketify_server.py"), packages("socketify"),
        ),
        Target(
            "nats", "NATS server", "over WebSocket; stamps neither user nor time", _nats_command, _nats_version,
            path="/", template=r"PUB room.%r $SIZE\r\n%s\r\n", dialect=("--binary", "--stream", *NATS_HELLO),
            environment={"GOMAXPROCS": "1"},
        ),
        Target(
            "nchan", "Nchan (nginx)", "stamps neither user nor time", _nchan_command, _nchan_version,
            path="/ws/%r", template="%s",
        ),
        Target(
            "write", "C, one write() per delivery", "the limit without batching; does nothing else",
            lambda start: [str(BUILD / "write_per_delivery"), str(start.port)], _write_version,
            path="/ws/%r", template="%s",
        ),
    ]
}  # fmt: skip
