"""Row 4: a slow link. 200 messages of 2 KB to 2 MB, 54 MB in all, from Dovecot through a proxy that adds 0,
50 and 200 ms each way (delay.py): ours against mpop, fetchmail, getmail6 and Python's poplib, with and
without DELE.

How it is measured:
- The time is the connection's, as the proxy sees it: from the client's connect to the server's hanging up
  after QUIT. So neither a program's nor an interpreter's start counts. Round trips are the proxy's turns.
- No TLS (delay.py says why), and PLAIN or USER and PASS for all; each peer's settings are in peers/.
- All store one file per message on the same disk, synced before the message counts as stored. MicroPython's
  `close` syncs a file on littlefs, but not one on this computer, so scripts/collect.py does that for ours.
- What everyone stored is compared byte for byte with what the server has (the peers turn CRLF into LF;
  getmail6 puts a Return-Path line in front, which no setting switches off).
- Ours is the library as in docs/library.md, compiled, over its blocking driver, in real MicroPython with 192
  KiB of heap and a receive buffer of 4 KiB (the app's is 1 KiB, which costs a third more processor time).
  `first`: nothing is known about the server; `again`: its capabilities are.
- Ours and mpop are run in turn, `runs` times. What takes more than a minute (the others at 200 ms) is run
  once.

Caveats: the proxy does not limit speed, so there is no slow start and no loss; the disk's cache is warm. At 0
ms the processor is what counts: MicroPython runs bytecode for each piece, looks through it with
`bytearray.find`, and computes the CRC-32 that is in each name, at 250 MB/s. Other work on the machine slows
ours more than mpop, which needs a quarter of the processor time.
"""

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ..server.dovecot import Dovecot
from .collector import Collector
from .delay import Proxy, Talk
from .maildrop import Maildrop, digest, mixed, wire
from .peers import MPOP, PEERS, Peer, PeerError
from .rows import Bench, Goal, Row, spread

DELAYS_MS = (0, 50, 200)
_ROUND_TRIPS = Goal(high=6)
_FASTER = Goal(high=1.0)
_NEAR = Goal(high=1.5)
_FLASH = 96 << 20
_RX = 4096
_ONCE_MS = 50


@dataclass
class Taken:
    """What the runs took: the seconds and round trips of each, or why there are none."""

    seconds: list[float] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    missing: str = ""

    def add(self, talk: Talk) -> None:
        self.seconds.append(talk.seconds)
        self.turns.append(talk.turns)

    @property
    def middle(self) -> float:
        return statistics.median(self.seconds)


class Course:
    """A Dovecot with the mail, and a folder for what is collected from it."""

    def __init__(self, stack: ExitStack, folder: Path, messages: list[bytes]) -> None:
        self._folder = folder
        self._stack = stack
        self.server = stack.enter_context(Dovecot())
        self.drop = Maildrop(self.server, messages)
        self._digests = sorted(map(digest, messages))
        self._exact = sorted(map(wire, messages))
        self._count = 0

    def _place(self) -> Path:
        self._count += 1
        return self._folder / str(self._count)

    def _check(self, right: bool, who: str, delete: bool) -> None:
        if not right:
            raise PeerError(f"{who} did not store every message as it is")
        left = self.drop.left()
        if left != (0 if delete else self.drop.count):
            raise PeerError(f"{who} left {left} messages on the server")

    def peer(self, peer: Peer, delay_ms: int, delete: bool, taken: Taken) -> None:
        """One run; a PeerError is kept as the reason why there is none."""
        self.drop.fill()
        folder = self._place()
        with Proxy(self.server.pop3, delay_ms / 1000) as proxy:
            try:
                peer.collect(folder, proxy.port, self.server.user, self.server.password, delete)
                proxy.talks[-1].over.wait(10)
                self._check(peer.stored(folder) == self._digests, peer.name, delete)
                taken.add(proxy.talks[-1])
            except PeerError as error:
                taken.missing = str(error)

    def ours(self, delay_ms: int, delete: bool, sessions: int, flash: int = 0) -> list[Talk]:
        """Sessions one after the other; each finds all mail new. Raises PeerError."""
        settings: dict[str, object] = {
            "host": "127.0.0.1",
            "user": self.server.user,
            "password": self.server.password,
            "tls": "none",
            "auth": "plain",
            "keep": "delete" if delete else "forever",
            "delete_confirmed": delete,
        }
        with Proxy(self.server.pop3, delay_ms / 1000) as proxy:
            settings["port"] = proxy.port
            with Collector(self._place(), settings, flash=flash, rx=_RX) as collector:
                for _ in range(sessions):
                    self.drop.fill(anew=True)
                    collector.collect()
                    proxy.talks[-1].over.wait(10)
                    if not flash:
                        stored = collector.stored()
                        right = sorted(path.read_bytes() for path in stored) == self._exact
                        self._check(right, "ours", delete)
                        for path in stored:  # the next session's messages have other uids
                            path.unlink()
            return proxy.talks


