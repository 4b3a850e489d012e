"""Rewrites a journal, as a whole or not at all. Imported only then."""

import os

from micropython import const

from . import fs

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator

    from .journal import Journal


def rewrite(journal: "Journal", records: "Iterator[bytes]") -> None:
    """Replace all its records by `records`, none of which changes another. An interruption leaves the old
    ones or these. Raises StoreError."""
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
