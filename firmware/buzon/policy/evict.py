"""`storage.full = "evict"`: messages that have been here longest make room, and first those that the server
no longer has. A dialogue. A message that goes is never fetched again.

With `order = "newest"` no message makes room for an older one: if there is too much mail, the newest stays.
"""

from micropython import const

from ..store import fs
from ..store.journal import ABSENT, LEFT, PART, SEEN_ONLY, WANTED, here
from ..store.leave import leave
from ..store.spool import key_of, size_of
from ..store.window import NEW, NOTHING, TOP, Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable

    from ..core.pop3 import Dialogue
    from ..store.journal import Journal
    from ..store.spool import Spool

SHARE = const(4)  # at least a quarter of what is there is freed, so that not every message has to ask again
_OLDEST = const(32)  # messages that are looked at; the next time, others are the oldest
OVER = const(-(1 << 30))  # more than is ever lacking, after a lowered quota or by other accounts' mail


def evict(session: "Any", octets: int, window: Window, i: int) -> "Dialogue[bool]":
    """Make room for `octets`, for the i-th message of the window. `session`: a `sync.Session`.

    True: something was removed, or the i-th and older messages are left alone on the server, for good. False:
    there is no room. Call it with nothing in flight and before anything is deleted in the session: a server
    does not list deleted messages, and they would seem to be gone.
    """
    spool = session.spool
    journal: "Journal" = session.journal
    newest = session.newest
    # Messages that came before that time are being deleted there now.
    before = 0xFFFFFFFF if session.delete else session.before
    unit = units(spool)
    if session.moved:  # these are listed, by their new ids
        session.renamed += session.moved.finish()
    oldest = Window(_OLDEST)
    longest(oldest, journal)
    total = 0
    for key, name in spool.files():
        size = unit(size_of(name))
        total += size
        at = oldest.find(key)
        if at >= 0:
            oldest.octets[at] = size
    total += spool.room(OVER)
    if total < octets:
        return False  # not even removing all of them would be enough

    def each(n: int, uid: bytes) -> None:
        at = oldest.find(key_of(uid)) if uid else -1
        if at >= 0:
            oldest.said[at] = n

    yield from session.pop.uidl(each)
    order = list(range(oldest.n))
    if newest:
        number = window.number[i]
        order = [at for at in order if oldest.said[at] < number]
        order.sort(key=lambda at: oldest.said[at] * _OLDEST + at)  # MicroPython's sort is not stable
        # Room for all that come along with it, at once, so that their records stay in order.
        octets = max(octets, _wanted(session, window, range(i + 1), total))
    else:  # room for more than one: a session that deletes makes room only once
        octets = max(octets, min(_wanted(session, window, range(i, window.n), total), total // SHARE))
    spool.forget()
    room = spool.room(OVER)  # measured only once, as it takes seconds on a full flash
    removed = room >= octets  # the person may have removed some
    for listed in (False, True):
        for at in order:
            if room >= octets:
                break
            if (oldest.said[at] > 0) != listed or not oldest.octets[at]:
                continue
            key = oldest.key(at)
            kind = journal.state(key)  # the person may have deleted it, or asked for all of it, meanwhile
            # A message that this session finds on both sides and deletes on the server stays here.
            kept = listed and not kind & PART and oldest.number[at] < before
            if here(kind) and not kind & WANTED and not kept:
                # Where ids have changed it may be listed by another, and comes no more; if newer ones come first, it
                # does as far as there is room.
                gone = not listed and (newest or not journal.moved)
                leave(journal, spool, key, LEFT | ABSENT if gone else LEFT, kind)
                room += oldest.octets[at]
                removed = True
    spool.forget()
    if newest and not order and not removed and window.state[i] in (NEW, TOP):
        for at in range(i + 1):
            if window.state[at] in (NEW, TOP):
                journal.arrived(window.key(at), session.now(), LEFT, False, window.octets[at])
                window.state[at] = NOTHING
        removed = True
    return bool(removed)


def _wanted(session: "Any", window: Window, which: range, most: int) -> int:
    """Octets of the i-th and of those that are fetched after it; without any that exceeds `most`."""
    unit = units(session.spool)
    total = 0
    for at in which:
        if window.state[at] in (NEW, TOP):
            octets = unit(session.need(window, at))
            if octets <= most:
                total += octets
    return total


def units(spool: "Spool") -> "Callable[[int], int]":
    """How much of the room a message of so many bytes takes: a quota counts bytes, the flash gives blocks."""
    return int if spool.quota else fs.blocks


def longest(window: Window, journal: "Journal") -> None:
    """Fill the window with the messages that have been here longest; `number` is the time they came. It
    leaves out those that a person wants: they stay, and many of them would hide the others."""
    journal.flush()
    changed = journal.changed(SEEN_ONLY)
    records: "Any" = journal.records()
    for kind, change, time, _, _, _, key in records:
        if change:
            continue
        i = changed.find(key)
        if i >= 0:
            kind = changed.kind[i]
        if here(kind) and not kind & WANTED:
            if window.n == window.size:
                break
            window.add(key, time)
    records.close()
