"""`hubbub bench` against a real server, as a deployer runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from .conftest import StartServer
from .running_server import HUBBUB, RunningServer


def bench(server: RunningServer, *arguments: str) -> tuple[int, dict[str, object]]:
    command = [*HUBBUB, "bench", server.url(), "--json", "--duration", "0.5", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("pace", [("--in-flight", "4"), ("--rate", "200")])
def test_every_message_reaches_every_member(server: RunningServer, pace: tuple[str, ...]) -> None:
    status, figures = bench(server, "--connections", "12", "--rooms", "3", "--publishers", "2", *pace)
    assert status == 0
    assert figures["connected"] == 12
    assert figures["sent"]
    assert figures["delivered"] == 4 * int(str(figures["sent"]))


def test_the_rate_limit_is_told_and_is_no_loss(start_server: StartServer) -> None:
    limited = {"chat": {}, "rate_limit": {"messages": 2, "seconds": 3600}}
    status, figures = bench(start_server({"plugins": limited}), "--connections", "2", "--in-flight", "5")
    # Each of the two that come back lets another go; the five that are refused say to come back in an hour.
    assert (status, figures["sent"], figures["delivered"], figures["lost"]) == (0, 7, 4, 0)
    assert figures["errors"] == {"rate_limited": {"count": 5, "message": "Rate limit exceeded. Slow down."}}


def test_a_room_that_is_full_fails_the_connections_that_do_not_fit(start_server: StartServer) -> None:
    server = start_server({"server": {"max_members_per_room": 3}})
    status, figures = bench(server, "--connections", "5")
    assert status == 1
    assert figures["connected"] == 3


def test_ctrl_c_ends_it_with_the_summary_so_far(server: RunningServer) -> None:
    command = [*HUBBUB, "bench", server.url(), "--connections", "3", "--duration", "600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "delivered" in line:
                break
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate()
    assert running.returncode == 0, errors
    assert "latency       p50" in output
    assert "lost          0" in output


def test_its_help_says_what_each_option_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hubbub.core.cli", "bench", "--help"], capture_output=True, text=True, check=True
    )
    for option in ("--connections", "--rooms", "--publishers", "--rate", "--in-flight", "--token", "--json"):
        assert option in done.stdout
