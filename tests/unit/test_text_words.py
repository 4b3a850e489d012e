"""Encoded-words and charsets on known cases; against Python's own: tests/host/test_text_properties.py."""

from buzon.text.charsets import to_utf8
from buzon.text.utf8 import point, shorten
from buzon.text.words import decode


def check(raw, expected, limit=200):
    found = decode(raw, limit)
    assert found == expected, (raw, found)


def test_plain_text_stays():
    check(b"", "")
    check(b"Hello, world", "Hello, world")
    check(b"a = b ? c : d =? e", "a = b ? c : d =? e")


def test_q_and_b():
    check(b"=?utf-8?Q?Ma=C3=B1ana_a_las_9?=", "Mañana a las 9")
    check(b"=?utf-8?B?TWHDsWFuYQ==?=", "Mañana")
    check(b"=?UTF-8?q?a=5Fb_c?= d", "a_b c d")
    check(b"=?iso-8859-1?q?=A1Hola=21?= que =?ISO-8859-1?Q?tal=2C_Jos=E9=3F?=", "¡Hola! que tal, José?")


def test_white_space_between_words_is_dropped_and_elsewhere_kept():
    check(b"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab")
    check(b"=?utf-8?Q?a?= \t =?iso-8859-1?Q?b?=", "ab")
    check(b"x =?utf-8?Q?a?= y  =?utf-8?Q?b?= z", "x a y  b z")
    check(b"(=?utf-8?Q?a?=)", "(a)")


def test_a_character_split_over_two_words():
    check(b"=?utf-8?Q?ma=C3?= =?UTF-8?Q?=B1ana?=", "mañana")
    check(b"=?utf-8?B?8J8=?=\t=?utf-8?B?mIA=?=", "\U0001f600")


def test_a_language_after_the_charset():
    check(b"=?us-ascii*en-US?Q?Hi?=", "Hi")
    check(b"=?utf-8*es?Q?ca=C3=B1a?=", "caña")


def test_charsets():
    check(b"=?windows-1252?Q?=80_=93x=94_=8C?=", "€ “x” Œ")
    check(b"=?iso-8859-15?Q?=A4=A6=A8=B4=B8=BC=BD=BE=E9?=", "€ŠšŽžŒœŸé")
    check(b"=?iso-8859-1?Q?=E9=FF=A4?=", "éÿ¤")
    check(b"=?us-ascii?Q?a=E9b?=", "aéb")
    check(b"=?utf-8?Q?a=FFb=ED=A0=80?=", "a\ufffdb\ufffd\ufffd\ufffd")
    check(b"=?koi8-r?Q?abc_=D0=D2=C9?=", "abc ???")
    check(b"=?iso-2022-jp?B?UmU6IBskQiVGJTklSBsoQiBvaw==?=", "Re: ??? ok")


def test_raw_8_bit():
    check("Mañana €5".encode(), "Mañana €5")
    check(b"Ma\xf1ana \x80 5", "Mañana € 5")
    check(b"caf\xe9", "café")
    check("ñandú 漢字".encode()[:-1], "ñandú 漢")  # cut off by the header scan's limit


def test_malformed_stays_readable():
    for raw in (
        b"=?utf-8?X?abc?=",
        b"=?utf-8?Q abc?=",
        b"=??Q?abc?=",
        b"=?utf-8?",
        b"=?",
        b"=?a b?Q?c?=",
        b"=?u?Q?c d",
    ):
        check(raw, raw.decode())
    check(b"=?utf-8?Q?50=_off=ZZ=?=", "50= off=ZZ=")
    check(b"=?utf-8?B?TWHDsWFuYQ?=", "Mañana")
    check(b"=?utf-8?B?TWHDsWFuYQ=?=", "Mañana")
    check(b"=?utf-8?Q?with space?= x", "with space x")
    check(b"=?utf-8?Q??= x", " x")


def test_a_last_word_that_was_cut_off():
    check(b"Re: =?utf-8?Q?Ma=C3=B1an", "Re: Mañan")
    check(b"=?utf-8?B?TWHDsWFu", "Mañan")
    check(b"=?utf-8?B?TWHDsWF", "Maña")


def test_the_limit_counts_bytes_and_keeps_characters_whole():
    assert decode(b"=?utf-8?Q?=C3=B1=C3=B1=C3=B1?=", 5) == "ñ…"
    assert decode(b"=?utf-8?Q?=C3=B1=C3=B1=C3=B1?=", 6) == "ñññ"
    assert decode(b"abcdef", 5) == "ab…"
    assert decode(b"abcdef", 0) == ""
    assert decode(b"=?utf-8?Q?a?= " * 5000, 10) == "a" * 7 + "…"


def test_point_accepts_what_utf8_allows_and_nothing_else():
    for cp in (0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF):
        assert point(chr(cp).encode(), 0) == cp
    for bad in (b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf0\x80\x80\x80"):
        assert point(bad, 0) == -1, bad
    for bad in (b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xc3", b"\xe2\x82", b"\xe2\x82A", b"\xff"):
        assert point(bad, 0) == -1, bad


def test_every_byte_of_every_charset_gives_valid_utf8():
    raw = bytes(range(256))
    for name in (
        b"",
        b"utf-8",
        b"us-ascii",
        b"iso-8859-1",
        b"iso-8859-15",
        b"windows-1252",
        b"big5",
        b"iso-2022-kr",
    ):
        text = bytes(to_utf8(raw, name))
        i = 0
        while i < len(text):
            cp = point(text, i)
            assert cp >= 0, name
            i += len(chr(cp).encode())


def test_shorten():
    raw = "aé€xyz".encode()
    assert [shorten(raw, n) for n in range(10)] == [
        "",
        "a",
        "a",
        "…",
        "a…",
        "a…",
        "aé…",
        "aé…",
        "aé…",
        "aé€xyz",
    ]
