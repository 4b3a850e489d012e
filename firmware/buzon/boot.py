"""Loads the modules in an order that leaves the heap whole. Run once at start, then dropped.

There is a collection after each: what importing one leaves behind is then used by the next, instead of staying
as holes between them.
"""

import gc

from micropython import const

from .overlay import forget

# What the next ones need.
_FIRST = "errors log core.cbor store.fs store.spool store.journal net.clock net.tls"
# Needed now and then, and dropped again. Loaded once here, while the heap is empty: MicroPython keeps names for
# good, and later they would lie scattered where there is least room.
_SELDOM = (
    "plugins store.settings store.mend net.trouble text.headers text.charsets text.words text.address text.escape "
    "envelope console.change console.staging console.config console.files console.mailbox console.base trial setup"
)
_STAY = (
    "core.wire core.pop3 core.frames net.link net.wifi sync account display.font6x12 display.layout display.draw "
    "notify.pages ui console.server console.status app"
)


# Bytes allocated between two collections. Without it they come when the heap is full, and what lives long ends up
# all over it.
_THRESHOLD = const(4096)


def load() -> None:
    gc.threshold(_THRESHOLD)
    _import(_FIRST)
    _import(_SELDOM)
    forget(_SELDOM)
    _import(_STAY)
    forget("boot")


def _import(names: str) -> None:
    for name in names.split():
        __import__("buzon." + name)
        gc.collect()
