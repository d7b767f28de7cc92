"""RFC 6455 and RFC 7692: Autobahn's cases over both transports, compared with stock uvicorn."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

KOSOKU = shutil.which("kosoku", path=str(Path(sys.executable).parent))
ECHO_SERVER = Path(__file__).with_name("echo_server.py")

CONFORMS = {"OK", "NON-STRICT", "INFORMATIONAL"}
"""What Autobahn says of a case that went well; which of these may depend on who is faster."""

WITHOUT_COMPRESSION = ["--exclude", "12.*", "--exclude", "13.*"]
# Each case echoes a thousand messages: one size sent whole and one in fragments, of the eighteen that there are.
# Not 13.3, 13.5 and 13.7: they ask for a window of 9 bits, and kosoku cannot take an answer without compression.
WITH_COMPRESSION = [
    part
    for group in ("12.1", "12.2", "12.3", "12.4", "12.5", "13.1", "13.2", "13.4", "13.6")
    for size in (4, 11)
    for part in ("--include", f"{group}.{size}")
]


class Verdict(NamedTuple):
    behavior: str
    closing: str

    @property
    def conforms(self) -> bool:
        return set(self) <= CONFORMS


class Run(NamedTuple):
    verdicts: dict[str, Verdict]
    log: str


RunCases: TypeAlias = Callable[..., Run]


@pytest.fixture(scope="module")
def run_cases(tmp_path_factory: pytest.TempPathFactory) -> RunCases:
    """Run the cases against one kind of echo server; each run happens once."""
    if KOSOKU is None:
        reason = "kosoku is not installed; `pip install kosoku` does it"
        pytest.fail(reason) if "CI" in os.environ else pytest.skip(reason)
    runs: dict[tuple[str, bool], Run] = {}

    def run_cases(kind: str, *, compression: bool = False) -> Run:
        if (kind, compression) not in runs:
            runs[kind, compression] = _run(kind, compression, tmp_path_factory.mktemp(kind))
        return runs[kind, compression]

    return run_cases


def _run(kind: str, compression: bool, folder: Path) -> Run:
    report = folder / "report"
    cases = WITH_COMPRESSION if compression else WITHOUT_COMPRESSION
    with echo_server(kind, folder / "server.log", compression=compression) as url:
        fuzzing = [KOSOKU or "kosoku", url, *cases, "--parallelism", "4", "--outdir", report]
        done = subprocess.run(fuzzing, capture_output=True, text=True, check=False, timeout=150)
    assert (report / "index.json").exists(), f"kosoku has made no report:\n{done.stdout}{done.stderr}"
    verdicts = {
        case: Verdict(result["behavior"], result["behaviorClose"])
        for cases_of_agent in json.loads((report / "index.json").read_text()).values()
        for case, result in cases_of_agent.items()
    }
    return Run(verdicts, (folder / "server.log").read_text())


@contextmanager
def echo_server(kind: str, log: Path, *, compression: bool) -> Generator[str]:
    """A process of its own, whose log nothing else writes to."""
    command = [sys.executable, ECHO_SERVER, kind, *(["--compression"] if compression else [])]
    with (
        log.open("w") as log_file,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log_file, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            assert port, f"the echo server did not start:\n{log.read_text()}"
            yield f"ws://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)


def _compare(ours: Run, stock: Run) -> None:
    assert ours.verdicts.keys() == stock.verdicts.keys()
    worse = {
        case: f"{verdict}, on stock uvicorn {stock.verdicts[case]}"
        for case, verdict in ours.verdicts.items()
        if stock.verdicts[case].conforms and not verdict.conforms
    }
    assert not worse


both_transports = pytest.mark.parametrize("transport", ["fast", "portable"])


@pytest.mark.timeout(180)
@both_transports
def test_no_case_of_the_protocol_goes_worse_than_on_stock_uvicorn(transport: str, run_cases: RunCases) -> None:
    ours = run_cases(transport)
    assert len(ours.verdicts) > 240
    _compare(ours, run_cases("stock"))


@pytest.mark.timeout(180)
@both_transports
def test_no_case_of_compression_goes_worse_than_on_stock_uvicorn(transport: str, run_cases: RunCases) -> None:
    _compare(run_cases(transport, compression=True), run_cases("stock", compression=True))


@both_transports
def test_a_client_with_a_small_window_can_read_what_it_gets(transport: str, tmp_path: Path) -> None:
    small_window = ClientPerMessageDeflateFactory(server_max_window_bits=9)
    with (
        echo_server(transport, tmp_path / "server.log", compression=True) as url,
        connect(url, compression=None, extensions=[small_window]) as client,
    ):
        for message in ("far apart " + "." * 2000 + "far apart", b"far apart " + bytes(2000) + b"far apart"):
            client.send(message)
            assert client.recv() == message


@pytest.mark.timeout(180)
@both_transports
def test_bad_input_writes_no_traceback_to_the_log(transport: str, run_cases: RunCases) -> None:
    log = run_cases(transport).log
    assert "Started server process" in log
    assert "Traceback" not in log
