"""Small helpers over the file system that the rest of store shares. Raises StoreError, never OSError."""

import errno
import os

from micropython import const

from ..errors import E_FLASH, E_FLASH_FULL, StoreError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator

_ENOSPC = const(28)  # not in every port's errno


def trouble(err: OSError) -> StoreError:
    """The StoreError for a failed file operation."""
    if err.errno == _ENOSPC:
        return StoreError(E_FLASH_FULL, "0 KB free")
    return StoreError(E_FLASH, str(err))


def room(path: str = "/") -> "tuple[int, int]":
    """(free, total) bytes of the file system that holds `path`."""
    stat = os.statvfs(path)
    return stat[0] * stat[3], stat[0] * stat[2]


def make_folder(path: str) -> None:
    """Make `path` and what is above it; an existing one costs no write."""
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
    """Remove a file; one that is not there is no error."""
    try:
        os.remove(path)
    except OSError as err:
        if err.errno != errno.ENOENT:
            raise trouble(err)


def names(path: str) -> "Iterator[str]":
    """Iterate the names of a folder's files, without a list of them."""
    for entry in os.ilistdir(path):
        if entry[1] != 0x4000:
            yield entry[0]


def tidy(folder: str) -> None:
    """Remove what a cut left unfinished in a folder. Writes nothing when there is nothing."""
    for name in list(name for name in names(folder) if name.endswith((".part", ".tmp"))):
        remove(folder + "/" + name)
