"""A TCP relay before a server: keeps what the client sends, and can cut the connection at a byte or a TLS record."""

import contextlib
import select
import socket
import threading
import time
from dataclasses import dataclass

_HEADER = 5  # of a TLS record (RFC 8446 section 5.1): its last two bytes are the length of what follows


@dataclass(frozen=True)
class Cut:
    """Where a connection is cut, and how: after the `at`-th byte that came from the client (`way` 0) or from the
    server (1); with `record`, so many bytes after the end of that TLS record (1 is the first; `at` may be negative).
    `silent`: the client hears no more, instead of that the connection is closed."""

    way: int
    at: int
    silent: bool = False
    record: int = 0


class Relay:
    """Passes one connection at a time on to a port.

    `to`: that port; 0: none, every connection is closed at once.
    `ended`: how many connections have; `took`: seconds of the last of them. Of the last that began: `passed` (bytes from the client, from the server), `ends` (where their TLS records end),
    `sent` (what the client sent), `reached` (whether it came to the cut).
    """

    def __init__(self, port: int) -> None:
        self.to = port
        self.ended = 0
        self.took = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut: Cut | None = None
        self.reached = False
        self.passed = [0, 0]
        self.ends: tuple[list[int], list[int]] = ([], [])
        self.sent = bytearray()
        self._heads = (bytearray(), bytearray())
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.passed = [0, 0]
            self.ends = ([], [])
            self._heads = (bytearray(), bytearray())
            self.sent.clear()
            self.reached = False
            start = time.monotonic()
            with near:
                if self.to:
                    with (
                        contextlib.suppress(OSError),
                        socket.create_connection(("127.0.0.1", self.to)) as far,
                    ):
                        for each in (near, far):
                            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        self._pass(near, far)
            self.took = time.monotonic() - start
            self.ended += 1

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        ends = (near, far)
        while True:
            for one in select.select(ends, [], [], 10)[0]:
                way = ends.index(one)
                data = one.recv(65536)
                if not data:
                    return
                self._look(way, data)
                stop = self._stop(way)
                over = stop is not None and self.passed[way] + len(data) >= stop
                if over and stop is not None:
                    data = data[: stop - self.passed[way]]
                self.passed[way] += len(data)
                if way == 0:
                    self.sent += data
                ends[1 - way].sendall(data)
                if over:
                    self.reached = True
                    if self.cut and self.cut.silent:
                        far.close()  # the server must not keep the maildrop locked
                        while near.recv(4096):
                            pass
                    return

    def _look(self, way: int, data: bytes) -> None:
        """Find where the TLS records end, as far as their headers have come."""
        ends = self.ends[way]
        head = self._heads[way]
        at = self.passed[way]
        off = 0
        while True:
            start = ends[-1] if ends else 0
            off = max(off, start - at)
            if off >= len(data):
                return
            taken = data[off : off + _HEADER - len(head)]
            head += taken
            off += len(taken)
            if len(head) < _HEADER:
                return
            ends.append(start + _HEADER + int.from_bytes(head[3:], "big"))
            head.clear()

    def _stop(self, way: int) -> int | None:
        """After how many bytes of that direction it ends; None: not known yet, or never."""
        cut = self.cut
        if cut is None or cut.way != way:
            return None
        if not cut.record:
            return cut.at
        ends = self.ends[way]
        return ends[cut.record - 1] + cut.at if len(ends) >= cut.record else None

    def close(self) -> None:
        self._listener.close()
