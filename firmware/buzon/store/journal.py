"""What the folder of messages cannot say: the order of arrival, what was seen, what was deleted here.

Append-only, records of 16 bytes; the last record of a message counts. Replaced whole, by rename, when the
changes in it have become many. Memory: one block of records, and one Window.
"""

import struct

from micropython import const

from ..errors import StoreError
from . import fs
from .spool import Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Iterator, List

    from .spool import Spool

# What a record says of its message.
ARRIVED = const(1)
SEEN = const(2)
DELETED = const(3)  # deleted here; the server may still list it

_RECORD = const(16)  # kind, 1 when it changes an earlier record, 2 spare, time (uint32), key
_BATCH = const(16)  # records read or written at once
_NEAR = const(64)  # records that are looked at for each message
_LEAPS = const(16)
CHANGES = const(64)  # changing records before the journal is made anew without them


class Journal:
    """`stored` and `new` count the messages on the board, all and unseen. Raises StoreError.

    `path`: its file; `pending`: records that are not written yet; `changes`: changing records in the file.
    """

    def __init__(self, folder: str) -> None:
        self.path = folder + "/journal"
        self.stored = 0
        self.new = 0
        self.changes = 0
        self.pending = bytearray()

    def open(self, spool: "Spool") -> None:
        """Read it, and make it agree with the folder: a cut can leave a file without its record."""
        self._recount()
        if spool.count() != self.stored:
            from .mend import mend

            mend(self, spool)
            self._recount()

    def arrived(self, key: bytes, time: int) -> None:
        """A message was stored at `time` (epoch, 0: no clock). Kept in memory until `flush`."""
        self.pending += pack(ARRIVED, 0, time, key)
        self.stored += 1
        self.new += 1
        if len(self.pending) >= _BATCH * _RECORD:
            self.flush()

    def change(self, kind: int, key: bytes, seen: bool) -> None:
        """Record SEEN or DELETED at once. `seen`: whether it was seen before."""
        self.pending += pack(kind, 1, 0, key)
        self.flush()
        if not seen:
            self.new -= 1
        if kind == DELETED:
            self.stored -= 1
        self.changes += 1
        self._compact()

    def flush(self) -> None:
        """Append what is pending; nothing pending writes nothing."""
        if self.pending:
            try:
                with open(self.path, "ab") as f:
                    f.write(self.pending)
            except OSError as err:
                raise fs.trouble(err)
            self.pending = bytearray()

    def newest(self) -> "Iterator[tuple[bytes, int, bool]]":
        """(key, time, seen) of every message on the board, the last to arrive first."""
        self.flush()
        changed = Window(self.changes)
        for kind, change, time, key in self.backwards():
            if change:
                if changed.find(key) < 0 and changed.n < changed.size:
                    changed.add(key)
                    changed.state[changed.n - 1] = kind
                continue
            i = changed.find(key)
            if i >= 0:
                kind = changed.state[i]
            if kind != DELETED:
                yield key, time, kind == SEEN

    def state(self, key: bytes) -> int:
        """The last record's kind for a message; 0: none."""
        self.flush()
        last = 0
        for kind, _, _, each in self.records():
            if each == key:
                last = kind
        return last

    def mark_deleted(self, window: Window, state: int) -> None:
        """Set the state of those in the window that were deleted here and have none: one pass over the journal."""
        self.flush()
        for kind, _, _, key in self.records():
            if kind == DELETED:
                i = window.find(key)
                if i >= 0 and not window.state[i]:
                    window.state[i] = state

    def walk(self) -> "Walk":
        """To follow a listing with: which of its messages ever arrived here."""
        self.flush()
        return Walk(self.path)

    # -- pieces

    def records(self) -> "Iterator[tuple[int, int, int, bytes]]":
        """(kind, change, time, key), oldest first."""
        block = bytearray(_BATCH * _RECORD)
        try:
            f = open(self.path, "rb")
        except OSError:
            return
        with f:
            n = f.readinto(block)
            while n >= _RECORD:
                for at in range(0, n - _RECORD + 1, _RECORD):
                    yield _unpack(block, at)
                n = f.readinto(block)

    def backwards(self) -> "Iterator[tuple[int, int, int, bytes]]":
        block = bytearray(_BATCH * _RECORD)
        try:
            f = open(self.path, "rb")
        except OSError:
            return
        with f:
            end = f.seek(0, 2) // _RECORD
            while end > 0:
                start = max(0, end - _BATCH)
                f.seek(start * _RECORD)
                f.readinto(block)
                for i in range(end - start - 1, -1, -1):
                    yield _unpack(block, i * _RECORD)
                end = start

    def _recount(self) -> None:
        self.changes = sum(change for _, change, _, _ in self.records())
        self._compact()
        self.stored = self.new = 0
        for _, _, seen in self.newest():
            self.stored += 1
            if not seen:
                self.new += 1

    def _compact(self) -> None:
        if self.changes >= CHANGES:
            from .mend import compact

            try:
                compact(self)
                self.changes = 0
            except StoreError:
                pass  # no room for a second journal: again at the next change, which may be a deletion that makes some


