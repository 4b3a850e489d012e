"""Fetches messages whose unique ids used to name others. Each is stored under its id, and the one that is
here under none; or it turns out to be the same after all. Imported if there is such a message. `session` is a
`sync.Session`.
"""

import os

from micropython import const

from ..errors import StoreError
from ..store.alike import alike
from ..store.journal import UNNAMED
from ..store.rekey import NOBODY, rekey
from ..store.spool import AGAIN, GOING, KEY
from .prove import keep, proved

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue
    from ..store.spool import Window


def run(session: "Any", window: "Window") -> "Dialogue[None]":
    """Settle all that are AGAIN: they are to be deleted (GOING) or left alone. Raises StoreError."""
    for i in range(window.n):
        if window.state[i] == AGAIN:
            if session.hurries():
                session.more = True
                return
            yield from _again(session, window, i)


def _again(session: "Any", window: "Window", i: int) -> "Dialogue[None]":
    key = window.key(i)
    spool = session.spool
    try:
        path = spool.folder + "/" + spool.name(key)
    except StoreError:  # deleted here
        path = ""
    apart = {key: os.urandom(KEY) if path else NOBODY}
    same = False

    def look(part: str, block: bytearray) -> bool:
        nonlocal same
        same = bool(path) and alike(path, part, block)
        if same:
            return True
        rekey(session.journal, spool, apart)
        return unnamed(session, part, block)

    if not session.fits(window.octets[i]):
        if session.expires():
            raise spool.full_error()
        rekey(session.journal, spool, apart)
        evicts = spool.full == "evict"  # new messages make room for themselves: in the next session it is one
        session.more = session.more or evicts
        keep(session, window, i, None if evicts else spool.full_error())
        return
    session.todo += 1
    yield from session.pop.post("RETR ", window.number[i])
    stored = yield from session.fetch(window, i, look)
    if same and stored:
        proved(session, window, i)
    elif stored and session.delete:
        window.state[i] = GOING
    else:
        keep(session, window, i, None)


def unnamed(session: "Any", part: str, block: bytearray) -> bool:
    """Whether the message that came is here already, stored when it had no id of its own."""
    spool = session.spool
    end = spool.name_end(".eml")
    for key, name in spool.files() if session.journal.unnamed else ():
        if name[16:] == end and session.journal.state(key) & UNNAMED:
            return alike(spool.folder + "/" + name, part, block)
    return False
