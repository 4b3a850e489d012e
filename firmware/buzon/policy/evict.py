"""`storage.full = "evict"`: what has been here longest makes room, and first what the server does not have any more.
A dialogue. What goes is never fetched again."""

from micropython import const

from ..store.journal import LEFT, PART, SEEN_ONLY, WANTED, here
from ..store.spool import Window, key_of, size_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from ..core.pop3 import Dialogue, Pop3
    from ..store.journal import Journal
    from ..store.spool import Spool

_OLDEST = const(32)  # messages that are looked at; the next time others are the oldest
_LISTED = const(1)
_OVER = const(-(1 << 30))  # more than is ever missing: a quota that was lowered, others' mail


def evict(pop: "Pop3", spool: "Spool", journal: "Journal", octets: int, before: int) -> "Dialogue[bool]":
    """Remove some messages to make room for so much; True: something was removed. `before`: this session deletes on
    the server what was stored before that time (epoch). Call it with nothing in flight, and
    before anything is deleted in the session: what is, a server does not list, and it would look as if it were gone.
    """
    oldest = Window(_OLDEST)
    _fill(oldest, journal)
    total = 0
    for key, name in spool.files():
        size = size_of(name)
        total += size
        i = oldest.find(key)
        if i >= 0:
            oldest.octets[i] = size
    if spool.room(_OVER) + total < octets:
        return False  # not even all of them would do

    def each(n: int, uid: bytes) -> None:
        i = oldest.find(key_of(uid))
        if i >= 0:
            oldest.state[i] = _LISTED

    yield from pop.uidl(each)
    spool.forget()
    room = spool.room(_OVER)  # measuring takes seconds on a full flash: not for each
    removed = room >= octets  # by the person, perhaps
    for listed in (0, _LISTED):
        for i in range(oldest.n):
            if room >= octets:
                break
            if oldest.state[i] != listed or not oldest.octets[i]:
                continue
            key = oldest.key(i)
            kind = journal.state(key)  # the person may have deleted it, or asked for all of it, meanwhile
            # What this session finds both here and there and deletes there stays here.
            kept = listed and not kind & PART and oldest.number[i] < before
            if here(kind) and not kind & WANTED and not kept:
                # The record first: a cut after it ends the removal at the next start.
                journal.change(LEFT, key, kind)
                spool.remove(spool.name(key))
                room += oldest.octets[i]
                removed = True
    spool.forget()
    return removed


def _fill(window: Window, journal: "Journal") -> None:
    """With the messages that have been here longest, `number` the time when they came."""
    journal.flush()
    changed = journal.changed(SEEN_ONLY)
    for kind, change, time, key in journal.records():
        if change:
            continue
        i = changed.find(key)
        if i >= 0:
            kind = changed.kind[i]
        if here(kind):
            if window.n == window.size:
                return
            window.add(key, time)
