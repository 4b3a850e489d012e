"""`start = "now"`: what is on the server before the board comes is left alone there, for good. A dialogue."""

import os

from micropython import const

from ..errors import E_NO_UIDL, E_REFUSED, ServerError
from ..store import fs
from ..store.journal import LEFT, pack
from ..store.spool import key_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue, Pop3
    from ..store.journal import Journal

_BATCH = const(256)  # bytes of records written at once


def baseline(pop: "Pop3", journal: "Journal", now: int) -> "Dialogue[None]":
    """Record all that is listed as LEFT at `now`, in a journal that begins with one rename: whatever is cut off before
    it, all of this is done again. Raises ServerError, StoreError."""
    path = journal.path
    pending = bytearray()
    done = False
    try:
        f: "Any" = open(path + ".tmp", "wb")
        try:

            def each(n: int, uid: bytes) -> None:
                pending.extend(pack(LEFT, 0, now, key_of(uid)))
                if len(pending) >= _BATCH:
                    f.write(pending)
                    pending[:] = b""

            if not (yield from pop.uidl(each)):
                known = pop.caps and b"UIDL" in pop.caps
                raise ServerError(E_REFUSED if known else E_NO_UIDL, "UIDL")
            f.write(pending)
            done = True
        finally:
            f.close()
            if not done:
                fs.remove(path + ".tmp")
        os.rename(path + ".tmp", path)
    except OSError as err:
        raise fs.trouble(err)
    journal.recount()
