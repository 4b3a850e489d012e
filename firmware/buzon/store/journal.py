"""What the folder of messages cannot say: the order of arrival, what was seen, deleted here or never wanted.

Append-only, records of 16 bytes; the last record of a message counts. Replaced whole, by rename, when the
changes in it have become many. Memory: one block of records, and one Window.
"""

import struct
from binascii import hexlify

from micropython import const

from ..errors import E_NO_MESSAGE, StoreError
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
LEFT = const(4)  # not here, and the server's is left alone
STATE = const(15)  # the bits of these; beside them may be
PART = const(16)  # only its headers are here
WANTED = const(32)  # and the person wants all of it
MISSED = const(64)  # of one that is not here: once not in a listing either
MISSES = const(192)

_RECORD = const(16)  # kind, change, 2 spare, time (uint32), key
# `change`: 0 the message's first record; 1 it was seen, or not; 2 something that a session must know.
_SEEN_ONLY = const(1)
_TURN = const(2)
_BATCH = const(16)  # records read or written at once
_NEAR = const(64)  # records that are looked at for each message
_LEAPS = const(16)
CHANGES = const(64)  # changing records before the journal is made anew without them


class Journal:
    """`stored` and `new` count the messages on the board, all and unseen. Raises StoreError.

    `path`: its file; `pending`: records that are not written yet; `changes`: changing records in the file, of
    which `turns` say more than seen or not; `apart`: records (some twice) of messages that are not here as a whole
    and not to be; `gone`: those of them without a file.
    """

    def __init__(self, folder: str) -> None:
        self.path = folder + "/journal"
        self.stored = 0
        self.new = 0
        self.changes = 0
        self.turns = 0
        self.apart = 0
        self.gone = 0
        self.pending = bytearray()

    def open(self, spool: "Spool") -> None:
        """Read it, and make it agree with the folder: a cut can leave a file without its record."""
        self.recount()
        if spool.count() != self.stored:
            from .mend import mend

            mend(self, spool)
            self.recount()

    def begun(self) -> bool:
        """Whether there is a journal: anything of the account was ever here."""
        return fs.exists(self.path)

    def arrived(self, key: bytes, time: int, kind: int = ARRIVED, before: bool = False) -> None:
        """A message was stored at `time` (epoch, 0: no clock), or is LEFT. Kept in memory until `flush`.

        `before`: it stands before those that are pending (who fetches the newest first keeps the server's order so).
        """
        record = pack(kind, 0, time, key)
        self.pending = bytearray(record + self.pending) if before else self.pending + record
        self._count(0, kind)
        if len(self.pending) >= (_NEAR if before else _BATCH) * _RECORD:
            self.flush()

    def change(self, kind: int, key: bytes, was: int) -> None:
        """Record at once what has become of a message. `was`: what `state` says of it."""
        self.note(kind, key, was)
        self.flush()
        self.tidy()

    def note(self, kind: int, key: bytes, was: int) -> None:
        """The same in memory; `flush` and `tidy` after the last one."""
        turn = kind & ~STATE != was & ~STATE or kind & STATE > SEEN
        self.pending += pack(kind, _TURN if turn else _SEEN_ONLY, 0, key)
        self._count(was, kind)
        self.changes += 1
        self.turns += turn

    def _count(self, was: int, kind: int) -> None:
        self.stored += _here(kind) - _here(was)
        self.new += (kind & STATE == ARRIVED) - (was & STATE == ARRIVED)
        if kind & (PART | WANTED) or kind & STATE == LEFT:
            self.apart += 1
        if kind & STATE > SEEN:
            self.gone += 1  # see policy.purge

    def flush(self) -> None:
        """Append what is pending; nothing pending writes nothing."""
        if self.pending:
            try:
                with open(self.path, "ab") as f:
                    f.write(self.pending)
            except OSError as err:
                raise fs.trouble(err)
            self.pending = bytearray()

    def newest(self, after: "bytes | None" = None) -> "Iterator[tuple[bytes, int, bool]]":
        """(key, time, seen) of every message on the board, the last to arrive first.

        `after`: only of those that arrived before this one, which may be deleted by now. Raises
        StoreError(E_NO_MESSAGE) when there is no record of it.
        """
        self.flush()
        changed = self.changed(_SEEN_ONLY)
        for kind, change, time, key in self.backwards():
            if change:
                continue
            if after:
                if key == after:
                    after = None
                continue
            i = changed.find(key)
            if i >= 0:
                kind = changed.kind[i]
            if _here(kind):
                yield key, time, kind & STATE == SEEN
        if after:
            raise StoreError(E_NO_MESSAGE, str(hexlify(after), "utf-8"))

    def state(self, key: bytes) -> int:
        """The last record's kind for a message; 0: none."""
        self.flush()
        last = 0
        for kind, _, _, each in self.records():
            if each == key:
                last = kind
        return last

    def mark(self, window: Window) -> None:
        """Set `kind` of those in the window to their last record's, and `octets` to the time of the first: one pass."""
        self.flush()
        for kind, change, time, key in self.records():
            i = window.find(key)
            if i >= 0:
                window.kind[i] = kind
                if not change:
                    window.octets[i] = time

    def walk(self) -> "Walk":
        """To follow a listing with: what became of those of its messages that are known here."""
        self.flush()
        return Walk(self.path, self.changed(_TURN))

    def oldest(self, window: Window) -> None:
        """Fill it with the messages that have been here longest, `kind` set."""
        self.flush()
        changed = self.changed(_SEEN_ONLY)
        for kind, change, _, key in self.records():
            if change:
                continue
            i = changed.find(key)
            if i >= 0:
                kind = changed.kind[i]
            if _here(kind):
                if window.n == window.size:
                    return
                window.add(key)
                window.kind[window.n - 1] = kind

    def changed(self, least: int) -> Window:
        """Every message that has a change of this kind or a greater one, `kind` set to that of its last."""
        changed = Window(self.changes if least == _SEEN_ONLY else self.turns)
        if changed.size:
            for kind, change, _, key in self.backwards():
                if change >= least and changed.n < changed.size and changed.find(key) < 0:
                    changed.add(key)
                    changed.kind[changed.n - 1] = kind
        return changed

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

    def recount(self) -> None:
        """Count what its file says."""
        self.changes = sum(change > 0 for _, change, _, _ in self.records())
        self.tidy()
        self.turns = self.apart = self.gone = 0
        for kind, change, _, _ in self.records():
            self.turns += change == _TURN
            self._count(kind, kind)
        self.stored = self.new = 0
        for _, _, seen in self.newest():
            self.stored += 1
            if not seen:
                self.new += 1

    def tidy(self) -> None:
        """Make it anew when the changes in it have become many."""
        if self.changes >= CHANGES:
            from .mend import compact

            try:
                compact(self)
            except StoreError:
                pass  # no room for a second journal: again at the next change, which may be a deletion that makes some


