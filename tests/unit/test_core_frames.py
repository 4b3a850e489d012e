"""CBOR and frames of the serial protocol."""

from binascii import b2a_base64, crc32

from buzon.core import frames
from buzon.core.cbor import Encoder, decode
from buzon.errors import ConsoleError, MailError


def encoded(item, size=600):
    enc = Encoder(bytearray(size))
    enc.put(item)
    return bytes(enc.buf[: enc.n])


def test_cbor_round_trip():
    for item in (
        0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -1, -24, -25, -(2**32), -(2**64),
        True, False, None, b"", b"x" * 300, "",
        "Buzón ¿qué?", [], [1, [2, [3]]], {}, {0: 1, "a": [True, None], "b": {"c": b"d"}},
    ):  # fmt: skip
        assert decode(encoded(item)) == item, item


def test_cbor_examples_of_rfc_8949_appendix_a():
    for hexa, item in (
        ("00", 0), ("1864", 100), ("1903e8", 1000), ("1a000f4240", 1000000), ("1bffffffffffffffff", 2**64 - 1),
        ("3bffffffffffffffff", -(2**64)), ("3903e7", -1000), ("f4", False), ("f5", True), ("f6", None),
        ("4401020304", b"\1\2\3\4"), ("6449455446", "IETF"), ("62c3bc", "\u00fc"), ("83010203", [1, 2, 3]),
        ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ):  # fmt: skip
        assert decode(bytes.fromhex(hexa)) == item
        assert encoded(item) == bytes.fromhex(hexa)


def test_cbor_that_is_wrong_is_one_error():
    whole = encoded({0: 1, 1: "method", 2: {"off": 0, "data": b"12345", "end": True}, 7: 123456})
    for n in range(len(whole)):
        refused(whole[:n])
    refused(whole + b"\0")
    for hexa in ("f97e00", "c074", "5f42010243030405ff", "9fff", "1c", "fc", "a1f401", "a2010101", "a201010102",
                 "f8ff", "1818ff", "5b7fffffffffffffff", "9affffffff", "bb7fffffffffffffff", "62ff41", "8181818181818101"):  # fmt: skip
        refused(bytes.fromhex(hexa))


def refused(data):
    try:
        decode(data)
    except ConsoleError:
        return
    raise AssertionError(data)


def test_an_item_that_does_not_fit_is_refused():
    for size in range(12):
        try:
            encoded("twelve bytes", size)
        except MailError as err:
            assert err.code == 706
        else:
            raise AssertionError


def frame(payload):
    return b"@" + b2a_base64(payload + crc32(payload).to_bytes(4, "big")).rstrip() + b"\n"


def fed(data):
    reader = frames.FrameReader()
    return [p for p in (reader.feed(c) for c in data) if p is not None]


def test_a_function_stands_for_the_item_that_it_returns():
    assert decode(encoded({1: [lambda: {2: lambda: "x"}, 3]})) == {1: [{2: "x"}, 3]}


def test_frames_among_text():
    one = encoded({0: 1, 1: "hello", 2: {}, 7: 5})
    f = frame(one)
    assert fed(f) == [one]
    assert fed(b"boot noise\r\n\xff\x00\n" + f + b"log: @ not a frame\n@@@@\n" + f) == [one, one]
    assert fed(f.replace(b"\n", b"\r\n")) == [one]
    assert fed(b"text before " + f) == []  # a frame begins a line
    assert fed(b"@" + b"A" * 5000 + b"\n" + f) == [one]  # too long, then the next one
    assert fed(f[:-5] + b"\n" + f) == [one]  # cut off
    for i in range(1, len(f) - 1):
        damaged = bytearray(f)
        damaged[i] ^= 1
        assert fed(damaged) == [] or fed(damaged) == [one], i  # base64 ignores what is no base64
        assert fed(bytes(damaged) + f)[-1] == one


def test_a_damaged_frame_is_dropped():
    payload = encoded({0: 1})
    bad = payload + (crc32(payload) ^ 1).to_bytes(4, "big")
    assert fed(b"@" + b2a_base64(bad).rstrip() + b"\n") == []
    assert fed(b"@\n@A\n@AAAA\n@====\n") == []


def test_what_is_sent_is_one_line_that_reads_back():
    for n in (1, 2, 3, 95, 96, 97, 170):
        out = []
        buf = bytearray(n + 4)
        buf[:n] = bytes(range(n))
        frames.send(buf, n, out.append)
        line = b"".join(out)
        assert line[0:2] == b"\n@" and line[-1:] == b"\n" and line.count(b"\n") == 2
        assert frames.unpack(line[2:-1]) == bytes(range(n))
    buf = bytearray(frames.OUT_ROOM + 4)
    out = []
    frames.send(buf, frames.OUT_ROOM, out.append)
    assert len(b"".join(out)) - 1 <= frames.OUT_MAX
