"""Starts the app: the names of all its modules first, while the heap is empty, then what stays in memory.

A name that MicroPython has seen stays in the heap for good. Those of a module that is loaded later would lie in the
middle, and soon no single block would be large enough for TLS.
"""

import gc
import sys

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_MORE = const(6)  # modules that are there at the same time, besides the base
_AREA = const(44 * 1024)  # bytes of the heap's second area on an ESP32
_FIRST = const(60000)  # bytes that its first one certainly does not have
_PIN = const(10 * 1024 - 256)  # words: an area of that size, less what it needs for itself
_KEPT = const(12)  # words: more than one block
_TRIES = const(4)  # of _PIN, more than the first area holds
_SCARCE = const(192 * 1024)  # bytes outside the heap: with more, TLS has enough whatever the heap takes

_block: "Any" = None


def load() -> None:
    """Put into memory what stays there."""
    global _block
    _block = _limit()
    _keep_names()
    del sys.modules["buzon.names"]
    del sys.modules["buzon"].names
    gc.collect()  # before what stays: it takes the place of what goes
    from . import app  # noqa: F401

    _grow_tables()
    gc.collect()


def start() -> str:
    """Run the app until it ends; what to do then, as `app.main` says it."""
    global load, _limit, _free, _grow_tables, _keep_names
    load()
    del load, _limit, _free, _grow_tables, _keep_names  # they have done their work
    from .app import main

    return main(_block is not None)


def rest() -> None:
    """Before the REPL: nobody feeds the watchdog there. Once more, for a second Ctrl-C may have interrupted the
    end of the app."""
    from . import watchdog

    watchdog.rest()


def _limit() -> "Any":
    """Make an ESP32's heap take a second area of _AREA bytes now; what keeps it, or None where that is not needed.

    When the first area is full, MicroPython takes as much again from the memory that TLS needs, or all that is in one
    piece if that is less, and has it back only when nothing is left in it (py/gc.c, `gc_try_add_heap`). So for this
    moment one piece of _AREA bytes is left. With 44 KB, 12.8 KB are free at the tightest moment of a handshake with
    three RSA certificates, and a session has room (ESP32_GENERIC 1.25.0, emulated).
    """
    try:
        import io

        import esp32

        most = max([each[2] for each in esp32.idf_heap_info(esp32.HEAP_DATA)])
        if most < _AREA + _FIRST or _free(esp32) > _SCARCE:
            return None
        full: "Any" = []
        with io.BytesIO(most - _AREA):  # larger than the first area, so it takes one of its own
            was = _free(esp32)
            while True:
                pin = [None] * _PIN
                if _free(esp32) < was or len(full) == _TRIES:
                    break  # this one has brought the area
                full.append(pin)
            pin.clear()  # in place, as what follows: MicroPython takes an area with a single block for an empty one
            pin.extend((None,) * _KEPT)
        for each in full:
            each.clear()
        return pin
    except (ImportError, AttributeError, MemoryError):
        return None


def _free(esp32: "Any") -> int:
    return sum([each[1] for each in esp32.idf_heap_info(esp32.HEAP_DATA)])


def _grow_tables() -> None:
    """Make the tables of modules as large as they will be: one that grows later lies high in the heap from then on."""
    __import__("buzon.notify")
    __import__("buzon.sentences")
    tables: "Any" = (sys.modules, _MORE), (sys.modules["buzon"].__dict__, _MORE)
    for name in ("buzon.notify", "buzon.sentences"):
        tables += ((sys.modules[name].__dict__, 2),)
    for table, more in tables:
        for i in range(more):
            table[i] = None
        for i in range(more):
            del table[i]


def _keep_names() -> None:
    """The build has put the names of the modules that do not stay into `names`, paths with a / before them."""
    from . import names

    class Names:
        pass

    root = names.__file__[: -len("/buzon/names.mpy")]
    every = names.NAMES
    at = 0
    while at < len(every):
        end = every.find("\0", at)
        if end < 0:
            end = len(every)
        name = every[at:end]
        at = end + 1
        name = root + name if name.endswith(".mpy") else name
        setattr(Names, name, None)
        delattr(Names, name)
