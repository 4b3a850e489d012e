"""The pages, on no hardware; through driver and emulated chip to the picture: tests/host/test_picture.py."""

import gc

from buzon.display import draw
from buzon.display.layout import glyphs
from buzon.display.null import Null
from buzon.notify import pages

ONLY = "micropython"  # needs framebuf


def lit(d):
    return sum([bin(byte).count("1") for byte in d.buffer])


def all_pages(d, text):
    pages.idle(d, "12:34", 128, 2, text)
    pages.alert(d, text, text, 3)
    pages.notice(d, text, text)
    pages.progress(d, 17, 42)


def test_null_has_what_a_driver_has():
    d = Null({})
    assert (d.w, d.h, len(d.buffer), d.API) == (128, 64, 1024, 1)
    d.show()
    d.power(False)
    d.contrast(3)
    d.invert(True)
    d.pixel(127, 63, 1)
    assert d.buffer[1023] == 0x80


def test_a_letter_is_drawn_where_it_should_be():
    d = Null({})
    assert draw.text(d, glyphs("HI"), 3, 5) == 15
    rows = [[d.pixel(x, y) for x in range(128)] for y in range(64)]
    assert [y for y in range(64) if any(rows[y])] == list(range(6, 14))
    assert [x for x in range(9) if rows[6][x]] == [3, 7]
    dark = Null({})
    dark.fill(1)
    draw.text(dark, glyphs("HI"), 3, 5, 0)
    for y in range(64):
        for x in range(128):
            assert dark.pixel(x, y) != rows[y][x]


def test_big_is_twice_the_size():
    d = Null({})
    small = Null({})
    draw.text(small, glyphs("Á5"), 0, 0)
    draw.big(d, glyphs("Á5"), 10, 4)
    for y in range(24):
        for x in range(24):
            assert d.pixel(10 + x, 4 + y) == small.pixel(x // 2, y // 2)
    assert lit(d) == 4 * lit(small)


def test_pages_differ_by_what_they_say():
    for h in (64, 32):
        seen = []
        d = Null({"h": h})
        for page, args in (
            (pages.idle, ("12:34", 128, 0, "note")),
            (pages.idle, ("12:34", 128, 1, "note")),
            (pages.idle, ("12:34", 128, 0, "TLS is not verified")),
            (pages.idle, ("", 0, 0, "")),
            (pages.alert, ("Ana", "Hola", 1)),
            (pages.alert, ("Ana", "Hola", 2)),
            (pages.alert, ("Ana", "", 1)),
            (pages.notice, ("Ana", "Adiós")),
            (pages.progress, (1, 2)),
            (pages.progress, (2, 2)),
            (pages.progress, (2, 0)),
        ):
            page(d, *args)
            assert lit(d) > 50
            picture = bytes(d.buffer)
            assert picture not in seen
            seen.append(picture)


def test_pages_take_any_text_and_number():
    for h in (64, 32):
        d = Null({"h": h})
        for text in ("", "x", "word " * 60, "W" * 300, "漢字\U0001f600" * 20, "\x00\x1b\n"):
            all_pages(d, text)
            pages.idle(d, text, 10**9, 10**9, text)
            pages.alert(d, text, text, 10**9)
        for n, of in ((0, 0), (5, 3), (-1, 3), (10**9, 10**9), (1, -1)):
            pages.progress(d, n, of)


def test_a_sentence_of_104_characters_is_all_there():
    d = Null({})
    text = " ".join(["abcdefghij klmnopqrs"] * 5)
    assert len(text) == 104
    pages.notice(d, "T", text)
    first = bytes(d.buffer)
    pages.notice(d, "T", text[:-1] + "x")
    assert bytes(d.buffer) != first


def test_drawing_text_keeps_nothing_and_glyphs_allocate_nothing():
    d = Null({})
    g = glyphs("The quick brown fox")
    draw.text(d, g, 0, 0)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    draw.text(d, g, 0, 0)
    one = gc.mem_alloc() - before
    before = gc.mem_alloc()
    draw.text(d, g[:1], 0, 0)
    few = gc.mem_alloc() - before
    gc.enable()
    assert one <= few, (one, few)
    all_pages(d, "warm up")
    gc.collect()
    before = gc.mem_alloc()
    for i in range(0x5000, 0x5100, 4):
        text = bytes((0xE5, 0x80 | (i >> 6) & 0x3F, 0x80 | i & 0x3F)).decode() * 3
        all_pages(d, text)
    text = None
    gc.collect()
    assert gc.mem_alloc() - before < 2000
