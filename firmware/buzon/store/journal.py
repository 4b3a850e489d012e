"""Keeps what the folder of messages cannot tell: the order of arrival, what was seen, deleted here or never wanted.

Append-only, with records of 28 bytes; a message's last record counts. It is the folder's index too: it tells the file's
name, as far as a server's size for a message is right. Replaced as a whole, by rename, when
there are many changes in it. Memory: one block of records, and one Window.
"""

import struct

from micropython import const

from ..errors import E_FLASH_FULL, StoreError
from . import fs

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Iterator

    from .spool import Spool
    from .window import Window

    Record = tuple[int, int, int, int, int, int, bytes]

# What a record says about its message.
ARRIVED = const(1)
SEEN = const(2)
DELETED = const(3)  # deleted here; the server may still list it
LEFT = const(4)  # not here; the server's copy is left alone
STATE = const(15)  # the bits of the states above; the flags below may be added
PART = const(16)  # only its headers are here
WANTED = const(32)  # the person wants all of it
MISSED = const(64)  # it is not here, and one listing did not have it either
MISSES = const(192)
DOUBT = const(256)  # it came shorter than the server had said: not known to be whole
AGREED = const(512)  # it came twice, the same both times: whole, whatever the server said
STAYS = const(1024)  # the server's copy stays there: doubtful for good, or the server does not delete it
UNNAMED = const(8192)  # it came without a unique id of its own
AGED = const(4096)  # in a window only: it came before the time from which on mail is kept
ABSENT = const(2048)  # it was not in the last listing: its unique id may name another message next time

# Little-endian: kind (uint16), change, a mark of this format, time, `octets`: the size that the server told, `crc` and
# `size` of the file; without a `size`: of the beginning of a message that is no longer here; 0: not known (uint32
# each), key.
RECORD = const(28)
_FORMAT = "<HBBIIII"
VERSION = const(67)
KEY_AT = const(20)  # where the key is in a record
# `change`: 0: the message's first record; 1: it was seen, or not; 2: something that a session must know.
SEEN_ONLY = const(1)
TURN = const(2)
BATCH = const(16)  # records read or written at once
NEAR = const(64)  # records that are looked at per message
# Marks: the keys of records about the messages before them, or all.
CLOSED = b"\xff\xff\xff\xff\xff\xff\xff\xff"
MOVED = b"\xfe\xff\xff\xff\xff\xff\xff\xff"  # octets: 1 or 0
CHANGES = const(64)  # changing records after which the journal is rewritten without them


