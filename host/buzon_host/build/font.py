"""Makes the board's font module from Spleen 6x12, a PSF2 console font (Debian's package `fonts-spleen`).

    python -m buzon_host.build.font /usr/share/consolefonts/spleen-6x12.psfu.gz

writes `firmware/buzon/display/font6x12.py`, which is committed, so that a build does not need the package.
"""

import gzip
import struct
import sys
import unicodedata
from pathlib import Path

from ..paths import firmware

WIDTH, HEIGHT = 6, 12
# Index 0 to 94: ASCII; then U+00A0 to U+00FF; then these, of which the last is shown for unknown characters.
EXTRA = "ŒœŠšŸŽž…€\ufffd"
# Spleen 1.x has none of these; they are drawn in its style: the number of empty rows above, then the rows.
DRAWN = {
    "Œ": (1, ".####", "#.#..", "#.#..", "#.##.", "#.#..", "#.#..", "#.#..", ".####"),
    "œ": (3, ".#.#.", "#.#.#", "#.#.#", "#.###", "#.#..", ".#.##"),
    "Š": (0, ".#.#.", "..#..", ".####", "#....", ".##..", "...#.", "....#", "....#", "####."),
    "š": (0, ".#.#.", "..#..", ".....", ".####", "#....", ".###.", "....#", "....#", "####."),
    "Ÿ": (0, ".#.#.", ".....", "#...#", "#...#", "#...#", ".####", "....#", "....#", "####."),
    "Ž": (0, ".#.#.", "..#..", "#####", "....#", "...#.", "..#..", ".#...", "#....", "#####"),
    "ž": (0, ".#.#.", "..#..", ".....", "#####", "...#.", "..#..", ".#...", "#....", "#####"),
    "…": (7, "#.#.#", "#.#.#"),
    "€": (1, "..###", ".#...", "#....", "####.", "#....", "####.", ".#...", "..###"),
    "\ufffd": (2, "#####", "#...#", "#...#", "#...#", "#...#", "#...#", "#####"),
}
LICENSE = """\
The glyphs are from Spleen (https://github.com/fcambus/spleen), 6x12, some added in its manner:

Copyright (c) 2018-2020, Frederic Cambus
All rights reserved.

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

 * Redistributions of source code must retain the above copyright
   notice, this list of conditions and the following disclaimer.

 * Redistributions in binary form must reproduce the above copyright
   notice, this list of conditions and the following disclaimer in the
   documentation and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS
BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR
CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF
SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS
INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN
CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE)
ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE
POSSIBILITY OF SUCH DAMAGE.

SPDX-License-Identifier: BSD-2-Clause
"""


def read_psf(data: bytes) -> dict[str, list[int]]:
    """A PSF2 font of 6x12 with a Unicode table: character -> 12 rows, bit 7 leftmost."""
    magic, _, head, flags, count, size, height, width = struct.unpack_from("<8I", data)
    if magic != 0x864AB572 or not flags & 1 or (width, height, size) != (WIDTH, HEIGHT, HEIGHT):
        raise ValueError("This is not a 6x12 PSF2 font with a Unicode table.")
    font = {}
    for i, entry in enumerate(data[head + count * size :].split(b"\xff")[:count]):
        for char in entry.split(b"\xfe")[0].decode():  # sequences of characters follow 0xFE
            font[char] = list(data[head + i * size : head + (i + 1) * size])
    return font


def drawn(char: str) -> list[int]:
    """The rows of a glyph of `DRAWN`."""
    first, *rows = DRAWN[char]
    bits = [int(row.replace(".", "0").replace("#", "1"), 2) << 3 for row in rows if isinstance(row, str)]
    above = [0] * int(first)
    return above + bits + [0] * (HEIGHT - len(above) - len(bits))


def pack(rows: list[int]) -> bytes:
    """9 bytes: the upper 8 rows of 6 columns, bit 0 on top, then the lower 4 rows, two columns per byte."""
    columns = [sum((rows[y] >> (7 - x) & 1) << y for y in range(HEIGHT)) for x in range(WIDTH)]
    low = [columns[i] >> 8 | columns[i + 1] >> 8 << 4 for i in range(0, WIDTH, 2)]
    return bytes([column & 0xFF for column in columns] + low)


def characters() -> str:
    """All characters that have a glyph, in the order of their index."""
    return "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)])) + EXTRA


def base_letter(cp: int) -> str:
    """The ASCII letter to show for one of U+0100 to U+017F."""
    special = dict(zip("đĐħĦıĸłŁŉŊŋŒœŧŦſ", "dDhHiklLnNnOotTs", strict=True))
    return special.get(chr(cp)) or unicodedata.normalize("NFKD", chr(cp))[0]


def module(font: dict[str, list[int]]) -> str:
    """The text of the firmware's module."""
    data = [pack(drawn(char) if char in DRAWN else font[char]) for char in characters()]
    fold = "".join(base_letter(cp) for cp in range(0x100, 0x180))
    notice = "".join(f"# {line}".rstrip() + "\n" for line in LICENSE.splitlines())
    lines = [
        '"""A font of 6x12 pixels: ASCII, Latin-1 and what else Western Europe writes. Only data."""\n',
        "# Made by host/buzon_host/build/font.py: change that, not this.\n#\n" + notice,
        "# fmt: off",
        f"# The code points from glyph 191 on, 16 bits each: {EXTRA[:-1]} and the box for what is unknown.",
        "EXTRA = " + literal("".join(EXTRA).encode("utf-16-be")),
        "# The letter to show for U+0100 to U+017F.",
        "FOLD = (",
        *(f'    b"{fold[i : i + 64]}"' for i in range(0, len(fold), 64)),
        ")",
        "# 9 bytes a glyph: the upper 8 rows of 6 columns, bit 0 on top; then the lower 4, two in a byte.",
        "DATA = (",
        *("    " + literal(b"".join(data[i : i + 2])) for i in range(0, len(data), 2)),
        ")",
    ]
    return "\n".join(lines) + "\n"


def literal(data: bytes) -> str:
    """A bytes literal in double quotes."""
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def target() -> Path:
    return firmware() / "buzon" / "display" / "font6x12.py"


def main() -> None:
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/consolefonts/spleen-6x12.psfu.gz")
    target().write_text(module(read_psf(gzip.decompress(source.read_bytes()))), encoding="utf-8")
    print(f"{target()} written.")


if __name__ == "__main__":
    main()
