"""Draws glyphs into a framebuffer. Allocates nothing per glyph: one cell is filled and blitted."""

import framebuf
from micropython import const

from .font6x12 import DATA

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    Bytes = bytes | bytearray

_W = const(6)
_H = const(12)
_cell = bytearray(2 * _W)
_glyph = framebuf.FrameBuffer(_cell, _W, _H, framebuf.MONO_VLSB)
_swapped = framebuf.FrameBuffer(bytearray(b"\x01"), 2, 1, framebuf.MONO_HMSB)


def text(d: framebuf.FrameBuffer, g: "Bytes", x: int, y: int, color: int = 1) -> int:
    """Draw glyphs (see `layout.glyphs`), upper left corner at x, y; returns the x of the next one.

    Only the pixels of the letters are set, to `color`.
    """
    for n in g:
        _load(n)
        if color:
            d.blit(_glyph, x, y, 0)
        else:
            d.blit(_glyph, x, y, 1, _swapped)
        x += _W
    return x


def big(d: framebuf.FrameBuffer, g: "Bytes", x: int, y: int) -> None:
    """Draw glyphs at twice the size, 12x24 pixels each."""
    for n in g:
        _load(n)
        for i in range(_W):
            for j in range(_H):
                if _glyph.pixel(i, j):
                    d.fill_rect(x + 2 * i, y + 2 * j, 2, 2, 1)
        x += 2 * _W


def _load(n: int) -> None:
    at = n * 9
    for i in range(_W):
        _cell[i] = DATA[at + i]
    for i in range(3):
        c = DATA[at + 6 + i]
        _cell[_W + 2 * i] = c & 15
        _cell[_W + 1 + 2 * i] = c >> 4
