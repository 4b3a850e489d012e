"""The soak: polls without end, with mail that comes in, handshakes that fail and connections that drop among them.

Nothing may grow, and the last polls are to be as fast as the first. In two forms: the engine with the board's own
driver in a small heap, and a whole virtual board. Then a maildrop of 10,000 messages that are kept on their server.
"""

import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from buzon_host.bench.poll import know
from buzon_host.server.dovecot import Dovecot
from buzon_host.server.run import LocalServer
from buzon_host.virtual.flash import open_image
from servers.relay import Cut, Relay

from .interpreter import Interpreter
from .mail import Maildrop

sys.path.append(str(Path(__file__).parents[1] / "virtual"))

from app_board import ACCOUNT, Rig, mail_on, until
from buzon_host.virtual.board import HEAP_KIB

_LEAST_KIB = 72  # where the search begins
_STEP_KIB = 4
_FLASH = 4 * 1024 * 1024
_LOOK = (10, 100, 1000)
_RECENT = 30
_GROWTH = 1024  # bytes that the heap in use may differ by, from the tenth poll to the last: one byte a poll
_SLOWER = 3  # even a processor's time depends on what else runs


@dataclass
class Figures:
    """`heap`: bytes in use after so many polls; `first`, `last`: median seconds (the engine's: of a processor) of the
    first and last hundred polls that brought nothing; `failed`: how often each error came."""

    soak: str
    polls: int
    heap: dict[int, int]
    first: float
    last: float
    stored: int
    failed: dict[int, int]

    @property
    def good(self) -> bool:
        used = list(self.heap.values())
        return used[-1] - used[0] <= _GROWTH and self.last <= self.first * _SLOWER

    def __str__(self) -> str:
        heap = ", ".join(f"{n} after {poll} polls" for poll, n in self.heap.items())
        return (
            f"{self.soak}: {self.polls} polls, {self.stored} messages; heap in use: {heap}; "
            f"median of the first polls {self.first * 1000:.1f} ms, of the last {self.last * 1000:.1f} ms; "
            f"errors: {self.failed}"
        )


class Weather:
    """A server as the board sees it, and what befalls the polls: `each(n)` sets it for the n-th and returns what is to come of it (see `EVENTS`)."""

    EVENTS = ("mail", "", "", "drop", "", "", "forged", "", "", "nobody")

    def __init__(self, good: LocalServer, forged: LocalServer) -> None:
        self._good = good
        self._forged = forged
        self._random = random.Random(1)
        self.relay = Relay(good.pop3s)
        self.sent: Counter[bytes] = Counter()

    def clear(self) -> None:
        """Nothing befalls the next poll."""
        self.relay.to = self._good.pop3s
        self.relay.cut = None

    def each(self, n: int) -> str:
        event = self.EVENTS[n % len(self.EVENTS)]
        self.clear()
        self.relay.to = {"forged": self._forged.pop3s, "nobody": 0}.get(event, self._good.pop3s)
        if event == "drop":  # at any byte, of the handshake too
            self.relay.cut = Cut(1, self._random.randrange(1, 1500))
        if event in ("mail", "drop"):
            message = b"Subject: %d\r\n\r\n%s\r\n" % (n, b"text " * (n % 60))
            self._good.deliver(message)
            self.sent[message] += 1
        return event


