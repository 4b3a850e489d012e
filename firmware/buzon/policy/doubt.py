"""Asks once more, one at a time, for messages that came shorter than announced. Imported if there is such a message.
`session` is a `sync.Session`.
"""

import os

from micropython import const

from ..errors import RemoteProtocolError
from ..store.journal import AGED, AGREED, DELETED, DOUBT, STAYS
from ..store.spool import KEY
from ..store.window import CHECK, GOING, NOTHING
from .compare import Compare
from .prove import keep, note, said_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue
    from ..store.window import Window

_SAME = const(1)  # `store.witness.SAME`


def run(session: "Any", window: "Window") -> "Dialogue[None]":
    """Settle all that are to be checked (CHECK). Two downloads that agree, with a reply after the second,
    make a whole message; otherwise the server's copy stays. Raises StoreError."""
    compare = Compare(session, window)
    for i in range(window.n):
        if window.state[i] == CHECK:
            if session.hurries():
                return
            yield from _check(session, window, i, compare)


def _check(session: "Any", window: "Window", i: int, compare: Compare) -> "Dialogue[None]":
    kind = window.kind[i]
    verdict = yield from compare.by_retr(i)
    bare = session.pop.rx.bare
    try:
        yield from session.count()
    except RemoteProtocolError:
        _stays(session, window, i)
        session.journal.flush()
        raise
    if bare or not verdict:
        _stays(session, window, i)
    elif verdict == _SAME:
        if compare.size[i] != window.octets[i]:
            kind |= AGREED
            session.agreed(compare.size[i] < window.octets[i])
        else:
            kind &= ~DOUBT
        note(session, window, i, kind)
        window.state[i] = GOING if session.delete or kind & AGED else NOTHING
    else:
        yield from _another(session, window, i, compare)


def _another(session: "Any", window: "Window", i: int, compare: Compare) -> "Dialogue[None]":
    """The second download differs from the first, or begins with it and is longer."""
    from ..store.rekey import rekey
    from .moved import begin, claim, find

    spool = session.spool
    begin(session)
    aside = os.urandom(KEY)

    def look(part: str, block: bytearray) -> bool:
        rekey(session.journal, spool, {window.key(i): aside})
        name = spool.name(aside) if compare.size[i] else ""
        # The first one may have been another's, which is here, or the beginning of this one.
        if name and (
            compare.longer
            or find(session, spool.folder + "/" + name, block, name[16:], lambda key: key != aside)
        ):
            session.journal.change(DELETED, aside, session.journal.state(aside))
            spool.remove(name)
        other = claim(session, window, i, part, block)
        at = window.find(other) if other else -1
        if at >= 0:
            compare.size[at] = 0  # it has no file any more
        return bool(other)

    yield from session.pop.post("RETR ", window.number[i])
    stored = yield from session.fetch(window, i, look)
    window.state[i] = GOING if stored and session.delete else NOTHING


def _stays(session: "Any", window: "Window", i: int) -> None:
    note(session, window, i, window.kind[i] | DOUBT | STAYS)
    said_of(session, window, i, DOUBT)
    keep(session, window, i, None)
