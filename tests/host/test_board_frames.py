"""Frames: every split, noise between, bad CRC, too long, cut off, between log lines."""

import base64
import unicodedata
import zlib

import cbor2
import pytest
from buzon_host.board import frames
from buzon_host.board.printable import escape, escape_lines
from buzon_host.errors import BuzonError
from hypothesis import given, settings
from hypothesis import strategies as st


def raw_frame(body: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(body) if crc is None else crc
    return b"@" + base64.b64encode(body + crc.to_bytes(4, "big")) + b"\n"


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
_MESSAGES = st.dictionaries(st.integers(0, 7), _VALUES, min_size=1, max_size=4)
_TEXT = st.binary(max_size=60).filter(lambda line: b"\n" not in line and not line.startswith(b"@"))


def fed(data: bytes, cuts: list[int]):
    decoder = frames.Decoder()
    found = []
    at = 0
    for cut in sorted(cut % (len(data) + 1) for cut in cuts):
        found += decoder.feed(data[at:cut])
        at = cut
    return found + decoder.feed(data[at:])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), _MESSAGES, _TEXT, st.sampled_from([b"\n", b"\r\n"])), max_size=8),
    st.lists(st.integers(0, 4000), max_size=12),
)
def test_frames_between_log_lines_in_every_split(lines, cuts) -> None:
    data = b""
    expected = []
    for is_frame, message, text, end in lines:
        if is_frame:
            line = raw_frame(cbor2.dumps(message))
            if len(line) > frames.MAX_FROM_BOARD - 1:
                continue
            data += line[:-1] + end
            expected.append(frames.Frame(message))
        else:
            data += text + end
            expected.append(frames.Text(text.removesuffix(b"\r").decode("utf-8", "replace")))
    if any(isinstance(e, frames.Text) for e in expected):
        # A text that itself ends in CR before LF loses that CR too; compare frames exactly, texts loosely.
        got = fed(data, cuts)
        assert [g for g in got if isinstance(g, frames.Frame)] == [
            e for e in expected if isinstance(e, frames.Frame)
        ]
        assert len(got) == len(expected)
    else:
        assert fed(data, cuts) == expected


@settings(deadline=None)
@given(st.binary(max_size=6000), st.lists(st.integers(0, 6000), max_size=10))
def test_garbage_never_raises_and_splits_do_not_matter(data, cuts) -> None:
    assert fed(data, cuts) == fed(data, [])
    decoder = frames.Decoder()
    decoder.feed(data)
    assert len(decoder.pending) < frames.MAX_FROM_BOARD


@settings(deadline=None)
@given(_MESSAGES, st.data())
def test_one_changed_byte_is_never_taken_for_the_message(message, data) -> None:
    line = bytearray(raw_frame(cbor2.dumps(message)))
    at = data.draw(st.integers(0, len(line) - 2))
    line[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[at]))
    for item in frames.Decoder().feed(bytes(line)):
        # The last base64 character holds unused bits: what decodes to the same bytes is the same frame.
        assert isinstance(item, frames.Text) or item.map == message


def test_too_long_is_one_cut_text_and_the_next_frame_is_found() -> None:
    long = raw_frame(cbor2.dumps({0: 1, 3: b"x" * 1600}))
    assert len(long) > frames.MAX_FROM_BOARD
    decoder = frames.Decoder()
    found = []
    for byte in long + raw_frame(cbor2.dumps({0: 2, 3: {}})):
        found += decoder.feed(bytes([byte]))
    assert isinstance(found[0], frames.Text)
    assert found[0].cut
    assert len(found[0].line) == frames.MAX_FROM_BOARD - 1
    assert found[1:] == [frames.Frame({0: 2, 3: {}})]


def test_the_longest_frame_from_a_board_is_taken() -> None:
    body = cbor2.dumps({0: 1, 3: b"x" * 1520})
    line = raw_frame(body)
    assert len(line) <= frames.MAX_FROM_BOARD
    assert frames.Decoder().feed(line) == [frames.Frame({0: 1, 3: b"x" * 1520})]


def test_cut_off_by_a_line_end_is_text_and_the_repetition_is_taken() -> None:
    line = raw_frame(cbor2.dumps({0: 1, 3: {"a": 1}}))
    found = frames.Decoder().feed(line[:9] + b"\n" + line)
    assert [type(item) for item in found] == [frames.Text, frames.Frame]


@pytest.mark.parametrize(
    "body",
    [
        cbor2.dumps({0: 1, 3: 1.5}),
        cbor2.dumps({0: 1, 3: cbor2.CBORTag(1, 0)}),
        cbor2.dumps({"0": 1}),
        cbor2.dumps([1, 2]),
        cbor2.dumps({0: 1}) + b"\x00",
        cbor2.dumps({0: 1})[:-1],
        b"\x81" * 500 + b"\x00",
        b"\xa1\x00" * 200 + b"\x00",
        b"",
    ],
)
def test_what_the_protocol_does_not_allow_is_text(body) -> None:
    assert isinstance(frames.Decoder().feed(raw_frame(body))[0], frames.Text)


def test_bad_crc_is_text() -> None:
    body = cbor2.dumps({0: 1, 3: {}})
    assert isinstance(frames.Decoder().feed(raw_frame(body, zlib.crc32(body) ^ 1))[0], frames.Text)


def test_a_frame_not_at_the_start_of_a_line_is_text() -> None:
    forged = raw_frame(cbor2.dumps({0: 1, 3: {}}))
    assert isinstance(frames.Decoder().feed(b"Subject: " + forged)[0], frames.Text)
    assert isinstance(frames.Decoder().feed(b"Subject: \r" + forged)[0], frames.Text)


@settings(deadline=None)
@given(st.integers(0, 400))
def test_a_request_is_at_most_240_bytes_or_refused(size) -> None:
    message = {0: 1, 1: "file.put", 2: {"data": b"x" * size}, 7: 1}
    expected = raw_frame(cbor2.dumps(message))
    if len(expected) > 240:
        with pytest.raises(BuzonError, match="too long"):
            frames.encode(message)
    else:
        assert frames.encode(message) == expected


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(0, 2**31 - 1), st.booleans())
def test_room_is_what_fits_and_no_more(path, off, end) -> None:
    params = {"path": path, "off": off, "end": end}
    room = frames.room("file.put", params)
    full = {0: 2**31 - 1, 1: "file.put", 2: {**params, "data": b"\xff" * room}, 7: 2**31 - 1}
    if room:
        frames.encode(full)
    full[2]["data"] += b"\xff"
    if room >= 23:
        with pytest.raises(BuzonError):
            frames.encode(full)


@settings(deadline=None)
@given(st.text())
def test_escaped_text_is_visible_only(text) -> None:
    shown = escape(text)
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert all(char.isprintable() or unicodedata.category(char) == "Zs" for char in shown)


def test_escape_keeps_what_is_plain() -> None:
    assert escape("¡Año nuevo! €") == "¡Año nuevo! €"
    assert escape("a\x1b[31m\u202eb\x7f\x9b") == "a\\x1b[31m\\u202eb\\x7f\\x9b"
    assert escape_lines("a\r\n\tb\x00\rc") == "a\n\tb\\x00\\x0dc"
