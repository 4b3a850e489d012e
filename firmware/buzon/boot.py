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


def load() -> None:
    """Put into memory what stays there."""
    _keep_names()
    del sys.modules["buzon.names"]
    del sys.modules["buzon"].names
    gc.collect()  # before what stays: it takes the place of what goes
    from . import app  # noqa: F401

    _grow_tables()
    gc.collect()


def start() -> str:
    """Run the app until it ends; what to do then, as `app.main` says it."""
    global load, _grow_tables, _keep_names
    load()
    del load, _grow_tables, _keep_names  # they have done their work
    from .app import main

    return main()


def rest() -> None:
    """Before the REPL: nobody feeds the watchdog there. Once more, for a second Ctrl-C may have interrupted the
    end of the app."""
    from . import watchdog

    watchdog.rest()


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
