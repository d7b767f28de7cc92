"""What was measured, as it is kept in results.json, and the medians of it."""

from statistics import median

import msgspec

from .workloads import Figure, Workload


class Measurement(msgspec.Struct):
    """What the load generator printed."""

    seconds: float
    rate: float
    deflate: bool
    sent: int
    deliveries: int
    bytes: int
    messages_per_second: float
    deliveries_per_second: float
    us_per_delivery: float
    p50_us: float
    p95_us: float
    p99_us: float
    max_us: float
    server_share: float
    server_user_share: float
    load_share: float
    server_core_others: float
    load_core_others: float
    pace_lag_us: float
    connects_per_second: float
    connect_cpu_us: float
    connect_p50_us: float
    connect_p99_us: float
    kib_per_connection: float
    server_mib: float
    slow: int
    slow_closed: int
    lost: int
    reordered: int
    corrupt: int
    misrouted: int
    missing: int
    disagreeing: int
    closed: int
    broker_share: float = 0.0

    @property
    def broker_us_per_message(self) -> float:
        """CPU of what is between the servers."""
        return self.broker_share * 1e6 / self.messages_per_second if self.messages_per_second else 0.0

    def load_was_the_limit(self) -> bool:
        # A generator in step with a server that writes often is busy too, and reads larger pieces when it falls
        # behind: it is the limit only where the server is not.
        return self.load_share > 0.9 and self.server_share + self.broker_share < 0.9

    def faults(self) -> dict[str, int]:
        """What must be 0 and is not."""
        names = ("lost", "reordered", "corrupt", "misrouted", "missing", "disagreeing", "closed")
        return {name: count for name in names if (count := getattr(self, name))}


class Sample(msgspec.Struct):
    """One measurement of one target, or why there is none."""

    workload: str
    target: str
    round: int
    measurement: Measurement | None = None
    problem: str = ""


class Run(msgspec.Struct):
    """One run of the suite: the only figures that may be compared with each other."""

    date: str
    command: str
    machine: dict[str, str]
    versions: dict[str, str]
    skipped: dict[str, str]
    rounds: int
    seconds: float
    samples: list[Sample]

    def measurements(self, workload: str, target: str) -> list[Measurement]:
        return [
            sample.measurement
            for sample in self.samples
            if sample.measurement and (sample.workload, sample.target) == (workload, target)
        ]

    def figure(self, workload: str, target: str, figure: Figure) -> float | None:
        """The median over the rounds; None if nothing was measured."""
        values = [getattr(measurement, figure) for measurement in self.measurements(workload, target)]
        return median(values) if values else None

    def ratio(self, workload: str, target: str, figure: Figure, other: str = "textbook") -> float | None:
        """How many times as good as another target in the same run."""
        own, others = self.figure(workload, target, figure), self.figure(workload, other, figure)
        if not own or not others:
            return None
        return own / others if figure.endswith("per_second") else others / own

    def peak(self, workload: Workload, target: str) -> float | None:
        """Messages a second at which to pace the target."""
        assert workload.peak is not None
        values = [measurement.messages_per_second for measurement in self.measurements(workload.peak, target)]
        return median(values) * workload.share if values else None

    def targets_of(self, workloads: list[str]) -> list[str]:
        """The targets that have samples of any of these workloads, in the order of the run."""
        names = [sample.target for sample in self.samples if sample.workload in workloads]
        return [name for name in self.versions if name in names]
