"""RETR to a sink: our speed beside the raw loop's, which is the limit, and the `readline()` loop's.

How it is measured. The real MicroPython with the firmware as boards get it talks to `mailboxes.py` over
loopback, without TLS. The timing is done inside MicroPython, from the command to the closed file; connecting
and logging in come before. Each run makes a new file. All ways store the same bytes, which is checked by
their SHA-256 before anything is timed; speed is the message's bytes by time, so that the dots that a server
adds count for nobody.

The time is the processor time of MicroPython's process. On an idle computer that equals wall-clock time, as
the server never keeps it waiting; on a busy one, wall-clock time says more about other processes than about
us (ratios between 0.3 and 0.9 for the same code). Only the curve is in wall-clock time, the best of the runs.

- *The raw loop* is `readinto` and `write` over one buffer, to the end of the connection, of bytes that need
  no processing. It is the physical limit.
- *The readline loop* is the usual one: `readline()`, compare with `b".\\r\\n"`, drop a leading dot, `write`.
  It gets a smaller message, as it reads one byte per call.
- *file*: RETR over the blocking driver straight into a file of the computer's file system. *asyncio*: the
  same over the driver that boards use.
- *littlefs*: into MicroPython's littlefs, on the block device in memory that MicroPython's documentation
  shows. It takes 0.15 ms for 1 KiB, a chip about 14. *virtual board's flash*: on
  `boards/virtual/lib/_flash.py`, whose copying is machine code on x86-64: 0.03 ms for 1 KiB, so that the pass
  over the bytes shows.
- *spool*: everything that a board does, in a whole session over the asyncio driver: listings, four messages
  of a quarter of the size each with their replies in flight, the check for messages that run into each other,
  blocks of 512 bytes, CRC-32, rename, journal, DELE. It has no goal.

Caveats. What 1 KiB of text costs, in us, into a file with a buffer of 1 KiB: `readinto` 1.9 and `write` 1.0,
which are the raw loop's 2.9; one pass over the bytes to find a line that starts with a dot, 2.1
(`bytearray.find` calls memcmp for each byte, whatever it looks for); the dialogue and the driver 0.5; in all
5.4, or 5.8 with the asyncio driver. So 0.58 is the most that any code in this language can reach with a file
(0.93 on the virtual board's flash), ours is between 0.51 and 0.55, and a very busy computer can bring it
below 0.5: with less cache, more code loses more. With 4 KiB the raw loop needs 1.6 and the pass still 2.1, so
the ratio is smaller though the speed is higher. Every line that starts with a dot needs its own `write`: with
a file, a system call for 73 bytes, 1.3 us. In the spool, MicroPython's `crc32` takes 4.9 us for 1 KiB; the
second `write` (a block has 512 bytes) takes 1.5, and the check for messages that run into each other about 3.
On a board all of this is negligible beside the flash.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import BuzonError
from .mailboxes import BODIES, Mailboxes, text
from .rows import Bench, Goal, Row, paired
from .worker import Worker

_GROUP = "retr"
_UNIT = "MB/s"
_SIZE = 10_000_000  # of the message that goes into a file
_FLASH_SIZE = 300_000  # into littlefs
_SLOW_SIZE = 100_000  # for the readline loop
_CURVE = (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, _SIZE)
_AT = 1_000_000
_KIB = (1, 4)
_MORE = 3  # times as many runs of what has a goal, or is quick
_PARTS = 4  # messages of a session
_GOALS = {
    ("text", "file"): 0.5,
    ("base64", "file"): 0.5,
    ("long line", "file"): 0.5,
    ("dots", "file"): 0.12,
    ("text", "littlefs"): 0.95,
    ("base64", "littlefs"): 0.95,
    ("long line", "littlefs"): 0.95,
}


class Runs:
    """Runs the ways one after the other, each into a new file."""

    def __init__(self, bench: Bench, server: Mailboxes, worker: Worker) -> None:
        self._bench = bench
        self._port = server.port
        self._worker = worker
        self._places = {
            "file": str(bench.folder / "stored"),
            "littlefs": "/ram/stored",
            "flash": "/flash/stored",
        }

    def do(self, how: str, box: str, kib: int, place: str, **more: object) -> dict[str, Any]:
        path = self._places[place]
        job = {"how": how, "box": box, "buffer": kib * 1024, "port": self._port, "path": path, "clock": "cpu"}
        return self._worker.do({**job, **more})

    def speed(self, how: str, box: str, size: int, kib: int = 1, place: str = "file") -> float:
        return size / float(self.do(how, box, kib, place)["s"]) / 1e6

    def passing(self, how: str, box: str, size: int) -> float:
        """Speed in wall-clock time."""
        return size / float(self.do(how, box, 1, "file", clock="wall")["s"]) / 1e6

    def hashes(self, how: str, box: str, place: str = "file") -> list[str]:
        found = self.do(how, box, 1, place, hash=True)["hashes"]
        return [str(each) for each in found]

    def row(
        self,
        name: str,
        ours: tuple[str, str, int],
        reference: tuple[str, str, int],
        kib: int = 1,
        place: str = "file",
        goal: float | None = None,
    ) -> Row:
        """`ours`, `reference`: (way, mailbox, size)."""
        count = self._bench.runs * (1 if goal is None and place == "file" else _MORE)
        mine, theirs, ratio, spread = paired(
            count,
            lambda: self.speed(*ours, kib, place),
            lambda: self.speed(*reference, kib, place),
        )
        return Row(
            _GROUP,
            name,
            mine,
            _UNIT,
            theirs,
            ratio,
            count,
            spread,
            None if goal is None else Goal(low=goal),
        )


def boxes() -> dict[str, Sequence[bytes]]:
    """The mailboxes: each kind of body in one message, in smaller ones, and in four."""
    found: dict[str, Sequence[bytes]] = {}
    for name, body in BODIES.items():
        box = name.replace(" ", "-")
        found[box] = [body(_SIZE)]
        found[box + "-small"] = [body(_FLASH_SIZE)]
        found[box + "-slow"] = [body(_SLOW_SIZE)]
        found[box + "-parts"] = [body(_SIZE // _PARTS)] * _PARTS
        found[box + "-small-parts"] = [body(_FLASH_SIZE // _PARTS)] * _PARTS
    for size in _CURVE:
        found[f"text-{size}"] = [text(size)]
    return found


def rows(bench: Bench) -> Iterator[Row]:
    """The rows of this group."""
    with Mailboxes(boxes()) as server, Worker("retr", chip=bench.folder) as worker:
        runs = Runs(bench, server, worker)
        check(runs)
        yield from _against_raw(runs)
        for name in ("text", "base64", "dots"):
            box = name.replace(" ", "-")
            goal = 80 if name == "text" else None
            size = (_SIZE, _SLOW_SIZE)
            yield runs.row(
                f"{name}, 1 KiB, file, against readline()",
                ("ours", box, size[0]),
                ("readline", f"{box}-slow", size[1]),
                goal=goal,
            )
        yield _curve(bench, runs)


def check(runs: Runs) -> None:
    """Raises BuzonError unless all ways store the same bytes."""
    for name in BODIES:
        box = name.replace(" ", "-")
        for place in ("file", "littlefs", "flash"):
            same = {tuple(runs.hashes(how, f"{box}-slow", place)) for how in ("raw", "readline", "ours")}
            same.add(tuple(runs.hashes("ours, asyncio", f"{box}-slow", place)))
            if len(same) != 1:
                raise BuzonError(
                    f"The ways to fetch a message do not store the same bytes ({name}, {place})."
                )


def _against_raw(runs: Runs) -> Iterator[Row]:
    for name in BODIES:
        box = name.replace(" ", "-")
        ours, raw = ("ours", box, _SIZE), ("raw", box, _SIZE)
        for kib in _KIB:
            goal = _GOALS.get((name, "file")) if kib == 1 else None
            yield runs.row(f"{name}, {kib} KiB, file", ours, raw, kib, goal=goal)
        yield runs.row(f"{name}, 1 KiB, file, spool", ("sync", f"{box}-parts", _SIZE), raw)
    for kib in _KIB:
        ours, raw = ("ours, asyncio", "text", _SIZE), ("raw", "text", _SIZE)
        yield runs.row(f"text, {kib} KiB, file, asyncio", ours, raw, kib)
    for name in BODIES:
        box = name.replace(" ", "-") + "-small"
        ours, raw = ("ours", box, _FLASH_SIZE), ("raw", box, _FLASH_SIZE)
        goal = _GOALS.get((name, "littlefs"))
        yield runs.row(f"{name}, 1 KiB, littlefs", ours, raw, 1, "littlefs", goal)
    raw, spool = ("raw", "text-small", _FLASH_SIZE), ("sync", "text-small-parts", _FLASH_SIZE)
    yield runs.row("text, 4 KiB, littlefs", ("ours", "text-small", _FLASH_SIZE), raw, 4, "littlefs")
    yield runs.row("text, 1 KiB, littlefs, spool", spool, raw, 1, "littlefs")
    flash = "virtual board's flash"
    yield runs.row(f"text, 1 KiB, {flash}", ("ours", "text-small", _FLASH_SIZE), raw, 1, "flash")
    yield runs.row(f"text, 1 KiB, {flash}, spool", spool, raw, 1, "flash")


def _curve(bench: Bench, runs: Runs) -> Row:
    """Speed against the size of the message, into a file. The row's figures are those at 1 MB."""
    series: dict[str, list[list[float]]] = {}
    for label, how in (("ours", "ours"), ("raw loop", "raw"), ("readline()", "readline")):
        for size in _CURVE:
            slow = how == "readline" and size > _SLOW_SIZE
            if slow and size > _AT:
                continue  # it would take 7 s
            speed = max(runs.passing(how, f"text-{size}", size) for _ in range(1 if slow else bench.runs))
            series.setdefault(label, []).append([size, speed])
    at = _CURVE.index(_AT)
    ours, raw = series["ours"][at][1], series["raw loop"][at][1]
    name = "speed against message size (text, 1 KiB, file; at 1 MB)"
    return Row(_GROUP, name, ours, _UNIT, raw, ours / raw, bench.runs, series=series)
