"""The load generator of the benchmarks: what it says of a server is so."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
HUBBUB = ["-m", "hubbub.core.cli", "serve", "--port", "0", "--config", str(BENCHMARKS / "config.yaml")]
FAULTY_SERVER = [str(Path(__file__).parent / "faulty_server.py")]
FAULTS = ("lost", "reordered", "corrupt", "misrouted", "missing", "disagreeing", "closed")
TO_HUBBUB = ["--path", "/ws/%r?user=u%i", "--template", '{"type":"message","content":"%s"}', "--wait", '"welcome"']


def cannot_compile(reason: str) -> NoReturn:
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generator, compiled as `make bench` does."""
    compiler = shutil.which("cc")
    if compiler is None:
        cannot_compile("there is no C compiler (Debian: apt-get install gcc libc6-dev zlib1g-dev)")
    program, sources = tmp_path_factory.mktemp("load") / "load", sorted((BENCHMARKS / "load").glob("*.c"))
    command = [compiler, "-O1", "-Wall", "-o", str(program), *map(str, sources), "-lz"]
    done = subprocess.run(command, capture_output=True, text=True)
    if "zlib.h" in done.stderr or "-lz" in done.stderr:
        cannot_compile("zlib's headers are missing (Debian: apt-get install zlib1g-dev)")
    assert done.returncode == 0, done.stderr
    return program


@contextmanager
def running(arguments: Sequence[str]) -> Generator[int]:
    """A server in Python, which prints its URL; gives its port."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBBUB_")}
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://[^:]+:(\d+)/", server.stdout.readline())
            assert found is not None
            yield int(found[1])
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def faulty_port() -> Generator[int]:
    with running(FAULTY_SERVER) as port:
        yield port


def run(load: Path, port: int, *arguments: str) -> tuple[int, dict[str, float]]:
    command = [str(load), "--port", str(port), "--warmup", "0.1", *arguments]
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
    load: Path, faulty_port: int, path: str, fault: str
) -> None:
    paced = ["--connections", "10", "--rate", "400", "--seconds", "0.3", "--drain", "1"]
    status, measured = run(load, faulty_port, "--path", path, *paced)
    assert status == 3
    assert measured[fault] > 10 * measured["sent"] / 50 / 2 > 0


def test_the_load_generator_finds_no_fault_where_there_is_none(load: Path, faulty_port: int) -> None:
    status, measured = run(load, faulty_port, "--path", "/pass", "--connections", "10", "--seconds", "0.3")
    assert {name: measured[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert status == 0
