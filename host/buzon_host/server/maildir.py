"""The server's mail: a Maildir on disk, and loading a folder of messages into it.

What is in the Maildir is never renamed or rewritten, and messages are delivered and listed in chunks.
"""

import email.parser
import hashlib
import itertools
import os
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .content import read_chunks, with_crlf

SAMPLES = Path(__file__).resolve().parent / "samples"
"""The project's own sample messages."""

_HEADER_LOOK = 1024 * 1024
_UIDL = re.compile(r"[\x21-\x7e]{1,70}")
_OUR_NAME = re.compile(r"\.buzon,S=(\d+),W=(\d+)")


class LocalServerError(Exception):
    """The local mail server cannot do what it was asked. The text is one sentence for a person."""


class NoMailError(LocalServerError):
    """The given folder has no messages, or cannot be read."""


@dataclass(frozen=True)
class Message:
    """One message of a Maildir. `size`: octets that RETR sends, before dot-stuffing (RFC 1939 section 11)."""

    uidl: str
    path: Path
    size: int


def is_message(path: Path) -> bool:
    """Whether `path` is a regular file in which Python's email parser finds a header field.

    It looks for a header in the first MiB only. Raises OSError if the file cannot be read.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return bool(email.parser.BytesHeaderParser().parsebytes(file.read(_HEADER_LOOK)).keys())


def messages_in(folder: Path) -> list[Path]:
    """The messages directly in `folder`, by file name. Raises NoMailError if there are none."""
    try:
        found = [path for path in sorted(folder.iterdir()) if is_message(path)]
    except FileNotFoundError:
        raise NoMailError(f"There is no folder {folder}: check the path to the mail.") from None
    except NotADirectoryError:
        raise NoMailError(f"{folder} is not a folder: give the folder that holds the messages.") from None
    except OSError as error:
        where = error.filename or folder
        raise NoMailError(f"{where} cannot be read ({error.strerror}): check its permissions.") from None
    if not found:
        raise NoMailError(
            f"There is no mail in {folder}: put messages there, one per file, each with its header fields."
        )
    return found


class Maildir:
    """A Maildir (`new`, `cur`, `tmp`), made if it is missing.

    A message keeps its UIDL for as long as its file keeps its name, even across restarts of the server.
    """

    _lock = threading.Lock()
    _last_us = 0
    _count = itertools.count(1)

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_new = not (path / "cur").is_dir()
        self._sizes: dict[tuple[str, int, int], int] = {}
        for name in ("tmp", "new", "cur"):
            (path / name).mkdir(parents=True, exist_ok=True)

    def deliver(self, content: bytes | Iterable[bytes]) -> str:
        """Add a message, with CRLF from `with_crlf`: it appears whole or not at all. Returns its UIDL."""
        base = self._unique()
        aside = self.path / "tmp" / base
        size = 0
        try:
            with aside.open("xb") as file:
                for chunk in with_crlf([content] if isinstance(content, bytes) else content):
                    size += file.write(chunk)
            # S is the size in the file, W the size with CRLF line ends: Maildir++'s fields.
            aside.rename(self.path / "new" / f"{base},S={size},W={size}")
        finally:
            aside.unlink(missing_ok=True)
        return base

    def load(self, folder: Path) -> int:
        """Deliver all messages in `folder`, by file name; returns how many there were. Raises NoMailError."""
        found = messages_in(folder)
        for path in found:
            with path.open("rb") as file:
                self.deliver(read_chunks(file))
        return len(found)

    def messages(self) -> list[Message]:
        """What is in the Maildir now, oldest first; the listing of one POP3 session."""
        found: dict[str, Message] = {}
        for name, path in sorted((path.name, path) for path in self._files()):
            try:
                size = self._size(path)
            except FileNotFoundError:
                continue  # deleted since it was listed
            uidl = re.split("[:,]", name)[0]
            if not _UIDL.fullmatch(uidl) or uidl in found:
                uidl = hashlib.sha256(os.fsencode(name)).hexdigest()
            found[uidl] = Message(uidl, path, size)
        return list(found.values())

    def count(self) -> int:
        """How many messages are in the Maildir now."""
        return len(self._files())

    def open(self, message: Message) -> BinaryIO:
        """The message's file, to be read through `with_crlf`. Raises OSError if it is gone."""
        return message.path.open("rb")

    def read(self, message: Message) -> bytes:
        """The whole message as RETR sends it, before dot-stuffing."""
        with self.open(message) as file:
            return b"".join(with_crlf(read_chunks(file)))

    def _files(self) -> list[Path]:
        return [
            path
            for name in ("new", "cur")
            for path in (self.path / name).iterdir()
            if not path.name.startswith(".") and path.is_file()
        ]

    def _size(self, path: Path) -> int:
        stat = path.stat()
        ours = _OUR_NAME.search(path.name)
        if ours and int(ours[1]) == int(ours[2]) == stat.st_size:
            return stat.st_size
        # Another program's file may have LF line ends: count what will be sent.
        key = (path.name, stat.st_mtime_ns, stat.st_size)
        if key not in self._sizes:
            with path.open("rb") as file:
                self._sizes[key] = sum(len(chunk) for chunk in with_crlf(read_chunks(file)))
        return self._sizes[key]

    @classmethod
    def _unique(cls) -> str:
        """An unused name, which sorts after all earlier ones even if the clock stands still."""
        with cls._lock:
            cls._last_us = max(cls._last_us + 1, time.time_ns() // 1000)
            seconds, micros = divmod(cls._last_us, 1_000_000)
            return f"{seconds}.M{micros:06}P{os.getpid()}Q{next(cls._count)}.buzon"