def soak(
    name: str, polls: int, weather: Weather, poll: Callable[[], tuple[int | None, int, float, int]]
) -> Figures:
    """`poll()`: does one, and returns its error's code, the heap in use, its seconds, the messages on the board."""
    heap = {}
    quiet = []  # seconds of the polls that brought nothing
    failed: Counter[int] = Counter()
    busy = True  # the one before left mail for this one
    stored = 0
    recent: deque[int] = deque(maxlen=_RECENT)
    for n in range(polls):
        event = weather.each(n)
        code, used, seconds, stored = poll()
        if code is not None:
            failed[code] += 1
        recent.append(used)
        if n + 1 in _LOOK or n + 1 == polls:
            heap[n + 1] = min(
                recent
            )  # the collector takes for a pointer what looks like one: now and then it keeps more
        if not event and not busy:
            if code is not None:
                raise RuntimeError(f"poll {n} ended with error {code}")
            quiet.append(seconds)
        busy = event == "drop"
    some = max(1, min(100, len(quiet) // 3))
    return Figures(
        name,
        polls,
        heap,
        statistics.median(quiet[:some]),
        statistics.median(quiet[-some:]),
        stored,
        dict(sorted(failed.items())),
    )


class Engine:
    """An account's polls with TLS in one interpreter, in a folder of this computer. A context manager.

    `heap_kib`: the smallest heap in which a few polls end well, and a little more.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        enter = self._stack.enter_context
        self._good = enter(LocalServer(samples=False))
        self._weather = Weather(self._good, enter(LocalServer(samples=False, certificate="other-ca")))
        self._folder = Path(enter(tempfile.TemporaryDirectory(prefix="buzon-soak-")))
        self.heap_kib = 0

    def run(self, polls: int, heap_kib: int = 0) -> Figures:
        """`heap_kib`: not the smallest heap, but this one."""
        if heap_kib:
            self.heap_kib = heap_kib
            return self._run(polls, self._folder / "mail")
        for self.heap_kib in range(_LEAST_KIB, 4 * _LEAST_KIB, _STEP_KIB):
            try:
                self._run(len(Weather.EVENTS), self._folder / str(self.heap_kib))
                break
            except RuntimeError:  # too little
                pass
        self.heap_kib += 2 * _STEP_KIB  # each poll loads its modules anew, into what holes there are
        return self._run(polls, self._folder / "mail")

    def _run(self, polls: int, folder: Path) -> Figures:
        folder.mkdir()
        self._weather.sent.clear()
        settings = {
            "id": "test",
            "host": "localhost",
            "user": self._good.user,
            "password": self._good.password,
            "ca": str(self._good.ca_der),
            "keep": "delete",
            "delete_confirmed": True,
        }
        script = Path(__file__).with_name("soak_session.py")
        heap = f"{self.heap_kib}k"
        with Interpreter(script, str(folder), json.dumps(settings), heap=heap) as board:

            def poll() -> tuple[int | None, int, float, int]:
                start = board.clock()
                result = board.run({"port": self._weather.relay.port})
                return result["error"], result["heap"], board.clock() - start, result["stored"]

            figures = soak(f"engine in {self.heap_kib} KiB", polls, self._weather, poll)
            self._weather.clear()
            poll()
        got = Counter(path.read_bytes() for path in (folder / "test").glob("*.eml"))
        if got != self._weather.sent:
            raise RuntimeError("the mail of the soak is not what was sent")
        return figures

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def board(polls: int) -> Figures:
    """A whole virtual board in the heap that all boards have in the tests."""
    with ExitStack() as stack:
        enter = stack.enter_context
        good = enter(LocalServer(samples=False))
        weather = Weather(good, enter(LocalServer(samples=False, certificate="other-ca")))
        folder = Path(enter(tempfile.TemporaryDirectory(prefix="buzon-soak-")))
        rig = Rig(folder, flash_size=_FLASH)
        stack.callback(rig.close)
        rig.provision(good, port=weather.relay.port)
        rig.settled()

        def poll() -> tuple[int | None, int, float, int]:
            ended = weather.relay.ended
            account = rig.sync()
            until(lambda: weather.relay.ended > ended, what="the end of the connection")
            free, total = until(lambda: (one := rig.status())["state"] == "idle" and one["heap"])
            used = total - free - rig.board.hardware_heap
            return account.error and account.error.code, used, weather.relay.took, account.stored

        figures = soak(f"virtual board in {HEAP_KIB} KiB", polls, weather, poll)
        weather.clear()
        rig.sync()
        if mail_on(rig.board.flash_file) != weather.sent:
            raise RuntimeError("the mail of the soak is not what was sent")
        return figures


@dataclass
class Kept:
    """A maildrop that is kept: bytes programmed into the flash by a poll without new mail, the least free heap of the
    board in it as far as `status` saw it, and the seconds that it took."""

    messages: int
    programmed: int
    free: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.messages} messages kept on Dovecot: the second poll programs {self.programmed} bytes of flash, "
            f"at least {self.free} bytes of heap are free in it, {self.seconds:.2f} s"
        )


def kept(messages: int, polls: int) -> Kept:
    """`polls` of a whole virtual board with a maildrop of so many messages, all of which it knows."""
    with ExitStack() as stack:
        enter = stack.enter_context
        server = enter(Dovecot())
        folder = Path(enter(tempfile.TemporaryDirectory(prefix="buzon-kept-")))
        relay = Relay(server.pop3s)
        rig = Rig(folder, flash_size=_FLASH)
        rig.provision(server, port=relay.port, keep="forever")  # type: ignore[arg-type]
        rig.settled()
        rig.close()
        Maildrop(server.maildir).put([b"Subject: %d\r\n\r\nbody\r\n" % n for n in range(messages)])
        _know(folder / "flash.img", server)
        rig = Rig(folder, flash_size=_FLASH)
        stack.callback(rig.close)
        rig.client.hello()
        rig.client.time_set(int(time.time()))
        first = rig.settled()
        if first.error or first.listed != messages or first.fetched:
            raise RuntimeError(f"the first poll: {first}")
        before = rig.board.stats()["bytes_programmed"]
        least = 1 << 30
        seconds = []
        for _ in range(polls):
            ended = relay.ended
            rig.client.sync(ACCOUNT)
            while relay.ended == ended:
                least = min(least, rig.status()["heap"][0])
            last = rig.settled()
            if last.error or last.listed != messages:
                raise RuntimeError(f"a poll: {last}")
            seconds.append(relay.took)
        programmed = rig.board.stats()["bytes_programmed"] - before
        return Kept(messages, programmed, least, statistics.median(seconds))


def _know(image: Path, server: Dovecot) -> None:
    fs = open_image(image)
    know(fs, f"/mail/{ACCOUNT}", server.user, "localhost", server.uids())
    fs.unmount()
    image.write_bytes(fs.context.buffer)


def main(quick: bool, path: Path) -> bool:
    """Print the figures and write the same as JSON; whether nothing grew. `quick`: a few polls."""
    with Engine() as engine:
        figures = [engine.run(30, HEAP_KIB) if quick else engine.run(1000)]
    print(figures[0], flush=True)
    figures.append(board(10 if quick else 1000))
    print(figures[1], flush=True)
    good = quick or all(one.good for one in figures)
    rows = [asdict(one) for one in figures]
    if not quick:
        few, many = kept(10, 60), kept(10_000, 6)
        print(f"{few}\n{many}", flush=True)
        rows += [asdict(few), asdict(many)]
        good = good and not many.programmed and few.free - many.free <= _GROWTH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return good
