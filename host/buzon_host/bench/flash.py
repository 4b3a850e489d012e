"""What storing a message does to the flash: the app on a virtual board, which counts programs and erases.

Everything that the board writes counts: message, directory, journal. One message is collected first, so that
what is written only once (folders, settings, the clock) is not counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import demo
from ..board.client import Client
from ..board.follow import follow
from ..errors import BoardRefused, BuzonError
from ..virtual.board import HEAP_KIB, VirtualBoard
from .mail import Server, message
from .rows import Bench, Goal, Row
from .run import bounds

MESSAGES = 20
SIZES = {
    "1 KB": 1 << 10,
    "2 KB": 2 << 10,
    "8 KB": 8 << 10,
    "16 KB": 16 << 10,
    "64 KB": 64 << 10,
    "1 MB": 1 << 20,
}
LARGE = 16 << 10
RATIO_GOAL = Goal(high=1.10)
SMALL = 8 << 10
ERASES_GOAL = Goal(high=4)
FULL_SIZE = 4096
FULL_FLASH = 2 << 20
E_FLASH_FULL = 600
SINGLE = "2 KB, one a session: blocks erased a message"
FULL = "share that is mail of a full flash of 2 MB, messages of 4 KB"
_SLACK = 1 << 20


def rows(bench: Bench) -> Iterator[Row]:
    """Bytes programmed and blocks erased per size; then how much mail a full flash holds.

    With `check`, only the sizes that have a bound.
    """
    bounded = bounds().get("flash", {})
    for name, size in SIZES.items():
        row = Row("flash", f"{name}: bytes programmed a message", None, "bytes", size)
        erases = Row("flash", f"{name}: blocks erased a message", None, "blocks")
        if bench.check and row.name not in bounded and erases.name not in bounded:
            continue
        bench.say(f"Flash: messages of {name}")
        row.ours, erases.ours = _per_message(bench.folder / f"{size}.img", size, together=True)
        row.ratio = row.ours / size
        row.goal = RATIO_GOAL if size >= LARGE else None
        erases.goal = ERASES_GOAL if size <= SMALL else None
        row.series = {"Buzón": [[float(size), row.ratio]]}
        yield row
        yield erases
    if bench.check:
        return
    bench.say("Flash: a session for each message")
    _, erased = _per_message(bench.folder / "single.img", SIZES["2 KB"], together=False)
    yield Row("flash", SINGLE, erased, "blocks", goal=ERASES_GOAL)
    bench.say("Flash: until it is full")
    yield Row("flash", FULL, _full(bench.folder / "full.img"), "share")


def _per_message(flash: Path, size: int, *, together: bool) -> tuple[float, float]:
    """(bytes programmed, blocks erased) per message over MESSAGES messages, in one session or in one each."""
    room = demo.flash_size_for([size] * (MESSAGES + 1)) + _SLACK
    with _board(flash, room) as (server, board, client):
        server.deliver(message(0, size))
        follow(client, demo.ACCOUNT)
        before = board.stats()
        for number in range(1, MESSAGES + 1):
            server.deliver(message(number, size))
            if not together:
                follow(client, demo.ACCOUNT)
        if together:
            follow(client, demo.ACCOUNT)
        after = board.stats()
    stored = sum(demo.stored_in(flash).values())
    flash.unlink()
    if stored != MESSAGES + 1:
        raise BuzonError(f"Only {stored} of {MESSAGES + 1} messages of {size} bytes were stored.")
    programmed, erases = (after[name] - before[name] for name in ("bytes_programmed", "erases"))
    return programmed / MESSAGES, erases / MESSAGES


def _full(flash: Path) -> float:
    """Bytes of mail per byte of flash when no further message fits."""
    with _board(flash, FULL_FLASH) as (server, _, client):
        for number in range(FULL_FLASH // FULL_SIZE):
            server.deliver(message(number, FULL_SIZE))
        try:
            follow(client, demo.ACCOUNT)
            while server.left():  # one session does only so much
                follow(client, demo.ACCOUNT)
        except BoardRefused as error:
            if error.code != E_FLASH_FULL:
                raise
    return sum(demo.stored_in(flash).values()) * FULL_SIZE / FULL_FLASH


@contextmanager
def _board(flash: Path, size: int) -> Iterator[tuple[Server, VirtualBoard, Client]]:
    """A server without mail, and a board that collects from it when told to."""
    with (
        Server() as server,
        VirtualBoard(flash=flash, flash_size=size, heap_kib=HEAP_KIB, wifi=[demo.WIFI]) as board,
        Client.connect(board.port) as client,
    ):
        demo.put(client, server)
        follow(client, demo.ACCOUNT)  # new settings cause a poll
        yield server, board, client
