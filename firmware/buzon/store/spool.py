"""The messages of one account: one file each, byte for byte. The rename is the record that a message is stored.

A name is `<uid key: 16 hex>-<size hex>-<crc32: 8 hex>.eml`: the folder tells what is stored, and a second
download replaces the first. The unfinished one is in a folder of its own, `tmp`: littlefs takes long to change a large
folder. It is removed at start. Headers alone are
`<key>-<size>-<crc32>-<octets of the whole, hex>.hdr`, or `.top` until a filter has judged them.

A pass over the folder reads some KB of flash for each message. So there are none in a session, and none at start
while the folder holds a file `done`: nothing has changed since the journal was written.
"""

import os
from array import array
from binascii import crc32, hexlify, unhexlify
from hashlib import sha256

from micropython import RingIO, const

from ..errors import E_FLASH, E_FLASH_FULL, E_NO_MESSAGE, StoreError
from . import fs

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Iterator

    from .quota import Quota

KEY = const(8)  # bytes of a uid's hash

_TMP = "/tmp"  # in the account's folder, as while a move out of its parent is pending, some littlefs do not find that
_KINDS = (".eml", ".hdr", ".top")
_BLOCK = const(512)  # bytes that are checked and written at once
_BLOCKS = const(12288)  # bytes that a message takes at most besides its own
_MUCH = const(131072)  # bytes of free flash: with less it is measured each time
_DROP = const(1 << 26)  # bytes that are read to reach the end of a message that does not fit
_OVERDRAFT = const(16384)  # bytes allowed beyond the room, for a message longer than its server says

# States of a message in the window. First how much of it is here, then what is to be done with it.
NEW = const(0)  # nothing is here: to be fetched as the settings say
STORED = const(1)  # all of it is here: to be deleted where that is allowed
BY_CONTENT = const(3)  # its content identifies it: it has no uid, or shares its uid or number with another
WHOLE = const(4)  # to be fetched as a whole, whatever the settings say
TOP = const(5)  # its headers are to be fetched
NOTHING = const(6)
GOING = const(7)  # to be deleted when all others have come
UNSURE = const(8)  # the server's copy is to be compared with it
AGAIN = const(9)  # to be fetched as a whole and compared: it may be another message
CHECK = const(10)  # to be compared alone: it came shorter than announced


def key_of(uid: bytes) -> bytes:
    """The 8 bytes that stand for a uid in names and in the journal."""
    return bytes(sha256(uid).digest()[:KEY])


