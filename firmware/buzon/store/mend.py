"""What the journal seldom needs: agreeing with the folder after a cut, and being made anew. Imported only then."""

import os

from micropython import const

from . import fs
from .journal import ARRIVED, PART, SEEN, STATE, pack
from .spool import Window, is_whole

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator

    from .journal import Journal
    from .spool import Spool

_WINDOW = const(64)


def mend(journal: "Journal", spool: "Spool") -> None:
    """Add the records that a cut kept from being written, and end what it kept from ending: deletions, and the
    removal of headers whose message is here as a whole."""
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
                window.add(key, is_whole(name))
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
                journal.pending += pack(ARRIVED if window.number[at] else ARRIVED | PART, 0, 0, key)
        journal.flush()


def compact(journal: "Journal", now: int = 0) -> None:
    """Make it anew, in the old order, with every change in the record that it changes. `now`: the time for those
    that came when there was no clock, or 0."""
    rewrite(journal, _compacted(journal, now))


def _compacted(journal: "Journal", now: int) -> "Iterator[bytes]":
    changed = journal.changed(1)
    for kind, change, time, key in journal.records():
        if not change:
            i = changed.find(key)
            yield pack(changed.kind[i] if i >= 0 else kind, 0, time or now, key)


def rewrite(journal: "Journal", records: "Iterator[bytes]") -> None:
    """Put these in the place of all its records, none of which changes another: a cut leaves the old ones or these."""
    new = journal.path + ".tmp"
    try:
        with open(new, "wb") as f:
            for record in records:
                f.write(record)
        os.rename(new, journal.path)
    except OSError as err:
        fs.remove(new)
        raise fs.trouble(err)
    journal.changes = journal.turns = 0
