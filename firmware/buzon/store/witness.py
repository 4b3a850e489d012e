"""A sink that tells whether a server's message is the one that is here. It compares and stores nothing.

Imported only if a message stored in an earlier session is to be deleted, or an id came back.
"""

from binascii import crc32

from micropython import const

from . import fs

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_LENGTH = const(1023)  # see `leave.mark`
_NAME = const(78)  # bytes, more than a header field's name has
_KEEP = const(16)  # bytes kept from block to block: more than the name of a field that is looked for

# What the comparison says.
SAME = const(1)  # it is the same, to the last byte
BEGINS = const(2)  # it is the same as far as it goes, but shorter
OTHER = const(3)


class Witness:
    """A sink. `path`: the file of the message that is here, `size`: its bytes; `block`: lent. Raises StoreError.

    `longer`: what comes begins with all that is here and goes on.
    Without a file, `crc` is what `leave.mark` returned for a message that was here.
    """

    def __init__(self, path: str, size: int, block: bytearray, crc: int = 0) -> None:
        self.size = size
        self.came = 0
        self.longer = False
        self._crc = crc
        self._sum = 0
        self._other = False
        self._block = block
        self._file: "Any" = None
        if path:
            try:
                self._file = open(path, "rb")
            except OSError as err:
                raise fs.trouble(err)

    def write(self, buf: bytearray, off: int, n: int) -> None:
        at = self.came
        self.came += n
        if not self._file:
            n = min(n, (self._crc & _LENGTH) + 1 - at)
            if n > 0:
                self._sum = crc32(memoryview(buf)[off : off + n], self._sum)
            return
        block = self._block
        end = off + n
        while off < end and not self._other:
            n = min(end - off, len(block))
            got = self._file.readinto(memoryview(block)[:n])
            same = memoryview(block)[:got] == memoryview(buf)[off : off + got]
            self.longer = same and got < n
            self._other = not same or got < n
            off += n

    def verdict(self) -> int:
        """The result, once all of the message has come. Closes the file."""
        if not self._file:
            if self.came <= self._crc & _LENGTH:
                return BEGINS
            return SAME if self._crc and self._crc | _LENGTH == self._sum | _LENGTH else OTHER
        self.close()
        if self._other or self.came > self.size:
            return OTHER
        return SAME if self.came == self.size else BEGINS

    def close(self) -> None:
        if self._file:
            self._file.close()


def named(path: str, block: bytearray) -> bool:
    """Whether a message's header has something unique: Message-ID, or Received with its time and id."""
    view = memoryview(block)[_KEEP:]
    block[:_KEEP] = bytes(_KEEP - 1) + b"\n"
    try:
        with open(path, "rb") as f:
            n = f.readinto(view)
            while n:
                text = bytes(memoryview(block)[: _KEEP + n]).lower()
                end = text.find(b"\n\r\n")
                head = text if end < 0 else text[: end + 1]
                if b"\nmessage-id:" in head or b"\nreceived:" in head:
                    return True
                if end >= 0:
                    return False
                block[:_KEEP] = text[n : n + _KEEP]
                n = f.readinto(view)
    except OSError as err:
        raise fs.trouble(err)
    return False


def headless(path: str) -> bool:
    """Whether a message begins with no header field (RFC 5322 section 2.2), empty line or mbox's "From "."""
    try:
        with open(path, "rb") as f:
            line = f.read(_NAME)
    except OSError as err:
        raise fs.trouble(err)
    name = line.split(b":", 1)[0]
    if line[:1] in b"\r\n" or line.startswith(b"From "):
        return False
    return len(name) == len(line) or min(name) <= 32 or max(name) > 126


def lines(path: str, block: bytearray) -> int:
    """How many lines a message has. `block`: lent."""
    n = 0
    try:
        with open(path, "rb") as f:
            got = f.readinto(block)
            while got:
                at = block.find(b"\n", 0, got)
                while at >= 0:
                    n += 1
                    at = block.find(b"\n", at + 1, got)
                got = f.readinto(block)
    except OSError as err:
        raise fs.trouble(err)
    return n
