"""How much flash mail may take, all accounts together, when the settings say less than there is."""

import os

from micropython import const

from . import fs
from .spool import size_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator


class Quota:
    """`octets`: bytes of messages that may be stored under `root`. One object, lent to every spool."""

    def __init__(self, octets: int, root: str = "/mail") -> None:
        self.octets = octets
        self._root = root
        self._used = -1

    def room(self, free: int) -> int:
        """Bytes that may still be stored; `free`: what the flash has. Looks through the folders once."""
        if self._used < 0:
            self._used = _used(self._root)
        return min(free, self.octets - self._used)

    def took(self, octets: int) -> None:
        """So much was stored, or removed when negative."""
        if self._used >= 0:
            self._used += octets


def _used(root: str) -> int:
    total = 0
    for folder in _folders(root):
        for name in fs.names(root + "/" + folder):
            if name[16:17] == "-":
                try:
                    total += size_of(name)
                except (ValueError, IndexError):
                    pass  # no message's
    return total


def _folders(path: str) -> "Iterator[str]":
    """The names of the folders in one; a missing one has none."""
    try:
        for entry in os.ilistdir(path):
            if entry[1] == 0x4000:
                yield entry[0]
    except OSError:
        return
