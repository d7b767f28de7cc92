"""What `hubbub bench` prints: its progress, the summary, and the same for machines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TextIO

from .bench_measure import Histogram
from .bench_plan import Plan
from .bench_run import DRAIN_TIMEOUT, Findings

BUSY = 0.9
"""The share of a core above which this process itself may have been the limit."""

CROWDED = 0.1
"""The share of the time without a core above which its latencies say more of the machine than of the server."""

PERCENTILES = (50.0, 90.0, 99.0, 99.9)
_BAR = 40

_ERROR_HINTS = {
    "rate_limited": "raise plugins.rate_limit.messages, or only in rooms.options under bench-*; or lower --rate",
    "invalid": "what these messages look like is not allowed here; see plugins.validation",
    "too_large": "lower --size, or raise plugins.validation.max_length",
    "room_full": "use more --rooms, or raise server.max_members_per_room",
    "forbidden": "rooms.options must allow the rooms bench-* and the users of --user-prefix",
    "unavailable": "the broker or the store of the server is away: see its log",
    "internal": "a plugin of the server failed: its log says which",
}
_CLOSE_HINTS = {
    1006: "the server vanished, or something between: see its log",
    1009: "lower --size, or raise server.max_frame_size",
    1012: "the server was restarted",
    1013: "raise server.max_connections, max_connections_per_address, connects_per_minute_per_address "
    "or max_members_per_room: the reason says which",
    4001: "pass --token",
    4003: "rooms.options must allow the rooms bench-* and the users of --user-prefix",
    4008: "more was waiting for a client than server.max_outgoing_buffer, or the rate limit closes",
    4009: "choose another --user-prefix, or raise server.max_connections_per_user",
    4010: "no sign of life within the heartbeat's timeout: this process was too busy to answer",
}


class Progress:
    """One line, rewritten in place on a terminal; elsewhere a new line each second."""

    def __init__(self, stream: TextIO, plan: Plan) -> None:
        self._stream = stream
        self._plan = plan
        self._is_terminal = stream.isatty()
        self._next = 0.0
        self._began: float | None = None
        self._before = (0.0, 0)

    def show(self, findings: Findings) -> None:
        """Say how far the test is."""
        now = time.monotonic()
        if not self._is_terminal and now < self._next:
            return
        self._next = now + 1
        line = self._line(findings, now)
        self._stream.write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line to what follows."""
        if self._is_terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _line(self, findings: Findings, now: float) -> str:
        if findings.phase == "connecting":
            failed = findings.failures.total()
            line = f"connecting: {findings.connected:,} of {self._plan.connections:,}"
            return f"{line}, {failed:,} failed" if failed else line
        if findings.phase != "publishing":
            return f"{findings.phase}: {findings.ledger.missing:,} to come"
        self._began = self._began or now
        (before, delivered), self._before = self._before, (now, findings.ledger.delivered)
        rate = (findings.ledger.delivered - delivered) / (now - before) if before else 0.0
        line = f"{now - self._began:.0f} of {self._plan.duration:g} s: {findings.ledger.published:,} sent, "
        line += f"{findings.ledger.delivered:,} delivered, {rate:,.0f}/s, "
        line += f"p50 {_time(findings.latency.percentile(50))}, p99 {_time(findings.latency.percentile(99))}"
        errors = findings.errors.total()
        return f"{line}, {errors:,} errors" if errors else line


def is_good(findings: Findings, plan: Plan) -> bool:
    """Whether all connected, everything arrived once and in order, and something was delivered at all."""
    ledger = findings.ledger
    lost = ledger.missing or ledger.out_of_order or findings.told_lost
    ended = findings.failures or findings.closes
    return not lost and not ended and (ledger.delivered > 0 or ledger.published == 0) and plan.connections > 0


def summary(findings: Findings, plan: Plan) -> str:
    """The figures for a person."""
    return (
        "\n".join((*_connections(findings, plan), *_messages(findings), *_latency(findings), *_cpu(findings)))
        + "\n"
    )


def _connections(findings: Findings, plan: Plan) -> Iterator[str]:
    rooms = "1 room" if plan.rooms == 1 else f"{plan.rooms:,} rooms"
    yield f"connections   {findings.connected:,} of {plan.connections:,} in {rooms}"
    if findings.connected:
        times = findings.connect_times
        yield f"connect time  {_percentiles(times)}   from the first packet to the welcome"
    for reason, count in findings.failures.most_common(10):
        yield f"  failed      {count:,} x {reason}{_hint_in(reason)}"
    for (code, reason), count in sorted(findings.closes.items()):
        yield f"  closed      {count:,} x {f'{code} {reason}'.strip()}{_hint(_CLOSE_HINTS.get(code))}"


