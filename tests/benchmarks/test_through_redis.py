"""The comparison through Redis: what it measures, how it judges, and what it publishes."""

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from benchmarks import processes, redis, report
from benchmarks.clustered import ACROSS, CARRIED, CLUSTERED, CLUSTERED_WORKLOADS, JUDGED, PEERS
from benchmarks.results import Measurement, Run, Sample

ALL = {workload.name: workload for workload in CLUSTERED_WORKLOADS}


def measured(rate: float, cost: float) -> Measurement:
    """As the load generator prints it, with nothing but these figures."""
    zeros: dict[str, object] = {field.name: 0 for field in msgspec.structs.fields(Measurement)}
    figures = {"deliveries_per_second": rate, "us_per_delivery": cost, "messages_per_second": rate / 100}
    return msgspec.convert({**zeros, **figures, "deflate": False, "broker_share": 0.5}, Measurement)


def run_with(rates: dict[str, float]) -> Run:
    samples = [
        Sample(name, target, 1, measured(rate, 1e6 / rate)) for name in ACROSS for target, rate in rates.items()
    ]
    versions = dict.fromkeys(rates, "1.0")
    return Run("2026-01-01", "python -m benchmarks redis", {"cores": "2"}, versions, {}, 1, 1.0, samples)


def test_the_goal_is_ten_times_each_of_the_others_where_more_than_one_message_is_in_flight() -> None:
    table = redis.goals(run_with({"hubbub": 100_000, **dict.fromkeys(PEERS, 10_000), "socketio": 10_100}))
    assert table is not None
    assert len(table.rows) == len(JUDGED) * len(PEERS)
    assert {row[0].split(" x ")[-1]: row[-1] for row in table.rows} == {
        CLUSTERED[peer].title: "MISSED" if peer == "socketio" else "met" for peer in PEERS
    }


def test_publishing_changes_its_own_section_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    monkeypatch.setattr(report, "README", readme)
    before = "# Benchmarks\n\n<!-- redis: begin -->{}<!-- redis: end -->\n<!-- results: begin -->kept\n"
    readme.write_text(before.format("old"))
    report.publish_section("redis", redis.section(run_with({"hubbub": 100_000, "textbook": 5_000})))
    written = readme.read_text()
    assert "| Hubbub | 100 k (20 x) |" in written
    assert "| 1 room x 100, 16 in flight: 10 x Textbook FastAPI | 20 x, by CPU 20 x | met |" in written
    assert "old" not in written
    assert written.endswith("<!-- redis: end -->\n<!-- results: begin -->kept\n")


def test_the_readme_has_the_place_for_the_results() -> None:
    readme = report.README.read_text()
    assert readme.index("<!-- redis: begin -->") < readme.index("<!-- redis: end -->")


@pytest.mark.alone
@pytest.mark.parametrize("name", [*ACROSS, CARRIED])
def test_two_hubbubs_and_a_redis_lose_nothing_and_what_redis_spends_is_counted_apart(
    load: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for program in ("redis-server", "taskset"):
        if shutil.which(program) is None:
            reason = f"{program} is not installed (Debian: apt-get install redis-server util-linux)"
            pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    monkeypatch.setattr(processes, "BUILD", load.parent)
    processes.allow_many_files()
    found = processes.measure(CLUSTERED["hubbub"], ALL[name], 0.3, 0, processes.available_cores())
    assert found.faults() == {}
    assert found.deliveries > 0
    assert found.server_share > 0
    assert 0 < found.broker_us_per_message < 1e6 / found.messages_per_second
