"""Removes all messages from the board, some at a time, but keeps what is known of them: see `leave`. Imported
only then."""

from micropython import const

from .journal import ABSENT, LEFT
from .leave import mark
from .window import Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import List

    from .journal import Journal
    from .spool import Spool


def clear(journal: "Journal", spool: "Spool", most: int, deletes: bool) -> int:
    """Remove up to `most` messages or headers as LEFT; returns how many files went. The server's copies stay:
    a person who removes everything at once has not read each message and was not asked about the server.
    Raises StoreError.

    `deletes`: this account deletes on its server. Most of these messages have left it then, and their unique
    ids may name others next time, so what is listed is compared first. As in `leave`, the records come first.
    """
    window = Window(most)
    names: "List[str]" = []
    for key, name in spool.files():
        if len(names) == most:
            break
        names.append(name)
        if window.find(key) < 0:
            window.add(key)
            window.octets[window.n - 1] = mark(spool.folder + "/" + name)
    spool.open()
    journal.mark(window)
    for i in range(window.n):
        key = window.key(i)
        was = window.kind[i]
        if not was:  # an interruption kept the record from being written
            journal.arrived(key, 0)
        journal.note(LEFT | (ABSENT if deletes else was & ABSENT), key, was, 0, window.octets[i])
    journal.settle()
    for name in names:
        spool.remove(name)  # makes room for the records
    journal.settle()
    journal.tidy()
    return len(names)
