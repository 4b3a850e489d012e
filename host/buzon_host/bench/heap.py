"""The smallest heap in which a mailbox is collected over TLS, found by trying: each try is a fresh start.

The library runs the examples of docs/library.md, compiled, from files and in place from a ROMFS. The app runs
on a virtual board, where the virtual hardware's share is added to the limit and TLS takes 27 KB of it. A try
succeeds when all messages are stored byte for byte.
"""

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

from .. import demo, paths
from ..board.client import Client
from ..board.follow import follow
from ..build import library, romfs
from ..errors import BuzonError
from ..virtual.board import VirtualBoard
from .interpreter import SCRIPTS, from_files, from_rom
from .mail import Server, message, small
from .rows import Bench, Goal, Row
from .run import bounds

LIBRARY_GOAL = Goal(high=56)
APP_GOAL = Goal(high=120)
SAME = Goal(high=1)
MOST_KIB = 1024
GUESS_KIB = 100
_STALL_S = 15.0

# The two mailboxes, and what varies them for the plots.
MANY = "200 messages"
LARGE = "one of 20 MB"
LARGE_SIZE = 20 * 1000 * 1000
SIZES = (1 << 10, 16 << 10, 256 << 10, 4 << 20, LARGE_SIZE)
COUNTS = (1, 10, 100, 1000)
APP_COUNTS = (1, 10, 100)  # 1000 would take minutes

Stores = Callable[[Server, int], bool]
Run = Callable[..., object]


def rows(bench: Bench) -> Iterator[Row]:
    """For each program: both mailboxes, and how far apart their figures are.

    With `check`, only whether the heap of the committed bound is enough.
    """
    modules = bench.folder / "library"
    library.build(paths.firmware(), modules)
    rom = romfs.image_file(modules)
    places = (bench.folder / f"try{number}" for number in itertools.count())
    measure = _checked if bench.check else _measured
    for driver in ("blocking", "asyncio"):
        for name, run in (
            (f"library, {driver}", partial(from_files, modules=modules)),
            (f"library in ROMFS, {driver}", partial(from_rom, rom=rom)),
        ):
            yield from measure(bench, name, LIBRARY_GOAL, partial(_library, driver, run, places))
    yield from measure(bench, "app", APP_GOAL, partial(_app, places))


def _measured(bench: Bench, name: str, goal: Goal, stores: Stores) -> Iterator[Row]:
    found = {}
    for mailbox, messages in ((MANY, small(200)), (LARGE, [message(0, LARGE_SIZE)])):
        bench.say(f"Heap: {name}, {mailbox}")
        with Server(messages) as server:
            least = least_heap(partial(stores, server), _bound(name, mailbox) or GUESS_KIB)
            # Not just by luck: it must be enough as often as everything else is measured.
            while not all(stores(server, least) for _ in range(bench.runs - 1)):
                least += 1
        found[mailbox] = least

    def curve(points: Iterable[tuple[int, list[bytes]]], guess: int) -> list[list[float]]:
        curve = []
        for x, messages in points:
            bench.say(f"Heap: {name}, {len(messages)} messages, {sum(map(len, messages))} bytes")
            with Server(messages) as server:
                guess = least_heap(partial(stores, server), guess)
            curve.append([float(x), float(guess)])
        return curve

    many = curve(((count, small(count)) for count in (APP_COUNTS if name == "app" else COUNTS)), found[MANY])
    large = curve(((size, [message(0, size)]) for size in SIZES[:-1]), found[LARGE])
    large.append([LARGE_SIZE, found[LARGE]])
    for mailbox, plot, points in (
        (MANY, "heap-messages", many),
        (LARGE, "heap-size", large),
    ):
        yield Row(
            "heap",
            f"{name}: {mailbox}",
            found[mailbox],
            "KiB",
            runs=bench.runs,
            goal=goal,
            series={name: points},
            plot=plot,
        )
    apart = abs(found[MANY] - found[LARGE])
    yield Row("heap", f"{name}: how far these are apart", apart, "KiB", goal=SAME)


def _checked(bench: Bench, name: str, goal: Goal, stores: Stores) -> Iterator[Row]:
    for mailbox, messages in ((MANY, small(200)), (LARGE, [message(0, LARGE_SIZE)])):
        bound = _bound(name, mailbox)
        if bound is None:
            continue
        bench.say(f"Heap: {name}, {mailbox}")
        with Server(messages) as server:
            enough = stores(server, bound) or stores(server, bound)
        row = Row("heap", f"{name}: {mailbox}", bound if enough else None, "KiB", goal=goal)
        row.missing = "" if enough else f"{bound} KiB were not enough"
        yield row


def least_heap(enough: Callable[[int], bool], guess: int) -> int:
    """The smallest number of KiB that is enough: doubling steps from `guess`, then bisection.

    Raises BuzonError when not even 1 MiB is enough.
    """
    step = 1
    if enough(guess):
        good = guess
        while enough(good - step):
            good -= step
            step *= 2
        bad = good - step
    else:
        bad = guess
        while not enough(bad + step):
            bad += step
            step *= 2
            if bad > MOST_KIB:
                raise BuzonError(f"The mailbox was not collected in {MOST_KIB} KiB of heap.")
        good = bad + step
    while good - bad > 1:
        middle = (good + bad) // 2
        if enough(middle):
            good = middle
        else:
            bad = middle
    return good


def _bound(name: str, mailbox: str) -> int | None:
    high = bounds().get("heap", {}).get(f"{name}: {mailbox}", {}).get("high")
    return None if high is None else int(high)


def _library(driver: str, run: Run, places: Iterator[Path], server: Server, kib: int) -> bool:
    """The example of docs/library.md with this server's values in it."""
    folder = next(places)
    folder.mkdir()
    (folder / "ca.der").write_bytes(server.ca_der.read_bytes())
    script = (SCRIPTS / f"collect_{driver}.py").read_text("utf-8")
    for theirs, ours in (
        ("pop.example.org", "localhost"),
        ("me@example.org", server.user),
        ('"secret"', f'"{server.password}"'),
        ("995", str(server.pop3s)),
    ):
        script = script.replace(theirs, ours)
    (folder / "main.py").write_text(script, "utf-8")
    try:
        run(folder / "main.py", folder=folder, heap_kib=kib)
    except BuzonError:
        return False
    stored = Counter(_print(path.read_bytes()) for path in (folder / "mail" / "main").glob("*.eml"))
    shutil.rmtree(folder)
    return stored == Counter(_print(content) for content in server.content)


def _app(places: Iterator[Path], server: Server, kib: int) -> bool:
    """Collect as `buzon demo` does."""
    folder = next(places)
    folder.mkdir()
    server.refill()
    flash = folder / "flash.img"
    size = demo.flash_size_for([len(content) for content in server.content])
    try:
        with (
            VirtualBoard(flash=flash, flash_size=size, heap_kib=kib, wifi=[demo.WIFI]) as board,
            Client.connect(board.port) as client,
        ):
            demo.put(client, server)
            follow(client, demo.ACCOUNT, stall=_STALL_S)
    except BuzonError:
        return False
    finally:
        stored = demo.stored_in(flash) if flash.exists() else Counter()
        flash.unlink(missing_ok=True)
    return stored == Counter(_print(content) for content in server.content)


def _print(content: bytes) -> str:
    return sha256(content).hexdigest()
