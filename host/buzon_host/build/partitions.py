"""Reads the partition table of an ESP32 (ESP-IDF, "Partition Tables"). It never touches a chip."""

import struct
from dataclasses import dataclass
from hashlib import md5

from ..errors import BuzonError

AT = 0x8000
"""Where the table is in the flash."""
SIZE = 0x1000
_ENTRY = struct.Struct("<2sBBII16sI")
_MAGIC, _MD5_MAGIC, _END = b"\xaa\x50", b"\xeb\xeb", b"\xff" * 32
_MAX = 0xC00  # bytes of entries


@dataclass(frozen=True)
class Partition:
    """A part of the flash: bytes `offset` to `end`. `kind`: 0 a program, 1 data."""

    label: str
    kind: int
    subtype: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


def parse(table: bytes) -> list[Partition]:
    """The partitions, in the table's order. Raises BuzonError if there is no table or it is damaged."""
    found: list[Partition] = []
    for at in range(0, min(len(table), _MAX), 32):
        entry = table[at : at + 32]
        if entry == _END or len(entry) < 32:
            break
        if entry[:2] == _MD5_MAGIC:
            if entry[16:] != md5(table[:at]).digest():
                raise BuzonError("the partition table is damaged (its checksum is wrong)")
            continue
        magic, kind, subtype, offset, size, label, _ = _ENTRY.unpack(entry)
        if magic != _MAGIC:
            if found:
                raise BuzonError("the partition table is damaged")
            break
        name = label.split(b"\0", 1)[0].decode("utf-8", "replace")
        found.append(Partition(name, kind, subtype, offset, size))
    if not found:
        raise BuzonError("there is no partition table in it")
    return found
