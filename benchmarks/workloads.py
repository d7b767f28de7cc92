"""The workloads by name: what the load generator does, and which of its figures the workload is about."""

from dataclasses import dataclass
from typing import Literal

Figure = Literal[
    "deliveries_per_second",
    "messages_per_second",
    "us_per_delivery",
    "broker_us_per_message",
    "p50_us",
    "p99_us",
    "connect_cpu_us",
    "kib_per_connection",
]
UNITS: dict[Figure, str] = {
    "deliveries_per_second": "deliveries/s",
    "messages_per_second": "messages/s",
    "us_per_delivery": "µs of server CPU per delivery",
    "broker_us_per_message": "µs of the broker's CPU per message",
    "p50_us": "µs, median latency",
    "p99_us": "µs, 99th percentile of latency",
    "connect_cpu_us": "µs of server CPU per accepted connection",
    "kib_per_connection": "KiB per connection",
}
COMPARED = ("hubbub", "textbook")
LIMITED = (*COMPARED, "write")
SIZES = (10, 100, 1_000, 5_000)


@dataclass(frozen=True)
class Workload:
    """`targets` limits who runs it by default; paced at `share` of the rate of the workload `peak`."""

    name: str
    group: str
    title: str
    arguments: str
    figures: tuple[Figure, ...]
    targets: tuple[str, ...] = ()
    peak: str | None = None
    share: float = 0.0
    deflate: bool = False
    at_least: float = 0.0  # seconds: what it shows takes that long
    rounds: int = 99  # at most: what hardly differs between rounds needs no more
    nodes: int = 1  # servers, which share what is between them

    @property
    def connections(self) -> int:
        words = self.arguments.split()
        return int(words[words.index("-n") + 1])


BOTH: tuple[Figure, ...] = ("deliveries_per_second", "us_per_delivery")
LATENCY: tuple[Figure, ...] = ("p50_us", "p99_us")


def _fanout() -> list[Workload]:
    return [
        Workload("W1a", "main", "1 room x 100, 1 message in flight", "-n 100 -w 1", BOTH),
        Workload("W1b", "main", "1 room x 100, 16 in flight", "-n 100 -w 16", BOTH),
        Workload("W2", "main", "1 room x 1,000, 1 in flight", "-n 1000 -w 1", BOTH),
        Workload("W3", "main", "100 rooms x 10, all publish", "-n 1000 -k 100 -P 10 -w 1", BOTH),
    ]


def _echo() -> list[Workload]:
    return [
        Workload(
            f"W4{letter}",
            "main",
            f"echo, {count} connection{'s'[: count - 1]}",
            f"-m echo -n {count}",
            BOTH,
            targets,
        )
        for letter, count, targets in (("a", 1, LIMITED), ("b", 50, LIMITED), ("c", 500, ()))
    ]


def _connections() -> list[Workload]:
    idle = "-m idle -n 5000 -k 50"
    connect = "-m connect -n 2000 -c 16"
    return [
        Workload("W5", "main", "5,000 idle connections in 50 rooms", idle, ("kib_per_connection",), rounds=1),
        Workload("connect", "main", "2,000 handshakes, 16 at once", connect, ("connect_cpu_us",)),
    ]


def _cost() -> list[Workload]:
    return [
        Workload(
            f"{name}-{size}", "cost", f"1 room x {size:,}, {window} in flight", f"-n {size} -w {window}",
            BOTH, targets,
        )
        for name, window, targets in (("cost", 16, COMPARED), ("single", 1, LIMITED))
        for size in SIZES
    ]  # fmt: skip


def _fairness() -> list[Workload]:
    arguments = "-n 10020 --bystanders 20 -r 2"
    title = "20 people apart, while 2 messages a second go to a room of 10,000"
    return [Workload("fairness", "fairness", title, arguments, LATENCY, COMPARED, at_least=5.0)]


def _paced() -> list[Workload]:
    sparse = [
        Workload(
            f"sparse-{size}-{percent}", "sparse", f"1 room x {size:,}, paced at {percent} % of its own peak",
            f"-n {size}", LATENCY, COMPARED, peak=f"cost-{size}", share=percent / 100,
        )
        for size in SIZES[:3]
        for percent in (25, 50)
    ]  # fmt: skip
    slow = [
        Workload(
            f"slow-{percent}", "slow", f"1 room x 100, 50 % of its own peak, {percent} % stop reading",
            f"-n 100 -x {percent / 100}", LATENCY, COMPARED, peak="cost-100", share=0.5, at_least=6.0,
        )
        for percent in (0, 10)
    ]  # fmt: skip
    return sparse + slow


def _compressed() -> list[Workload]:
    return [
        Workload(
            "deflate", "deflate", "W1b with permessage-deflate", "-n 100 -w 16 -z", BOTH, COMPARED, deflate=True
        )
    ]


WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in [*_fanout(), *_echo(), *_connections(), *_cost(), *_paced(), *_fairness(), *_compressed()]
}


def select(names: list[str]) -> list[Workload]:
    """Workloads by name or group, in the order of the table, with the peaks that paced ones need.

    Raises ValueError for a name that is neither.
    """
    wanted: set[str] = set()
    for name in names:
        found = {each.name for each in WORKLOADS.values() if name in ("all", each.name, each.group)}
        if not found:
            groups = sorted({workload.group for workload in WORKLOADS.values()})
            raise ValueError(f"no workload or group is named {name!r}; groups: {', '.join(groups)}, all")
        wanted |= found
    wanted |= {peak for name in wanted if (peak := WORKLOADS[name].peak)}
    return [workload for workload in WORKLOADS.values() if workload.name in wanted]
