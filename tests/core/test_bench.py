from __future__ import annotations

import argparse
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest
from hubbub.core import bench_run
from hubbub.core.bench import add_bench_arguments
from hubbub.core.bench_measure import Histogram
from hubbub.core.bench_plan import Plan, PlanError, make_room_for, plan_from
from hubbub.core.bench_report import histogram
from hubbub.core.cli import main
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

WELCOME = json.dumps({"type": "system", "event": "welcome", "user": "bench-0", "room": "bench-0"})

Answer = Callable[[ServerConnection, int, str], None]
StartServer = Callable[[Answer], str]


def plan(*arguments: str) -> Plan:
    parser = argparse.ArgumentParser()
    add_bench_arguments(parser)
    return plan_from(parser.parse_args(["ws://127.0.0.1:8000/ws", *arguments]))


@pytest.fixture
def start_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StartServer]:
    """Start a server that welcomes, and answers the n-th message of a client as the test says."""
    monkeypatch.setattr(bench_run, "DRAIN_TIMEOUT", 0.2)
    with contextlib.ExitStack() as stack:

        def start(answer: Answer) -> str:
            def handle(connection: ServerConnection) -> None:
                connection.send(WELCOME)
                with contextlib.suppress(ConnectionClosed):
                    for number, message in enumerate(connection, start=1):
                        assert isinstance(message, str)
                        answer(connection, number, message)

            server = stack.enter_context(serve(handle, "127.0.0.1", 0, compression=None))
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws"

        yield start


def echo(connection: ServerConnection, number: int, message: str) -> None:
    connection.send(message)


def bench(capsys: pytest.CaptureFixture[str], url: str, *arguments: str) -> tuple[int, str]:
    status = main(["bench", url, "--connections", "2", "--rooms", "2", "--duration", "0.2", *arguments])
    return status, capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--connections", "0"), "--connections 0"),
        (("--connections", "100001"), "several machines"),
        (("--rooms", "101"), "each room needs a connection"),
        (("--rooms", "50", "--publishers", "3"), "a room has 2 connections"),
        (("--rate", "0"), "--rate 0"),
        (("--rate", "nan"), "--rate nan"),
        (("--rate", "2000000"), "--rate 2e+06"),
        (("--in-flight", "0"), "--in-flight 0"),
        (("--duration", "inf"), "--duration inf"),
        (("--size", "8"), "--size 8"),
        (("--user-prefix", "a b"), "--user-prefix"),
        (("--token", "a\nb"), "--token"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(arguments: tuple[str, ...], named: str) -> None:
    with pytest.raises(PlanError, match=named.replace("+", r"\+")):
        plan(*arguments)


def test_a_url_that_is_none_is_a_mistake_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "http://127.0.0.1:8000/"]) == 2
    assert "one looks like ws://127.0.0.1:8000/ws" in capsys.readouterr().err


def test_each_connection_has_its_room_in_the_path_and_its_user_in_the_query() -> None:
    parser = argparse.ArgumentParser()
    add_bench_arguments(parser)
    options = parser.parse_args(["wss://example.org/ws/?a=b", "--rooms", "3", "--user-prefix", "load"])
    uri = plan_from(options).uri_of(4)
    assert (uri.secure, uri.host, uri.port) == (True, "example.org", 443)
    assert uri.resource_name == "/ws/bench-1?a=b&user=load-4"


def limits(soft: int, hard: int) -> Callable[[int], tuple[int, int]]:
    def get_limits(_: int) -> tuple[int, int]:
        return soft, hard

    return get_limits


def test_more_connections_than_open_files_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", limits(100, 100))
    with pytest.raises(PlanError, match="ulimit -n 564"):
        make_room_for(500)


def test_the_limit_of_open_files_is_raised_where_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[tuple[int, int]] = []

    def set_limits(_: int, limits: tuple[int, int]) -> None:
        raised.append(limits)

    monkeypatch.setattr("resource.getrlimit", limits(100, 1000))
    monkeypatch.setattr("resource.setrlimit", set_limits)
    make_room_for(500)
    assert raised == [(564, 1000)]


