"""Compares a server's listing with the journal as it comes. Only for accounts that leave mail on their server."""

from micropython import const

from . import fs
from .journal import BATCH, NEAR, RECORD, TURN, unpack

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, List

    from .journal import Journal

_LEAPS = const(16)


class Walk:
    """Follows a server's listing through the journal. Both are in the order of arrival, so that each message is
    found where the last one was left: one block of records in memory, and the journal is read once.

    Where they are not, it leaps; a few times, as each costs a look at all of the journal. `time`: of the
    record that `known` found. `close` it after use.
    """

    def __init__(self, journal: "Journal") -> None:
        journal.flush()
        self.time = 0
        self._turned = journal.changed(TURN)
        self._block = bytearray(BATCH * RECORD)
        self._first = -BATCH  # the record that the block begins with
        self._n = 0
        # From where to where it went, a pair for each leap: a record stands for one message of a listing, so that
        # none is found twice.
        self._been: "List[int]" = [0, 0]
        self._file: "Any" = None
        try:
            self._file = open(journal.path, "rb")
        except OSError:
            return
        self._n = self._file.seek(0, 2) // RECORD

    def known(self, key: bytes) -> int:
        """The kind of its last record. 0 says nothing: the order may be another. Raises StoreError."""
        if not self._n:
            return 0
        been = self._been
        at = been[-1]
        i = self._find(key, at, at + NEAR)
        if i >= 0:
            been[-1] = i + 1
        else:
            if len(been) > 2 * _LEAPS:
                return 0
            # Fetched after it, where the newest were first.
            i = self._find(key, max(0, been[-2] - 2 * NEAR), been[-2])
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
        kind, _, self.time, _ = unpack(self._block, (i - self._first) * RECORD)
        turned = self._turned.find(key)
        return kind if turned < 0 else self._turned.kind[turned]

    def _find(self, key: bytes, i: int, end: int) -> int:
        """The first record from the i-th on that is of this message's arrival, and was not found before; or -1."""
        block = self._block
        end = min(self._n, end)
        while i < end:
            if not self._first <= i < self._first + BATCH:
                self._first = i
                try:
                    self._file.seek(i * RECORD)
                    self._file.readinto(block)
                except OSError as err:
                    raise fs.trouble(err)
            stop = min(end, self._first + BATCH)
            at = block.find(key, (i - self._first) * RECORD, (stop - self._first) * RECORD)
            while at >= 0:
                found = self._first + at // RECORD
                if at % RECORD == 8 and not block[at - 7] and not self._was(found):
                    return found
                at = block.find(key, at + 1, (stop - self._first) * RECORD)
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
