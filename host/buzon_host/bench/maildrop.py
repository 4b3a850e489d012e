"""The maildrops that are collected: their content, always the same, and its way into Dovecot's Maildir."""

import os
import random
import shutil
import string
from hashlib import sha256
from pathlib import Path

from ..server.dovecot import NOBODY, Dovecot

SMALLEST, LARGEST = 2_000, 2_000_000
_SEED = 31  # 54 MB with 200 messages
_LINE = 72
_DOTS = 500  # one line in so many begins with a dot


def mixed(count: int = 200) -> list[bytes]:
    """Messages of 2 KB to 2 MB, log-uniform, in lines of text ending with LF (sizes are those with CRLF)."""
    chance = random.Random(_SEED)
    sizes = [int(SMALLEST * (LARGEST / SMALLEST) ** chance.random()) for _ in range(count)]
    alphabet = string.ascii_letters + "     "
    pool = ["".join(chance.choices(alphabet, k=_LINE)) for _ in range(_DOTS)]
    pool[0] = "." + pool[0][1:]
    return [_message(n, size, pool, chance) for n, size in enumerate(sizes)]


def _message(n: int, size: int, pool: list[str], chance: random.Random) -> bytes:
    head = [
        "From: a@example.org",
        "To: b@example.org",
        f"Subject: {n}",
        f"Message-ID: <{n}@example.org>",
        "Date: Mon, 01 Jan 2024 12:00:00 +0000",
        "",
    ]
    left = size - sum(len(line) + 2 for line in head)
    body = chance.choices(pool, k=left // (_LINE + 2) - 1)
    left -= len(body) * (_LINE + 2)
    return "".join(line + "\n" for line in (*head, *body, "x" * (left - 2))).encode()


def small(count: int) -> list[bytes]:
    """Messages of a few lines."""
    return [b"Subject: %d\n\nbody\n" % n for n in range(count)]


def wire(message: bytes) -> bytes:
    """The message as the server sends it."""
    return message.replace(b"\n", b"\r\n")


def digest(message: bytes) -> bytes:
    """A message's digest, whichever line ends it was stored with."""
    return sha256(message.replace(b"\r\n", b"\n")).digest()


class Maildrop:
    """The mail of a Dovecot, which can be put back after it was deleted."""

    def __init__(self, server: Dovecot, messages: list[bytes]) -> None:
        self.count = len(messages)
        self._fills = 0
        self._maildir = server.maildir
        self._aside = server.maildir.parent / "aside"
        shutil.rmtree(self._aside, ignore_errors=True)
        self._aside.mkdir()
        for n, message in enumerate(messages):
            # The names hold the sizes, as with Dovecot's own delivery: so it need not read everything first.
            size = len(message)
            name = f".M{n:06}.bench,S={size},W={size + message.count(10)}"
            path = self._aside / name
            path.write_bytes(message)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        self.fill()

    def fill(self, anew: bool = False) -> None:
        """Make sure that all of it is there; `anew`: with other uids than before."""
        if self.left() == self.count and not anew:
            return
        self._fills += 1
        for path in self._there():
            path.unlink()
        for path in self._aside.iterdir():
            # A new name each time: Dovecot knows the old ones as deleted.
            (self._maildir / "new" / f"17{self._fills:08}{path.name}").hardlink_to(path)

    def left(self) -> int:
        return len(self._there())

    def _there(self) -> list[Path]:
        return [path for name in ("new", "cur") for path in (self._maildir / name).iterdir()]
