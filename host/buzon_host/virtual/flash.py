"""The flash image of a virtual board: makes it with littlefs, and reads its counters. No board runs here."""

import fcntl
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cbor2
from littlefs import LittleFS, LittleFSError, UserContext

from ..boards import Board
from . import profile
from .interpreter import VirtualBoardError

BLOCK = 4096
MIN_SIZE = 16 * BLOCK
MAX_SIZE = 1 << 30
"""Bounded, as an image is held in memory while it is made or read."""
_COUNTERS = struct.Struct("<6I")
_BUSY = struct.Struct("<2I")  # microseconds below a second, seconds
_HEADER = 64  # bytes before the erases per block in the counters' file


def _file_system(size: int) -> LittleFS:
    """A littlefs as MicroPython's VfsLfs2 has it by default (reads and programs of 32 bytes)."""
    return LittleFS(
        context=UserContext(size),
        mount=False,
        block_size=BLOCK,
        block_count=size // BLOCK,
        read_size=32,
        prog_size=32,
        cache_size=128,
        lookahead_size=32,
    )


def check(path: Path) -> None:
    """Raises VirtualBoardError if `path` exists and cannot be a flash file: reading a device or a FIFO would
    take forever."""
    if path.exists() and not path.is_file():
        raise VirtualBoardError(f"{path} is not a file: name another one for the board's flash.")
    if path.exists() and path.stat().st_size > MAX_SIZE:
        raise VirtualBoardError(
            f"{path} is larger than {MAX_SIZE} bytes, so it is no flash file: name another."
        )


def open_image(path: Path) -> LittleFS:
    """The file system in a flash image, read into memory (changes stay there).

    Raises VirtualBoardError if the file is not a flash image or is damaged.
    """
    check(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VirtualBoardError(f"The flash file {path} cannot be read: {error.strerror}.") from None
    if len(data) < MIN_SIZE or len(data) % BLOCK:
        raise VirtualBoardError(
            f"{path} is no flash image: its size is not a multiple of {BLOCK} bytes. Name another file."
        )
    fs = _file_system(len(data))
    fs.context.buffer[:] = data
    try:
        fs.mount()
    except LittleFSError:
        raise VirtualBoardError(
            f"{path} holds no littlefs file system: name another file, or delete it for a new one."
        ) from None
    return fs


def new_image(size: int, fill: Callable[[LittleFS], object] = lambda fs: None) -> bytes:
    """A new file system of `size` bytes, with what `fill` puts into it."""
    fs = _file_system(size)
    fs.format()
    fs.mount()
    fill(fs)
    fs.unmount()
    return bytes(fs.context.buffer)


def prepare(path: Path, board: Board, size: int | None = None, bare: bool = False) -> int:
    """Make sure that `path` is a flash image with `/board.cbor` (not with `bare`); returns its size in bytes.

    A new one gets `size` bytes (default: the board's partition); an existing one keeps its size and files.
    Raises VirtualBoardError.
    """
    check(path)
    if path.exists() and path.stat().st_size:
        fs = open_image(path)
        size = path.stat().st_size
        if bare or "board.cbor" in fs.listdir("/"):
            return size
    else:
        size = board.filesystem.size if size is None else size
        if not MIN_SIZE <= size <= MAX_SIZE or size % BLOCK:
            raise VirtualBoardError(
                f"A flash of {size} bytes is not possible: take a multiple of {BLOCK} from {MIN_SIZE} to "
                f"{MAX_SIZE}."
            )
        fs = _file_system(size)
        fs.format()
        fs.mount()
    if not bare:
        with fs.open("/board.cbor", "wb") as file:
            file.write(cbor2.dumps(board.cbor_map()))
    fs.unmount()
    try:
        with path.open("r+b" if path.exists() else "xb") as file:
            file.write(fs.context.buffer)
    except FileNotFoundError:
        raise VirtualBoardError(
            f"There is no folder {path.parent} for the flash file: make it, or name another."
        ) from None
    except OSError as error:
        raise VirtualBoardError(f"The flash file {path} cannot be written: {error.strerror}.") from None
    return size


def is_bare(path: Path, board: Board) -> bool:
    """Whether a virtual board with this image is MicroPython alone, for `buzon install`. False if there is no image.

    The board `virtual` then has something on its flash (`/main.py`, or nothing at all); otherwise it runs Buzón in
    place, and has its `/board.cbor`. One with a chip has no `/main.py`.
    """
    check(path)
    if not path.exists() or not path.stat().st_size:
        return False
    found = open_image(path).listdir("/")
    if profile.of(board.chip).place == "flash":
        return "main.py" not in found
    return "main.py" in found or "board.cbor" not in found


def lock(path: Path) -> int:
    """A descriptor that keeps other virtual boards away from the image until it is closed.

    Raises VirtualBoardError if another one has it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise VirtualBoardError(
            f"Another virtual board runs from {path}: stop it, or name another file."
        ) from None
    return handle


@dataclass(frozen=True)
class Counters:
    """What has been done to the flash since its virtual board was made. `operations`: programs and erases."""

    reads: int = 0
    programs: int = 0
    erases: int = 0
    bytes_programmed: int = 0
    bytes_read: int = 0
    operations: int = 0


def new_counters(path: Path, size: int) -> None:
    """Make the counters' file: the six numbers, then the erases of each block, in 32 bits each."""
    path.write_bytes(bytes(_HEADER + 4 * (size // BLOCK)))


def counters(path: Path) -> tuple[Counters, list[int]]:
    """The numbers, modulo 2^32, and the erases of each block."""
    data = path.read_bytes()
    blocks = (len(data) - _HEADER) // 4
    return Counters(*_COUNTERS.unpack_from(data)), list(struct.unpack_from(f"<{blocks}I", data, _HEADER))


def busy_us(path: Path) -> int:
    """How long all that was done to the flash takes on the board's chip, in microseconds."""
    below, seconds = _BUSY.unpack_from(path.read_bytes(), _COUNTERS.size)
    return int(seconds) * 1_000_000 + int(below)