def test_an_honest_server_passes(start_server: StartServer, capsys: pytest.CaptureFixture[str]) -> None:
    status, output = bench(capsys, start_server(echo), "--json")
    figures = json.loads(output)
    assert status == 0
    assert figures["sent"] == figures["delivered"] > 0
    assert figures["connected"] == 2
    assert 0 < figures["latency_us"]["p50"] <= figures["latency_us"]["max"]


def test_the_rate_is_kept(start_server: StartServer, capsys: pytest.CaptureFixture[str]) -> None:
    figures = json.loads(bench(capsys, start_server(echo), "--json", "--rate", "100")[1])
    assert 1 <= figures["sent"] <= 0.01 + 100 * figures["seconds"] + 1


def test_a_lost_message_is_counted_and_the_exit_status_1(
    start_server: StartServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose_the_second(connection: ServerConnection, number: int, message: str) -> None:
        if number != 2:
            connection.send(message)

    status, output = bench(capsys, start_server(lose_the_second), "--json", "--in-flight", "3")
    assert status == 1
    assert json.loads(output)["lost"] == 2


def test_a_message_that_comes_twice_is_out_of_order(
    start_server: StartServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def repeat_the_first(connection: ServerConnection, number: int, message: str) -> None:
        for _ in range(2 if number == 1 else 1):
            connection.send(message)

    status, output = bench(capsys, start_server(repeat_the_first), "--json")
    assert status == 1
    assert json.loads(output)["out_of_order"] == 2


def test_a_refusal_is_shown_in_the_servers_words_with_the_option_to_raise(
    start_server: StartServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(connection: ServerConnection, number: int, message: str) -> None:
        connection.send('{"type":"error","code":"rate_limited","message":"Slow down.","retry_after":9}')

    status, output = bench(capsys, start_server(refuse))
    assert status == 1
    assert "2 x rate_limited: Slow down." in output
    assert "plugins.rate_limit.messages" in output


def test_a_connection_that_the_server_closes_is_shown_with_its_code(
    start_server: StartServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def close(connection: ServerConnection, number: int, message: str) -> None:
        connection.close(4008, "too slow")

    status, output = bench(capsys, start_server(close), "--duration", "30")
    assert status == 1
    assert "2 x 4008 too slow" in output
    assert "server.max_outgoing_buffer" in output


def test_the_token_is_sent_and_never_printed(
    start_server: StartServer, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str | None] = []

    def look(connection: ServerConnection, number: int, message: str) -> None:
        assert connection.request is not None
        seen.append(connection.request.headers.get("Authorization"))
        connection.send(message)

    url = start_server(look)
    assert main(["bench", url, "--connections", "1", "--duration", "0.1", "--token", "s3cret"]) == 0
    captured = capsys.readouterr()
    assert set(seen) == {"Bearer s3cret"}
    assert "s3cret" not in captured.out + captured.err


def test_where_nobody_listens_the_reason_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, output = bench(capsys, f"ws://127.0.0.1:{port}/ws")
    assert status == 1
    assert "0 of 2" in output
    assert "refused" in output


def test_the_histogram_has_a_bar_for_each_step() -> None:
    times = Histogram()
    for each in (90, 95, 1_500, 40_000):
        times.record(each)
    rows = [row.split() for row in histogram(times)]
    assert [row[1:4] for row in rows] == [["100", "us", "50.0%"], ["2", "ms", "25.0%"], ["50", "ms", "25.0%"]]
    assert [len(row[4]) for row in rows] == [40, 20, 20]


def test_a_url_with_another_path_is_answered_with_the_status_and_what_to_look_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(HTTPStatus.NOT_FOUND, "There is no WebSocket here.")

    with serve(lambda _: None, "127.0.0.1", 0, process_request=refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        status, said = bench(capsys, f"ws://127.0.0.1:{server.socket.getsockname()[1]}/chat")
        server.shutdown()
        thread.join()
    assert status == 1
    assert "failed      2 x the server answered HTTP 404; is the path right, such as /ws?" in said