def _messages(findings: Findings) -> Iterator[str]:
    ledger, seconds = findings.ledger, findings.seconds
    if not seconds:
        yield "sent          nothing: there was nobody to publish"
        return
    yield f"sent          {ledger.published:,} in {seconds:.1f} s: {ledger.published / seconds:,.0f} a second"
    yield f"delivered     {ledger.delivered:,}: {findings.delivered / seconds:,.0f} a second"
    told = f", {findings.told_lost:,} of them told by gap" if findings.told_lost else ""
    late = f" (not there {DRAIN_TIMEOUT:.0f} s after the end{told})" if ledger.missing else ""
    yield f"lost          {ledger.missing:,}{late}"
    yield f"out of order  {ledger.out_of_order:,}"
    for code, count in findings.errors.most_common():
        yield f"  refused     {count:,} x {code}: {findings.error_messages[code]}{_hint(_ERROR_HINTS.get(code))}"


def _latency(findings: Findings) -> Iterator[str]:
    if findings.latency.count:
        yield f"latency       {_percentiles(findings.latency)}"
        yield from histogram(findings.latency)


def _cpu(findings: Findings) -> Iterator[str]:
    if findings.seconds:
        yield f"own CPU       {findings.cpu:.0%} of one core; {findings.waited:.0%} of the time it waited for one"
    if findings.cpu + findings.waited > BUSY:
        yield (
            "warning: this client had no CPU time left: the server can do more than this says, and faster. "
            "Lower --rate or --in-flight, or run several at once on other machines, each with its --user-prefix."
        )
    elif findings.waited > CROWDED:
        yield "warning: other processes took this client's core at times, which makes latencies look longer."


def histogram(times: Histogram) -> Iterator[str]:
    """A bar for each step of 1, 2, 5, 10 and so on."""
    rows: dict[int, int] = {}
    for upper, count in times.buckets():
        step = 1
        while step < upper:
            first = int(str(step)[0])
            step = step * 5 // 2 if first == 2 else step * 2
        rows[step] = rows.get(step, 0) + count
    largest = max(rows.values())
    for step, count in rows.items():
        bar = "#" * max(1, round(_BAR * count / largest))
        yield f"  <= {_time(step):>7}  {count / times.count:>6.1%}  {bar}"


def as_json(findings: Findings, plan: Plan) -> dict[str, object]:
    """The figures for a machine; times are in microseconds."""
    ledger, seconds = findings.ledger, findings.seconds
    return {
        "connections": plan.connections,
        "connected": findings.connected,
        "failures": dict(findings.failures),
        "closes": [
            {"code": code, "reason": why, "count": n} for (code, why), n in sorted(findings.closes.items())
        ],
        "rooms": plan.rooms,
        "seconds": round(seconds, 3),
        "sent": ledger.published,
        "delivered": ledger.delivered,
        "deliveries_per_second": round(findings.delivered / seconds) if seconds else 0,
        "lost": ledger.missing,
        "told_lost": findings.told_lost,
        "out_of_order": ledger.out_of_order,
        "errors": {
            code: {"count": count, "message": findings.error_messages[code]}
            for code, count in findings.errors.items()
        },
        "connect_us": _json_times(findings.connect_times),
        "latency_us": _json_times(findings.latency),
        "cpu": round(findings.cpu, 3),
        "waited_for_cpu": round(findings.waited, 3),
        "client_was_the_limit": findings.cpu + findings.waited > BUSY,
        "ok": is_good(findings, plan),
    }


def _json_times(times: Histogram) -> dict[str, int]:
    return {f"p{percent:g}": times.percentile(percent) for percent in PERCENTILES} | {"max": times.max}


def _percentiles(times: Histogram) -> str:
    shown = [f"p{percent:g} {_time(times.percentile(percent))}" for percent in PERCENTILES]
    return "   ".join((*shown, f"max {_time(times.max)}"))


def _time(microseconds: int) -> str:
    if microseconds < 1_000:
        return f"{microseconds} us"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.3g} ms"
    return f"{microseconds / 1_000_000:.3g} s"


def _hint(hint: str | None) -> str:
    return f"\n              -> {hint}" if hint else ""


def _hint_in(reason: str) -> str:
    return _hint(next((hint for code, hint in _CLOSE_HINTS.items() if f"closed with {code} " in reason), None))
