"""What the journal seldom needs: to be made to agree with the folder, and to be rewritten. Imported only then."""

from micropython import const

from .journal import ARRIVED, PART, SEEN, STATE, pack
from .rewrite import rewrite
from .spool import crc_of, is_whole, octets_of, size_of
from .window import Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Callable, Iterator

    from .journal import Journal
    from .spool import Spool

_WINDOW = const(64)


def mend(journal: "Journal", spool: "Spool") -> None:
    """Add the records that an interruption kept from being written, and finish what it cut short: deletions,
    and the removal of headers whose whole message is here."""
    window = Window(_WINDOW)
    if sum(not is_whole(name) for _, name in spool.files()):
        from .halves import halves

        halves(journal, spool, window)
    done = 0
    while True:
        window.clear()
        i = 0
        for key, name in spool.files():
            if done <= i < done + _WINDOW:
                window.add(key, size_of(name))
                window.state[window.n - 1] = is_whole(name)
                window.octets[window.n - 1] = octets_of(name)
                window.said[window.n - 1] = crc_of(name)
            i += 1
        if not window.n:
            return
        journal.mark(window)
        done += window.n
        for at in range(window.n):
            key = window.key(at)
            if window.kind[at] & STATE > SEEN:
                spool.remove(spool.name(key))
                done -= 1
            elif not window.kind[at]:
                kind = ARRIVED if window.state[at] else ARRIVED | PART
                crc, size = window.said[at], window.number[at]
                journal.pending += pack(kind, 0, 0, key, window.octets[at], crc, size)
        journal.flush()


def compact(journal: "Journal", now: int = 0) -> None:
    """Rewrite the journal in the old order, with every change merged into the record that it changes. `now`:
    the time for messages that came when there was no clock, or 0."""
    rewrite(journal, _compacted(journal, now))


def rewritten(journal: "Journal", each: "Callable[[int, int, int, bytes], int]") -> None:
    """Rewrite the journal with the kind that `each(kind, crc, size, key)` gives each record; if that is negative, the
    record goes. Raises StoreError."""
    compact(journal)
    rewrite(journal, _rewritten(journal, each))
    journal.recount()


def _rewritten(journal: "Journal", each: "Callable[[int, int, int, bytes], int]") -> "Iterator[bytes]":
    for kind, _, time, octets, crc, size, key in journal.records():
        kind = each(kind, crc, size, key)
        if kind >= 0:
            yield pack(kind, 0, time, key, octets, crc, size)


def _compacted(journal: "Journal", now: int) -> "Iterator[bytes]":
    changed = journal.changed(1)
    for at in range(changed.n):  # these hold what the last changes say about each message
        changed.octets[at] = changed.said[at] = changed.number[at] = 0
    for _, change, _, octets, crc, size, key in journal.records():
        at = changed.find(key) if change else -1
        if at >= 0:
            changed.said[at] = octets or changed.said[at]
            if crc:
                changed.octets[at] = crc
                changed.number[at] = size
    for kind, change, time, octets, crc, size, key in journal.records():
        if not change:
            at = changed.find(key)
            if at >= 0:
                kind = changed.kind[at]
                octets = changed.said[at] or octets
                if changed.octets[at]:
                    crc = changed.octets[at]
                    size = changed.number[at]
            yield pack(kind, 0, time or now, key, octets, crc, size)
