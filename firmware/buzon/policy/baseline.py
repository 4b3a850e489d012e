"""`start = "now"`: what is on the server before the board's first session is left alone there, for good. A dialogue.

The sizes are recorded with the ids: a different size later means that an id names another message. All ids may change
(a mailbox that was moved), or those of what follows a message that another client deletes (ids that are numbers): then
the order and the sizes tell which messages were there before (`follow`).
"""

import os

from micropython import const

from ..errors import E_NO_UIDL, E_REFUSED, ServerError
from ..store import fs
from ..store.index import unpack
from ..store.journal import LEFT, RECORD, STATE, pack
from ..store.spool import key_of
from ..store.window import Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue, Pop3
    from ..store.journal import Journal
    from ..store.spool import Spool

_BATCH = const(240)  # bytes of records written at once
_WINDOW = const(64)
_AHEAD = const(128)  # records in which one of the same size is looked for
_IDS = ".ids.tmp"


def baseline(pop: "Pop3", journal: "Journal", now: int) -> "Dialogue[None]":
    """Record everything that is listed as LEFT at `now`, in a journal that comes into being with one rename:
    after an interruption before it, all of this is done again. Raises ServerError, StoreError."""
    path = journal.path
    try:
        try:
            with open(path + _IDS, "wb") as f:
                yield from _ids(pop, f, now)
            with open(path + _IDS, "rb") as ids, open(path + ".tmp", "wb") as f:
                yield from _sizes(pop, ids, f)
        except BaseException:
            fs.remove(path + ".tmp")
            raise
        finally:
            fs.remove(path + _IDS)
        os.rename(path + ".tmp", path)
    except OSError as err:
        raise fs.trouble(err)
    journal.recount()


def _ids(pop: "Pop3", f: "Any", now: int) -> "Dialogue[None]":
    """Write a record for each line of UIDL, with the message's number in place of its octets."""
    pending = bytearray()

    def each(n: int, uid: bytes) -> None:
        if uid:
            pending.extend(pack(LEFT, 0, now, key_of(uid), n))
        if len(pending) >= _BATCH:
            f.write(pending)
            pending[:] = b""

    if not (yield from pop.uidl(each)):
        known = pop.caps and b"UIDL" in pop.caps
        raise ServerError(E_REFUSED if known else E_NO_UIDL, "UIDL")
    f.write(pending)


def _sizes(pop: "Pop3", ids: "Any", f: "Any") -> "Dialogue[None]":
    """Write the same records with the octets from LIST, or 0 if it gives none. In one listing where that has
    the order of UIDL's, else in one for each window of messages."""
    ordered = yield from _merged(pop, ids, f)
    if ordered:
        return
    ids.seek(0)
    f.seek(0)
    block = bytearray(RECORD)
    window = Window(_WINDOW)
    more = True
    while more:
        window.clear()
        while window.n < window.size and more:
            more = ids.readinto(block) == RECORD
            if more:
                _, _, now, number, _, _, key = unpack(block, 0)
                window.add(key, number)

        if window.n:
            yield from _octets(pop, window)
        for i in range(window.n):
            f.write(pack(LEFT, 0, now, window.key(i), window.octets[i]))


def _octets(pop: "Pop3", window: Window) -> "Dialogue[None]":
    """Set the octets of the window's messages from LIST. Raises ServerError."""

    def each(n: int, octets: int) -> None:
        for i in range(window.n):
            if window.number[i] == n:
                window.octets[i] = octets

    yield from pop.list(each)


def _merged(pop: "Pop3", ids: "Any", f: "Any") -> "Dialogue[bool]":
    """Write them as LIST goes through the messages. False: it names them in another order."""
    block = bytearray(RECORD)
    pending = bytearray()
    at = 0  # the number of the message in the block
    ordered = True

    def put(octets: int) -> None:
        nonlocal at
        if at:
            kind, change, time, _, _, _, key = unpack(block, 0)
            pending.extend(pack(kind, change, time, key, octets))
            if len(pending) >= _BATCH:
                f.write(pending)
                pending[:] = b""
        at = unpack(block, 0)[3] if ids.readinto(block) == RECORD else 0

    def each(n: int, octets: int) -> None:
        nonlocal ordered
        while 0 < at < n:
            put(0)
            ordered = False
        if n == at:
            put(octets)
        else:
            ordered = False

    put(0)
    listed = True
    try:
        yield from pop.list(each)
    except ServerError:
        listed = False
    while at:
        put(0)
    f.write(pending)
    return ordered or not listed


def release(journal: "Journal") -> None:
    """`start` is no longer "now": what was left alone since the board's first session, or made room before it came, is
    new. Raises StoreError."""
    from ..store.mend import rewritten

    found = False
    for kind, change, _, _, crc, size, _ in journal.records():
        found = found or _before(kind, change, crc, size)
    if found:
        rewritten(journal, lambda kind, crc, size, _: -1 if _before(kind, 0, crc, size) else kind)


def _before(kind: int, change: int, crc: int, size: int) -> bool:
    """Whether a record is of a message that is left alone and never was here."""
    return kind & STATE == LEFT and not (change or crc or size)


def follow(pop: "Pop3", journal: "Journal", spool: "Spool") -> "Dialogue[None]":
    """Give the records of what was there before the ids that these messages have now: a listed message of the same
    size as the next record, or one soon after it, is that one. Records that are passed over go. Raises StoreError."""
    from ..store.rekey import NOBODY, rekey

    window = Window(_WINDOW)
    left = Window(_AHEAD)
    done = same = count = 0  # lines of the listing, and records that have their ids

    def each(n: int, uid: bytes) -> None:
        nonlocal count
        if uid and done <= count < done + window.size:
            window.add(key_of(uid), n)
        count += 1

    while True:
        window.clear()
        left.clear()
        count = 0
        if not (yield from pop.uidl(each)) or not window.n:
            return
        yield from _octets(pop, window)
        at = 0
        for kind, change, _, octets, crc, _, key in journal.records():
            if _before(kind, change, crc, 0):
                if same <= at < same + left.size:
                    left.add(key)
                    left.octets[left.n - 1] = octets
                at += 1
        pairs = {}
        at = 0
        for i in range(window.n):
            for found in range(at, left.n):
                if left.octets[found] == window.octets[i] > 0:
                    for passed in range(at, found):
                        pairs[left.key(passed)] = NOBODY
                    if left.key(found) != window.key(i):
                        pairs[left.key(found)] = window.key(i)
                    at = found + 1
                    same += 1
                    break
        done += window.size
        if pairs:
            rekey(journal, spool, pairs)