class Walk:
    """Follows a server's listing through the journal. Both are in the order of arrival, so that each message is
    found where the last one was left: one block of records in memory, and the journal is read once.

    Where they are not, it leaps; a few times, as each costs a look at all of the journal. `close` it after use.
    """

    def __init__(self, path: str) -> None:
        self._block = bytearray(_BATCH * _RECORD)
        self._first = -_BATCH  # the record that the block begins with
        self._n = 0
        # From where to where it went, a pair for each leap: a record stands for one message of a listing, so that
        # none is found twice.
        self._been: "List[int]" = [0, 0]
        self._file: "Any" = None
        try:
            self._file = open(path, "rb")
        except OSError:
            return
        self._n = self._file.seek(0, 2) // _RECORD

    def known(self, key: bytes) -> bool:
        """True: it ever arrived here. False says nothing: the order may be another. Raises StoreError."""
        been = self._been
        at = been[-1]
        i = self._find(key, at, at + _NEAR)
        if i >= 0:
            been[-1] = i + 1
            return True
        if len(been) > 2 * _LEAPS:
            return False
        i = self._find(key, at, self._n)
        if i < 0:
            i = self._find(key, 0, at)
        been.append(at if i < 0 else i)
        been.append(at if i < 0 else i + 1)
        return i >= 0

    def _find(self, key: bytes, i: int, end: int) -> int:
        """The first record from the i-th on that is of this message's arrival, and was not found before; or -1."""
        block = self._block
        end = min(self._n, end)
        while i < end:
            if not self._first <= i < self._first + _BATCH:
                self._first = i
                try:
                    self._file.seek(i * _RECORD)
                    self._file.readinto(block)
                except OSError as err:
                    raise fs.trouble(err)
            stop = min(end, self._first + _BATCH)
            at = block.find(key, (i - self._first) * _RECORD, (stop - self._first) * _RECORD)
            while at >= 0:
                found = self._first + at // _RECORD
                if at % _RECORD == 8 and not block[at - 7] and not self._was(found):
                    return found
                at = block.find(key, at + 1, (stop - self._first) * _RECORD)
            i = stop
        return -1

    def _was(self, i: int) -> bool:
        been = self._been
        return any(been[k] <= i < been[k + 1] for k in range(0, len(been), 2))

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._n = 0


def pack(kind: int, change: int, time: int, key: bytes) -> bytes:
    return struct.pack("<BBHI", kind, change, 0, time & 0xFFFFFFFF) + key


def _unpack(block: bytearray, at: int) -> "tuple[int, int, int, bytes]":
    kind, change, _, time = struct.unpack_from("<BBHI", block, at)
    return kind, change, time, bytes(block[at + 8 : at + _RECORD])
