"""`start = "now"`: what is on the server before the board's first session is left alone there, for good. A dialogue.

The sizes are recorded with the ids: a different size later means that an id names another message.
"""

import os

from micropython import const

from ..errors import E_NO_UIDL, E_REFUSED, ServerError
from ..store import fs
from ..store.journal import LEFT, RECORD, pack, unpack
from ..store.spool import key_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue, Pop3
    from ..store.journal import Journal

_BATCH = const(240)  # bytes of records written at once
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
    """Write the same records with the octets from LIST; 0 if it gives none, or in a different order."""
    block = bytearray(RECORD)
    pending = bytearray()
    at = 0  # the number of the message in the block

    def put(octets: int) -> None:
        nonlocal at
        if at:
            kind, change, time, _, _, key = unpack(block, 0)
            pending.extend(pack(kind, change, time, key, octets))
            if len(pending) >= _BATCH:
                f.write(pending)
                pending[:] = b""
        at = unpack(block, 0)[3] if ids.readinto(block) == RECORD else 0

    def each(n: int, octets: int) -> None:
        while 0 < at < n:
            put(0)
        if n == at:
            put(octets)

    put(0)
    try:
        yield from pop.list(each)
    except ServerError:
        pass
    while at:
        put(0)
    f.write(pending)
