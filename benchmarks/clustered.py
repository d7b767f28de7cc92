"""What runs on several nodes that share a broker, and the workloads for it."""

from .targets import TARGETS, Start, Target, hubbub_with, output, packages, program, python_peer
from .workloads import BOTH, Workload


def _redis_version() -> str:
    return "Redis " + output(program("redis-server", "redis-server"), "--version").split("v=")[1].split()[0]


def _redis_command(start: Start) -> list[str]:
    options = {"port": str(start.port), "bind": "127.0.0.1", "dir": str(start.folder), "save": ""}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [program("redis-server", "redis-server"), *words]


def _nats_command(start: Start) -> list[str]:
    return [program("nats-server", "nats-server"), "--addr", "127.0.0.1", "--port", str(start.port)]


REDIS = Target("redis", "Redis", "stores nothing", _redis_command, _redis_version)
NATS = Target(
    "nats", "NATS", "without JetStream", _nats_command, TARGETS["nats"].version, environment={"GOMAXPROCS": "1"}
)


def _redis_url(start: Start) -> str:
    return f"redis://127.0.0.1:{start.broker_port}"


def _hubbub(name: str, title: str, note: str, broker: Target | None = None) -> Target:
    def plugins(start: Start) -> dict[str, object]:
        if broker is REDIS:
            return {"redis": {"url": _redis_url(start)}}
        return {} if broker is None else {"nats": {"servers": [f"nats://127.0.0.1:{start.broker_port}"]}}

    alone = TARGETS["hubbub"]
    return Target(name, title, note, hubbub_with(plugins), alone.version, dialect=alone.dialect, broker=broker)


def _peer(
    name: str, title: str, note: str, words: tuple[str, ...], needs: tuple[str, ...], like: str = "textbook"
) -> Target:
    file, option = words
    alone, command = TARGETS[like], python_peer(file)
    return Target(
        name, title, note, lambda start: [*command(start), option, _redis_url(start)],
        packages(*needs, "redis", "hiredis", "uvicorn"), alone.path, alone.template, alone.dialect, broker=REDIS,
    )  # fmt: skip


CHANNELS_PACKAGES = ("channels", "channels_redis", "Django")
CLUSTERED: dict[str, Target] = {
    target.name: target
    for target in [
        _hubbub("hubbub", "Hubbub", "all five default plugins and `redis`", REDIS),
        _peer(
            "textbook", "Textbook FastAPI", "json.dumps and PUBLISH; a task with listen() and send_text in a loop",
            ("textbook_redis.py", "--redis"), ("fastapi", "uvloop", "httptools", "websockets"),
        ),
        _peer(
            "socketio", "python-socketio", "AsyncRedisManager", ("socketio_server.py", "--redis"),
            ("python-socketio",), "socketio",
        ),
        _peer(
            "channels-pubsub", "Django Channels, pub/sub", "RedisPubSubChannelLayer",
            ("channels_server.py", "--redis-pubsub"), CHANNELS_PACKAGES, "channels",
        ),
        _peer(
            "channels-core", "Django Channels, core layer", "RedisChannelLayer",
            ("channels_server.py", "--redis"), CHANNELS_PACKAGES, "channels",
        ),
        _hubbub("alone", "One Hubbub alone", "all five default plugins"),
        _hubbub("with-redis", "One Hubbub with Redis", "and `redis`", REDIS),
        _hubbub("with-nats", "One Hubbub with NATS", "and `nats`", NATS),
    ]
}  # fmt: skip

PEERS = ("textbook", "socketio", "channels-pubsub", "channels-core")
ACROSS = ("across-1", "across-16", "both-ways")
JUDGED = ACROSS[1:]
"""With one message in flight, what any server does is one write to each member."""

SIZING = "one-node"
CARRIED = "carried"
CLUSTERED_WORKLOADS = [
    Workload(name, "across", title, arguments, BOTH, targets, at_least=at_least, nodes=2)
    for name, title, arguments, targets, at_least in (
        ("across-1", "1 room x 100, 1 in flight", "-n 100 -w 1 --apart", ("hubbub", *PEERS), 0),
        ("across-16", "1 room x 100, 16 in flight", "-n 100 -w 16 --apart", ("hubbub", *PEERS), 0),
        # The first thousand messages take slow servers a second, and the core layer of Channels so long that it
        # has no rate to compare.
        ("both-ways", "100 rooms x 10, all publish", "-n 1000 -k 100 -P 10 -w 1 -W 2", ("hubbub", *PEERS[:-1]), 4),
    )
] + [
    Workload(
        SIZING, "sizing", "1 room x 100, 16 in flight, all on one node", "-n 100 -w 16",
        (*BOTH, "broker_us_per_message"), ("alone", "with-redis", "with-nats"),
    ),
    Workload(
        CARRIED, "sizing", "100 rooms x 2, one of each publishes, 16 in flight", "--apart -n 200 -k 100 -w 16",
        ("messages_per_second", "broker_us_per_message"), ("hubbub",), nodes=2,
    ),
]  # fmt: skip
