"""Text to glyphs, and glyphs to lines."""

from buzon.display.font6x12 import DATA, EXTRA, FOLD
from buzon.display.layout import BOX, ELLIPSIS, SPACE, cut, glyphs, wrap

EVERY = "".join(chr(c) for c in list(range(0x20, 0x7F)) + list(range(0xA0, 0x100))) + "ŒœŠšŸŽž…€"


def lines(text, cols, n):
    return [back(g) for g in wrap(glyphs(text), cols, n)]


def back(g):
    """The text that glyphs show."""
    return "".join([EVERY[n] if n < BOX else "#" for n in g])


def test_every_letter_has_a_glyph_of_its_own():
    g = glyphs(EVERY)
    assert len(g) == len(EVERY)
    for i, n in enumerate(g):
        if EVERY[i] == "\xa0":
            assert n == SPACE
        else:
            assert n == i, EVERY[i]
    assert EVERY[ELLIPSIS] == "…"
    assert len(DATA) == 9 * (BOX + 1)
    assert len(EXTRA) == 2 * (BOX + 1 - 191)
    assert len(FOLD) == 128


def test_what_the_font_lacks():
    assert back(glyphs("Čeština żółć ğış Đ ȘȚ")) == "Ceština zólc gis D ST"
    assert back(glyphs("“a” ‘b’ – — − •")) == "\"a\" 'b' - - - ·"
    assert back(glyphs("n\u0303")) == "n"
    assert back(glyphs("a漢\U0001f600\n\x9bb")) == "a####b"


def test_cut():
    assert back(cut(glyphs("abcdef"), 6)) == "abcdef"
    assert back(cut(glyphs("abcdefg"), 6)) == "abcde…"
    assert back(cut(glyphs("abc  efg"), 6)) == "abc…"
    assert back(cut(glyphs("abc"), 1)) == "…"


def test_wrap():
    assert lines("", 5, 3) == []
    assert lines("  ", 5, 3) == []
    assert lines("abc de", 6, 3) == ["abc de"]
    assert lines("abc def", 6, 3) == ["abc", "def"]
    assert lines("abcdef ghi", 6, 3) == ["abcdef", "ghi"]
    assert lines("  abc   def  ", 6, 3) == ["abc", "def"]
    assert lines("abc", 6, 0) == []
    assert lines("ab cd ef gh ij", 5, 2) == ["ab cd", "ef g…"]


def test_a_word_longer_than_a_line_is_broken():
    assert lines("abcdefghij", 4, 5) == ["abcd", "efgh", "ij"]
    assert lines("a bcdefghij", 4, 5) == ["a bc", "defg", "hij"]
    assert lines("ab bcde", 4, 5) == ["ab", "bcde"]
    assert lines("abcdefghij", 4, 2) == ["abcd", "efg…"]


def test_wrap_loses_no_word_and_fits():
    text = "the server mail.example.com does not know the user or the password at all"
    for cols in range(3, 40):
        found = lines(text, cols, 100)
        assert "".join(found).replace(" ", "") == text.replace(" ", ""), cols
        for line in found:
            assert 0 < len(line) <= cols
        for n in range(1, 6):
            few = lines(text, cols, n)
            assert len(few) == min(n, len(found))
            assert (few[-1][-1] == "…") == (len(found) > n)
