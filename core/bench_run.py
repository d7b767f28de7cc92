"""A load test from the first connection to the last delivery."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .bench_client import BenchClient, NotConnectedError
from .bench_measure import Contents, Histogram, Ledger, OwnShare
from .bench_plan import Plan

CONNECT_TIMEOUT = 10.0
DRAIN_TIMEOUT = 5.0
"""Seconds that the last deliveries get; what has not arrived by then is lost."""

CLOSE_TIMEOUT = 2.0
CONNECTING_AT_ONCE = 50
MAX_WAITING = 100_000
TIMER_RESOLUTION = 0.002
"""Seconds by which a timer of the event loop may be late: no stall, so that latency does not count it."""


@dataclass(slots=True)
class Findings:
    """What a load test has found so far."""

    ledger: Ledger
    connected: int = 0
    latency: Histogram = field(default_factory=Histogram)
    connect_times: Histogram = field(default_factory=Histogram)
    failures: Counter[str] = field(default_factory=Counter[str])
    """Why connections did not come about."""
    errors: Counter[str] = field(default_factory=Counter[str])
    error_messages: dict[str, str] = field(default_factory=dict[str, str])
    closes: Counter[tuple[int, str]] = field(default_factory=Counter[tuple[int, str]])
    seconds: float = 0.0
    """How long messages were published."""
    delivered: int = 0
    """In these seconds: what came later is in the ledger alone."""
    cpu: float = 0.0
    """The share of one core that this process used meanwhile."""
    waited: float = 0.0
    """The share of the time that it waited for a core."""
    told_lost: int = 0
    """What the server said that it dropped."""
    phase: str = "connecting"


class LoadTest:
    """Runs a plan. Not to be used twice."""

    def __init__(self, plan: Plan) -> None:
        self.findings = Findings(Ledger(plan.rooms))
        self._plan = plan
        self._contents = Contents(plan.size)
        self._clients: list[BenchClient] = []
        self._publishers: Sequence[BenchClient] = ()
        self._waiting: dict[int, deque[float]] = {}
        self._waiting_count = 0
        self._open = 0
        self._is_publishing = False
        self._stopped = asyncio.Event()
        self._began = time.perf_counter()

    def stop(self) -> None:
        """End early, with what was found so far."""
        self._stopped.set()

    async def run(self, show: Callable[[Findings], None] = lambda _: None) -> Findings:
        """Connect, publish, wait for the last deliveries and close; ``show`` is called a few times a second."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(signal.SIGINT, self._interrupted)
        showing = asyncio.create_task(self._show(show))
        try:
            await self._connect()
            self._publishers = [
                client
                for client in self._clients
                if client.number // self._plan.rooms < self._plan.publishers and client.is_connected
            ]
            if self._publishers and not self._stopped.is_set():
                await self._publish()
                await self._drain()
        finally:
            await self._close()
            showing.cancel()
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(signal.SIGINT)
        return self.findings

    def _interrupted(self) -> None:
        self.stop()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)  # The second Ctrl-C ends it at once.

    async def _show(self, show: Callable[[Findings], None]) -> None:
        while True:
            show(self.findings)
            await asyncio.sleep(0.25)

    # Connecting

    async def _connect(self) -> None:
        waiting = iter(range(self._plan.connections))

        async def connect() -> None:
            for number in waiting:
                await self._connect_one(number)

        connecting = asyncio.gather(*(connect() for _ in range(CONNECTING_AT_ONCE)))
        stopped = asyncio.create_task(self._stopped.wait())
        await asyncio.wait((connecting, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if connecting.done():
            connecting.result()
        else:
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await connecting

    async def _connect_one(self, number: int) -> None:
        uri = self._plan.uri_of(number)
        client = BenchClient(number, uri, self._plan.headers, self)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await asyncio.get_running_loop().create_connection(
                    lambda: client, uri.host, uri.port, ssl=uri.secure or None
                )
                await client.welcomed
        except TimeoutError:
            self.findings.failures[f"no welcome within {CONNECT_TIMEOUT:.0f} seconds"] += 1
            client.abort()
        except (NotConnectedError, OSError) as error:
            self.findings.failures[str(error)] += 1
        except asyncio.CancelledError:
            client.abort()
            raise
        else:
            self.findings.connect_times.record(round((time.perf_counter() - started) * 1e6))
            self.findings.connected += 1
            self.findings.ledger.join(number)
            self._clients.append(client)
            self._open += 1

    # Publishing

    async def _publish(self) -> None:
        plan, findings = self._plan, self.findings
        findings.phase = "publishing"
        share, started = OwnShare(), time.perf_counter()
        self._is_publishing = True
        if plan.rate is None:
            for client in self._publishers:
                for _ in range(plan.in_flight):
                    self._send(client, time.perf_counter())
        pacing = asyncio.create_task(self._pace(plan.rate, started)) if plan.rate is not None else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(plan.duration):
                await self._stopped.wait()
        self._is_publishing = False
        if pacing is not None:
            pacing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pacing
        findings.seconds = time.perf_counter() - started
        findings.cpu, findings.waited = share.used(), share.waited()
        findings.delivered = findings.ledger.delivered

    async def _pace(self, rate: float, started: float) -> None:
        """Send on schedule, the publishers in turn. One that cannot write sends later, and is late."""
        number = 0
        while True:
            due = started + number / rate
            delay = due - time.perf_counter()
            if delay > 0 or number % 100 == 0:
                await asyncio.sleep(max(0.0, delay))
            if self._waiting_count >= MAX_WAITING:
                await asyncio.sleep(0.01)
                continue
            client = self._publishers[number % len(self._publishers)]
            number += 1
            if client.is_writable or not client.is_connected:
                self._send(client, due if time.perf_counter() - due > TIMER_RESOLUTION else time.perf_counter())
            else:
                self._waiting.setdefault(client.number, deque()).append(due)
                self._waiting_count += 1

    def _send(self, client: BenchClient, due: float) -> None:
        if self._is_publishing and client.is_connected:
            number = self.findings.ledger.publish(client.number)
            content = self._contents.make(client.number, number, round((due - self._began) * 1e6))
            client.send(b'{"type":"message","content":"%s"}' % content)

    # What the connections tell

    def frame(self, client: BenchClient, frame: bytes) -> bool:
        """Check a delivery, and in turn send the next message where this was the sender's own."""
        read = self._contents.read(frame)
        if read is None:
            return False
        publisher, number, due = read
        now = time.perf_counter()
        self.findings.latency.record(round((now - self._began) * 1e6) - due)
        answered = self.findings.ledger.deliver(client.number, publisher, number)
        if self._plan.rate is None:
            for _ in range(answered):
                self._send(client, now)
        return True

    def event(self, client: BenchClient, event: Mapping[str, Any]) -> None:
        """Count errors; a publisher that was refused waits as long as the server says."""
        if event.get("type") == "gap":
            first, last = event.get("from") or 0, event.get("to") or 0
            self.findings.told_lost += int(event.get("lost") or last - first + 1)
        elif event.get("type") == "error":
            code = str(event.get("code"))
            self.findings.errors[code] += 1
            self.findings.error_messages.setdefault(code, str(event.get("message", "")))
            if self.findings.ledger.refuse(client.number) and self._plan.rate is None:
                pause = float(event.get("retry_after") or 0.1)
                loop = asyncio.get_running_loop()
                loop.call_later(pause, lambda: self._send(client, time.perf_counter()))

    def writable(self, client: BenchClient) -> None:
        """Send what has become due meanwhile."""
        waiting = self._waiting.get(client.number)
        while waiting and client.is_writable and self._is_publishing:
            self._waiting_count -= 1
            self._send(client, waiting.popleft())

    def closed(self, client: BenchClient, code: int, reason: str) -> None:
        """Count what the server closed."""
        self.findings.closes[code, reason] += 1
        self.findings.ledger.leave(client.number)
        self._waiting_count -= len(self._waiting.pop(client.number, ()))
        self._open -= 1
        if self._is_publishing and not self._open:
            self.stop()

    # The end

    async def _drain(self) -> None:
        self.findings.phase = "waiting for the last deliveries"
        await _until(lambda: not self.findings.ledger.missing, DRAIN_TIMEOUT)

    async def _close(self) -> None:
        self.findings.phase = "closing"
        for number, client in enumerate(self._clients, start=1):
            client.close()
            if number % 100 == 0:
                await asyncio.sleep(0)
        await _until(lambda: all(client.is_lost for client in self._clients), CLOSE_TIMEOUT)
        for client in self._clients:
            client.abort()


async def _until(is_done: Callable[[], bool], seconds: float) -> None:
    deadline = time.perf_counter() + seconds
    while not is_done() and time.perf_counter() < deadline:  # noqa: ASYNC110 # Many things may make it true.
        await asyncio.sleep(0.02)
