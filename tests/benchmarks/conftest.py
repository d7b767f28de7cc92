"""The load generator, compiled once for all tests of the benchmarks."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"


def cannot_compile(reason: str) -> NoReturn:
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
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
