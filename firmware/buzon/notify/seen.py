"""The button: it marks new mail as seen. Imported when it is pressed."""

from micropython import const

from ..store.journal import SEEN, STATE
from ..store.window import Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_BATCH = const(64)


def see(account: "Any") -> bool:
    """Record that an account's new messages have been seen, 64 at most; True: there are more. Raises StoreError.

    Messages that a running session has brought stay new: they have not been shown yet.
    """
    journal = account.journal
    coming: int = account.session.fetched if account.session else 0
    if journal.new <= coming:
        return False
    found = Window(min(_BATCH, journal.new - coming))
    newest = journal.newest()
    for key, _, seen in newest:
        if seen:
            continue
        if coming:
            coming -= 1
            continue
        found.add(key)
        if found.n == found.size:
            break
    newest.close()
    journal.mark(found)
    for i in range(found.n):
        was = found.kind[i]
        journal.note(was & ~STATE | SEEN, found.key(i), was)
    journal.flush()
    journal.tidy()
    return found.n == _BATCH
