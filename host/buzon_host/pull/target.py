"""What copies mail from a board, and where it puts them, have in common: the tag that stands for a message."""

import os
from pathlib import Path
from typing import Protocol, Self

from ..board.client import Item

ACCOUNT = r"[a-z0-9_-]{1,16}"
TAG = rf"[0-9a-f]{{16}}-[0-9a-f]+-[0-9a-f]{{8}}\.{ACCOUNT}"
"""A tag as a regular expression: it is safe as a part of a file's name."""


def tag_of(account: str, item: Item) -> str:
    """What stands for a message wherever its copy is: the key, size and CRC-32 that the board names it by, and the
    account, as two accounts may have the same."""
    return f"{item.id}-{item.size:x}-{item.crc:08x}.{account}"


class Target(Protocol):
    """Where copies go. `there`: the tags of those that are there. Use it in a `with` statement."""

    there: set[str]

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def part(self, tag: str, time: int) -> Path:
        """The file for the bytes of a message that is being copied; it may be there from an earlier run."""
        ...

    def tidy(self, account: str) -> None:
        """Removes the parts of an account's messages: what is on the board was copied, the rest is gone there."""
        ...

    def add(self, tag: str, time: int) -> None:
        """Takes the message whose part is whole: it is there once this returns, and the part is gone. `time`: when
        the board stored it, an epoch or 0."""
        ...


def private(path: str, flags: int) -> int:
    """For `open(opener=...)`: what is made is for its owner only."""
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Makes what was renamed or removed in a folder durable, where the system can."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows opens no folders
    try:
        os.fsync(number)
    except OSError:
        pass
    finally:
        os.close(number)
