"""Removes a message from the board but keeps what is known of it, so that it does not come again and no other
message to which a server gives its unique id is taken for it. Imported only then.

The rule for the server's copy: if a person deleted the message or moved it to a PC (DELETED), the copy may go
too, as the settings say. If it made room or was wiped with all others (LEFT), the copy is left alone whatever
the settings say, now or later: nobody has read it. In both cases an id proves nothing: what is listed under
it is compared with what is known.
"""

from binascii import crc32

from micropython import const

from ..errors import E_FLASH_FULL, StoreError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .journal import Journal
    from .spool import Spool

_PREFIX = const(1024)  # bytes of a removed message whose CRC-32 is kept
_PIECE = const(128)  # of these, read at once: little of the heap is free when it makes room
_LENGTH = const(1023)  # the bits of the CRC-32 that hold, instead, the number of bytes less one


def leave(journal: "Journal", spool: "Spool", key: bytes, kind: int, was: int) -> None:
    """Remove a message or headers; `kind`: DELETED or LEFT, `was`: its kind in the journal. Raises StoreError.

    The record comes first: after an interruption, the next start finishes the removal.
    """
    name = journal.name(spool, key)
    spool.open()
    crc = mark(spool.folder + "/" + name)
    try:
        journal.change(kind, key, was, 0, crc)
    except StoreError as err:
        if err.code != E_FLASH_FULL:
            raise
        spool.remove(name)  # makes room for the record
        journal.settle()  # a small file has no block of its own: its record is written once a larger one has gone
        return
    spool.remove(name)


def mark(path: str) -> int:
    """What is kept of a message that goes from the flash: a CRC-32 of its first bytes, and their number; 0 if
    it cannot be read."""
    crc = size = 0
    try:
        with open(path, "rb") as f:
            head = f.read(_PIECE)
            while head and size < _PREFIX:
                size += len(head)
                crc = crc32(head, crc)
                head = f.read(_PIECE)
    except OSError:
        return 0
    return (crc | _LENGTH) - _LENGTH + max(0, size - 1)
