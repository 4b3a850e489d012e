"""The asyncio driver: owns a socket, its TLS and its deadlines, and runs dialogues over it. MicroPython only.

It reads first and waits only if nothing is there: a client that waits first would deadlock with a server that
speaks first over TLS, and waiting before every read costs up to 40 % of the speed.
"""

import asyncio
import errno
import gc
import socket
import time
from asyncio import core as _core  # type: ignore[attr-defined]

from micropython import const

from ..core.wire import READ, STARTTLS, TURN, WRITE, RxBuffer, TxBuffer
from ..errors import E_CLOSED, E_CONNECT, E_DNS, E_TIMEOUT, E_TLS_LOST, LinkError
from .tls import Tls, explain

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Generator

    from ..core.pop3 import Dialogue

_CONNECT_MS = const(15000)
_HANDSHAKE_MS = const(30000)
_QUIET_MS = const(45000)  # without progress
_PATIENCE_MS = const(300000)  # the same at most, for a server that is known to be slow
_PROGRESS = const(64)  # bytes that count as progress: a byte now and then must not hold up the board
_WHOLE_MS = const(3600000)  # for a whole connection: then others have their turn
_TICK_MS = const(250)
_TIGHT = const(16)  # of _TICK_MS
_TURN_MS = const(20)  # after this, other tasks get their turn


