"""A user's MicroPython firmware file: its chip, its version, and what is where in the flash.

The file is never run and never changed.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from .. import boards
from ..boards import CHIPS, Board, fitting, known
from ..errors import BuzonError, UsageError
from . import partitions, uf2
from .partitions import Partition

LOWEST = (1, 25)
"""The lowest MicroPython that Buzón runs on."""
_EXAMPLE = "20250415-v1.25.0"  # what that version's files are called after the board
MAX = 32 << 20
_VERSION = re.compile(rb"MicroPython v(\d+)\.(\d+)(?:\.\d+)?[-+.\w]* on 20\d\d-")
_IMAGE_MAGIC = 0xE9
# Espressif's other chips in that header (ESP-IDF, esp_chip_id_t), to name them.
_OTHERS = {
    2: "ESP32-S2",
    12: "ESP32-C2",
    13: "ESP32-C6",
    16: "ESP32-H2",
    18: "ESP32-P4",
    20: "ESP32-C61",
    23: "ESP32-C5",
}
# The bytecode that a MicroPython reads, by the first version that does (its docs, "MicroPython .mpy files").
_BYTECODE = (((1, 19), 6), ((1, 12), 5))


class FirmwareError(BuzonError):
    """The file is not a firmware for this board; the sentence says what it is instead."""


@dataclass(frozen=True)
class Firmware:
    """What is in the file. `version`: of MicroPython, None if the file does not say; ESP32s: `data` goes into
    the flash from `offset` on; RP2s: `blocks`."""

    path: Path
    data: bytes
    version: tuple[int, int] | None
    offset: int = 0
    table: list[Partition] = field(default_factory=list)
    blocks: list[uf2.Block] = field(default_factory=list)

    def partition(self, label: str) -> Partition | None:
        return next((one for one in self.table if one.label == label), None)

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version)) if self.version else "unknown"

    @property
    def bytecode(self) -> int | None:
        """The version of the bytecode that it runs."""
        if self.version is None:
            return None
        return next((code for since, code in _BYTECODE if self.version >= since), 0)


def wanted(board: Board) -> str:
    """The file to take for it, and where from, as the end of a sentence. Raises FirmwareError if it takes none."""
    pattern, example, page = source(board)
    return f"{pattern} (such as {example}) or a later version from {page}"


def source(board: Board) -> tuple[str, str, str]:
    """The file to take for it, as a pattern, because the names have dates and versions in them; one that matches; and
    the page they are on.

    The plain one: variants (SPIRAM, OTA, RISCV) have a word where the date is. A person's own board takes that of a
    board with the same chip. Raises FirmwareError if it takes none.
    """
    _check_flashable(board)
    name = known(board.name) or fitting(board.soc.title)[0].name
    major, minor = LOWEST
    suffix = "bin" if board.soc.image_id is not None else "uf2"
    pattern = f"{name}-20*-v{major}.{minor // 10}[{minor % 10}-9]*.{suffix}"
    return pattern, f"{name}-{_EXAMPLE}.{suffix}", f"https://micropython.org/download/{name}/"


def for_chip(chip: str) -> str:
    """What to take for the chip with that title, as the end of a sentence: its boards, each with its firmware."""
    found = fitting(chip)
    if found:
        return "take " + ", or ".join(f"--board {board.name} with {wanted(board)}" for board in found)
    titles = sorted(
        {board.soc.title for board in map(boards.load, boards.names())} - {CHIPS["virtual"].title}
    )
    return f"take a board with an {', '.join(titles[:-1])} or {titles[-1]}, as Buzón has none for this one"


def _check_flashable(board: Board) -> None:
    if board.soc.image_id is None and board.soc.uf2_family is None:
        raise FirmwareError(f"{board.name} has no flash to write a firmware to: take another --board.")


def load(path: Path, board: Board) -> Firmware:
    """The file, checked against the board. Raises FirmwareError, or UsageError if there is none."""
    try:
        if path.stat().st_size > MAX:
            raise FirmwareError(f"{path} is larger than any firmware: name a MicroPython firmware file.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"There is no firmware file {path}: check its name and its folder.") from None
    except OSError as error:
        raise FirmwareError(f"The firmware file {path} cannot be read: {error.strerror}.") from None
    _check_flashable(board)
    firmware = _esp32(path, data, board) if board.soc.image_id is not None else _rp2(path, data, board)
    if firmware.version is not None and firmware.version < LOWEST:
        lowest = ".".join(map(str, LOWEST))
        raise FirmwareError(
            f"{path} is MicroPython {firmware.version_text}, and Buzón needs {lowest} or later: take {wanted(board)}."
        )
    return firmware


def _version(data: bytes) -> tuple[int, int] | None:
    found = _VERSION.search(data)
    return (int(found[1]), int(found[2])) if found else None


def _esp32(path: Path, data: bytes, board: Board) -> Firmware:
    chip = board.soc
    if uf2.is_uf2(data):
        raise FirmwareError(f"{path} is a UF2 file, for a Pico: take {wanted(board)}.")
    offset = chip.boot
    if (
        chip.boot
        and data[: chip.boot].count(0xFF) == chip.boot
        and data[chip.boot : chip.boot + 1] == b"\xe9"
    ):
        data = data[chip.boot :]  # a file for the whole flash, as `buzon merge` makes it
    if len(data) < 24 or data[0] != _IMAGE_MAGIC:
        raise FirmwareError(f"{path} is no firmware for an {chip.title}: take {wanted(board)}.")
    image_id = int.from_bytes(data[12:14], "little")
    if image_id != chip.image_id:
        raise FirmwareError(
            f"{path} is for {_owner(image_id)}, and {board.name} has an {chip.title}: take {wanted(board)}."
        )
    at = partitions.AT - offset
    try:
        table = partitions.parse(data[at : at + partitions.SIZE])
    except BuzonError as error:
        raise FirmwareError(
            f"{path} cannot be flashed alone ({error}): take the file that has bootloader and partitions in it."
        ) from None
    return Firmware(path, data, _version(data), offset, table)


def _owner(image_id: int) -> str:
    """The chip with that number, and the boards that have it."""
    titles = {one.image_id: one.title for one in CHIPS.values()}
    title = titles.get(image_id) or _OTHERS.get(image_id)
    if title is None:
        return "another chip"
    fit = " or ".join(board.name for board in fitting(title))
    return f"an {title}" + (f" (--board {fit})" if fit else "")


def _rp2(path: Path, data: bytes, board: Board) -> Firmware:
    chip = board.soc
    if not uf2.is_uf2(data):
        raise FirmwareError(f"{path} is no UF2 file: take {wanted(board)}.")
    try:
        blocks = uf2.parse(data)
    except BuzonError as error:
        raise FirmwareError(f"{path} cannot be used ({error}): download it again.") from None
    assert chip.uf2_family is not None
    mine = uf2.of_family(blocks, chip.uf2_family)
    if not mine:
        raise FirmwareError(
            f"{path} is for another chip than the {chip.title} of {board.name}: take {wanted(board)}."
        )
    flat = b"".join(block.data for block in sorted(mine, key=lambda block: block.address))
    end = max(block.address + len(block.data) for block in mine) - uf2.FLASH
    if end > board.filesystem.offset:
        raise FirmwareError(
            f"{path} takes {end} bytes of the flash, and the file system of {board.name} begins at "
            f"{board.filesystem.offset}: set filesystem in a board.toml of your own as this firmware has it."
        )
    return Firmware(path, data, _version(flat), blocks=blocks)
