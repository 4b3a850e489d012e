"""What copying mail from a board and the targets of the copies share: the tag that stands for a message."""

import os
from pathlib import Path
from typing import Protocol, Self

from ..board.client import Item

ACCOUNT = r"[a-z0-9_-]{1,16}"
TAG = rf"[0-9a-f]{{16}}-[0-9a-f]+-[0-9a-f]{{8}}\.{ACCOUNT}"
"""A regular expression for tags, which are safe as part of a file's name."""


def tag_of(account: str, item: Item) -> str:
    """What stands for a message wherever its copy is: the id, size and CRC-32 that the board gives it, and
    the account, as two accounts may have the same message."""
    return f"{item.id}-{item.size:x}-{item.crc:08x}.{account}"


class Target(Protocol):
    """Where copies go. `there`: the tags of existing copies. Use it in a `with` statement."""

    there: set[str]

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def part(self, tag: str, time: int) -> Path:
        """The file for the bytes of a message that is being copied; it may exist from an earlier run."""
        ...

    def holds(self, tag: str, item: Item) -> bool:
        """Whether the existing copy is, byte for byte, what the board has, by its size and CRC-32. Also False
        if the copy alone does not show that."""
        ...

    def is_copy(self, tag: str, message: bytes) -> bool:
        """Whether the existing copy is of exactly this message."""
        ...

    def tidy(self, account: str) -> None:
        """Removes an account's part files: what is on the board has been copied, the rest is gone there."""
        ...

    def add(self, tag: str, time: int) -> None:
        """Takes the message whose part file is complete: once this returns, the copy exists and the part file
        is gone. `time`: when the board stored it, an epoch or 0."""
        ...


def private(path: str, flags: int) -> int:
    """For `open(opener=...)`: a new file is only for its owner."""
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Makes renames and removals in a folder durable, if the system can."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows does not open folders
    try:
        os.fsync(number)
    except OSError:
        pass
    finally:
        os.close(number)
