"""Loads the modules in an order that leaves the heap whole. Run once at start, then dropped."""

import gc

from .overlay import forget

# From the bottom up, with a collection after each: what importing one leaves behind is then used by the next,
# instead of staying as holes between them.
_STAY = (
    "errors log core.wire core.pop3 core.cbor core.frames net.tls net.link net.clock net.wifi store.fs store.spool "
    "store.journal text.headers sync account display.font6x12 display.layout display.draw notify.pages ui "
    "console.server console.status app"
)
# Needed now and then, and dropped again; loaded once here because MicroPython keeps their names for good, and
# later there is less room for that.
_SELDOM = (
    "plugins store.settings setup store.mend net.trouble text.charsets text.words text.address text.escape trial "
    "console.base console.change console.staging console.config console.files console.mailbox"
)


def load() -> None:
    for names in (_STAY, _SELDOM):
        for name in names.split():
            __import__("buzon." + name)
            gc.collect()
    forget("boot " + _SELDOM)
