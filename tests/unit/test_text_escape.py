"""Nothing that came by mail can steer a display, a log or a terminal."""

from buzon.text.escape import clean


def test_text_stays():
    for text in ("", "Hello", "¡Mañana, €5, Œuvre!", "漢字 \U0001f600", "a.b-c~"):
        assert clean(text, 100) == text


def test_white_space_is_folded():
    assert clean("  a\r\n\tb \u00a0\u2028 c\u3000d  ", 100) == "a b c d"
    assert clean(" \t\r\n", 100) == ""


def test_no_control_character_survives():
    assert clean("a\x00b\x1b[31mc\x07d\x7fe\x9b2Jf\u00adg", 100) == "ab[31mcde2Jfg"
    for cp in list(range(0x20)) + list(range(0x7F, 0xA0)):
        assert clean("a" + chr(cp) + "b", 100) in ("ab", "a b"), cp


def test_nothing_invisible_or_bidirectional_survives():
    bad = [0x061C, 0x180E, 0xFEFF, 0xFFF9, 0xFE0F, 0xE0041]
    bad += list(range(0x200B, 0x2010)) + list(range(0x202A, 0x202F)) + list(range(0x2060, 0x206A))
    for cp in bad:
        assert clean("a" + chr(cp) + "b", 100) == "ab", cp


def test_cut_with_an_ellipsis():
    assert clean("abcdefgh", 8) == "abcdefgh"
    assert clean("abcdefghi", 8) == "abcde…"
    assert clean("ab de fghi", 6) == "ab…"
    assert clean("ññññññ", 9) == "ñññ…"
    assert clean("ñññ", 2) == "ñ"
    assert clean("abc", 0) == ""
    assert clean("abc    ", 3) == "abc"


def test_never_longer_than_the_limit():
    text = "aé€\U0001f600 " * 4
    for limit in range(50):
        assert len(clean(text, limit).encode()) <= limit


def test_distinct_characters_are_not_interned_for_good():
    import gc

    if not hasattr(gc, "mem_alloc"):
        return  # only MicroPython interns them
    clean("warm up", 50)
    gc.collect()
    before = gc.mem_alloc()
    for base in range(0x5000, 0x5400, 16):
        raw = bytearray()
        for cp in range(base, base + 16):
            raw.extend(bytes((0xE0 | cp >> 12, 0x80 | (cp >> 6) & 0x3F, 0x80 | cp & 0x3F)))
        assert len(clean(str(raw, "utf-8"), 60).encode()) == 48
    gc.collect()
    assert gc.mem_alloc() - before < 2000
