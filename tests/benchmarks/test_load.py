"""The load generator of the benchmarks: what it says of a server is so."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
HUBBUB = ["-m", "hubbub.core.cli", "serve", "--port", "0", "--config", str(BENCHMARKS / "config.yaml")]
FAULTY_SERVER = [str(Path(__file__).parent / "faulty_server.py")]
FAULTS = ("lost", "reordered", "corrupt", "misrouted", "missing", "disagreeing", "closed")
TO_HUBBUB = ["--path", "/ws/%r?user=u%i", "--template", '{"type":"message","content":"%s"}', "--wait", '"welcome"']


@contextmanager
def running(arguments: Sequence[str]) -> Generator[str]:
    """A server in Python, which prints its URL or several; gives its port, or ports with a comma between."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            found: list[str] = re.findall(r"http://[^:]+:(\d+)/", server.stdout.readline())
            assert found
            yield ",".join(found)
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def faulty_port() -> Generator[str]:
    with running(FAULTY_SERVER) as port:
        yield port


@pytest.fixture(scope="module")
def two_ports() -> Generator[str]:
    """The same server at two ports: its rooms have members at both."""
    with running([*FAULTY_SERVER, "2"]) as ports:
        yield ports


def run(load: Path, port: str, *arguments: str) -> tuple[int, dict[str, float]]:
    command = [str(load), "--port", port, "--warmup", "0.1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_hubbub_delivers_everything_to_everyone_in_one_order(load: Path) -> None:
    everyone_publishes = ["--connections", "50", "--rooms", "5", "--publishers", "10", "--window", "4"]
    with running(HUBBUB) as port:
        status, measured = run(load, port, *TO_HUBBUB, *everyone_publishes, "--seconds", "1")
    assert {name: measured[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert status == 0
    assert measured["deliveries"] > 0


@pytest.mark.parametrize(("path", "fault"), [("/drop", "lost"), ("/repeat", "reordered"), ("/alter", "corrupt")])
def test_the_load_generator_notices_a_server_that_makes_a_fault_in_every_50th_delivery(
    load: Path, faulty_port: str, path: str, fault: str
) -> None:
    paced = ["--connections", "10", "--rate", "400", "--seconds", "0.3", "--drain", "1"]
    status, measured = run(load, faulty_port, "--path", path, *paced)
    assert status == 3
    assert measured[fault] > 10 * measured["sent"] / 50 / 2 > 0


def test_the_load_generator_finds_no_fault_where_there_is_none(load: Path, faulty_port: str) -> None:
    status, measured = run(load, faulty_port, "--path", "/pass", "--connections", "10", "--seconds", "0.3")
    assert {name: measured[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert status == 0


@pytest.mark.parametrize(("apart", "missed"), [([], 5), (["--apart"], 9)])
def test_members_take_turns_at_several_servers_or_publishers_are_apart(
    load: Path, faulty_port: str, apart: list[str], missed: int
) -> None:
    with running(FAULTY_SERVER) as another:
        ten = ["--path", "/pass", "--connections", "10", *apart, "--seconds", "0.2", "--drain", "0.2"]
        status, measured = run(load, f"{faulty_port},{another}", *ten)
    assert status == 3
    # The one message that its publisher sends reaches only those who are at the same server.
    assert measured["missing"] == missed


@pytest.mark.parametrize("apart", [[], ["--apart"]])
def test_a_publisher_goes_on_when_another_server_has_delivered(
    load: Path, two_ports: str, apart: list[str]
) -> None:
    crowd = ["--path", "/pass", "--connections", "12", "--publishers", "3", "--window", "2"]
    status, measured = run(load, two_ports, *crowd, *apart, "--seconds", "0.3")
    assert {name: measured[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert status == 0
    assert measured["sent"] > 3 * 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "1", "--apart"], "--apart with only one"),
        (["--port", "1,2", "--connections", "10", "--rooms", "3"], "rooms of one size"),
        (["--port", "1,2", "--connections", "10", "--publishers", "6", "--apart"], "a member for each publisher"),
    ],
)
def test_what_several_servers_need_is_said(load: Path, arguments: list[str], complaint: str) -> None:
    done = subprocess.run([str(load), *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert complaint in done.stderr
