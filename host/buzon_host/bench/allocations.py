"""Bytes of heap allocated while a message is collected: per chunk, per wait for data, and around a message.

How it is measured. On the real MicroPython, with its collector off, `gc.mem_alloc()` is read before and
after, over both drivers (the figure is the larger one) and without TLS, whose memory is not in this heap. A
heap block is 32 bytes here and 16 on a board, and words are twice as long as a board's: a board allocates
about half.

- *Per chunk*: the whole message waits in the kernel, is read 1 KiB at a time, and goes into a file or the
  spool; the bytes from the third chunk to the last one count. It is either ordinary text, or lines that all
  start with a dot, which come in pieces of a line. Then it is done again with the heap locked, where any
  allocation raises MemoryError; if one did, the row says at least one block.
- *Per wait*: the server sends 600 bytes at a time and pauses, so that there is a wait before each.
- *Around a message*: whole sessions; everything allocated from one stored message to the next, including
  commands, replies, the file, names, the journal and the waits.
"""

import shutil
from collections.abc import Iterator

from .mailboxes import Mailboxes, dots, text
from .rows import Bench, Goal, Row
from .worker import Worker

_GROUP = "allocations"
_UNIT = "bytes"
_DRIVERS = ("blocking", "asyncio")
_BLOCK = 32
HELD = 60_000  # how much of an unread message the kernel holds
PIECE = 600
WAITED = 30_000
_MESSAGES = {"10 KB": (10_000, 40), "10 MB": (10_000_000, 4)}
_WAIT_MOST = 128
_AROUND_MOST = 4096


class Counter:
    """Gives the script its jobs, each with an empty folder."""

    def __init__(self, bench: Bench, worker: Worker) -> None:
        self._place = bench.folder / "stored"
        self._worker = worker

    def chunk(self, server: Mailboxes, driver: str, sink: str, box: str) -> float:
        """Bytes per chunk."""
        found = self._do("chunks", server, driver, box, sink=sink, octets=HELD)
        each = found["bytes"] / found["chunks"]
        return each if found["locked"] else max(each, _BLOCK)

    def wait(self, server: Mailboxes, driver: str) -> float:
        """Bytes per wait."""
        found = self._do("waits", server, driver, "waited", sink="file", octets=WAITED)
        return found["bytes"] / found["waits"]

    def message(self, server: Mailboxes, driver: str, box: str) -> float:
        """Bytes per message."""
        found = self._do("messages", server, driver, box)
        return found["bytes"] / found["messages"]

    def _do(self, what: str, server: Mailboxes, driver: str, box: str, **more: object) -> dict[str, int]:
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir()
        job = {"what": what, "driver": driver, "port": server.port, "box": box, "path": str(self._place)}
        return self._worker.do({**job, **more})


def boxes() -> dict[str, list[bytes]]:
    """The first server's mailboxes: for chunks, and for whole messages."""
    found = {"text": [text(HELD)], "dots": [dots(HELD)]}
    for size, (octets, count) in _MESSAGES.items():
        found[size.replace(" ", "-")] = [text(octets)] * count
    return found


def rows(bench: Bench) -> Iterator[Row]:
    """The rows of this group."""
    slow = {"waited": [text(WAITED)]}
    with Mailboxes(boxes()) as server, Mailboxes(slow, PIECE) as dribbling, Worker(_GROUP, "8m") as worker:
        counter = Counter(bench, worker)
        for box in ("text", "dots"):
            for sink in ("file", "spool"):
                most = max(counter.chunk(server, driver, sink, box) for driver in _DRIVERS)
                yield Row(_GROUP, f"per chunk, {box}, {sink}", most, _UNIT, goal=Goal(high=0))
        for driver in _DRIVERS:
            each = counter.wait(dribbling, driver)
            yield Row(_GROUP, f"per wait, {driver}", each, _UNIT, goal=Goal(high=_WAIT_MOST))
        for size in _MESSAGES:
            most = max(counter.message(server, driver, size.replace(" ", "-")) for driver in _DRIVERS)
            yield Row(_GROUP, f"around a message of {size}", most, _UNIT, goal=Goal(high=_AROUND_MOST))
