"""Turns text into glyphs of the font, one byte per column, and breaks it into lines. Pure: draws nothing."""

from micropython import const

from .font6x12 import EXTRA, FOLD

WIDTH = const(6)  # pixels per column
HEIGHT = const(12)  # pixels per line
SPACE = const(0)
ELLIPSIS = const(198)
BOX = const(200)  # shown for what the font does not have


def glyphs(s: str) -> bytearray:
    """The glyph numbers of `s`, one per column. A character that the font lacks becomes its base letter or a box.

    Works on the UTF-8 bytes, as MicroPython permanently interns every single character taken out of a `str`.
    """
    raw = s.encode()
    out = bytearray()
    i = 0
    while i < len(raw):
        cp = raw[i]
        i += 1
        if cp >= 0x80:
            n = 1 if cp < 0xE0 else 2 if cp < 0xF0 else 3
            cp &= 0x3F >> n
            while n and i < len(raw):
                cp = cp << 6 | raw[i] & 0x3F
                i += 1
                n -= 1
        if not 0x300 <= cp < 0x370 and cp != 0x20E3:  # combining marks take up no column
            out.append(_glyph(cp))
    return out


def _glyph(cp: int) -> int:
    if cp < 0xA0:
        return cp - 0x20 if 0x20 <= cp < 0x7F else BOX
    if cp < 0x100:
        return cp - 0x20 - 33 if cp != 0xA0 else SPACE
    for i in range(0, len(EXTRA), 2):
        if EXTRA[i] == cp >> 8 and EXTRA[i + 1] == cp & 0xFF:
            return 191 + (i >> 1)
    if cp < 0x180:
        return FOLD[cp - 0x100] - 0x20
    c = 0
    if 0x218 <= cp <= 0x21B:  # Romanian
        c = b"SsTt"[cp - 0x218]
    elif 0x2010 <= cp <= 0x2015 or cp == 0x2212:
        c = 0x2D
    elif 0x2018 <= cp <= 0x201B:
        c = 0x27
    elif 0x201C <= cp <= 0x201F:
        c = 0x22
    elif cp == 0x2022:
        return 0xB7 - 0x20 - 33
    return c - 0x20 if c else BOX


def cut(g: bytearray, cols: int) -> bytearray:
    """`g` cut to at most `cols` columns, none if `cols` is less than one; "…" marks a cut."""
    if len(g) <= cols:
        return g
    if cols < 1:
        return bytearray()
    cols -= 1
    while cols > 0 and g[cols - 1] == SPACE:
        cols -= 1
    g = g[:cols]
    g.append(ELLIPSIS)
    return g


def wrap(g: bytearray, cols: int, lines: int) -> "list[bytearray]":
    """`g` broken at spaces into at most `lines` lines of `cols` columns; "…" marks text that did not fit.

    A word longer than a line is broken where the line ends.
    """
    out: "list[bytearray]" = []
    g = bytearray(bytes(g).strip(b"\0"))
    i = 0
    while i < len(g) and lines > 0:
        if len(out) == lines - 1 or len(g) - i <= cols:
            out.append(cut(g[i:], cols))
            break
        end = i + cols
        while end > i and g[end] != SPACE:
            end -= 1
        word = _word(g, end)  # the first that does not fit
        after = g.find(b"\0", word)
        if end == i or (after if after >= 0 else len(g)) - word > cols:
            end = i + cols
            word = _word(g, end)
        out.append(bytearray(bytes(g[i:end]).rstrip(b"\0")))
        i = word
    return out


def _word(g: bytearray, i: int) -> int:
    """Where the next word begins, at or after i."""
    while i < len(g) and g[i] == SPACE:
        i += 1
    return i
