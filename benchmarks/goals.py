"""What Hubbub sets itself, judged by one run: so that a change that costs speed is seen."""

from dataclasses import dataclass

from .results import Run
from .tables import Table, number
from .targets import TARGETS
from .workloads import SIZES, Figure


@dataclass(frozen=True)
class Goal:
    words: str
    workload: str
    figure: Figure
    times_textbook: float = 0.0
    at_most: float = 0.0
    times_write: float = 0.0


GOALS = [
    Goal("25 x the textbook", "W1b", "deliveries_per_second", times_textbook=25),
    Goal("3.5 x the textbook", "W1a", "deliveries_per_second", times_textbook=3.5),
    Goal("within 15 % of one write() per delivery", "W1a", "deliveries_per_second", times_write=0.85),
    Goal("4 x the textbook", "W2", "deliveries_per_second", times_textbook=4),
    Goal("15 x the textbook", "W3", "deliveries_per_second", times_textbook=15),
    Goal("4.5 x the textbook", "W4c", "deliveries_per_second", times_textbook=4.5),
    Goal("12 KiB at most", "W5", "kib_per_connection", at_most=12),
    Goal("half of the textbook's", "connect", "connect_cpu_us", times_textbook=2),
]
SPREAD = 1.25  # of a 99th percentile between two runs of the same thing
NOISE = 1.1  # what two medians of one run may differ by and still be called equal


Judged = tuple[str, bool] | None  # what was measured, in words, and whether the goal is met


def _judge(run: Run, goal: Goal) -> Judged:
    own = run.figure(goal.workload, "hubbub", goal.figure)
    if own is None:
        return None
    if goal.at_most:
        return number(own), own <= goal.at_most
    if goal.times_write:
        limit = run.figure(goal.workload, "write", goal.figure)
        return (f"{own / limit:.2f} of it", own / limit >= goal.times_write) if limit else None
    times = run.ratio(goal.workload, "hubbub", goal.figure)
    if not times:
        return None
    by_cpu = run.ratio(goal.workload, "hubbub", "us_per_delivery")
    return f"{times:.3g} x" + (f", by CPU {by_cpu:.3g} x" if by_cpu else ""), times >= goal.times_textbook


def _first(run: Run) -> Judged:
    rates = {name: run.figure("W1b", name, "deliveries_per_second") or 0 for name in run.versions}
    own, best = rates.pop("hubbub", 0), max(rates, key=lambda name: rates[name], default="")
    if not own or not best:
        return None
    return f"{own / rates[best]:.3g} x {TARGETS[best].title}", own > rates[best]


def _growth(run: Run, prefix: str) -> Judged:
    costs = [run.figure(f"{prefix}-{size}", "hubbub", "us_per_delivery") for size in SIZES]
    known = [cost for cost in costs if cost]
    if len(known) < len(SIZES):
        return None
    words = ", ".join(map(number, known))
    return f"{words} µs", all(later <= min(known[: at + 1]) * NOISE for at, later in enumerate(known[1:]))


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
    before, after = run.figure("slow-0", "hubbub", "p99_us"), run.figure("slow-10", "hubbub", "p99_us")
    if not before or not after:
        return None
    return f"{number(before)}, then {number(after)} µs", after <= before * SPREAD


def table(run: Run) -> Table | None:
    judged = [(f"{goal.workload}: {goal.words}", _judge(run, goal)) for goal in GOALS]
    judged.append(("W1b: above every peer", _first(run)))
    for prefix, window in (("cost", 16), ("single", 1)):
        words = f"cost per delivery does not grow, 10 to 5,000 members, {window} in flight"
        judged.append((words, _growth(run, prefix)))
    judged += [*_sparse(run), ("the others' p99 when 10 % stop reading: as before", _slow(run))]
    rows = [[words, found[0], "met" if found[1] else "MISSED"] for words, found in judged if found]
    return Table("Hubbub's own goals", ["", "measured", ""], rows) if rows else None
