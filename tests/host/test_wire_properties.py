"""Property tests of the firmware's wire parsers: any bytes, in any split, through any buffer size."""

from buzon_host.paths import use_firmware
from hypothesis import given, settings
from hypothesis import strategies as st

use_firmware()

from buzon.core.cbor import Encoder, decode
from buzon.core.client import Pop3Client
from buzon.core.dots import dot_reader
from buzon.core.frames import FrameReader, send
from buzon.core.wire import READ, WRITE, RxBuffer, TxBuffer
from buzon.errors import MailError

# Bytes that matter to the parsers, more often than others.
pieces = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"..", b"\r\n.", b".\r\n", b"x", b"\0\xff", b"abc" * 9])
)
bodies = pieces.map(b"".join)
splits = st.lists(st.integers(1, 70), min_size=1)
sizes = st.integers(16, 80)


class Take:
    def __init__(self) -> None:
        self.data = b""

    def write(self, buf: bytearray, off: int, n: int) -> None:
        self.data += bytes(buf[off : off + n])


def reference(stream: bytes) -> tuple[bytes, bytes] | None:
    """RFC 1939 section 3 said simply: lines end with CRLF, a lone dot ends it, one leading dot is dropped."""
    out = b""
    rest = stream
    while True:
        line, end, rest = rest.partition(b"\r\n")
        if not end:
            return None
        if line == b".":
            return out, rest
        out += (line[1:] if line.startswith(b".") else line) + end


def read(stream: bytes, size: int, split: list[int]) -> tuple[bytes, bytes] | None:
    rx, sink = RxBuffer(bytearray(size)), Take()
    at = 0
    for turn, _ in enumerate(dot_reader(rx, sink)):
        if at == len(stream):
            return None
        space = rx.space()
        n = min(split[turn % len(split)], len(space), len(stream) - at)
        space[:n] = stream[at : at + n]
        rx.w += n
        at += n
    return sink.data, bytes(rx.buf[rx.r : rx.w]) + stream[at:]


@settings(max_examples=400)
@given(bodies, sizes, splits)
def test_content_is_what_the_rfc_says_for_any_stream(stream: bytes, size: int, split: list[int]) -> None:
    assert read(stream, size, split) == reference(stream)
    ended = stream + b"\r\n.\r\n+OK\r\n"
    assert read(ended, size, split) == reference(ended)


@settings(max_examples=300)
@given(bodies, sizes, splits)
def test_lines_are_the_same_for_any_split(stream: bytes, size: int, split: list[int]) -> None:
    rx = RxBuffer(bytearray(size))
    lines = []
    at = turn = 0
    while True:
        line = rx.line()
        if line is not None:
            lines.append(line)
            continue
        if at == len(stream):
            break
        space = rx.space()
        n = min(split[turn % len(split)], len(space), len(stream) - at)
        space[:n] = stream[at : at + n]
        rx.w += n
        at += n
        turn += 1
    want = [each[:-1] if each.endswith(b"\r") else each for each in stream.split(b"\n")[:-1]]
    assert len(lines) == len(want)
    for got, whole in zip(lines, want, strict=True):
        assert got == whole or ((whole + b"\r").startswith(got) and len(got) >= min(size, 512) - 1)


@settings(max_examples=300)
@given(
    st.lists(st.one_of(bodies, st.sampled_from([b"+OK 1 2\r\n", b"-ERR [AUTH] x\r\n", b"1 2\r\n"]))), splits
)
def test_a_session_ends_or_raises_a_mail_error_whatever_the_server_sends(
    parts: list[bytes], split: list[int]
) -> None:
    stream = b"".join(parts)
    rx, tx = RxBuffer(bytearray(64)), TxBuffer(bytearray(128))
    pop = Pop3Client(rx, tx)

    def session():  # type: ignore[no-untyped-def]
        yield from pop.greeting()
        yield from pop.capa()
        yield from pop.login("u", "p")
        yield from pop.stat()
        yield from pop.uidl(lambda n, uid: None)
        yield from pop.list(lambda n, octets: None)
        yield from pop.retr(1, Take())
        yield from pop.dele(1)
        yield from pop.quit()

    at = turn = 0
    dialogue = session()
    try:
        while True:
            need = dialogue.send(None)
            if need == WRITE:
                tx.clear()
            elif need == READ:
                if at == len(stream):
                    return
                space = rx.space()
                n = min(split[turn % len(split)], len(space), len(stream) - at)
                space[:n] = stream[at : at + n]
                rx.w += n
                at += n
                turn += 1
    except (MailError, StopIteration):
        pass


items = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**64), 2**64 - 1),
        st.binary(max_size=40),
        st.text(max_size=20),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers(0, 99)), inner, max_size=4),
    ),
    max_leaves=8,
)


@given(items)
def test_cbor_agrees_with_cbor2(item: object) -> None:
    import cbor2

    enc = Encoder(bytearray(4096))
    enc.put(item)
    data = bytes(enc.buf[: enc.n])
    assert cbor2.loads(data) == item
    assert decode(cbor2.dumps(item), 20) == item


@settings(max_examples=400)
@given(st.binary(max_size=60))
def test_cbor_of_any_bytes_is_an_item_or_a_mail_error(data: bytes) -> None:
    try:
        decode(data)
    except MailError:
        pass


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=170),
            st.binary(max_size=300).map(lambda b: b"\n" + b.replace(b"@", b"") + b"\n"),
        )
    )
)
def test_frames_come_through_any_text(parts: list[bytes]) -> None:
    stream = b""
    want = []
    for part in parts:
        if part.startswith(b"\n") or not part:
            stream += part
        else:
            want.append(part)
            buf = bytearray(len(part) + 4)
            buf[: len(part)] = part
            out: list[bytes] = []
            send(buf, len(part), out.append)
            stream += b"".join(out)
    reader = FrameReader()
    got = [frame for frame in (reader.feed(byte) for byte in stream) if frame is not None]
    assert got == want
