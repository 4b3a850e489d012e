"""UTF-8 as bytes: reads one character, and cuts text at the end of a character.

Everything here and in `charsets` works on bytes, not on `str`: MicroPython permanently interns every single
character taken out of a `str`, and its `decode` stops at a bad byte and lets surrogates through.
"""

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    Bytes = bytes | bytearray

_ELLIPSIS = b"\xe2\x80\xa6"


def point(buf: "Bytes", i: int) -> int:
    """The code point of the UTF-8 character at `buf[i]`, or -1 if there is no valid one (RFC 3629)."""
    c = buf[i]
    if c < 0x80:
        return c
    if c < 0xC2 or c > 0xF4:
        return -1
    n = 1 if c < 0xE0 else 2 if c < 0xF0 else 3
    if i + n >= len(buf):
        return -1
    c &= 0x3F >> n
    for k in range(i + 1, i + 1 + n):
        if buf[k] & 0xC0 != 0x80:
            return -1
        c = c << 6 | buf[k] & 0x3F
    if n == 2:
        return -1 if c < 0x800 or 0xD800 <= c < 0xE000 else c
    return -1 if n == 3 and not 0x10000 <= c < 0x110000 else c


def width(cp: int) -> int:
    """How many UTF-8 bytes the code point takes; 1 for -1, so that a bad byte can be stepped over."""
    return 1 if cp < 0x80 else 2 if cp < 0x800 else 3 if cp < 0x10000 else 4


def shorten(buf: "Bytes", limit: int) -> str:
    """Valid UTF-8 as text of at most `limit` bytes; "…" marks a cut if there is room for it."""
    if len(buf) <= limit:
        return str(buf, "utf-8")
    end = limit - len(_ELLIPSIS) if limit >= len(_ELLIPSIS) else limit
    while end > 0 and buf[end] & 0xC0 == 0x80:
        end -= 1
    text = bytes(buf[:end])
    return str(text.rstrip() + _ELLIPSIS if limit >= len(_ELLIPSIS) else text, "utf-8")
