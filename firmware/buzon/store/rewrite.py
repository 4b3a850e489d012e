"""Rewrites a journal, as a whole or not at all. Imported only then."""

import os

from micropython import const

from . import fs
from .journal import CLOSED, KEY_AT, MOVED

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator

    from .journal import Journal


def rewrite(journal: "Journal", records: "Iterator[bytes]") -> None:
    """Replace all its records by `records`, none of which changes another; of the marks of one
    kind, the last one stays. An interruption leaves the old ones or these. Raises StoreError."""
    new = journal.path + ".tmp"
    marks = {CLOSED: 0, MOVED: 0}
    for _, _, _, _, _, _, key in journal.records():
        if key in marks:
            marks[key] += 1
    try:
        with open(new, "wb") as f:
            for record in records:
                key = record[KEY_AT:]
                if key in marks:
                    marks[key] -= 1
                    if marks[key]:
                        continue
                f.write(record)
        os.rename(new, journal.path)
    except OSError as err:
        fs.remove(new)
        raise fs.trouble(err)
    journal.changes = journal.turns = 0
