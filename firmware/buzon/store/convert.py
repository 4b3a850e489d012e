"""Converts a journal from the time before records held sizes, with 16 bytes per record. Imported only then."""

import struct

from micropython import const

from .journal import pack
from .rewrite import rewrite

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator

    from .journal import Journal

_OLD = const(16)  # kind, change, 2 spare, time (uint32), key


def convert(journal: "Journal") -> None:
    """Rewrite it; an interruption leaves the old journal or the new one. Call `recount` next. Raises StoreError."""
    rewrite(journal, _records(journal.path))


def _records(path: str) -> "Iterator[bytes]":
    block = bytearray(_OLD)
    with open(path, "rb") as f:
        while f.readinto(block) == _OLD:
            kind, change, _, time = struct.unpack_from("<BBHI", block, 0)
            yield pack(kind, change, time, bytes(block[8:]))
