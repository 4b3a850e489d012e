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
    from typing import Iterator

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

RECORD = const(16)  # kind, change, 2 spare, time (uint32), key
# `change`: 0 the message's first record; 1 it was seen, or not; 2 something that a session must know.
SEEN_ONLY = const(1)
TURN = const(2)
BATCH = const(16)  # records read or written at once
NEAR = const(64)  # records that are looked at for each message
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

    def arrived(self, key: bytes, time: int, kind: int = ARRIVED, before: bool = False) -> None:
        """A message was stored at `time` (epoch, 0: no clock), or is LEFT. Kept in memory until `flush`.

        `before`: it stands before those that are pending (who fetches the newest first keeps the server's order so).
        """
        record = pack(kind, 0, time, key)
        if before:
            self.pending = bytearray(record + self.pending)
        else:
            self.pending += record
        self._count(0, kind)
        if len(self.pending) >= (NEAR if before else BATCH) * RECORD:
            self.flush()

    def change(self, kind: int, key: bytes, was: int) -> None:
        """Record at once what has become of a message. `was`: what `state` says of it."""
        self.note(kind, key, was)
        self.flush()
        self.tidy()

    def note(self, kind: int, key: bytes, was: int) -> None:
        """The same in memory; `flush` and `tidy` after the last one."""
        turn = kind & ~STATE != was & ~STATE or kind & STATE > SEEN
        self.pending += pack(kind, TURN if turn else SEEN_ONLY, 0, key)
        self._count(was, kind)
        self.changes += 1
        self.turns += turn

    def _count(self, was: int, kind: int) -> None:
        self.stored += here(kind) - here(was)
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
        changed = self.changed(SEEN_ONLY)
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
            if here(kind):
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

    def changed(self, least: int) -> Window:
        """Every message that has a change of this kind or a greater one, `kind` set to that of its last."""
        changed = Window(self.changes if least == SEEN_ONLY else self.turns)
        if changed.size:
            for kind, change, _, key in self.backwards():
                if change >= least and changed.n < changed.size and changed.find(key) < 0:
                    changed.add(key)
                    changed.kind[changed.n - 1] = kind
        return changed

    # -- pieces

    def records(self) -> "Iterator[tuple[int, int, int, bytes]]":
        """(kind, change, time, key), oldest first."""
        block = bytearray(BATCH * RECORD)
        try:
            f = open(self.path, "rb")
        except OSError:
            return
        with f:
            n = f.readinto(block)
            while n >= RECORD:
                for at in range(0, n - RECORD + 1, RECORD):
                    yield unpack(block, at)
                n = f.readinto(block)

    def backwards(self) -> "Iterator[tuple[int, int, int, bytes]]":
        block = bytearray(BATCH * RECORD)
        try:
            f = open(self.path, "rb")
        except OSError:
            return
        with f:
            end = f.seek(0, 2) // RECORD
            while end > 0:
                start = max(0, end - BATCH)
                f.seek(start * RECORD)
                f.readinto(block)
                for i in range(end - start - 1, -1, -1):
                    yield unpack(block, i * RECORD)
                end = start

    def recount(self) -> None:
        """Count what its file says."""
        self.changes = sum(change > 0 for _, change, _, _ in self.records())
        self.tidy()
        self.turns = self.apart = self.gone = 0
        for kind, change, _, _ in self.records():
            self.turns += change == TURN
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


def here(kind: int) -> bool:
    return kind & STATE in (ARRIVED, SEEN)


def pack(kind: int, change: int, time: int, key: bytes) -> bytes:
    return struct.pack("<BBHI", kind, change, 0, time & 0xFFFFFFFF) + key


def unpack(block: bytearray, at: int) -> "tuple[int, int, int, bytes]":
    kind, change, _, time = struct.unpack_from("<BBHI", block, at)
    return kind, change, time, bytes(block[at + 8 : at + RECORD])
