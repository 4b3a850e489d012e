"""Finishes what an interruption cut short where headers are kept alone: their removal once the whole has come."""

from micropython import const

from .journal import PART, STATE, WANTED
from .spool import is_whole

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .journal import Journal
    from .spool import Spool
    from .window import Window


def halves(journal: "Journal", spool: "Spool", window: "Window") -> None:
    """Remove headers whose whole message is here, and what the journal says about them. `window`: lent."""
    done = 0
    while True:
        window.clear()
        i = 0
        for key, name in spool.files():
            if not is_whole(name):
                if done <= i < done + window.size:
                    window.add(key)
                i += 1
        if not window.n:
            return
        for key, name in spool.files():
            at = window.find(key)
            if at >= 0 and is_whole(name):
                window.state[at] = 1
        done += window.n
        for at in range(window.n):
            if window.state[at]:
                key = window.key(at)
                kind = journal.state(key)
                if kind & (PART | WANTED):
                    journal.change(kind & STATE, key, kind)
                spool.remove(spool.name(key, True))
                done -= 1
