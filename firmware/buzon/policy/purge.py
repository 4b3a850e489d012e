"""Forgets messages that are no longer here or on the server: else the journal would grow for ever. A dialogue.

A single listing may be empty or short, so a record goes only after three listings, each a day apart, have
missed it.
"""

from micropython import const

from ..store.journal import MISSED, MISSES, SEEN, STATE, pack
from ..store.mend import compact
from ..store.rewrite import rewrite
from ..store.spool import key_of
from ..store.window import Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator

    from ..core.pop3 import Dialogue, Pop3
    from ..store.journal import Journal

_MANY = const(256)  # records looked at per run
_WINDOW = const(64)
_DAY_S = const(86400)
_NOBODY = bytes(8)  # the key of the record that tells when the last run was


def purge(pop: "Pop3", journal: "Journal", now: int, emptied: bool) -> "Dialogue[None]":
    """Look at some of the records without a message here, if the last run was a day ago. Raises StoreError.

    `emptied`: this board empties the maildrop, so an empty one is no surprise. Call it before anything is
    deleted in the session: a server does not list deleted messages, and they would seem to be gone.
    """
    ran = 0
    for kind, _, time, _, _, _, key in journal.records():
        if not kind and key == _NOBODY:
            ran = time
    if 0 <= now - ran < _DAY_S:  # the clock may have been ahead
        return
    if not emptied:
        count, _ = yield from pop.stat()
        if not count:
            return
    if journal.changes:
        compact(journal)
    total = sum(_is_gone(kind) for kind, _, _, _, _, _, _ in journal.records())
    if not total:
        return
    skip = now // _DAY_S * _MANY % total  # different ones each day
    listed = bytearray(_MANY)
    window = Window(_WINDOW)

    def each(n: int, uid: bytes) -> None:
        i = window.find(key_of(uid)) if uid else -1
        if i >= 0:
            window.state[i] = 1

    for first in range(0, _MANY, _WINDOW):
        window.clear()
        n = 0
        for kind, _, _, _, _, _, key in journal.records():
            if _is_gone(kind):
                if skip + first <= n < skip + first + _WINDOW:
                    window.add(key)
                n += 1
        if window.n:
            if not (yield from pop.uidl(each)):
                return
            listed[first : first + _WINDOW] = window.state
    if journal.changes:  # a person has made some meanwhile: try again at the next poll
        return
    rewrite(journal, _kept(journal, skip, listed, now))
    journal.recount()


def _is_gone(kind: int) -> bool:
    return kind & STATE > SEEN


def _kept(journal: "Journal", skip: int, listed: bytearray, now: int) -> "Iterator[bytes]":
    """All records but those that have been missed often enough."""
    n = 0
    yield pack(0, 0, now, _NOBODY)
    for kind, _, time, octets, crc, size, key in journal.records():
        if key == _NOBODY:
            continue
        if _is_gone(kind):
            at = n - skip
            n += 1
            if 0 <= at < _MANY:
                if listed[at]:
                    kind &= ~MISSES
                elif kind & MISSES == MISSES - MISSED:
                    continue
                else:
                    kind += MISSED
        yield pack(kind, 0, time, key, octets, crc, size)
