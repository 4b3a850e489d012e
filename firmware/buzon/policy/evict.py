"""`storage.full = "evict"`: what has been here longest makes room, and first what the server does not have any more.
A dialogue. What goes is never fetched again."""

from micropython import const

from ..store.journal import LEFT, PART, SEEN_ONLY, here
from ..store.spool import Window, key_of, size_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from ..core.pop3 import Dialogue, Pop3
    from ..store.journal import Journal
    from ..store.spool import Spool

_OLDEST = const(32)  # messages that are looked at; the next time others are the oldest
_LISTED = const(1)


def evict(pop: "Pop3", spool: "Spool", journal: "Journal", octets: int, delete: bool) -> "Dialogue[bool]":
    """Remove some messages to make room for so much; True: something was removed. `delete`: whether this session
    deletes on the server what is stored. Call it with nothing in flight, and
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
    room = spool.room()  # measuring takes seconds on a full flash: once
    if room + total < octets:
        return False  # not even all of them would do

    def each(n: int, uid: bytes) -> None:
        i = oldest.find(key_of(uid))
        if i >= 0:
            oldest.state[i] = _LISTED

    yield from pop.uidl(each)
    removed = False
    for listed in (0, _LISTED):
        for i in range(oldest.n):
            if room >= octets:
                break
            kind = oldest.kind[i]
            # What a session that deletes finds both here and there is to be deleted there: it stays here.
            if oldest.state[i] == listed and oldest.octets[i] and not (listed and delete and not kind & PART):
                key = oldest.key(i)
                # The record first: a cut after it ends the removal at the next start.
                journal.change(LEFT, key, kind)
                spool.remove(spool.name(key))
                room += oldest.octets[i]
                removed = True
    spool.forget()
    return removed


def _fill(window: Window, journal: "Journal") -> None:
    """With the messages that have been here longest, `kind` set."""
    journal.flush()
    changed = journal.changed(SEEN_ONLY)
    for kind, change, _, key in journal.records():
        if change:
            continue
        i = changed.find(key)
        if i >= 0:
            kind = changed.kind[i]
        if here(kind):
            if window.n == window.size:
                return
            window.add(key)
            window.kind[window.n - 1] = kind
