"""The committed font module is what the generator makes, and its glyphs are what the source draws."""

import gzip
from pathlib import Path

import pytest
from buzon_host.build import font
from buzon_host.paths import use_firmware

use_firmware()

from buzon.display import font6x12

SPLEEN = Path("/usr/share/consolefonts/spleen-6x12.psfu.gz")


def rows(char: str) -> list[str]:
    """A glyph as the firmware's data have it."""
    at = 9 * font.characters().index(char)
    low, high = font6x12.DATA[at : at + 6], font6x12.DATA[at + 6 : at + 9]
    columns = [low[x] | (high[x // 2] >> 4 * (x % 2) & 15) << 8 for x in range(6)]
    return ["".join("#" if column >> y & 1 else "." for column in columns) for y in range(12)]


def test_letters_look_like_letters() -> None:
    assert rows("ñ")[:9] == [
        ".#..#.",
        "#.##..",
        "......",
        "####..",
        "#...#.",
        "#...#.",
        "#...#.",
        "#...#.",
        "#...#.",
    ]
    assert rows("…")[7:9] == ["#.#.#.", "#.#.#."]


def test_every_character_has_a_glyph_of_its_own() -> None:
    drawn = {char: "\n".join(rows(char)) for char in font.characters() if char not in " \xa0"}
    assert all("#" in glyph for glyph in drawn.values())
    letters = [char for char in drawn if char.isalpha() and char.isprintable()]
    assert len({drawn[char] for char in letters}) >= len(letters) - 3  # l and I alike is allowed, no more
    for char in font.EXTRA[:-1]:
        assert list(drawn.values()).count(drawn[char]) == 1, char


def test_added_glyphs_fit_in_five_columns() -> None:
    for char in font.DRAWN:
        assert all(len(row) <= 5 for row in font.DRAWN[char][1:] if isinstance(row, str))
        assert len(font.drawn(char)) == font.HEIGHT
        assert not any(row[5:] == "#" for row in rows(char))


def test_the_notice_is_kept() -> None:
    text = font.target().read_text(encoding="utf-8")
    assert "Copyright (c) 2018-2020, Frederic Cambus" in text
    assert "SPDX-License-Identifier: BSD-2-Clause" in text


@pytest.mark.skipif(not SPLEEN.exists(), reason="Debian's fonts-spleen is not installed")
def test_the_module_is_what_the_generator_makes() -> None:
    source = font.read_psf(gzip.decompress(SPLEEN.read_bytes()))
    assert font.module(source) == font.target().read_text(encoding="utf-8")


def test_another_file_is_refused() -> None:
    with pytest.raises(ValueError, match="6x12"):
        font.read_psf(bytes(64))
