"""The messages of one account: one file each, byte for byte. The rename is the record that a message is stored.

A name is `<uid key: 16 hex>-<size hex>-<crc32: 8 hex>.eml`: the folder tells what is stored, and a second
download replaces the first. The unfinished one is in a folder of its own, `tmp`: littlefs takes long to change a large
folder. It is removed at start. Headers alone are
`<key>-<size>-<crc32>-<octets of the whole, hex>.hdr`, or `.top` until a filter has judged them.

A pass over the folder reads some KB of flash for each message. So there are none in a session, and none at start
while the folder holds a file `done`: nothing has changed since the journal was written.
"""

from binascii import hexlify, unhexlify
from hashlib import sha256

from micropython import const

from ..errors import E_NO_MESSAGE, StoreError
from . import fs

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Iterator

    from .quota import Quota

KEY = const(8)  # bytes of a uid's hash

TMP = "/tmp"  # in the account's folder, as while a move out of its parent is pending, some littlefs do not find that
_KINDS = (".eml", ".hdr", ".top")
_MUCH = const(131072)  # bytes of free flash: with less it is measured each time


def key_of(uid: bytes) -> bytes:
    """The 8 bytes that stand for a uid in names and in the journal."""
    return bytes(sha256(uid).digest()[:KEY])


class Spool:
    """One account's folder. Messages come in through an `Incoming`. Raises StoreError.

    `quota`: shared by all accounts; `full`: what to do when the quota or the flash is full (`stop`, `headers`,
    `evict`).
    """

    def __init__(
        self,
        account: str,
        root: str = "/mail",
        quota: "Quota | None" = None,
        full: str = "stop",
    ) -> None:
        self.root = root
        self.folder = root + "/" + account
        self.quota = quota
        self.full = full
        self.left = 0  # bytes of flash that mail may take, counted on since they were measured
        self.done = self.folder + "/" + "done"
        self.closed = False  # the journal says all that is in the folder

    def follow(self, other: "Spool") -> None:
        """What is known of the folder is what `other`, of the same one, knows."""
        self.closed = other.closed
        self.left = other.left

    def prepare(self) -> None:
        """Make the folder if it is missing; remove what an interruption left unfinished. Writes nothing otherwise."""
        fs.make_folder(self.folder + TMP)
        self.closed = fs.exists(self.done)
        if not self.closed:
            fs.tidy(self.folder)
            fs.tidy(self.folder + TMP)

    def open(self) -> None:
        """The folder changes: until `close`, the next start looks through it. Raises StoreError."""
        if self.closed:
            fs.remove(self.done)
            self.closed = False

    def close(self) -> None:
        """The journal has been written, and nothing is under way."""
        if not self.closed:
            try:
                open(self.done, "wb").close()
                self.closed = True
            except OSError:  # no room: the next start takes longer
                pass

    def room(self, least: int = 0) -> int:
        """Bytes that mail may still take, of the flash and of the quota if there is one. A lack is negative,
        down to `least`."""
        if self.left < _MUCH:
            self.left = fs.room(self.root.rpartition("/")[0] or "/")[0] - fs.kept(self.root)
        return max(least, self.quota.room(self.left) if self.quota else self.left)

    def forget(self) -> None:
        """Others may have written meanwhile: the next `room` measures again."""
        self.left = 0

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
