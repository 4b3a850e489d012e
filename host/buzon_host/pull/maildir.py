"""Copies into a Maildir: written in tmp/, renamed into new/. The name alone shows that a message was copied.

A mail program may move it to cur/ or to another folder of the Maildir and add flags; it is still found there.
"""

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from ..board.client import Item
from ..errors import UsageError
from .target import TAG, sync_folder

_NAME = re.compile(rf"\d+\.({TAG})\.buzon(?:[,:;!].*)?", re.DOTALL)
_SUBS = ("tmp", "new", "cur")


class Maildir:
    """See `Target`. Messages keep their bytes, CRLF line ends included."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.there: set[str] = set()

    def __enter__(self) -> Self:
        """Makes the Maildir if it is missing. Raises UsageError if something else is there."""
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path} is not a folder: name a Maildir, or a folder to be made.")
        if not (self.path / "new").is_dir() and self.path.is_dir() and any(self.path.iterdir()):
            raise UsageError(
                f"{self.path} holds other things than mail: name a Maildir, or a folder to be made."
            )
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for sub in _SUBS:
            (self.path / sub).mkdir(mode=0o700, exist_ok=True)
        self.there = {found[1] for path in self._files() if (found := _NAME.fullmatch(path.name))}
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def part(self, tag: str, time: int) -> Path:
        return self.path / "tmp" / _name(tag, time)

    def holds(self, tag: str, item: Item) -> bool:
        message = self._read(tag)
        return message is not None and (len(message), zlib.crc32(message)) == (item.size, item.crc)

    def is_copy(self, tag: str, message: bytes) -> bool:
        return self._read(tag) == message

    def _read(self, tag: str) -> bytes | None:
        """The copy, wherever a mail program has moved it; None: it is gone."""
        for path in self._files():
            found = _NAME.fullmatch(path.name)
            if found and found[1] == tag:
                try:
                    return path.read_bytes()
                except OSError:
                    return None  # it has just been renamed
        return None

    def tidy(self, account: str) -> None:
        for name in os.listdir(self.path / "tmp"):
            found = _NAME.fullmatch(name)
            if found and found[1].endswith("." + account):
                (self.path / "tmp" / name).unlink()

    def add(self, tag: str, time: int) -> None:
        os.replace(self.part(tag, time), self.path / "new" / _name(tag, time))
        sync_folder(self.path / "new")
        self.there.add(tag)

    def _files(self) -> Iterator[Path]:
        """The files in new/ and cur/ of the Maildir and of the folders in it (Maildir++)."""
        for folder in (self.path, *(each for each in self.path.glob(".*") if each.is_dir())):
            for sub in ("new", "cur"):
                if (folder / sub).is_dir():
                    yield from (folder / sub / name for name in os.listdir(folder / sub))


def _name(tag: str, time: int) -> str:
    return f"{time}.{tag}.buzon"
