"""Runs after a session that had no room for a message. Says so if there can never be any; with
`storage.full = "evict"` the account that takes most of the flash makes room. A message that goes is never
fetched again.
"""

from micropython import const

from ..errors import E_FLASH_FULL, E_TOO_LARGE, MailError, StoreError
from ..store.journal import ABSENT, LEFT, WANTED, here
from ..store.leave import leave
from ..store.quota import taken
from ..store.spool import size_of
from ..store.window import Window
from .evict import OVER, SHARE, longest, units

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, List

_MANY = const(32)  # messages that go at most; the next time, others have been here longest
_DAY_S = const(86400)


def seek(accounts: "List[Any]", poor: "Any", now: int) -> None:
    """Make room for what `poor` (an `account.Account`) lacks. If that works, its next session comes at once. `now`:
    epoch or 0.

    The other account is not left with less than `poor` has now, give or take one message.
    """
    unit = units(poor.spool)
    mine = most = total = taken(poor.spool.folder, unit)
    rich = poor
    for account in accounts:
        if account is not poor:
            octets = taken(account.spool.folder, unit)
            total += octets
            if octets > most:
                rich = account
                most = octets
    poor.spool.forget()
    room = poor.spool.room(OVER)
    if poor.lacks > room + total:
        if poor.error and poor.error.code == E_FLASH_FULL:
            poor.error = StoreError(E_TOO_LARGE, "%d KB" % (poor.lacks // 1024))
        return
    if poor.spool.full != "evict" or most - mine < poor.lacks - room:
        return
    if _give(rich, max(poor.lacks - room, (most - mine) // SHARE), now):
        poor.error = None
        poor.more = True
    poor.spool.forget()


def _give(rich: "Any", octets: int, now: int) -> int:
    """Remove about `octets` of what has been in `rich` longest, as far as possible; returns the bytes freed."""
    journal = rich.journal
    spool = rich.spool
    # A message that may yet be deleted on the server because it is here must stay here.
    keep = rich.settings.get("keep", "delete")
    free = keep == "forever" or journal.closed
    due = now - keep * _DAY_S if now and keep not in ("delete", "forever") else 0xFFFFFFFF
    window = Window(_MANY)
    longest(window, journal)
    unit = units(spool)
    freed = 0
    for i in range(window.n):
        kind = journal.state(window.key(i))
        if (
            freed < octets
            and here(kind)
            and not kind & WANTED
            and (free or kind & ABSENT or window.number[i] >= due)
        ):
            try:
                size = unit(size_of(journal.name(spool, window.key(i))))
                leave(
                    journal, spool, window.key(i), LEFT | (ABSENT if journal.closed else kind & ABSENT), kind
                )
            except MailError as err:
                rich.error = rich.error or err
                break
            freed += size
    return freed