def rows(bench: Bench) -> Iterator[Row]:
    with ExitStack() as stack:
        course = Course(stack, bench.folder, mixed())
        points: dict[str, list[list[float]]] = {}
        for delay in DELAYS_MS:
            for delete in (False, True):
                yield from _at(bench, course, delay, delete, points)
        yield _littlefs(course)


def _at(
    bench: Bench, course: Course, delay: int, delete: bool, points: dict[str, list[list[float]]]
) -> Iterator[Row]:
    """All programs with one delay, with or without DELE; adds to the plot's points."""
    case = f"{delay} ms, {'DELE' if delete else 'kept'}"
    first, again, mpop = Taken(), Taken(), Taken(missing=MPOP.missing)
    for number in range(bench.runs):
        bench.say(f"link: {case}: ours and mpop, {number + 1} of {bench.runs}")

        def ours() -> None:
            for taken, talk in zip((first, again), course.ours(delay, delete, 2), strict=True):
                taken.add(talk)

        def theirs() -> None:
            if not mpop.missing:
                course.peer(MPOP, delay, delete, mpop)

        order: list[Callable[[], None]] = [ours, theirs]
        for work in order if number % 2 else reversed(order):
            work()
    found = {MPOP: mpop}
    for peer in PEERS:
        if peer is MPOP:
            continue
        taken = found[peer] = Taken(missing=peer.missing)
        for number in range(1 if delay >= _ONCE_MS else bench.runs):
            if not taken.missing:
                bench.say(f"link: {case}: {peer.name}, {number + 1}")
                course.peer(peer, delay, delete, taken)
    for name, taken in (("first", first), ("again", again)):
        goal = _ROUND_TRIPS if delay else None  # without a delay the pieces of one command count separately
        yield Row(
            "link", f"round trips, {case}, {name}", max(taken.turns), "turns", runs=bench.runs, goal=goal
        )
    series = {}
    if delete:
        points.setdefault("ours", []).append([delay, first.middle])
        for peer, taken in found.items():
            if taken.seconds:
                points.setdefault(peer.name, []).append([delay, taken.middle])
        if delay == DELAYS_MS[-1]:
            series = {f"time against latency: {name}": each for name, each in points.items()}
    for peer, taken in found.items():
        limit = _FASTER if delay else _NEAR if peer is MPOP else None
        name = f"time, {case}, against {peer.name}"
        if taken.missing or not taken.seconds:
            yield Row("link", name, None, "s", goal=limit, missing=taken.missing)
            continue
        ratios = [a / b for a, b in zip(first.seconds, taken.seconds, strict=False)]
        yield Row(
            "link",
            name,
            first.middle,
            "s",
            taken.middle,
            statistics.median(ratios),
            len(ratios),
            spread(ratios),
            limit,
            series=series,
        )
        series = {}
        yield Row("link", f"round trips, {case}, {peer.name}", max(taken.turns), "turns", runs=len(ratios))


def _littlefs(course: Course) -> Row:
    """Once, at 50 ms: all of littlefs's work, on a flash in memory that takes no time itself."""
    talk = course.ours(50, False, 1, _FLASH)[0]
    return Row("link", "time, 50 ms, kept, into littlefs", talk.seconds, "s")
