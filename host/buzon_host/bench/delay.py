"""A link with latency: a proxy that passes every byte to and from a server after a delay, and counts turns.

Only time is added: waiting bytes carry their due time, so speed is not limited (except that at most 64 MB are
under way in each direction). The server's greeting is delayed, a connection's set-up is not.

A turn, or round trip, is when the client sends after the server has sent. Only bytes that were passed on to
the client count, as it cannot see those still under way. The proxy does not look at commands, but with TLS
the handshake's turns would count too, and those of TLS 1.2 and 1.3 differ: so turns are counted without TLS.
"""

import contextlib
import select
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self

_PIECE = 1 << 18
_UNDER_WAY = 1 << 26


@dataclass
class Talk:
    """A connection: its turns so far, bytes from the client and from the server, and whether it has ended.
    `seconds`: from its start to the moment when the client knows that the server has hung up."""

    turns: int = 0
    seconds: float = 0.0
    sent: int = 0
    received: int = 0
    over: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Way:
    """What is under way in one direction: (when it is due, bytes); empty bytes mark the end."""

    source: socket.socket
    sink: socket.socket
    queue: deque[tuple[float, memoryview]] = field(default_factory=deque)
    waiting: int = 0
    ended: bool = False

    def take(self, due: float) -> int:
        """Read what there is; returns how much it was."""
        data = self.source.recv(_PIECE)
        self.queue.append((due, memoryview(data)))
        self.waiting += len(data)
        self.ended = not data
        return len(data)

    def give(self, now: float) -> bool:
        """Pass on what is due; returns whether anything was."""
        given = False
        while self.queue and self.queue[0][0] <= now:
            due, data = self.queue[0]
            if not data:
                with contextlib.suppress(OSError):
                    self.sink.shutdown(socket.SHUT_WR)
                self.queue.popleft()
                break
            try:
                done = self.sink.send(data)
            except BlockingIOError:
                break
            given = True
            self.waiting -= done
            if done < len(data):
                self.queue[0] = (due, data[done:])
                break
            self.queue.popleft()
        return given


class Proxy:
    """A context manager. `to`: the server's port on 127.0.0.1; `delay_s`: each way; `port`: where it listens;
    `talks`: the connections, in order."""

    def __init__(self, to: int, delay_s: float = 0.0) -> None:
        self.to = to
        self.delay_s = delay_s
        self.talks: list[Talk] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends `accept`, which `close` does not
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            talk = Talk()
            self.talks.append(talk)
            threading.Thread(target=self._carry, args=(near, talk), daemon=True).start()

    def _carry(self, near: socket.socket, talk: Talk) -> None:
        start = time.perf_counter()
        try:
            with near, socket.create_connection(("127.0.0.1", self.to)) as far:
                for each in (near, far):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    each.setblocking(False)
                self._pass(near, far, talk)
        except OSError:
            pass  # whoever sees its connection broken reports it
        finally:
            talk.seconds = time.perf_counter() - start
            talk.over.set()

    def _pass(self, near: socket.socket, far: socket.socket, talk: Talk) -> None:
        out, back = _Way(near, far), _Way(far, near)
        answered = False  # the client has been given something since it last sent
        while True:
            now = time.monotonic()
            poller = select.poll()  # a new one each time: cheap compared with passing bytes on
            least = -1.0
            for one in (near, far):
                events = 0
                for way in (out, back):
                    if way.source is one and not way.ended and way.waiting < _UNDER_WAY:
                        events |= select.POLLIN
                    if way.sink is one and way.queue:
                        wait = way.queue[0][0] - now
                        if wait <= 0:
                            events |= select.POLLOUT
                        elif least < 0 or wait < least:
                            least = wait
                if events:
                    poller.register(one, events)
            ready = dict(poller.poll(None if least < 0 else least * 1000))
            now = time.monotonic()
            # The client's bytes first: they were sent before what is given now.
            if not out.ended and ready.get(near.fileno(), 0) & ~select.POLLOUT:
                n = out.take(now + self.delay_s)
                talk.sent += n
                if n and answered:
                    talk.turns += 1
                    answered = False
            if not back.ended and ready.get(far.fileno(), 0) & ~select.POLLOUT:
                talk.received += back.take(now + self.delay_s)
            out.give(now)
            if back.give(now):
                answered = True
            if back.ended and not back.queue:
                return  # the server has hung up, and the client knows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
