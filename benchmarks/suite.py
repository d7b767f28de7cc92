"""The run: for each workload, round after round, each target in turn (A B A B), a fresh server every time."""

import sys
import time
from dataclasses import dataclass

from . import machine
from .processes import Failed, measure
from .results import Measurement, Run, Sample
from .targets import Target
from .workloads import Workload

NOISY = 0.05  # of a core, used by something that is neither server nor generator
QUIET_TICKS = 3  # of 10 ms on all cores together in 0.3 s
OVERHEAD_SECONDS = 2.5  # what a measurement takes beside measuring: to start, warm up, drain and end
OPENING_SECONDS = 0.001  # and to open a connection


@dataclass(frozen=True)
class Plan:
    """`limit` is in seconds: what would start later is skipped, and said to be.

    `chosen`: targets and workloads were both named, so all of these targets run all of these workloads.
    """

    workloads: list[Workload]
    targets: list[Target]
    chosen: bool
    rounds: int
    seconds: float
    cores: tuple[int, int]
    limit: float
    patience: float = 10.0
    retakes: int = 1

    def targets_of(self, workload: Workload) -> list[Target]:
        """Otherwise a workload says who of them runs it."""
        if self.chosen or not workload.targets:
            return self.targets
        return [target for target in self.targets if target.name in workload.targets]

    def rounds_of(self, workload: Workload) -> int:
        return min(self.rounds, workload.rounds)

    def count(self) -> int:
        return sum(self.rounds_of(workload) * len(self.targets_of(workload)) for workload in self.workloads)

    def estimate(self) -> float:
        """Seconds, where nothing has to be taken again."""
        return sum(
            self.rounds_of(workload)
            * len(self.targets_of(workload))
            * (max(self.seconds, workload.at_least) + OVERHEAD_SECONDS + workload.connections * OPENING_SECONDS)
            for workload in self.workloads
        )


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


def _words(workload: Workload, measurement: Measurement) -> str:
    figures = ", ".join(f"{getattr(measurement, figure):,.6g} {figure}" for figure in workload.figures)
    faults = ", ".join(f"{count} {name}" for name, count in measurement.faults().items())
    shares = f"server {measurement.server_share:.0%}, load {measurement.load_share:.0%}"
    return f"{figures} ({shares}){'  FAULTS: ' + faults if faults else ''}"


def _wait_for_quiet(seconds: float) -> None:
    """Until both cores are idle, or patience ends: what else runs there would be measured too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = machine.busy_ticks()
        time.sleep(0.3)
        if machine.busy_ticks() - before <= QUIET_TICKS:
            return


def _is_noisy(measurement: Measurement) -> bool:
    return max(measurement.server_core_others, measurement.load_core_others) > NOISY


def _quietest(plan: Plan, workload: Workload, target: Target, rate: float) -> Measurement:
    """The first measurement that nothing disturbed, or the least disturbed of the tries. Raises Failed."""
    taken: list[Measurement] = []
    for _ in range(1 + plan.retakes):
        _wait_for_quiet(plan.patience)
        taken.append(measure(target, workload, max(plan.seconds, workload.at_least), rate, plan.cores))
        if not _is_noisy(taken[-1]) or taken[-1].faults():
            break
    return min(taken, key=lambda each: (not each.faults(), each.server_core_others + each.load_core_others))


def _sample(plan: Plan, run: Run, workload: Workload, target: Target, number: int) -> Sample:
    sample = Sample(workload.name, target.name, number)
    rate = run.peak(workload, target.name) if workload.peak else 0.0
    if rate is None:
        sample.problem = f"its peak ({workload.peak}) was not measured"
        return sample
    try:
        sample.measurement = _quietest(plan, workload, target, rate)
    except Failed as failure:
        sample.problem = str(failure)
    return sample


def carry_out(plan: Plan, run: Run) -> None:
    """Appends every sample to the run as it is taken, so that one cut short keeps what it has."""
    started, done, total = time.monotonic(), 0, plan.count()
    for workload in plan.workloads:
        for number in range(1, plan.rounds_of(workload) + 1):
            for target in plan.targets_of(workload):
                done += 1
                if time.monotonic() - started > plan.limit:
                    run.samples.append(Sample(workload.name, target.name, number, problem="out of time"))
                    continue
                _say(f"[{done}/{total}] {workload.name} round {number} {target.title}: ", end="")
                sample = _sample(plan, run, workload, target, number)
                run.samples.append(sample)
                _say(_words(workload, sample.measurement) if sample.measurement else f"FAILED: {sample.problem}")