class Walk:
    """Follows a server's listing through the journal. Both are in the order of arrival, so that each message is
    found where the last one was left: one block of records in memory, and the journal is read once.

    Where they are not, it leaps; a few times, as each costs a look at all of the journal. `turned`: messages whose
    last record says more than the first. `time`: of the record that `known` found. `close` it after use.
    """

    def __init__(self, path: str, turned: Window) -> None:
        self.time = 0
        self._turned = turned
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

    def known(self, key: bytes) -> int:
        """The kind of its last record. 0 says nothing: the order may be another. Raises StoreError."""
        if not self._n:
            return 0
        been = self._been
        at = been[-1]
        i = self._find(key, at, at + _NEAR)
        if i >= 0:
            been[-1] = i + 1
        else:
            if len(been) > 2 * _LEAPS:
                return 0
            # Fetched after it, where the newest were first.
            i = self._find(key, max(0, been[-2] - 2 * _NEAR), been[-2])
            if i < 0:
                i = self._find(key, at, self._n)
            if i < 0:
                i = self._find(key, 0, at)
            if len(been) > 2 and been[-1] == been[-4]:  # the last two are one piece now
                been[-4] = been[-2]
                been.pop()
                been.pop()
            been.append(at if i < 0 else i)
            been.append(at if i < 0 else i + 1)
        if i < 0:
            return 0
        return self._kind(key, i)

    def _kind(self, key: bytes, i: int) -> int:
        kind, _, self.time, _ = _unpack(self._block, (i - self._first) * _RECORD)
        turned = self._turned.find(key)
        return kind if turned < 0 else self._turned.kind[turned]

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
        for k in range(0, len(been), 2):  # noqa: SIM110 (`any` would allocate)
            if been[k] <= i < been[k + 1]:
                return True
        return False

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._n = 0


def _here(kind: int) -> bool:
    return kind & STATE in (ARRIVED, SEEN)


def pack(kind: int, change: int, time: int, key: bytes) -> bytes:
    return struct.pack("<BBHI", kind, change, 0, time & 0xFFFFFFFF) + key


def _unpack(block: bytearray, at: int) -> "tuple[int, int, int, bytes]":
    kind, change, _, time = struct.unpack_from("<BBHI", block, at)
    return kind, change, time, bytes(block[at + 8 : at + _RECORD])