class Window:
    """What is known of at most `size` messages while they are worked on; nothing grows with the maildrop.

    For the i-th: `key(i)`, `number[i]`, `octets[i]`, `state[i]`, and what the journal says about it:
    `kind[i]` and `said[i]`, the size that the server told when it came.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.n = 0
        self._keys = bytearray(size * KEY)
        self.number = array("I", self._keys[: size * 4])
        self.octets = array("I", self._keys[: size * 4])
        self.said = array("I", self._keys[: size * 4])
        self.state = bytearray(size)
        self.kind = array("H", self._keys[: size * 2])

    def clear(self) -> None:
        self.n = 0

    def add(self, key: bytes, number: int = 0) -> None:
        """Append; the caller checks that `n < size`."""
        n = self.n
        self._keys[n * KEY : n * KEY + KEY] = key
        self.number[n] = number
        self.octets[n] = 0
        self.said[n] = 0
        self.state[n] = 0
        self.kind[n] = 0
        self.n = n + 1

    def key(self, i: int) -> bytes:
        return bytes(self._keys[i * KEY : i * KEY + KEY])

    def find(self, key: bytes) -> int:
        """The first i that has this key, or -1."""
        end = self.n * KEY
        at = self._keys.find(key, 0, end)
        while at >= 0 and at % KEY:
            at = self._keys.find(key, at + 1, end)
        return at // KEY if at >= 0 else -1

    def has(self, number: int) -> bool:
        for i in range(self.n):  # noqa: SIM110 (`any` would allocate)
            if self.number[i] == number:
                return True
        return False

    def holds(self, state: int) -> bool:
        """Whether any has this state."""
        for i in range(self.n):  # noqa: SIM110
            if self.state[i] == state:
                return True
        return False


class Buffers:
    """What a message passes through on its way to the flash. Spools can share it: one message comes in at a time."""

    def __init__(self) -> None:
        self.ring = RingIO(2 * _BLOCK)
        self.block = bytearray(_BLOCK)


class Spool:
    """One account's folder, and a sink for the message that is coming in. Raises StoreError.

    `buffers`: lent; without them it makes its own when they are needed. `quota`: shared by all accounts;
    `full`: what to do when the quota or the flash is full (`stop`, `headers`, `evict`).
    """

    def __init__(
        self,
        account: str,
        root: str = "/mail",
        buffers: "Buffers | None" = None,
        quota: "Quota | None" = None,
        full: str = "stop",
    ) -> None:
        self._root = root
        self.folder = root + "/" + account
        self.quota = quota
        self.full = full
        self._free = 0
        self.written = 0  # bytes of the message that is coming in, dropped ones too
        self.failed: "StoreError | None" = None
        self._part = self.folder + _TMP + "/in.part"
        self._done = self.folder + "/" + "done"
        self.closed = False  # the journal says all that is in the folder
        self._file: "Any" = None
        self.sum = 0
        self._most = 0  # bytes that the incoming message may have
        self._sha: "Any" = None
        self._ring: "Any" = None
        self._block: "Any" = None
        self.lend(buffers)

    def lend(self, buffers: "Buffers | None") -> None:
        """What messages pass through from now on. None: nothing is under way, so they are not kept."""
        self._ring = buffers and buffers.ring
        self._block = buffers and buffers.block

    def prepare(self) -> None:
        """Make the folder if it is missing; remove what an interruption left unfinished. Writes nothing otherwise."""
        fs.make_folder(self.folder + _TMP)
        self.closed = fs.exists(self._done)
        if not self.closed:
            fs.tidy(self.folder)
            fs.tidy(self.folder + _TMP)

    def open(self) -> None:
        """The folder changes: until `close`, the next start looks through it. Raises StoreError."""
        if self.closed:
            fs.remove(self._done)
            self.closed = False

    def close(self) -> None:
        """The journal has been written, and nothing is under way."""
        if not self.closed:
            try:
                open(self._done, "wb").close()
                self.closed = True
            except OSError:  # no room: the next start takes longer
                pass

    # -- a message comes in

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
            self.lend(Buffers())
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

    def room(self, least: int = 0) -> int:
        """Bytes that mail may still take, of the flash and of the quota if there is one. A lack is negative,
        down to `least`."""
        if self._free < _MUCH:
            self._free = fs.room(self._root.rpartition("/")[0] or "/")[0] - fs.kept(self._root)
        return max(least, self.quota.room(self._free) if self.quota else self._free)

    def forget(self) -> None:
        """Others may have written meanwhile: the next `room` measures again."""
        self._free = 0

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
        self._free -= self.written + _BLOCKS
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

    # -- what is there

    def files(self) -> "Iterator[tuple[bytes, str]]":
        """(key, name) of every stored message or header, in no particular order."""
        for name in fs.names(self.folder):
            if name.endswith(_KINDS) and name[16:17] == "-":
                try:
                    yield unhexlify(name[:16]), name
                except ValueError:
                    pass

    def count(self) -> int:
        return sum(1 for _ in self.files())

    def name(self, key: bytes, part: bool = False) -> str:
        """The file name of a stored message, or else of its headers (`part`: of these only): one pass over the
        folder. See `Journal.name`.

        Raises StoreError(E_NO_MESSAGE).
        """
        found = ""
        for each, name in self.files():
            if each == key and not is_whole(found) and not (part and is_whole(name)):
                found = name
        if not found:
            raise StoreError(E_NO_MESSAGE, str(hexlify(key), "utf-8"))
        return found

    def read(self, name: str, off: int, buf: "bytearray | memoryview") -> int:
        """Read bytes of a message from `off` on into `buf`; returns how many there were."""
        try:
            with open(self.folder + "/" + name, "rb") as f:
                f.seek(off)
                return int(f.readinto(buf))
        except OSError as err:
            raise fs.trouble(err)

    def remove(self, name: str) -> None:
        self.open()
        fs.remove(self.folder + "/" + name)
        self.forget()
        fs.count(-size_of(name))
        if self.quota:
            self.quota.took(-size_of(name))


def is_whole(name: str) -> bool:
    """Whether a file name is that of a whole message, not of headers alone."""
    return name.endswith(".eml")


def size_of(name: str) -> int:
    """The size given in a message's file name."""
    return int(name.split("-")[1], 16)


def crc_of(name: str) -> int:
    """The CRC-32 given in a message's file name."""
    return int(name.split("-")[2][:8], 16)


def name_of(key: bytes, part: int, octets: int, crc: int, size: int) -> str:
    """The file name of a message, or of its headers if `part`."""
    id = str(hexlify(key), "utf-8")
    return "%s-%x-%08x-%x.hdr" % (id, size, crc, octets) if part else "%s-%x-%08x.eml" % (id, size, crc)


def octets_of(name: str) -> int:
    """The size of the whole, as the server told it."""
    parts = name[:-4].split("-")
    return int(parts[3 if len(parts) > 3 else 1], 16)
