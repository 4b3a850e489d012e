"""`storage.full = "evict"`: what has been here longest makes room, and first what the server does not have any more.
A dialogue. Nothing goes that a later session would have to fetch again."""

from micropython import const

from ..store.journal import LEFT, PART
from ..store.spool import Window, key_of, size_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from ..core.pop3 import Dialogue
    from ..sync import Session

_OLDEST = const(32)  # messages that are looked at; the next time others are the oldest
_LISTED = const(1)


def evict(session: "Session", octets: int) -> "Dialogue[bool]":
    """Remove messages until so much fits. False: it does not. Call it with nothing in flight."""
    spool = session.spool
    journal = session.journal
    oldest = Window(_OLDEST)
    journal.oldest(oldest)
    for key, name in spool.keys():
        i = oldest.find(key)
        if i >= 0:
            oldest.octets[i] = size_of(name)

    def each(n: int, uid: bytes) -> None:
        i = oldest.find(key_of(uid))
        if i >= 0:
            oldest.state[i] = _LISTED

    yield from session.pop.uidl(each)
    # What is listed in a session that deletes what it stores would be lost with its copy here.
    for listed in (0, _LISTED):
        for i in range(oldest.n):
            if spool.room() >= octets:
                return True
            kind = oldest.kind[i]
            if oldest.state[i] == listed and oldest.octets[i] and not (listed and session.delete and not kind & PART):
                key = oldest.key(i)
                # The record first: a cut after it ends the removal at the next start.
                journal.change(LEFT, key, kind)
                spool.remove(spool.name(key))
    return spool.room() >= octets
