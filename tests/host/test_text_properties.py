"""The firmware's header parsing against Python's own, over every way of splitting the input."""

import email
import email.header
import email.policy
import email.utils
import itertools
from pathlib import Path

import pytest
from buzon_host.paths import use_firmware
from hypothesis import given
from hypothesis import strategies as st

use_firmware()

from buzon.text.address import sender
from buzon.text.escape import clean
from buzon.text.headers import HeaderScan
from buzon.text.words import decode

NAMES = (b"from", b"subject", b"date")
SAMPLES = sorted((Path(__file__).parents[2] / ".." / "shared" / "mail").resolve().glob("*/*"))

value = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
folded = st.lists(value, min_size=1, max_size=3).map("\r\n ".join)
name = st.sampled_from(["From", "SUBJECT", "date", "X-Other", "Subjects", "Received"])
field = st.tuples(name, folded).map(lambda pair: f"{pair[0]}: {pair[1]}\r\n")
message = st.tuples(st.lists(field, max_size=6).map("".join), value).map(
    lambda pair: (pair[0] + "\r\n" + pair[1] + "\r\nSubject: body\r\n").encode()
)


def scan(data: bytes, cuts: list[int], limit: int = 1000) -> HeaderScan:
    found = HeaderScan(NAMES, limit)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for a, b in itertools.pairwise(edges):
        found.write(b"xx" + data[a:b] + b"\r\n\r\n", 2, b - a)
    return found


@given(message, st.lists(st.integers(0, 2000), max_size=12))
def test_header_scan_agrees_with_python(data: bytes, cuts: list[int]) -> None:
    theirs = email.message_from_bytes(data)
    ours = scan(data, cuts)
    for wanted in NAMES:
        text = str(theirs.get(wanted.decode(), "")).replace("\r\n", "")
        assert ours.get(wanted) == text.encode().strip(b" \t")


@given(message)
def test_header_scan_does_not_depend_on_the_split(data: bytes) -> None:
    whole = [scan(data, []).get(wanted) for wanted in NAMES]
    for cut in range(len(data)):
        assert [scan(data, [cut]).get(wanted) for wanted in NAMES] == whole
    assert [scan(data, list(range(len(data)))).get(wanted) for wanted in NAMES] == whole


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5), st.integers(0, 20))
def test_header_scan_takes_anything(data: bytes, cuts: list[int], limit: int) -> None:
    ours = scan(data, cuts, limit)
    assert [ours.get(n) for n in NAMES] == [scan(data, [], limit).get(n) for n in NAMES]
    assert all(len(ours.get(n)) <= limit for n in NAMES)


western = st.text(st.characters(codec="cp1252", min_codepoint=0x20, exclude_categories=["Cc"]), max_size=60)


def pieces_of(chunks: list[str], charset: str) -> bytes:
    header = email.header.Header(maxlinelen=40)
    for chunk in chunks:
        header.append(chunk, charset)
    return header.encode(linesep="\r\n").replace("\r\n", "").encode()


@given(st.lists(western, min_size=1, max_size=3), st.sampled_from(["utf-8", "windows-1252"]))
def test_words_read_what_python_writes(chunks: list[str], charset: str) -> None:
    raw = pieces_of(chunks, charset)
    wanted = str(email.header.make_header(email.header.decode_header(raw.decode())))
    assert decode(raw, 10000) == wanted


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60), st.sampled_from("bq"))
def test_every_character_survives_utf8(text: str, coding: str) -> None:
    charset = email.charset.Charset("utf-8")
    charset.header_encoding = email.charset.BASE64 if coding == "b" else email.charset.QP
    raw = (
        email.header.Header(text, charset, maxlinelen=30).encode(linesep="\r\n").replace("\r\n", "").encode()
    )
    # Python writes white space around a text outside of the words, where it cannot be told from folding.
    assert decode(raw, 10000).strip() == text.strip()


@given(st.binary(min_size=2, max_size=40), st.integers(1, 39))
def test_bytes_split_over_two_words_are_joined(data: bytes, at: int) -> None:
    def word(part: bytes) -> bytes:
        return b"=?utf-8?q?" + b"".join(b"=%02X" % c for c in part) + b"?="

    assert decode(word(data[:at]) + b" " + word(data[at:]), 1000) == decode(word(data), 1000)


nasty = st.one_of(
    st.binary(max_size=120),
    st.lists(
        st.sampled_from(b'=? ?= ? = utf-8 q B \xc3 \xb1 =C3 aGk " <'.split(b" ") + [b" "]), max_size=25
    ).map(b"".join),
)


@given(nasty, st.integers(0, 130))
def test_nothing_makes_them_raise_or_exceed_the_limit(raw: bytes, limit: int) -> None:
    for text in (decode(raw, limit), sender(raw, limit)):
        assert len(text.encode()) <= limit
        assert len(clean(text, limit).encode()) <= limit


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), st.integers(0, 100))
def test_clean_is_one_safe_line(text: str, limit: int) -> None:
    safe = clean(text, limit)
    assert safe == " ".join(safe.split())
    assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in safe)
    assert clean(safe, limit) == safe


@pytest.mark.skipif(not SAMPLES, reason="no sample mail beside the checkout")
def test_sample_mail_agrees_with_python() -> None:
    seen = agreed = 0
    for path in SAMPLES:
        data = path.read_bytes()
        theirs = email.message_from_bytes(data, policy=email.policy.compat32)
        raw = theirs.get("Subject")
        if not isinstance(raw, str) or not raw.isascii():
            continue
        ours = scan(data, list(range(0, len(data), 7)), 10000).get(b"subject")
        seen += 1
        text = raw.replace("\r", "").replace("\n", "").strip()
        assert ours.decode("latin-1") == text, path.name
        try:
            wanted = str(email.header.make_header(email.header.decode_header(text)))
        except (UnicodeError, LookupError, email.errors.HeaderParseError):
            continue
        agreed += decode(ours, 10000).split() == wanted.split()
    assert agreed >= seen * 0.9, (agreed, seen)