class Journal:
    """`stored` and `new` count the messages on the board, all and unseen. Raises StoreError.

    `path`: its file; `pending`: records not written yet; `changes`: changing records in the file, of which
    `turns` say more than seen or not; `apart`: records (some counted twice) of messages that are not here as
    a whole, or are doubtful; `gone`: records of messages without a file; `unnamed`: records of messages that
    came without a unique id. `closed`: the last session that deleted something ended with the server's +OK,
    so no unique id known here is in use. `moved`: messages that are here may be listed under other unique
    ids now, and not all mail has been dealt with since. `given`: `store.reserve` has been used up.
    """

    def __init__(self, folder: str) -> None:
        self.path = folder + "/journal"
        self.stored = 0
        self.new = 0
        self.changes = 0
        self.turns = 0
        self.apart = 0
        self.gone = 0
        self.unnamed = 0
        self.closed = False
        self.moved = False
        self.given = False
        self.pending = bytearray()

    def open(self, spool: "Spool") -> None:
        """Read it and make it agree with the folder: an interruption can leave a file without its record."""
        from .opening import opened

        opened(self, spool)

    def arrived(
        self,
        key: bytes,
        time: int,
        kind: int = ARRIVED,
        before: bool = False,
        octets: int = 0,
        crc: int = 0,
        size: int = 0,
    ) -> None:
        """Record that a message was stored at `time` (epoch; 0: no clock) or is LEFT. Kept in memory until `flush`.

        `octets`: how long the server said it is; `crc`, `size`: of its file.

        `before`: its record goes before the pending ones, to keep the server's order when the newest come first.
        """
        record = pack(kind, 0, time, key, octets, crc, size)
        if before:
            self.pending = bytearray(record + self.pending)
        else:
            self.pending += record
        self.count(0, kind)
        self.closed = False
        if len(self.pending) >= (NEAR if before else BATCH) * RECORD:
            self.flush()

    def change(self, kind: int, key: bytes, was: int, octets: int = 0, crc: int = 0, size: int = 0) -> None:
        """Record at once what has become of a message. `was`: what `state` says about it; `octets`, `crc` with
        `size`: what to remember of it from now on; 0: as before."""
        self.note(kind, key, was, octets, crc, size)
        self.flush()
        self.tidy()

    def note(self, kind: int, key: bytes, was: int, octets: int = 0, crc: int = 0, size: int = 0) -> None:
        """The same in memory; call `flush` and `tidy` after the last one."""
        turn = kind & ~STATE != was & ~STATE or kind & STATE > SEEN or octets or crc
        self.pending += pack(kind, TURN if turn else SEEN_ONLY, 0, key, octets, crc, size)
        self.count(was, kind)
        self.changes += 1
        self.turns += turn

    def close(self) -> None:
        """Record that, as the server has said, all messages that are here have left it. Written once."""
        if not self.closed:
            self.pending += pack(0, 0, 0, CLOSED)
            self.flush()
            self.closed = True

    def move(self, moved: bool) -> None:
        """Record whether messages here may be listed under other unique ids now. Written when it changes."""
        if moved != self.moved:
            self.pending += pack(0, 0, 0, MOVED, int(moved))
            self.flush()
            self.moved = moved

    def count(self, was: int, kind: int) -> None:
        """A message's kind is `kind` and no longer `was`."""
        self.stored += here(kind) - here(was)
        self.new += (kind & STATE == ARRIVED) - (was & STATE == ARRIVED)
        if kind & (PART | WANTED | DOUBT | STAYS) or kind & STATE == LEFT:
            self.apart += 1
        if kind & STATE > SEEN:
            self.gone += 1  # see policy.purge
        elif kind & UNNAMED:
            self.unnamed += 1

    def flush(self) -> None:
        """Append what is pending; writes nothing if nothing is."""
        if self.pending:
            try:
                self._append()
            except OSError as err:
                from .reserve import give

                self.given = give(err)
                if not self.given:
                    raise fs.trouble(err)
                try:
                    self._append()
                except OSError as err:
                    raise fs.trouble(err)
            self.pending = bytearray()

    def _append(self) -> None:
        with open(self.path, "ab") as f:
            f.write(self.pending)
        fs.count(len(self.pending), 1)

    def settle(self) -> None:
        """`flush` if there is room: without any, what is on the flash can still be read and deleted."""
        try:
            self.flush()
        except StoreError as err:
            if err.code != E_FLASH_FULL:
                raise

    # How it is read is in `index`, which is loaded for it.

    def newest(self, after: "bytes | None" = None) -> "Iterator[tuple[bytes, int, bool]]":
        """(key, time, seen) of every message on the board, latest first. As `list`."""
        records: "Any" = self.list(after)
        try:
            for kind, _, time, _, _, _, key in records:
                yield key, time, kind & STATE == SEEN
        finally:
            records.close()

    def list(self, after: "bytes | None" = None) -> "Iterator[Record]":
        """The record of every message on the board, latest first, with its `kind` as it is now.

        `after`: only those that arrived before this one, which may have been deleted by now. Raises
        StoreError(E_NO_MESSAGE) if there is no record of it.
        """
        from .index import listed

        return listed(self, after)

    def state(self, key: bytes) -> int:
        """The kind in a message's last record; 0: there is none."""
        from .index import state

        return state(self, key)

    def mark(self, window: "Window", before: int = 0) -> None:
        """Set `kind` of the window's messages from their last records, and `said` to the size that the server
        told, in one pass. `before`: messages that came before that time are AGED."""
        from .index import mark

        mark(self, window, before)

    def known(self, key: bytes) -> "tuple[int, int]":
        """(size that the server told, crc of a message's beginning if it is no longer here); 0: not known."""
        from .index import known

        return known(self, key)

    def name(self, spool: "Spool", key: bytes) -> str:
        """The file name of a stored message, or of its headers. Raises StoreError(E_NO_MESSAGE)."""
        from .index import name

        return name(self, spool, key)

    def changed(self, least: int) -> "Window":
        """Every message with a `change` of `least` or more; its last changes give `kind` and `said`."""
        from .index import changed

        return changed(self, least)

    def records(self) -> "Iterator[Record]":
        """(kind, change, time, octets, crc, size, key) of each record, oldest first, with those not written yet."""
        from .index import records

        return records(self)

    def recount(self) -> None:
        """Count everything from the records."""
        from .opening import recount

        recount(self)

    def tidy(self) -> None:
        """Rewrite it when there are many changes in it."""
        if self.changes >= CHANGES:
            from .mend import compact

            try:
                compact(self)
            except StoreError:
                pass  # no room for a second journal: try again at the next change, perhaps a deletion that makes room


def here(kind: int) -> bool:
    return kind & STATE in (ARRIVED, SEEN)


def pack(
    kind: int, change: int, time: int, key: bytes, octets: int = 0, crc: int = 0, size: int = 0
) -> bytes:
    return struct.pack(_FORMAT, kind, change, VERSION, time & 0xFFFFFFFF, octets, crc, size) + key
