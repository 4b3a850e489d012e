"""How much flash the mail of all accounts together may take, if the settings allow less than there is."""

from micropython import const

from . import fs
from .spool import size_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Callable


class Quota:
    """`octets`: bytes of messages that may be stored under `root`. One object, lent to every spool."""

    def __init__(self, octets: int, root: str = "/mail") -> None:
        self.octets = octets
        self._root = root
        self._used = -1

    def room(self, free: int) -> int:
        """Bytes that may still be stored; `free`: what the flash has. It looks through the folders only once."""
        if self._used < 0:
            self._used = used(self._root)
        return min(free, self.octets - self._used)

    def took(self, octets: int) -> None:
        """Count `octets` as stored, or as removed if negative."""
        if self._used >= 0:
            self._used += octets


def used(root: str) -> int:
    """Bytes of the messages of all accounts."""
    return sum(taken(root + "/" + folder) for folder in fs.folders(root))


def taken(folder: str, unit: "Callable[[int], int]" = int) -> int:
    """Bytes of the messages in an account's folder, if it is there; `unit`: what one of so many bytes takes."""
    total = 0
    if not fs.exists(folder):
        return total
    for name in fs.names(folder):
        if name[16:17] == "-":
            try:
                total += unit(size_of(name))
            except (ValueError, IndexError):
                pass  # not a message's file
    return total
