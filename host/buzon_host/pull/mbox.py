"""Copies into an mbox file (mboxrd: "From " lines quoted with ">", LF line ends). The From_ line before a
message shows that it was copied.

While they are needed, two files are beside FILE: FILE.<tag>.part, the bytes of a message that is being
copied, and FILE.buzon, what is being appended and where, so that an interrupted append is undone and
repeated.
"""

import os
import re
import time as clock
import zlib
from pathlib import Path
from typing import BinaryIO, Self

from ..board.client import Item
from ..errors import BuzonError, UsageError
from .target import TAG, private, sync_folder

_FROM = re.compile(rf"From ({TAG})@buzon ".encode())
_UNQUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_QUOTED = re.compile(rb"^(>*From )", re.MULTILINE)


class Mbox:
    """See `Target`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.there: set[str] = set()
        self._file: BinaryIO | None = None
        self._where: dict[str, tuple[int, int]] = {}  # where each message's text begins and ends
        self._redo = path.with_name(path.name + ".buzon")

    def __enter__(self) -> Self:
        """Makes a missing file, or finishes an interrupted append. Raises UsageError if it is not an mbox."""
        if self.path.exists() and not self.path.is_file():
            raise UsageError(f"{self.path} is not a file: name an mbox file, or a file to be made.")
        if not self.path.parent.is_dir():
            raise UsageError(f"There is no folder {self.path.parent}: make it first, or name another file.")
        self._file = file = open(self.path, "r+b" if self.path.exists() else "x+b", opener=private)
        try:
            _lock(file, self.path)
            self._recover(file)
            file.seek(0)
            if file.read(5) not in (b"", b"From "):
                raise UsageError(f"{self.path} is no mbox file: name another one, or a file to be made.")
            file.seek(0)
            self._find(file)
            self.there = set(self._where)
        except BaseException:
            file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def part(self, tag: str, time: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{tag}.part")

    def tidy(self, account: str) -> None:
        parts = re.compile(rf"{re.escape(self.path.name)}\.{TAG}\.part")
        for each in self.path.parent.iterdir():
            if parts.fullmatch(each.name) and each.name.endswith(f".{account}.part"):
                each.unlink()

    def add(self, tag: str, time: int) -> None:
        assert self._file is not None
        part = self.part(tag, time)
        _append(self._file, self._redo, rendered(tag, time, part.read_bytes()))
        part.unlink()
        self.there.add(tag)

    def holds(self, tag: str, item: Item) -> bool:
        text = self._read(tag)
        if text is None:
            return False
        message = _UNQUOTED.sub(rb"\1", text.removesuffix(b"\n")).replace(b"\n", b"\r\n")
        # An mbox does not keep the kind of line ends, and it may have added the last one.
        return any(
            (len(each), zlib.crc32(each)) == (item.size, item.crc)
            for each in (message, message.removesuffix(b"\r\n"))
        )

    def is_copy(self, tag: str, message: bytes) -> bool:
        return self._read(tag) == rendered(tag, 0, message).partition(b"\n")[2]

    def _read(self, tag: str) -> bytes | None:
        """The text of a copy from an earlier run, or None."""
        begin, end = self._where.get(tag, (0, 0))
        if self._file is None or not end:
            return None
        self._file.seek(begin)
        return self._file.read(end - begin)

    def _find(self, file: BinaryIO) -> None:
        """Finds where the copies are: each from the end of its From_ line up to the next one."""
        at = 0
        tag = ""
        empty = True
        for line in file:
            found = _FROM.match(line)
            if tag and (found or (empty and line.startswith(b"From "))):
                self._where[tag] = (self._where[tag][0], at)
                tag = ""
            at += len(line)
            if found:
                tag = found[1].decode()
                self._where[tag] = (at, at)
            empty = line == b"\n"
        if tag:
            self._where[tag] = (self._where[tag][0], at)

    def _recover(self, file: BinaryIO) -> None:
        """Finishes an interrupted append: what was written is removed, and all of it is written again."""
        _aside(self._redo).unlink(missing_ok=True)
        try:
            head, _, text = self._redo.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return
        except IsADirectoryError:
            head = text = b""
        if not head.isdigit():
            raise UsageError(f"{self._redo} is in the way: move it, or name another mbox file.")
        at = int(head)
        size = file.seek(0, os.SEEK_END)
        file.seek(min(at, size))
        tail = file.read()
        if size >= at and text.startswith(tail):
            file.truncate(at)
        elif size >= at and tail.startswith(text):
            self._redo.unlink()  # nothing is missing, and another program has added to it
            return
        # Otherwise another program has changed the file meanwhile: better twice than half.
        _append(file, self._redo, text)


def rendered(tag: str, time: int, message: bytes) -> bytes:
    """A message as it is in an mbox, with its From_ line and the empty line after it."""
    text = _QUOTED.sub(rb">\1", message.replace(b"\r\n", b"\n"))
    if not text.endswith(b"\n"):
        text += b"\n"
    return f"From {tag}@buzon {clock.asctime(clock.gmtime(time))}\n".encode() + text + b"\n"


def _append(file: BinaryIO, redo: Path, text: bytes) -> None:
    at = file.seek(0, os.SEEK_END)
    file.seek(max(0, at - 2))
    end = file.read()
    if at and not text.startswith(b"\n"):  # another program's last message may lack its empty line
        text = b"\n" * (0 if end == b"\n\n" else 1 if end.endswith(b"\n") else 2) + text
    aside = _aside(redo)
    with open(aside, "wb", opener=private) as record:
        record.write(b"%d\n" % at + text)
        record.flush()
        os.fsync(record.fileno())
    os.replace(aside, redo)
    sync_folder(redo.parent)
    file.seek(at)
    file.write(text)
    file.flush()
    os.fsync(file.fileno())
    redo.unlink()
    sync_folder(redo.parent)


def _aside(redo: Path) -> Path:
    return redo.with_name(redo.name + ".new")


def _lock(file: BinaryIO, path: Path) -> None:
    """Locks an mbox file as mail programs do, if the system can."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise BuzonError(f"Another program has {path} open: close it and try again.") from None
