"""Small file-system helpers that the rest of store shares. Those that change something raise
StoreError, those that only look raise OSError.
"""

import errno
import os

from micropython import const

from ..errors import E_FLASH, E_FLASH_FULL, StoreError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Dict, Iterator, List

SPARE = const(32768)  # bytes that neither mail nor files take: for journals, settings, and littlefs itself
ENOSPC = const(28)  # not in every port's errno
_ENAMETOOLONG = const(36)  # from littlefs it means that there is no room for the name, as ours are short
_BLOCK = const(4096)
_COPY = const(16384)  # of SPARE: for a second journal, as each is rewritten beside the old one

# [free, total] bytes of each path; total -1: to be measured. It is made here, low in the heap, where it stays.
rooms: "Dict[str, List[int]]" = {"/": [0, -1]}


def trouble(err: OSError) -> StoreError:
    """The StoreError for a failed file operation."""
    if err.errno in (ENOSPC, _ENAMETOOLONG):
        return StoreError(E_FLASH_FULL, "0 KB free")
    return StoreError(E_FLASH, str(err))


def room(path: str = "/", least: int = 0xFFFFFFFF) -> "tuple[int, int]":
    """(free, total) bytes of the file system that holds `path`. Measuring reads all of its index, so that is done only
    if less than `least` seems to be free, counted on from the last time.

    littlefs counts the blocks of folders twice: on a full flash it reports less than nothing as free, unsigned.
    """
    known = rooms.get(path)
    if not known:
        known = rooms[path] = [0, -1]
    if known[1] < 0 or known[0] < least:
        stat = os.statvfs(path)
        known[0] = stat[0] * (stat[3] if 0 <= stat[3] <= stat[2] else 0)
        known[1] = stat[0] * stat[2]
    return known[0], known[1]


def forget() -> None:
    """What is free is measured next time."""
    for path in rooms:
        rooms[path][1] = -1


def count(octets: int, unit: int = _BLOCK) -> None:
    """A file of so many bytes was written, or removed if negative. `unit`: 1: one has become so much longer."""
    taken = blocks(abs(octets), unit)
    if octets < 0:
        taken = -taken
    for path in rooms:
        known = rooms[path]
        known[0] = min(known[1], max(0, known[0] - taken))


def blocks(octets: int, unit: int = _BLOCK) -> int:
    """Bytes of flash that a file of so many takes: littlefs gives each blocks of its own, and some of another for the
    name."""
    return (octets + unit // 8 + unit - 1) // unit * unit


def kept(root: str) -> int:
    """Bytes that stay free: SPARE, plus what the largest journal in the folders of `root` needs beyond it to
    be rewritten."""
    most = 0
    try:
        for name in folders(root):
            try:
                most = max(most, os.stat(root + "/" + name + "/journal")[6])
            except OSError:
                pass
    except OSError:
        pass
    return SPARE + max(0, most - _COPY)


def make_folder(path: str) -> None:
    """Make the folder `path` and those above it; existing ones cost no write."""
    at = 0
    while at >= 0:
        at = path.find("/", at + 1)
        part = path if at < 0 else path[:at]
        if not exists(part):
            try:
                os.mkdir(part)
            except OSError as err:
                raise trouble(err)


def exists(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def remove(path: str) -> None:
    """Remove a file; a missing one is no error."""
    try:
        os.remove(path)
    except OSError as err:
        if err.errno != errno.ENOENT:
            raise trouble(err)


def names(path: str) -> "Iterator[str]":
    """Iterate over the names of a folder's files, without making a list."""
    for entry in os.ilistdir(path):
        if entry[1] != 0x4000:
            yield entry[0]


def folders(path: str) -> "List[str]":
    """The names of the folders in `path`, no more than there have ever been accounts; none if `path` is missing."""
    if not exists(path):
        return []
    return [entry[0] for entry in os.ilistdir(path) if entry[1] == 0x4000]


def tidy(folder: str) -> None:
    """Remove what an interruption left unfinished in a folder. Writes nothing if there is nothing."""
    for name in list(name for name in names(folder) if name.endswith((".part", ".tmp"))):
        remove(folder + "/" + name)
