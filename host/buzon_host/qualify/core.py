"""The board by itself: memory, flash, start, and how fast its console answers."""

import json
import statistics
import time
from collections.abc import Callable, Iterator

from ..errors import BuzonError
from ..install import steps as install
from . import scripts
from .report import Check, at_least, at_most, failed, ok, skipped
from .stand import Stand

# The bounds of docs/ARCHITECTURE.md that hold for every board.
_BOOT_S = 3.0
_ANSWER_S = 0.3
# A connection and its handshake with three RSA certificates take 38 KB (ESP32_GENERIC 1.25.0, emulated).
_IDF_KB = 46
_KIB = 1024
_TIMES = 5


def memory(stand: Stand) -> Iterator[Check]:
    """Before the app, after a restart."""
    free, total, idf = json.loads(stand.prompt().run(scripts.MEMORY))
    yield at_least("heap before the app", free / _KIB, "KB", None, f"Of {total // _KIB} KB.")
    if idf:
        text = f"{idf[1] // _KIB} KB of it in one piece."
        yield at_least("IDF memory before the app", idf[0] / _KIB, "KB", None, text)


def flash(stand: Stand) -> Iterator[Check]:
    """littlefs as the board mounts it."""
    size = stand.amounts.flash_bytes
    repl = stand.prompt()
    repl.run(scripts.TIDY + scripts.FLASH)
    same, count, ms = json.loads(repl.run(f"flash({size})", timeout=120.0))
    if not same or count != 16:
        yield failed("flash", "What was read back is not what was written.")
        return
    write, read, rename, statvfs, _, small, listing = (max(each, 1) / 1000 for each in ms)
    yield at_least("flash write", size / _KIB / write, "KB/s", None)
    yield at_least("flash read", size / _KIB / read, "KB/s", None)
    yield at_most("flash rename", rename, "s", None)
    yield at_most("flash statvfs", statvfs, "s", None)
    yield at_most("flash small file", small / 16, "s", None, "Each of 16, 200 bytes long.")
    yield at_most("flash listing", listing, "s", None, "16 files.")


def installed(stand: Stand, board: str | None) -> Iterator[Check]:
    """Buzón is on it, in this version."""
    assert stand.facts is not None
    if stand.facts.rom or stand.facts.frozen:
        yield skipped("install", "Buzón is in the board's firmware or ROMFS, where buzon flash puts it.")
        return
    stand.leave()
    begin = time.monotonic()
    result = install.install(stand.port, stand.progress, board)
    text = f"{len(result.sent)} of {result.files} files sent."
    yield at_most("install", time.monotonic() - begin, "s", None, text)


def boot(stand: Stand) -> Iterator[Check]:
    """From a reset to the first answer of the app."""
    stand.restart()
    begin = time.monotonic()
    info = stand.app().info
    took = time.monotonic() - begin
    assert info is not None
    yield at_most("boot", took, "s", _BOOT_S, f"Buzón {info.version} answers after a reset.")


def console(stand: Stand) -> Iterator[Check]:
    """How fast requests are answered, and the heap with the app loaded."""
    client = stand.app()
    yield at_most("hello", _median(client.hello), "s", _ANSWER_S)
    yield at_most("status", _median(client.status), "s", _ANSWER_S)
    info = client.hello()
    free, total = info.heap
    yield at_least("heap with the app", free / _KIB, "KB", None, f"Of {total // _KIB} KB.")
    if info.idf:
        text = f"{info.idf[1] // _KIB} KB of it in one piece."
        yield at_least("IDF memory with the app", info.idf[0] / _KIB, "KB", None, text)


def tls_memory(stand: Stand) -> Iterator[Check]:
    """The memory outside the heap between two sessions, after some. What was free at the least since the chip's start
    says nothing: the app takes nearly all for a moment when it starts."""
    info = stand.app().hello()
    if info.idf:
        yield at_least("IDF memory for TLS", info.idf[0] / _KIB, "KB", _IDF_KB)


def led(stand: Stand) -> Iterator[Check]:
    """It can be switched, and somebody sees it."""
    if stand.led is None:
        yield skipped("LED", "This board has none.")
        return
    repl = stand.prompt()
    repl.run(scripts.LED)
    try:
        repl.run(f"led({stand.led!r}, 1)")
    except BuzonError as error:
        yield failed("LED", str(error))
        return
    yield ok("LED", "Its pin can be driven.")
    if not stand.eyes.does("Look at the board's LED: it blinks five times."):
        yield skipped("LED seen", "Nobody looked.")
        return
    repl.run(f"led({stand.led!r}, 5)")
    yield seen("LED seen", stand.eyes.sees("Did the LED blink?"), "The LED did not blink.")


def seen(name: str, answer: bool | None, no: str) -> Check:
    """What a person said about it."""
    if answer is None:
        return skipped(name, "Nobody looked.")
    return ok(name, "A person saw it.") if answer else failed(name, no)


def _median(what: Callable[[], object]) -> float:
    """Seconds that it takes, the median of five."""
    took = []
    for _ in range(_TIMES):
        begin = time.monotonic()
        what()
        took.append(time.monotonic() - begin)
    return statistics.median(took)
