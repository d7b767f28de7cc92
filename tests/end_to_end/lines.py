"""What a process prints, as it comes."""

from __future__ import annotations

import contextlib
import threading
from typing import IO


class Lines:
    """The lines of a stream, read in the background so that a test can wait for one."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: list[str] = []
        self._is_at_end = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def all(self) -> list[str]:
        """The lines so far."""
        with self._changed:
            return list(self._lines)

    def wait_for(self, text: str, timeout: float = 20.0, times: int = 1) -> str:
        """Return the first line that has ``text``, or that has it for so many times; wait for it."""

        def found() -> list[str]:
            return [line for line in self._lines if text in line]

        with self._changed:
            self._changed.wait_for(lambda: self._is_at_end or len(found()) >= times, timeout)
            if len(found()) < times:
                raise AssertionError(f"{times} lines were to have {text!r}:\n" + "\n".join(self._lines))
            return found()[times - 1]

    def wait_for_end(self, timeout: float = 20.0) -> list[str]:
        """All lines of a process that ends."""
        self._reader.join(timeout)
        assert not self._reader.is_alive(), "the stream is still open"
        return self._lines

    def _read(self, stream: IO[str]) -> None:
        with stream, contextlib.suppress(OSError):  # That is how a terminal ends.
            for line in stream:
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._is_at_end = True
            self._changed.notify_all()
