"""A serial port with a memory, for tests: write, and wait for what must come."""

import os
import re
import select
import time
from types import TracebackType
from typing import Self


class Console:
    """`text` is all that has come so far. Unlike pyserial it does not throw away what came before."""

    def __init__(self, port: str) -> None:
        self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        self.text = b""
        self._seen = 0

    def write(self, data: bytes) -> None:
        os.write(self._fd, data)

    def _read(self) -> bytes:
        return os.read(self._fd, 4096) if select.select([self._fd], [], [], 0.02)[0] else b""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def expect(self, pattern: bytes, timeout: float = 10.0) -> re.Match[bytes]:
        """Wait for the next match behind the last one. AssertionError, with what came, when none comes."""
        end = time.monotonic() + timeout
        while True:
            found = re.compile(pattern, re.DOTALL).search(self.text, self._seen)
            if found:
                self._seen = found.end()
                return found
            assert time.monotonic() < end, f"{pattern!r} did not come, but {self.text[self._seen :]!r}"
            self.text += self._read()

    def quiet(self, seconds: float) -> bytes:
        """What comes in that time and was not expected yet."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.text += self._read()
        return self.text[self._seen :]

    def repl(self) -> None:
        """To the friendly prompt, whatever runs."""
        self.write(b"\x03")
        self.expect(rb">>> ")

    def run(self, line: str, timeout: float = 10.0) -> bytes:
        """One line at the prompt; returns what it printed."""
        self.write(line.encode() + b"\r")
        self.expect(re.escape(line.encode()[-20:]) + rb"\r\n", timeout)
        start = self._seen
        found = self.expect(rb">>> ", timeout)
        return self.text[start : found.start()].replace(b"\r\n", b"\n").strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
