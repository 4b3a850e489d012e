"""Loads the modules at start, while the heap is empty, in an order that leaves it whole.

What a module leaves in the heap stays. Loaded when first used it would lie in the middle, and soon there would be
no room in one piece for TLS. Those that are seldom used go again; their names stay. Never runs anything of theirs.
"""

import gc

from .plugins import unload

# What a module needs comes before it, so that each step loads one.
_ORDER = (
    "errors log watchdog core.cbor core.frames core.wire core.pop3 core.login store.fs store.spool "
    "store.journal store.head store.halves store.twin store.mend store.merged store.walk store.quota store.settings "
    "store.staging net.clock net.tls server net.cert net.trouble net.link net.place net.ntp net.wifi plugins "
    "text.utf8 text.charsets text.fold text.headers text.words policy.baseline policy.collect "
    "policy.evict policy.purge policy.sift sync account timekeeper text.address text.escape envelope "
    "display.font6x12 display.layout display.draw display.null display.ssd1306 notify.pages "
    "notify.display notify.log ui trial setup console.server console.status console.base console.change "
    "console.config console.files console.mailbox console.search console.listing sentences.s1 "
    "sentences.s2 sentences.s5 sentences.s6 app"
)


def load() -> None:
    """Takes about 0.1 s. A collection after each fills the holes that importing it left."""
    for name in _ORDER.split():
        __import__("buzon." + name)
        unload()
        gc.collect()
