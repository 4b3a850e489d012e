"""Gives stored messages other keys, because their unique ids name other messages now or they have other ids now.

The work is written to the flash before it begins: if it is interrupted anywhere, the next start finishes it.
Imported only then.
"""

import os
from binascii import hexlify

from micropython import const

from . import fs
from .journal import UNNAMED, pack
from .rewrite import rewrite
from .spool import KEY

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Dict, Iterator

    from .journal import Journal
    from .spool import Spool

_FILE = "/rekey"
NOBODY = bytes(KEY)  # the new key for a record that goes


def rekey(journal: "Journal", spool: "Spool", pairs: "Dict[bytes, bytes]") -> None:
    """`pairs`: old keys to new ones; `NOBODY`: there is no file, and the record goes. Pass only a few at a
    time, as they are held in memory. Raises StoreError."""
    journal.flush()
    path = spool.folder + _FILE
    try:
        with open(path + ".tmp", "wb") as f:
            for old in pairs:
                f.write(old + pairs[old])
        os.rename(path + ".tmp", path)
    except OSError as err:
        raise fs.trouble(err)
    finish(journal, spool)


def finish(journal: "Journal", spool: "Spool") -> None:
    """Do all that the file says, or what is left of it."""
    path = spool.folder + _FILE
    pairs = {}
    try:
        with open(path, "rb") as f:
            each = f.read(2 * KEY)
            while len(each) == 2 * KEY:
                pairs[each[:KEY]] = each[KEY:]
                each = f.read(2 * KEY)
        for old, name in [each for each in spool.files() if each[0] in pairs]:
            new = pairs[old]
            if new != NOBODY:
                path_of = spool.folder + "/%s%s"
                os.rename(path_of % (name, ""), path_of % (str(hexlify(new), "utf-8"), name[16:]))
    except OSError as err:
        raise fs.trouble(err)
    rewrite(journal, _renamed(journal, pairs))
    fs.remove(path)
    journal.recount()


def _renamed(journal: "Journal", pairs: "Dict[bytes, bytes]") -> "Iterator[bytes]":
    for kind, change, time, octets, crc, size, key in journal.records():
        new = pairs.get(key, key)
        if new != NOBODY or key == NOBODY:
            if key in pairs:
                kind &= ~UNNAMED
            yield pack(kind, change, time, new, octets, crc, size)
