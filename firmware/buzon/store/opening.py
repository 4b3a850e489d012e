"""What a journal needs at the start, or when it has been rewritten. Imported only then."""

from micropython import const

from . import fs
from .journal import CLOSED, MOVED, TURN, VERSION

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .journal import Journal
    from .spool import Spool


def opened(journal: "Journal", spool: "Spool") -> None:
    """See `Journal.open`."""
    head = bytearray(4)
    old = False
    sure = spool.closed
    try:
        with open(journal.path, "rb") as f:
            old = f.readinto(head) == 4 and head[3] != VERSION
    except OSError:  # there is none, or somebody has removed it
        sure = False
    if old:
        from .convert import convert

        convert(journal)
    if fs.exists(spool.folder + "/rekey"):
        from .rekey import finish

        finish(journal, spool)
    recount(journal)
    if not sure and spool.count() != journal.stored:
        from .mend import mend

        mend(journal, spool)
        recount(journal)


def recount(journal: "Journal") -> None:
    """See `Journal.recount`."""
    journal.changes = sum(change > 0 for _, change, _, _, _, _, _ in journal.records())
    journal.tidy()
    journal.turns = journal.apart = journal.gone = journal.unnamed = 0
    journal.closed = journal.moved = False
    for kind, change, _, octets, _, _, key in journal.records():
        journal.turns += change == TURN
        journal.count(kind, kind)
        if not change and (kind or key == CLOSED):
            journal.closed = not kind
        if key == MOVED:
            journal.moved = octets > 0
    journal.stored = journal.new = 0
    for _, _, seen in journal.newest():
        journal.stored += 1
        if not seen:
            journal.new += 1
