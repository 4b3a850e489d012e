"""Makes text from mail safe for one line of a display, a log or a terminal. Pure."""

from micropython import const

from .utf8 import point, shorten, width

_DROP = const(0)
_SPACE = const(1)
_TEXT = const(2)


def clean(s: str, limit: int) -> str:
    """`s` as one line of at most `limit` bytes of UTF-8; "…" marks a cut.

    Runs of white space become one space; both ends are stripped. Control characters (C0, DEL, C1) and
    characters that are invisible or change the direction of text are dropped: no text can move a cursor or
    pose as another.
    """
    raw = s.encode()
    out = bytearray()
    space = False
    i = 0
    while i < len(raw) and len(out) <= limit:
        cp = point(raw, i)
        n = width(cp)
        kind = _kind(cp)
        if kind == _SPACE:
            space = True
        elif kind == _TEXT:
            if space and out:
                out.append(0x20)
            space = False
            for k in range(i, i + n):
                out.append(raw[k])
        i += n
    return shorten(out, limit)


def _kind(cp: int) -> int:
    if cp < 0xAE:
        if cp == 0x20 or 0x09 <= cp <= 0x0D or cp == 0x85 or cp == 0xA0:
            return _SPACE
        return _DROP if cp < 0x20 or 0x7F <= cp < 0xA0 or cp == 0xAD else _TEXT
    if cp < 0x2000:
        if cp == 0x1680:
            return _SPACE
        return _DROP if cp == 0x061C or cp == 0x180E else _TEXT
    if cp <= 0x200A or cp == 0x2028 or cp == 0x2029 or cp == 0x202F or cp == 0x205F or cp == 0x3000:
        return _SPACE
    if cp <= 0x200F or 0x202A <= cp <= 0x202E or 0x2060 <= cp <= 0x206F:
        return _DROP
    if cp == 0xFEFF or 0xFE00 <= cp <= 0xFE0F or 0xFFF9 <= cp <= 0xFFFB or cp >= 0xE0000:
        return _DROP  # byte order mark, variation selectors, annotations, tags and private planes
    return _TEXT
