"""What the journal seldom needs: agreeing with the folder after a cut, and being made anew. Imported only then."""

import os

from micropython import const

from . import fs
from .journal import ARRIVED, DELETED, pack
from .spool import Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .journal import Journal
    from .spool import Spool

_WINDOW = const(64)


def mend(journal: "Journal", spool: "Spool") -> None:
    """Add the records that a cut kept from being written, and end deletions that it kept from ending."""
    window = Window(_WINDOW)
    done = 0
    while True:
        window.clear()
        i = 0
        for key, _ in spool.keys():
            if done <= i < done + _WINDOW:
                window.add(key)
            i += 1
        if not window.n:
            return
        for kind, _, _, key in journal.records():
            at = window.find(key)
            if at >= 0:
                window.state[at] = kind
        done += window.n
        for at in range(window.n):
            key = window.key(at)
            if window.state[at] == DELETED:
                spool.remove(spool.name(key))
                done -= 1
            elif not window.state[at]:
                journal.pending += pack(ARRIVED, 0, 0, key)
        journal.flush()


def compact(journal: "Journal") -> None:
    """Make it anew, in the old order, with every change in the record that it changes."""
    changed = Window(journal.changes)
    for kind, change, _, key in journal.backwards():
        if change and changed.find(key) < 0 and changed.n < changed.size:
            changed.add(key)
            changed.state[changed.n - 1] = kind
    new = journal.path + ".tmp"
    try:
        with open(new, "wb") as f:
            for kind, change, time, key in journal.records():
                if not change:
                    i = changed.find(key)
                    f.write(pack(changed.state[i] if i >= 0 else kind, 0, time, key))
        os.rename(new, journal.path)
    except OSError as err:
        fs.remove(new)
        raise fs.trouble(err)
