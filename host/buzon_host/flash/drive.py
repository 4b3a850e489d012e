"""Gives an RP2 a UF2 file: its loader shows up as a drive, and a file copied there goes into the flash."""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..boards import Board
from ..errors import BuzonError, NoBoard
from ..wiring import loader_hint

INFO = "INFO_UF2.TXT"
_CHUNK = 64 * 1024
_GONE_S = 20.0
_NAME = "BUZON.UF2"


def find(board: Board, drive: Path | None = None) -> Path:
    """The board's drive: `drive`, or the only one. Raises NoBoard, or BuzonError if it is another chip's."""
    if drive is not None:
        name = board_id(drive)
        if name is None:
            raise NoBoard(f"{drive} is no drive of a board (it has no {INFO}): {loader_hint(board.soc)}")
        if name != board.soc.drive:
            raise BuzonError(
                f"The board at {drive} is an {name}, and {board.name} is an {board.soc.drive}: name the right board "
                "with --board."
            )
        return drive
    found = loaders()
    mine = [place for place, name in found.items() if name == board.soc.drive]
    if len(mine) == 1:
        return mine[0]
    if len(mine) > 1:
        raise NoBoard(f"There are {len(mine)} boards: choose one with --drive: {', '.join(map(str, mine))}.")
    if found:
        other = ", ".join(f"{place} ({name})" for place, name in found.items())
        raise BuzonError(f"There is no {board.soc.drive}, but {other}: name the right board with --board.")
    raise NoBoard(
        f"No drive of a {board.name} is here (one in another place is named with --drive): {loader_hint(board.soc)}"
    )


def loaders() -> dict[Path, str]:
    """The drives of loaders that are mounted, and what `board_id` says of each."""
    return {place: name for place in _mounted() if (name := board_id(place)) is not None}


def board_id(drive: Path) -> str | None:
    """The loader behind this drive (`Board-ID` in its INFO_UF2.TXT); None if it is not a loader's."""
    try:
        with (drive / INFO).open("rb") as file:
            text = file.read(1024).decode("ascii", "replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "Board-ID":
            return value.strip()
    return None


def copy(data: bytes, drive: Path, progress: Callable[[int, int], None], gone_s: float = _GONE_S) -> None:
    """Copies the file and waits until the drive is gone, which means that the loader has all of it.

    Raises BuzonError if the drive stays, or goes too early.
    """
    again = "hold the button while you plug it in once more, and run the same command again."
    done = 0
    try:
        with (drive / _NAME).open("wb", buffering=0) as file:
            for at in range(0, len(data), _CHUNK):
                file.write(data[at : at + _CHUNK])
                os.fsync(file.fileno())
                done = min(len(data), at + _CHUNK)
                progress(done, len(data))
                if done < len(data) and board_id(drive) is None:
                    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    except OSError as error:
        # The last block starts the chip: the drive may be gone before the file is closed.
        if done + _CHUNK < len(data) or board_id(drive) is not None:
            raise BuzonError(
                f"The board's drive went away while it was written ({error.strerror}): {again}"
            ) from None
    end = time.monotonic() + gone_s
    while board_id(drive) is not None:
        if time.monotonic() > end:
            raise BuzonError(f"The board did not start with the new firmware: {again}")
        time.sleep(0.1)


def _mounted() -> Iterator[Path]:
    """Where removable drives are mounted."""
    if sys.platform == "win32":
        yield from (Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ")
        return
    for pattern in ("/media/*", "/media/*/*", "/run/media/*/*", "/Volumes/*", "/mnt/*"):
        yield from sorted(Path("/").glob(pattern.lstrip("/")))
