"""The serial port: frames in, each request carried out once. What answers them is `answer`, loaded when one comes."""

import asyncio
import gc
import select
import sys
import time
from asyncio import core as _core  # type: ignore[attr-defined]

from micropython import const

from .. import log
from ..core import frames
from ..plugins import unload

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Generator

_CTRL_C = const(3)
_PAUSE_MS = const(20)
_SILENT_MS = const(3000)


class Console:
    """Serves one session with one PC at a time. `app` is what the methods work on.

    `frame`: the last answer, kept to be repeated, and room for its CRC; `n`: its bytes, 0 without one; `session` and
    `last`: the numbers of the session and of its last request; `kept`: the module of that request's method, or "".
    """

    def __init__(self, app: "Any") -> None:
        self.app = app
        self._out = sys.stdout.buffer
        self.frame = bytearray(frames.OUT_ROOM + 4)
        self._reader = frames.FrameReader()
        self.n = 0
        self.session = -1
        self.last = -1
        self.kept = ""
        self._since: "Any" = 0
        log.echo = self._out.write

    def serve(self) -> "Generator[Any, None, None]":
        """Serve until the app is to be left. A generator that asyncio awaits."""
        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)
        one = bytearray(1)
        stdin = sys.stdin.buffer
        held: "Any" = (
            None  # the request that waits while TLS needs the memory; a PC sends one, and repeats it
        )
        while not self.app.leaving:
            if held is None:
                yield _core._io_queue.queue_read(sys.stdin)
            elif self.app.link.tight:
                yield from asyncio.sleep_ms(_PAUSE_MS)  # type: ignore[misc]
            try:
                if held is not None and not self.app.link.tight:
                    request = held
                    held = None
                    self._handle(request)
                while poller.poll(0):  # reading more than has arrived would block
                    if not stdin.readinto(one):
                        return  # the port is gone
                    if one[0] == _CTRL_C:
                        raise KeyboardInterrupt
                    request = self._reader.feed(one[0])
                    if request is frames.IMPROV:
                        self._improv(stdin, poller)
                    elif request is not None and self.app.link.tight:
                        held = request
                    elif request is not None:
                        held = None
                        self._handle(request)
            except MemoryError:  # the PC asks again
                gc.collect()

    def _improv(self, stdin: "Any", poller: "Any") -> None:
        from .improv import serve

        try:
            serve(self.app, stdin, poller, self._out.write)
        finally:
            unload()

    def _handle(self, data: bytes) -> None:
        from .answer import answer

        if answer(self, data):
            frames.send(self.frame, self.n, self._out.write)
        self._since = time.ticks_ms()

    def rest(self) -> None:
        """Call it now and then: after some seconds of silence, the methods' modules go."""
        if self.kept and time.ticks_diff(time.ticks_ms(), self._since) > _SILENT_MS:
            self.tidy()

    def lean(self) -> None:
        """Give back what memory can be had again: of the last answer only its bytes are kept, to be repeated."""
        self.frame = self.frame[: self.n + 4]
        self.tidy()

    def tidy(self) -> None:
        self.kept = ""
        unload()
