"""UF2 files, which an RP2's loader takes on its drive: blocks of 512 bytes, each with 256 bytes for the flash.

It never touches a drive.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import BuzonError

FLASH = 0x10000000
"""Where the flash begins in the chip's memory."""
PAGE = 256
_BLOCK = 512
_HEAD = struct.Struct("<8I")
_START, _SECOND, _END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_FAMILY_THERE = 0x2000
_NOT_FLASH = 0x1
_ABSOLUTE = (
    0xE48BFF57  # the family of an RP2350 file's first block, a workaround for an erratum of the RP2350-A2
)


@dataclass(frozen=True)
class Block:
    """256 bytes for an address. `family`: the chips it is for. `rest`: what follows the data (extensions)."""

    address: int
    data: bytes
    family: int
    flags: int = _FAMILY_THERE
    rest: bytes = b""


def is_uf2(data: bytes) -> bool:
    return data[:8] == struct.pack("<2I", _START, _SECOND)


def parse(data: bytes) -> list[Block]:
    """The blocks of a file. Raises BuzonError if it is damaged or cut off."""
    found = []
    if not data or len(data) % _BLOCK:
        raise BuzonError("it is no whole UF2 file")
    for at in range(0, len(data), _BLOCK):
        raw = data[at : at + _BLOCK]
        start, second, flags, address, size, _, _, family = _HEAD.unpack_from(raw)
        if (start, second, struct.unpack_from("<I", raw, 508)[0]) != (_START, _SECOND, _END) or size > 476:
            raise BuzonError("it is damaged, or no UF2 file")
        if not flags & _NOT_FLASH:
            found.append(
                Block(address, raw[32 : 32 + size], family, flags, raw[32 + size : 508].rstrip(b"\0"))
            )
    return found


def of_family(blocks: list[Block], family: int) -> list[Block]:
    return [block for block in blocks if block.family == family]


def blocks_of(data: bytes, offset: int, family: int) -> Iterator[Block]:
    """The blocks that put `data` into the flash from byte `offset` on (a multiple of the flash's 4096)."""
    for at in range(0, len(data), PAGE):
        yield Block(FLASH + offset + at, data[at : at + PAGE].ljust(PAGE, b"\xff"), family)


def join(firmware: list[Block], more: list[Block]) -> bytes:
    """One file of both. The blocks of each family are numbered separately, as the loader requires."""
    both = [*firmware, *more]
    totals: dict[int, int] = {}
    for block in both:
        totals[block.family] = totals.get(block.family, 0) + 1
    done: dict[int, int] = {}
    parts = []
    for block in both:
        number = done.get(block.family, 0)
        done[block.family] = number + 1
        # An RP2350's extra block claims that there are two of it, so that it alone never ends a download.
        total = 2 if block.family == _ABSOLUTE else totals[block.family]
        head = _HEAD.pack(
            _START, _SECOND, block.flags, block.address, len(block.data), number, total, block.family
        )
        parts.append((head + block.data + block.rest).ljust(508, b"\0") + struct.pack("<I", _END))
    return b"".join(parts)
