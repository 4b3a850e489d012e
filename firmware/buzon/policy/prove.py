"""Which listed messages must be looked at before they may be deleted: an id names a message only as long as
that is listed; afterwards a server may use it again.

A message that came in an earlier session is compared (`policy.compare`), a different one is fetched
(`policy.again`), and one that came short is asked for alone (`policy.doubt`). Each module is loaded when
needed and unloaded before the next: little of the heap is free in a session. `session` is a `sync.Session`.
"""

import os

from micropython import const

from ..errors import E_DOUBT, E_STAYS, RemoteProtocolError, ServerError
from ..store.journal import ABSENT, AGED, AGREED, DELETED, DOUBT, LEFT, PART, STATE, STAYS, WANTED, here
from ..store.spool import KEY
from ..store.window import AGAIN, BY_CONTENT, CHECK, GOING, NEW, NOTHING, STORED, UNSURE, WHOLE

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from ..store.window import Window

_PERSON = STATE | WANTED
_NOBODY = bytes(KEY)  # `store.rekey.NOBODY`


def sort(session: "Any", window: "Window") -> None:
    """Set the state of each known message once the sizes are known: from what is here to what is to be done.
    Raises StoreError."""
    others: "Dict[bytes, bytes]" = {}
    for i in range(window.n):
        kind = window.kind[i]
        state = window.state[i]
        pending = kind & DOUBT and not kind & (AGREED | STAYS)
        if session.alone:
            if pending and state in (STORED, NOTHING):
                window.state[i] = CHECK
            elif state != BY_CONTENT:
                window.state[i] = NOTHING
        elif state in (STORED, NOTHING, WHOLE) and (kind or state == STORED):
            said = window.said[i]
            if said and window.octets[i] and said != window.octets[i]:  # it is a different message
                if here(kind) and not kind & PART:
                    window.state[i] = AGAIN
                else:
                    others[window.key(i)] = os.urandom(KEY) if here(kind) else _NOBODY
                    window.kind[i] = 0
                    # It may be here under an id whose size is not compared yet.
                    window.state[i] = NEW if session.delete or session.mismatch else NOTHING
            elif pending or kind & STAYS:
                keep(session, window, i, None)
                session.doubts += 1 if pending else 0
                said_of(session, window, i, kind)
            elif state == STORED:
                window.state[i] = UNSURE if session.delete or kind & AGED else NOTHING
            elif kind & ABSENT and state == NOTHING:
                left = kind & STATE == LEFT
                if kind & PART or (left and not session.journal.known(window.key(i))[1]):
                    note(session, window, i, kind & ~ABSENT)
                else:
                    window.state[i] = UNSURE
    if others:
        from ..store.rekey import rekey
        from .moved import begin

        begin(session)
        for _, _, _, _, crc, size, key in session.journal.records():
            if crc and not size and key in others:  # its beginning tells what it is, whatever its id is now
                others[key] = os.urandom(KEY)
        rekey(session.journal, session.spool, others)


def proved(session: "Any", window: "Window", i: int) -> None:
    """The i-th message is proved to be the one that is here."""
    kind = window.kind[i]
    octets = window.octets[i]
    window.state[i] = NOTHING
    if kind and (kind & ABSENT or (octets and octets != window.said[i])):
        note(session, window, i, kind & ~ABSENT, octets)
    if kind & STATE == LEFT or not (session.delete or kind & AGED):
        return
    memory = session.memory
    if window.key(i) == memory.get("dele"):
        session.closed = True
        if memory.get("hollow"):
            memory["vain"] = True
    if session.closed and kind & STATE != DELETED:
        session.vain = True  # it was deleted, but is still there
        if memory.get("vain"):
            note(session, window, i, window.kind[i] | STAYS)
            keep(session, window, i, ServerError(E_STAYS, "%d" % window.number[i]))
            return
    window.state[i] = GOING


def said_of(session: "Any", window: "Window", i: int, kind: int) -> None:
    """Set the session's error for a message that stays on the server."""
    which = "%d" % window.number[i]
    err: "Any" = RemoteProtocolError(E_DOUBT, which) if kind & DOUBT else ServerError(E_STAYS, which)
    session.error = session.error or err


def keep(session: "Any", window: "Window", i: int, err: "Any") -> None:
    """Leave the server's copy alone."""
    window.state[i] = NOTHING
    session.kept += 1
    session.error = session.error or err


def note(session: "Any", window: "Window", i: int, kind: int, octets: int = 0) -> None:
    """Record its `kind`, in memory until the journal's `flush` and `tidy`. What a person has done with it meanwhile
    stays."""
    was = session.journal.state(window.key(i))
    kind = kind & ~(AGED | _PERSON) | was & _PERSON
    if not here(was) and was & STATE != LEFT:
        kind = was
    if kind != was or octets:
        session.journal.note(kind, window.key(i), was, octets)
    window.kind[i] = kind | window.kind[i] & AGED
