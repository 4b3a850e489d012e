"""Compares a server's listing with the journal as it arrives. Only for accounts that leave mail on their server."""

from micropython import const

from . import fs
from .index import unpack
from .journal import BATCH, KEY_AT, NEAR, RECORD, TURN

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, List

    from .journal import Journal
    from .window import Window

_LEAPS = const(16)
_TO_CHANGE = const(18)  # from a record's key back to its `change`


class Walk:
    """Follows a server's listing through the journal. Both are in the order of arrival, so each message is
    found right after the last one: this takes one block of records in memory, and reads the journal once.

    Where the order differs, it leaps, but only a few times, as each leap may cost a pass over the journal.
    `time`, `octets`: of the record that `known` found. `close` it after use.
    `found`: how many messages were found; `sum`: their octets; `blind`: how many have no size. `passed`:
    lent; gets the keys and kinds of records that were passed over, until it is full (then `lost`). `strayed`:
    it gave up looking for some.
    """

    def __init__(self, journal: "Journal", passed: "Window | None" = None) -> None:
        journal.flush()
        self.time = 0
        self.octets = 0
        self.found = 0
        self.sum = 0
        self.blind = 0
        self.lost = False
        self.strayed = False
        self._passed = passed
        self._turned = journal.changed(TURN)
        self._block = bytearray(BATCH * RECORD)
        self._first = -BATCH  # the record that the block begins with
        self._n = 0
        # The ranges that it has covered, a pair for each leap: a record stands for one message of a listing, so none
        # may be found twice.
        self._been: "List[int]" = [0, 0]
        self._file: "Any" = None
        try:
            self._file = open(journal.path, "rb")
        except OSError:
            return
        self._n = self._file.seek(0, 2) // RECORD

    def known(self, key: bytes) -> int:
        """The kind in the message's last record. 0 proves nothing: the order may differ. Raises StoreError."""
        if not self._n:
            return 0
        if self._passed:
            i = self._passed.find(key)
            if i >= 0:
                self._passed.kind[i] = 0
        been = self._been
        at = been[-1]
        i = self._find(key, at, at + NEAR)
        if i >= 0:
            self._pass(at, i)
            been[-1] = i + 1
        else:
            if len(been) > 2 * _LEAPS:
                self.strayed = True
                return 0
            # With the newest first, it may have been fetched after the last one.
            i = self._find(key, max(0, been[-2] - 2 * NEAR), been[-2])
            if i < 0:
                i = self._find(key, at, self._n)
            if i < 0:
                i = self._find(key, 0, at)
            if len(been) > 2 and been[-1] == been[-4]:  # the last two ranges are one now
                been[-4] = been[-2]
                been.pop()
                been.pop()
            been.append(at if i < 0 else i)
            been.append(at if i < 0 else i + 1)
        if i < 0:
            return 0
        kind = self._kind(key, i)
        self.found += 1
        self.sum += self.octets
        self.blind += not self.octets
        return kind

    def end(self) -> None:
        """The listing is over: the rest of the journal was passed over, too."""
        if self._n:
            self._pass(self._been[-1], self._n)

    def _pass(self, at: int, end: int) -> None:
        """Note records that no line of the listing has named."""
        passed = self._passed
        while passed and at < end:
            if passed.n == passed.size:
                self.lost = True
                return
            self._load(at)
            kind, change, _, _, _, _, key = unpack(self._block, (at - self._first) * RECORD)
            if kind and not change and not self._was(at):
                passed.add(key)
                turned = self._turned.find(key)
                passed.kind[passed.n - 1] = kind if turned < 0 else self._turned.kind[turned]
            at += 1

    def _kind(self, key: bytes, i: int) -> int:
        self._load(i)
        kind, _, self.time, self.octets, _, _, _ = unpack(self._block, (i - self._first) * RECORD)
        turned = self._turned.find(key)
        if turned < 0:
            return kind
        self.octets = self._turned.said[turned] or self.octets
        return self._turned.kind[turned]

    def _find(self, key: bytes, i: int, end: int) -> int:
        """The first record in [i, end) of this message's arrival that was not found before; or -1."""
        block = self._block
        end = min(self._n, end)
        while i < end:
            self._load(i)
            stop = min(end, self._first + BATCH)
            at = block.find(key, (i - self._first) * RECORD, (stop - self._first) * RECORD)
            while at >= 0:
                found = self._first + at // RECORD
                if at % RECORD == KEY_AT and not block[at - _TO_CHANGE] and not self._was(found):
                    return found
                at = block.find(key, at + 1, (stop - self._first) * RECORD)
            i = stop
        return -1

    def _load(self, i: int) -> None:
        """Make sure that the i-th record is in the block."""
        if not self._first <= i < self._first + BATCH:
            self._first = i
            try:
                self._file.seek(i * RECORD)
                self._file.readinto(self._block)
            except OSError as err:
                raise fs.trouble(err)

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
