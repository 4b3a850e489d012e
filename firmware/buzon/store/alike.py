"""Whether two files hold one message: the same bytes, or the same Message-ID and body below a header that a
server has added to. Imported only if that is in doubt."""

from micropython import const

from . import fs

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_HEAD = const(16384)  # bytes of a header that are looked at
_LINE = const(200)  # bytes of a header line that count


def alike(one: str, other: str, block: bytearray) -> bool:
    """Whether the files hold one message. `one`, `other`: paths; `block`: lent. Raises StoreError."""
    try:
        with open(one, "rb") as a, open(other, "rb") as b:
            if _rest(a, b, block):
                return True
            a.seek(0)
            b.seek(0)
            id = _past_header(a)
            return bool(id) and id == _past_header(b) and _rest(a, b, block)
    except OSError as err:
        raise fs.trouble(err)


def begins(head: str, whole: str, block: bytearray) -> bool:
    """Whether one file is the beginning of the other. Raises StoreError."""
    half = len(block) // 2
    one = memoryview(block)[:half]
    other = memoryview(block)[half : 2 * half]
    try:
        with open(head, "rb") as a, open(whole, "rb") as b:
            n = a.readinto(one)
            while n and b.readinto(other[:n]) == n and one[:n] == other[:n]:
                n = a.readinto(one)
            return not n
    except OSError as err:
        raise fs.trouble(err)


def _past_header(f: "Any") -> bytes:
    """Read on to the body; returns the Message-ID, b"" if there is none or the header has no end."""
    id = b""
    while f.tell() < _HEAD:
        line = f.readline(_LINE)
        if line in (b"\r\n", b"\n"):
            return id
        if not line:
            break
        if line[:11].lower() == b"message-id:":
            id = line[11:].strip() or f.readline(_LINE).strip()  # folded
    return b""


def _rest(a: "Any", b: "Any", block: bytearray) -> bool:
    """Whether the rest of both files is the same."""
    half = len(block) // 2
    one = memoryview(block)[:half]
    other = memoryview(block)[half : 2 * half]
    while True:
        n = a.readinto(one)
        if n != b.readinto(other) or one[:n] != other[:n]:
            return False
        if not n:
            return True
