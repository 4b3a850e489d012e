"""Turns bytes in the charsets of Western European mail into valid UTF-8. Never raises.

MicroPython's `decode` knows only UTF-8. Loaded to read headers, and unloaded afterwards.
"""

from micropython import const

from .utf8 import point, width

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    Bytes = bytes | bytearray

_BAD = b"\xef\xbf\xbd"  # U+FFFD
# windows-1252 from 0x80 to 0x9F as big-endian 16-bit code points; 0: not assigned.
_CP1252 = (
    b"\x20\xac\0\0\x20\x1a\x01\x92\x20\x1e\x20\x26\x20\x20\x20\x21"
    b"\x02\xc6\x20\x30\x01\x60\x20\x39\x01\x52\0\0\x01\x7d\0\0"
    b"\0\0\x20\x18\x20\x19\x20\x1c\x20\x1d\x20\x22\x20\x13\x20\x14"
    b"\x02\xdc\x21\x22\x01\x61\x20\x3a\x01\x53\0\0\x01\x7e\x01\x78"
)
# Where iso-8859-15 differs from iso-8859-1: byte, code point.
_LATIN9 = b"\xa4\x20\xac\xa6\x01\x60\xa8\x01\x61\xb4\x01\x7d\xb8\x01\x7e\xbc\x01\x52\xbd\x01\x53\xbe\x01\x78"


def to_utf8(raw: "Bytes", charset: bytes = b"") -> "Bytes":
    """`raw` as valid UTF-8.

    `charset`: its name, in any case; empty (or us-ascii) for unlabelled bytes: UTF-8 if they are valid (the
    end may be cut off inside a character), else windows-1252. iso-8859-1 is read as windows-1252, which only
    adds to it. A bad byte becomes U+FFFD; in a charset not known here, everything but ASCII becomes "?".
    """
    name = charset.lower()
    if name in (b"utf-8", b"utf8"):
        return _lenient(raw)
    if name in (b"", b"us-ascii", b"ascii"):
        good = _valid(raw)
        if good:
            return raw[:good]
        name = b"latin1"
    out = bytearray()
    if name.startswith(b"iso-2022-"):
        _iso2022(raw, out)
        return out
    western = name in (b"iso-8859-1", b"latin1", b"windows-1252", b"cp1252")
    latin9 = name in (b"iso-8859-15", b"latin9", b"latin-9")
    for c in raw:
        if c < 0x80:
            out.append(c)
        elif western or latin9:
            _put(out, _high(c, latin9))
        else:
            out.append(0x3F)
    return out


def _high(c: int, latin9: bool) -> int:
    if c < 0xA0:
        i = (c - 0x80) * 2
        return _CP1252[i] << 8 | _CP1252[i + 1] or 0xFFFD
    if latin9:
        for i in range(0, len(_LATIN9), 3):
            if _LATIN9[i] == c:
                return _LATIN9[i + 1] << 8 | _LATIN9[i + 2]
    return c


def _put(out: bytearray, cp: int) -> None:
    """Append a code point from U+0080 to U+FFFF."""
    if cp < 0x800:
        out.append(0xC0 | cp >> 6)
    else:
        out.append(0xE0 | cp >> 12)
        out.append(0x80 | cp >> 6 & 0x3F)
    out.append(0x80 | cp & 0x3F)


def _valid(raw: "Bytes") -> int:
    """How many bytes are valid UTF-8: all, or all but a truncated last character; else 0."""
    i = 0
    wide = False
    while i < len(raw):
        cp = point(raw, i)
        if cp < 0:
            # A lone 0xE9 at the end is a Latin-1 "é", unless what precedes it is UTF-8 beyond doubt.
            return i if wide and _cut_off(raw, i) else 0
        wide = wide or cp >= 0x80
        i += width(cp)
    return i


def _cut_off(raw: "Bytes", i: int) -> bool:
    """Whether the data ends with the beginning of one character, at `i`."""
    c = raw[i]
    left = len(raw) - i
    if not 0xC2 <= c <= 0xF4 or left > (1 if c < 0xE0 else 2 if c < 0xF0 else 3):
        return False
    return all(raw[k] & 0xC0 == 0x80 for k in range(i + 1, len(raw)))


def _lenient(raw: "Bytes") -> bytearray:
    out = bytearray()
    i = 0
    while i < len(raw):
        cp = point(raw, i)
        if cp < 0:
            out.extend(_BAD)
            i += 1
        else:
            for _ in range(width(cp)):
                out.append(raw[i])
                i += 1
    return out


def _iso2022(raw: "Bytes", out: bytearray) -> None:
    """ISO-2022-JP and its kin: keeps ASCII between escape sequences; a two-byte character becomes one "?"."""
    i = 0
    wide = False
    while i < len(raw):
        c = raw[i]
        i += 1
        if c == 0x1B:
            wide = raw[i : i + 1] == b"$"
            i += 2
            if wide and raw[i - 1 : i] in (b"(", b")"):
                i += 1
        elif wide:
            out.append(0x3F)
            i += 1
        else:
            out.append(c if c < 0x80 else 0x3F)
