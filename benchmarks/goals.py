"""What Hubbub sets itself, judged by one run: so that a change that costs speed is seen."""

from dataclasses import dataclass

from .results import Run
from .tables import Table, number
from .workloads import SIZES, Figure

NOISE = 1.1  # what two medians of one run may differ by and still be called equal
SPREAD = 1.25  # the same of a 99th percentile
FAIR_US = 10_000  # two slices of a broadcast of a few milliseconds each: what an event of another room may wait


@dataclass(frozen=True)
class AtMost:
    """Hubbub's own figure has a limit."""

    words: str
    workload: str
    figure: Figure
    limit: float


@dataclass(frozen=True)
class Times:
    """Hubbub is to be so many times as good as another target in the same run."""

    words: str
    workload: str
    figure: Figure
    times: float
    other: str = "textbook"


Judged = tuple[str, bool] | None  # what was measured, in words, and whether the goal is met

TIMES = [
    Times("25 x the textbook", "W1b", "deliveries_per_second", 25),
    Times("above NATS", "W1b", "deliveries_per_second", 1, "nats"),
    Times("above uWebSockets", "W1b", "deliveries_per_second", 1, "socketify"),
    Times("3.5 x the textbook", "W1a", "deliveries_per_second", 3.5),
    Times("within 15 % of C with one write() per delivery", "W1a", "deliveries_per_second", 0.85, "write"),
    Times("4 x the textbook", "W2", "deliveries_per_second", 4),
    Times("15 x the textbook", "W3", "deliveries_per_second", 15),
    Times("4.5 x the textbook", "W4c", "deliveries_per_second", 4.5),
    Times("from handshake to welcome, half of the textbook's CPU", "connect", "connect_cpu_us", 2),
]
AT_MOST = [
    AtMost("12 KiB per idle connection", "W5", "kib_per_connection", 12),
    AtMost(f"p99 in other rooms at most {FAIR_US / 1000:g} ms", "fairness", "p99_us", FAIR_US),
]


def _judge_times(run: Run, goal: Times) -> Judged:
    times = run.ratio(goal.workload, "hubbub", goal.figure, goal.other)
    if not times:
        return None
    words = f"{times:.3g} x"
    if goal.figure == "deliveries_per_second":
        by_cpu = run.ratio(goal.workload, "hubbub", "us_per_delivery", goal.other)
        words += f", by CPU {by_cpu:.3g} x" if by_cpu else ""
    return words, times > goal.times if goal.times == 1 else times >= goal.times


def _judge_at_most(run: Run, goal: AtMost) -> Judged:
    own = run.figure(goal.workload, "hubbub", goal.figure)
    return None if own is None else (number(own), own <= goal.limit)


def _costs(run: Run, prefix: str, target: str) -> list[float]:
    """Of a delivery in rooms of all sizes; empty where one of them was not measured."""
    costs = [run.figure(f"{prefix}-{size}", target, "us_per_delivery") for size in SIZES]
    known = [cost for cost in costs if cost]
    return known if len(known) == len(SIZES) else []


def _growth(run: Run, prefix: str) -> Judged:
    known = _costs(run, prefix, "hubbub")
    if not known:
        return None
    words = ", ".join(map(number, known))
    return f"{words} µs", all(later <= min(known[: at + 1]) * NOISE for at, later in enumerate(known[1:]))


def _growth_of_limit(run: Run) -> Judged:
    """Against the machine's own: one write() to each of many sockets costs the more, the more there are."""
    own, limit = _costs(run, "single", "hubbub"), _costs(run, "single", "write")
    if not own or not limit:
        return None
    words = f"{own[-1] / own[1]:.3g} x, C {limit[-1] / limit[1]:.3g} x"
    return words, own[-1] / own[1] <= limit[-1] / limit[1] * NOISE


def _sparse(run: Run) -> list[tuple[str, Judged]]:
    judged: list[tuple[str, Judged]] = []
    figures: tuple[Figure, ...] = ("p50_us", "p99_us")
    for name in [f"sparse-{size}-{percent}" for size in SIZES[:3] for percent in (25, 50)]:
        for figure in figures:
            own, textbook = run.figure(name, "hubbub", figure), run.figure(name, "textbook", figure)
            if own and textbook:
                measured = f"{number(own)} against {number(textbook)} µs", own <= textbook
                judged.append((f"{name}: {figure[:3]} no worse than the textbook's", measured))
    return judged


def _slow(run: Run) -> Judged:
    """Against the same room without slow members, in the same run."""
    without, own = run.figure("slow-0", "hubbub", "p99_us"), run.figure("slow-10", "hubbub", "p99_us")
    if not without or not own:
        return None
    return f"{number(own)} µs, without them {number(without)}", own <= without * SPREAD


def table(run: Run) -> Table | None:
    judged = [(f"{goal.workload}: {goal.words}", _judge_times(run, goal)) for goal in TIMES]
    judged += [(f"{goal.workload}: {goal.words}", _judge_at_most(run, goal)) for goal in AT_MOST]
    judged.append(("slow-10: the others' p99 as without slow members", _slow(run)))
    for prefix, window in (("cost", 16), ("single", 1)):
        words = f"cost per delivery does not grow, 10 to 5,000 members, {window} in flight"
        judged.append((words, _growth(run, prefix)))
    words = "cost per delivery, 100 to 5,000 members, 1 in flight, grows no more than that of C with one write()"
    judged.append((words, _growth_of_limit(run)))
    judged += _sparse(run)
    rows = [[words, found[0], "met" if found[1] else "MISSED"] for words, found in judged if found]
    return Table("Hubbub's own goals", ["", "measured", ""], rows) if rows else None
