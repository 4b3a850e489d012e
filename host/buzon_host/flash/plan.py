"""What goes where in the flash: the firmware's and the image's bytes in pieces. No board is touched.

A piece is the unit that is compared and written: one that is the same on the board is left alone, and what
was written before a cable was pulled need not be written again.
"""

import zlib
from dataclasses import dataclass, field
from itertools import pairwise

from ..build import partitions, uf2
from ..build.firmware import Firmware
from ..build.image import ROMFS, Image

SECTOR = 4096
PIECE = 64 * 1024
_DATA, _OTA, _NVS, _PHY = 1, 0, 2, 1
_ERASE_S = 0.25  # a block of 64 KB
_WRITE_S = 0.35  # programming 64 KB


@dataclass(frozen=True)
class Piece:
    """Whole sectors of the flash. `what`: its content, for a person."""

    offset: int
    data: bytes = field(repr=False)
    what: str

    @property
    def empty(self) -> bool:
        return self.data.count(0xFF) == len(self.data)


def pieces(firmware: Firmware, image: Image | None) -> list[Piece]:
    """Everything that belongs on an ESP32's flash, in ascending order; without an image the firmware alone.

    The chip's radio data (nvs, phy_init) is left alone if the firmware has nothing for it. A file system is
    written whole, including its empty parts, so that nothing of an old one is left.
    """
    found: list[Piece] = []
    end = firmware.offset + len(firmware.data)
    # `places`: where something ends or begins, so that no piece spans two partitions.
    places = {firmware.offset, partitions.AT, partitions.AT + partitions.SIZE, end}
    for one in firmware.table:
        places |= {place for place in (one.offset, one.end) if firmware.offset < place < end}
    cuts = sorted(place for place in places if place <= end)
    for start, stop in pairwise(cuts):
        part = firmware.data[start - firmware.offset : stop - firmware.offset]
        owner = next((one for one in firmware.table if one.offset <= start < one.end), None)
        kept = owner is not None and owner.kind == _DATA and owner.subtype in (_NVS, _PHY)
        nothing = part.count(0xFF) == len(part)
        if nothing and (kept or (owner is None and start != partitions.AT)):
            continue
        data = owner is not None and owner.kind == _DATA and owner.subtype != _OTA
        if data and (image is None or (owner and owner.label in {one.label for one in image.parts})):
            continue  # a file system in the firmware file: the image replaces it, or it is not wanted
        found += _cut(start, part, "MicroPython")
    for made in image.parts if image is not None else ():
        found += _cut(made.offset, made.data, "Buzón's code" if made.label == ROMFS else "Buzón's files")
    return sorted(found, key=lambda piece: piece.offset)


def _cut(offset: int, data: bytes, what: str) -> list[Piece]:
    """Pieces that end at multiples of 64 KB."""
    data = data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\xff")
    found = []
    at = 0
    while at < len(data):
        size = min(PIECE - (offset + at) % PIECE, len(data) - at)
        found.append(Piece(offset + at, data[at : at + size], what))
        at += size
    return found


def estimate_s(todo: list[Piece], baud: int, compressed: bool) -> float:
    """Roughly how many seconds writing all of it takes. What is there already takes almost none."""
    sent = sum(len(zlib.compress(piece.data, 1) if compressed else piece.data) for piece in todo)
    flash = sum(_ERASE_S + (0 if piece.empty and compressed else _WRITE_S) for piece in todo)
    return sent * 10 / baud + flash


def flat(todo: list[Piece]) -> bytes:
    """One file for the flash from byte 0 on."""
    image = bytearray(b"\xff" * max(piece.offset + len(piece.data) for piece in todo))
    for piece in todo:
        image[piece.offset : piece.offset + len(piece.data)] = piece.data
    return bytes(image)


def uf2_file(firmware: Firmware, image: Image | None) -> bytes:
    """One UF2 file of the firmware and the image; without an image the firmware as it is."""
    if image is None:
        return firmware.data
    family = image.board.soc.uf2_family
    assert family is not None
    more = [block for part in image.parts for block in uf2.blocks_of(part.data, part.offset, family)]
    return uf2.join(firmware.blocks, more)
