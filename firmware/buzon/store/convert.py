"""Converts a journal from before records held the sizes of files, with 24 bytes per record. Imported only then."""

import struct

from micropython import const

from .journal import pack
from .rewrite import rewrite

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator

    from .journal import Journal

_OLD = const(24)  # as today, without the file's size


def convert(journal: "Journal") -> None:
    """Rewrite it; an interruption leaves the old journal or the new one. Call `recount` next. Raises StoreError."""
    rewrite(journal, _records(journal.path))


def _records(path: str) -> "Iterator[bytes]":
    block = bytearray(_OLD)
    with open(path, "rb") as f:
        while f.readinto(block) == _OLD:
            kind, change, _, time, octets, crc = struct.unpack_from("<HBBIII", block, 0)
            yield pack(kind, change, time, bytes(block[16:]), octets, crc)
