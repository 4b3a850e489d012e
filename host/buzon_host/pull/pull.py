"""Copies all messages of an account to a target: existing copies are skipped, interrupted ones are continued.

Nothing that a board says is trusted unchecked: ids, names and sizes, and each copy's size and CRC-32.
"""

import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..board.client import E_NO_MESSAGE, MAX_MESSAGE, Client, Item
from ..errors import BoardRefused, BuzonError
from .target import ACCOUNT, Target, private, tag_of

MAX_RUN = 1 << 30
"""Most bytes that are copied of one account in one run: no board has so much room."""

Progress = Callable[[str, int, int], None]
"""What is being done; how many bytes are done, and of how many."""


@dataclass
class Pulled:
    """What became of an account's messages. `there`: copied earlier; `part`: only the header is on the board;
    `gone`: deleted there meanwhile; `failed`: ids of those that are too large, or came with a wrong size or
    CRC-32. `moved`: deleted from the board, as their copies are complete; `kept`: ids of those that are not,
    as their copies were changed here."""

    account: str
    copied: int = 0
    there: int = 0
    part: int = 0
    gone: int = 0
    moved: int = 0
    failed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def pull(client: Client, account: str, target: Target, progress: Progress, *, move: bool = False) -> Pulled:
    """Copies the messages of one account, oldest first, without marking them as seen on the board.

    `move`: each message whose copy is durable and has its size and CRC-32 is then deleted from the board, one
    by one: whenever it is interrupted, each is on the board or here. Those that were here before are compared
    first. The board remembers what was deleted, so that it does not fetch it again.
    """
    if not re.fullmatch(ACCOUNT, account):
        raise BuzonError(
            "The board's account has a name that cannot be: put Buzón onto it anew with buzon install."
        )
    done = Pulled(account)
    progress(f"Listing {account}", 0, 0)
    wanted: list[Item] = []
    there: list[Item] = []
    for item in client.list_all(account, brief=True):
        if item.part:
            done.part += 1
        elif tag_of(account, item) in target.there:
            done.there += 1
            there.append(item)
        elif item.size > MAX_MESSAGE:
            done.failed.append(item.id)
        else:
            wanted.append(item)
    total = sum(item.size for item in wanted)
    if total > MAX_RUN:
        raise BuzonError(
            f"The board says that {account} holds {total} bytes of mail, more than a board can: nothing was copied."
        )
    if move:
        for number, item in enumerate(reversed(there), 1):
            progress(f"{account}: comparing {number} of {len(there)}", number, len(there))
            if _is_there(client, account, item, target):
                _delete(client, account, item, done)
            else:
                done.kept.append(item.id)
    before = 0
    for number, item in enumerate(reversed(wanted), 1):
        tag = tag_of(account, item)
        part = target.part(tag, item.time)
        at = partial(_at, progress, f"{account}: message {number} of {len(wanted)}", before, total)
        try:
            whole = _fetch(client, account, item, part, at)
        except BoardRefused as error:
            if error.code != E_NO_MESSAGE:
                raise
            done.gone += 1
        else:
            if whole:
                target.add(tag, item.time)
                done.copied += 1
                if move:
                    _delete(client, account, item, done)
            else:
                done.failed.append(item.id)
        before += item.size
    target.tidy(account)
    return done


def _delete(client: Client, account: str, item: Item, done: Pulled) -> None:
    """Deletes that very message from the board."""
    try:
        client.delete_message(account, item.id, item)
    except BoardRefused as error:
        if error.code != E_NO_MESSAGE:
            raise  # otherwise the answer was lost, or a person has deleted it meanwhile
    done.moved += 1


def _is_there(client: Client, account: str, item: Item, target: Target) -> bool:
    """Whether an earlier run's copy is, byte for byte, what the board has."""
    tag = tag_of(account, item)
    if target.holds(tag, item):
        return True
    try:
        message = b"".join(client.read_message(account, item.id, peek=True, item=item))
    except BoardRefused as error:
        if error.code != E_NO_MESSAGE:
            raise
        return False
    return (len(message), zlib.crc32(message)) == (item.size, item.crc) and target.is_copy(tag, message)


def _at(progress: Progress, title: str, before: int, total: int, have: int) -> None:
    progress(title, before + have, total)


def _fetch(client: Client, account: str, item: Item, path: Path, progress: Callable[[int], None]) -> bool:
    """Copies the bytes of a message into `path`, continuing an interrupted run. True: size and CRC-32 are
    right, and it is durable. False: they are wrong even after a second copy from the start; nothing of it is
    left."""
    for _ in range(2):
        with open(path, "a+b", opener=private) as file:
            file.seek(0)
            crc = have = 0
            while have <= item.size and (block := file.read(1 << 16)):
                crc = zlib.crc32(block, crc)
                have += len(block)
            if have < item.size:
                progress(have)
                for data in client.read_message(account, item.id, off=have, peek=True, item=item):
                    file.write(data)
                    crc = zlib.crc32(data, crc)
                    have += len(data)
                    progress(have)
            file.flush()
            os.fsync(file.fileno())
        if (have, crc) == (item.size, item.crc):
            return True
        path.unlink()
    return False
