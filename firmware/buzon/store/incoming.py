"""A message on its way into an account's folder. Only a session needs it. See `spool`."""

import os
from binascii import crc32, hexlify
from hashlib import sha256

from micropython import RingIO, const

from ..errors import E_FLASH, E_FLASH_FULL, StoreError
from . import fs
from .spool import KEY, TMP, Spool

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from .quota import Quota

_BLOCK = const(512)  # bytes that are checked and written at once
_BLOCKS = const(12288)  # bytes that a message takes at most besides its own
_DROP = const(1 << 26)  # bytes that are read to reach the end of a message that does not fit
_OVERDRAFT = const(16384)  # bytes allowed beyond the room, for a message longer than its server says


class Buffers:
    """What a message passes through on its way to the flash. Spools can share it: one message comes in at a time."""

    def __init__(self) -> None:
        self.ring = RingIO(2 * _BLOCK)
        self.block = bytearray(_BLOCK)


class Incoming(Spool):
    """The folder, and a sink for the message that is coming in. Raises StoreError.

    `buffers`: lent; without them it makes its own when they are needed.
    """

    def __init__(
        self,
        account: str,
        root: str = "/mail",
        buffers: "Buffers | None" = None,
        quota: "Quota | None" = None,
        full: str = "stop",
    ) -> None:
        super().__init__(account, root, quota, full)
        self.written = 0  # bytes of the message that is coming in, dropped ones too
        self.failed: "StoreError | None" = None
        self._part = self.folder + TMP + "/in.part"
        self._file: "Any" = None
        self.sum = 0
        self._most = 0  # bytes that the incoming message may have
        self._sha: "Any" = None
        self._ring: "Any" = buffers and buffers.ring
        self._block: "Any" = buffers and buffers.block

    def begin(self, octets: int = 0, by_content: bool = False) -> None:
        """Open the unfinished file. `octets`: how long the server says the message is, to refuse one that
        cannot fit.

        `by_content`: the message has no uid; its own hash will stand for it. An error of the file is
        kept in `failed` and raised by `commit`: the rest of the message comes in all the same and is dropped.
        """
        self.abort()
        self.written = 0
        self.failed = None
        room = self.room()
        if room < octets:
            self.failed = self.full_error()
            return
        if self._ring is None:
            buffers = Buffers()
            self._ring = buffers.ring
            self._block = buffers.block
        self._sha = sha256() if by_content else None
        self.sum = 0
        self._most = room + _OVERDRAFT
        self.open()
        try:
            self._file = open(self._part, "wb")
        except OSError as err:
            self.failed = fs.trouble(err)

    def full_error(self) -> StoreError:
        return StoreError(E_FLASH_FULL, "%d KB left for mail" % (self.room() // 1024))

    def write(self, buf: bytearray, off: int, n: int) -> None:
        """The sink: whole buffers and blocks are checked and written, the rest waits. Raises `failed` when
        much has been dropped. Nothing is allocated; a function with more variables and deeper calls than this
        (more than eleven words) would have them on the heap."""
        self.written += n
        if self.failed:
            if self.written > _DROP:
                raise self.failed
        elif n == len(buf):
            if self._ring.any():
                self._take(self._ring.any())
            self._put(buf)
        else:
            self._gather(buf, off, n)

    def _gather(self, buf: bytearray, off: int, n: int) -> None:
        ring = self._ring
        while n:
            done = ring.write(buf, off, n)
            off += done
            n -= done
            while ring.any() >= _BLOCK:
                self._take(_BLOCK)

    def _take(self, n: int) -> None:
        self._ring.readinto(self._block, n)
        self._put(self._block if n == _BLOCK else memoryview(self._block)[:n])

    def _put(self, block: "bytearray | memoryview") -> None:
        if self.written > self._most:
            self.failed = self.full_error()
            return
        self.sum = crc32(block, self.sum)
        if self._sha:
            self._sha.update(block)
        try:
            self._file.write(block)
        except OSError:  # `as` would put this function's variables on the heap for each block
            self._fail(block)

    def _fail(self, block: "bytearray | memoryview") -> None:
        """Try again, to learn why it fails."""
        self.failed = StoreError(E_FLASH, "write")
        try:
            self._file.write(block)
        except OSError as err:
            self.failed = fs.trouble(err)

    def commit(
        self, key: "bytes | None", twin: "bytes | None" = None, kind: str = ".eml", look: "Any" = None
    ) -> bytes:
        """Close, which syncs, then rename: now the message is stored. Returns its key.

        `twin`: if `key` is None, the key under which this very message may be stored already; if it is, that
        key is returned. `kind`: the end of the name; for headers it begins with the octets of the whole.
        `look(path, block)`: if it raises, nothing is stored; if True, the message is here already: nothing is
        stored, returns b"".
        """
        if not self.failed and self._ring.any():
            self._take(self._ring.any())
        if self.failed:
            raise self.failed
        try:
            self._file.close()
            if look and look(self._part, self._block):
                self.abort()
                return b""
            if key is None:
                digest = self._sha.digest()
                key = digest[:KEY]
                if twin:
                    from .twin import digest_of

                    if digest_of(self.folder + "/" + self._name(twin), self._block) == digest:
                        self.abort()
                        return twin
            path = self.folder + "/" + self._name(key, kind)
            again = self.quota and fs.exists(path)  # then it replaces itself
            os.rename(self._part, path)
            self._file = None
        except OSError as err:
            raise fs.trouble(err)
        self.left -= self.written + _BLOCKS
        fs.count(self.written)
        if self.quota and not again:
            self.quota.took(self.written)
        return key

    def name_end(self, kind: str) -> str:
        """The part after the key in the name of the message that has come in."""
        return "-%x-%08x%s" % (self.written, self.sum, kind)

    def _name(self, key: bytes, kind: str = ".eml") -> str:
        return str(hexlify(key), "utf-8") + self.name_end(kind)

    def abort(self) -> None:
        """Forget the message that was coming in, and its file. Never raises."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                pass
            self._file = None
            try:
                os.remove(self._part)
            except OSError:
                pass
        if self._ring is not None:
            while self._ring.any():
                self._ring.readinto(self._block)