class Link:
    """One connection at a time. `rx` and `tx` are lent; without them it makes its own.

    `wait_ms` and `whole_ms` override the deadlines; from the next `open` on, those for replies and TLS are
    2**`slow` times as long, but 5 minutes at most (RFC 1939 section 3 has 10).

    `tls_heap`: bytes of heap that TLS takes, in its largest block and in all the others; 0 where TLS has
    memory of its own. Nothing else ever gets them: they are held before, between and after connections.
    `lean`: None, or a function that is called when TLS begins, to give back what memory it can. From then on, while
    `tight`, nobody else should take any: until something has come through TLS, or a server has been silent for 4 s.
    `step`: what it waits for: `DNS`, `connect`, `TLS` or `reply`; `openings`: how many connections there were.
    Use: `await link.open(...)`, `await link.run(dialogue)`..., `link.close()`, in one task.
    """

    def __init__(
        self,
        rx: "RxBuffer | None" = None,
        tx: "TxBuffer | None" = None,
        tls_heap: "tuple[int, int]" = (0, 0),
        wait_ms: int = _QUIET_MS,
        whole_ms: int = _WHOLE_MS,
    ) -> None:
        self.rx = rx or RxBuffer(bytearray(512))
        self.tx = tx or TxBuffer(bytearray(256))
        self.wait_ms = wait_ms
        self.slow = 0
        self._wait = wait_ms
        self.whole_ms = whole_ms
        self.host = ""
        self._raw: "Any" = None
        self._sock: "Any" = None
        self._tls: "Tls | None" = None
        self._task: "Any" = None
        self._watcher: "Any" = None
        self._due: "Any" = 0
        self._got = 0  # bytes since the deadline was last moved on
        self._armed = False
        self._late = False
        self._shaking = False  # TLS has begun and nothing has come through it yet
        self.tight = 0  # quarters of a second
        self.lean: "Any" = None
        self.step = ""
        self.openings = 0
        self._place: "Any" = None
        if tls_heap[0]:
            from .place import Place

            self._place = Place(tls_heap)
        self.close()

    async def open(self, host: str, port: int, tls: "Tls | None", implicit: bool = True) -> None:
        """Connect, and start TLS at once unless `implicit` is False. `tls` None: no TLS at all.

        Raises LinkError. `getaddrinfo` blocks: it is the only step without a deadline of ours.
        """
        self.close()
        self.rx.clear()
        self.tx.clear()
        self.host = host
        self._tls = tls
        self._shaking = False
        self._wait = min(self.wait_ms << self.slow, max(_PATIENCE_MS, self.wait_ms))
        self.openings += 1
        self.step = "DNS"
        try:
            address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
        except (OSError, IndexError):
            raise LinkError(E_DNS, host)
        self._raw = self._sock = socket.socket()
        self._watcher = asyncio.create_task(self._watch())
        try:
            await self._guard(self._connect(address), "connect", _CONNECT_MS)
            if tls and implicit:
                await self._guard(self._handshake(), "TLS", min(_HANDSHAKE_MS << self.slow, _PATIENCE_MS))
        except (OSError, ValueError) as err:
            # Explain it before TLS's memory is held again: too little of it may be the cause.
            why = explain(err, host, tls) if self._shaking else None
            self.close()
            raise why or LinkError(E_CONNECT, "%s:%d, %s" % (host, port, _name(err)))
        except BaseException:
            self.close()
            raise

    async def run(self, dialogue: "Dialogue[Any]") -> "Any":
        """Drive a dialogue to its end and return its result. Raises what it raises, or LinkError."""
        if self._sock is None:
            raise LinkError(E_CLOSED, "not open")
        try:
            return await self._guard(self._drive(dialogue), "reply", self._wait)
        except (OSError, ValueError) as err:
            if self._shaking:
                raise explain(err, self.host, self._tls)
            if isinstance(err, OSError):
                raise LinkError(E_CLOSED, _name(err))
            raise
        finally:
            dialogue.close()  # MicroPython's collector does not run a generator's `finally`

    def close(self) -> None:
        """Drop the connection and everything that holds memory for it. May be called at any time.

        Holds TLS's place in the heap until the next connection: anything else there would split it.
        """
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None
        if self._sock is not None:
            gc.collect()  # makes room lower in the heap for what the next steps allocate
        for sock in (self._sock, self._raw):
            if sock is not None:
                try:
                    sock.close()
                except OSError:
                    pass
        time.sleep_ms(0)  # lets the network stack release what it held
        self.tight = 0
        self._sock = self._raw = None
        self._armed = False
        if self._place:
            self._place.hold()

    def cut(self) -> None:
        """Ends what is running, as a deadline does."""
        if self._armed:
            self._late = True
            self._armed = False
            self._task.cancel()

    # -- pieces. MicroPython's asyncio awaits the generators.

    def _connect(self, address: "Any") -> "Generator[Any, None, None]":
        sock = self._raw
        sock.setblocking(False)
        try:
            sock.connect(address)
        except OSError as err:
            if err.errno != errno.EINPROGRESS:
                raise
            yield _core._io_queue.queue_write(sock)
            try:
                sock.connect(address)  # tells how the first attempt ended
            except OSError as err:
                if err.errno not in (errno.EINPROGRESS, errno.EALREADY, 106, 127):  # EISCONN: Linux, lwIP
                    raise

    def _wrap(self) -> None:
        """Put TLS around the socket. The next read or write begins the handshake."""
        if self._tls is None:
            raise LinkError(E_CLOSED, "no TLS")
        self._shaking = True
        if self.lean:
            self.lean()
            gc.collect()  # the context is large: it takes the place of what has just gone
            self.tight = _TIGHT
        place = self._place
        if place:
            place.give_pieces()
        ctx = self._tls.context()
        gc.collect()
        if place:
            place.give_block()
        self._sock = ctx.wrap_socket(self._raw, server_hostname=self.host, do_handshake_on_connect=False)

    def _handshake(self) -> "Generator[Any, None, None]":
        """Implicit TLS: read until the server's first bytes arrive, which it sends after the handshake."""
        self._wrap()
        rx = self.rx
        n = self._sock.readinto(rx.space())
        while n is None:
            yield _core._io_queue.queue_read(self._sock)
            n = self._sock.readinto(rx.space())
        if not n:
            raise LinkError(E_TLS_LOST, self.step)
        rx.w += n
        self._shaken()

    def _shaken(self) -> None:
        """The handshake succeeded: no failure needs explaining, so no certificate need be kept."""
        self._shaking = False
        self.tight = 0
        if self._tls:
            self._tls.done()
            self._tls = None

    def _drive(self, dialogue: "Dialogue[Any]") -> "Generator[Any, None, Any]":
        rx = self.rx
        tx = self.tx
        sock = self._sock
        turn = time.ticks_ms()  # when other tasks last had their turn
        while True:
            try:
                need = dialogue.send(None)
            except StopIteration as end:
                return end.value
            if need == READ:
                n = sock.readinto(rx.space() if rx.w else rx.buf)
                while not n:
                    if n is not None:
                        raise LinkError(E_TLS_LOST if self._shaking else E_CLOSED, self.step)
                    yield _core._io_queue.queue_read(sock)
                    turn = time.ticks_ms()
                    n = sock.readinto(rx.space())
                rx.w += n
                self._got += n
                if self._shaking:
                    self._shaken()
                if time.ticks_diff(time.ticks_ms(), turn) > _TURN_MS:
                    yield from asyncio.sleep_ms(0)  # type: ignore[misc]
                    turn = time.ticks_ms()
            elif need == WRITE:
                at = 0
                while at < tx.n:
                    n = sock.write(tx.buf, at, tx.n - at)
                    if n is None:
                        yield _core._io_queue.queue_write(sock)
                    else:
                        at += n
                tx.clear()
                self._defer(self._wait)
            elif need == TURN:
                self._defer(self._wait)
                yield from asyncio.sleep_ms(0)  # type: ignore[misc]
            elif need == STARTTLS:
                self._wrap()
                sock = self._sock

    async def _guard(self, work: "Any", step: str, ms: int) -> "Any":
        """Await `work` under a deadline that progress moves on."""
        self.step = step
        self._task = asyncio.current_task()
        self._defer(ms)
        self._late = False
        self._armed = True
        try:
            return await work
        except asyncio.CancelledError:
            if self._late:
                raise LinkError(E_TIMEOUT, step)
            raise
        finally:
            self._armed = False

    def _defer(self, ms: int) -> None:
        """Set the deadline to `ms` from now."""
        self._got = 0
        self._due = time.ticks_add(time.ticks_ms(), ms)

    async def _watch(self) -> None:
        """Watch the connection's deadlines, in one task: a task per read would allocate each time."""
        left = self.whole_ms
        while True:
            await asyncio.sleep_ms(_TICK_MS)
            left -= _TICK_MS
            if self.tight:
                self.tight -= 1
            if self._got >= _PROGRESS:
                self._defer(self._wait)
            if left < 0 or time.ticks_diff(time.ticks_ms(), self._due) > 0:
                self.cut()


def _name(err: "OSError | ValueError") -> str:
    args = err.args or ("?",)  # Mbed TLS's errors have a number, then words
    return errno.errorcode.get(args[0], str(args[-1]))  # type: ignore[no-any-return]
