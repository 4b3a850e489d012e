"""Fetches messages whose unique ids used to name others. Each is stored under its id, and the one that is
here under none; or it turns out to be the same after all, or one that is here under another id. Imported if
there is such a message. `session` is a `sync.Session`.
"""

import os

from micropython import const

from ..errors import StoreError
from ..store.alike import alike
from ..store.journal import ABSENT
from ..store.rekey import NOBODY, rekey
from ..store.spool import KEY
from ..store.window import AGAIN, GOING
from .moved import begin, claim
from .prove import keep, proved

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue
    from ..store.window import Window


def run(session: "Any", window: "Window") -> "Dialogue[None]":
    """Settle all that are AGAIN: they are to be deleted (GOING) or left alone. Raises StoreError."""
    for i in range(window.n):
        if window.state[i] == AGAIN:
            if not window.kind[i] & ABSENT:  # else it is free to name another one
                begin(session)
            if session.hurries() and not session.expires():  # there, what was compared goes at QUIT
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
    same = False
    # Where not all of a new message is wanted, or it must make room for itself, the next session sees to it.
    later = session.heads(window.octets[i]) and not session.expires()

    def apart() -> None:
        if session.journal.state(key):
            rekey(session.journal, spool, {key: os.urandom(KEY) if path else NOBODY})

    def look(part: str, block: bytearray) -> bool:
        nonlocal same, later
        same = bool(path) and alike(path, part, block)
        if same:
            return True
        apart()
        here = bool(claim(session, window, i, part, block))
        later = later and not here
        return here or later

    if not session.fits(window.octets[i]):
        apart()
        if session.expires():
            session.more = session.more or spool.full != "stop"
            raise spool.full_error()
        later = later or spool.full != "stop"
        if later:
            _leave(session)
        keep(session, window, i, None if later else spool.full_error())
        return
    session.todo += 1
    yield from session.pop.post("RETR ", window.number[i])
    stored = yield from session.fetch(window, i, look)
    if same and stored:
        proved(session, window, i)
    elif later:
        _leave(session)
        keep(session, window, i, None)
    elif stored and session.delete:
        window.state[i] = GOING
    else:
        keep(session, window, i, None)


def _leave(session: "Any") -> None:
    """To the next session. By then it may be listed under another id, and what it is now under this one."""
    session.more = True
    begin(session)
