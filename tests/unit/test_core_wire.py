"""Lines and message content out of lent buffers: every split of the input, every buffer size around it."""

from buzon.core.dots import dot_reader
from buzon.core.wire import LINE_MAX, READ, RxBuffer, TxBuffer
from buzon.errors import LocalProtocolError


class Take:
    """A sink that copies."""

    def __init__(self):
        self.data = b""

    def write(self, buf, off, n):
        assert n > 0
        self.data += bytes(buf[off : off + n])


def give(rx, data):
    """Put as much of data into rx as it has room for; returns the rest."""
    space = rx.space()
    n = min(len(space), len(data))
    space[:n] = data[:n]
    rx.w += n
    return data[n:]


def content(stream, size, pieces):
    """(content, what follows) of a stream read in pieces of these sizes, or None if it does not end."""
    rx = RxBuffer(bytearray(size))
    sink = Take()
    at = 0
    for i, need in enumerate(dot_reader(rx, sink)):
        assert need == READ
        assert rx.r == rx.w  # it takes all there is
        if at == len(stream):
            return None
        n = min(pieces[i % len(pieces)], size, len(stream) - at)
        assert give(rx, stream[at : at + n]) == b""
        at += n
    return sink.data, bytes(rx.buf[rx.r : rx.w]) + stream[at:]


def stuffed(message):
    """What a server sends for a message that ends with CRLF (RFC 1939 section 3)."""
    return (
        message.replace(b"\r\n.", b"\r\n..")
        if message[:1] != b"."
        else b"." + message.replace(b"\r\n.", b"\r\n..")
    )


MESSAGES = (
    b"",
    b"\r\n",
    b"Subject: x\r\n\r\nbody\r\n",
    b".\r\n",
    b"..\r\n.\r\n...\r\n",
    b".a\r\n..b\r\n\r\n.\r\n",
    b"a\n.\n\r\n",
    b"a\n.\r\nb\r\n",
    b"\r.\r\n",
    b"\r\r\n.\rx\r\n",
    b"\0\xff\x80\r\n.\0\r\n",
    b"exactly sixteen!\r\n.\r\n",
)


def test_every_message_in_every_two_pieces_and_every_small_buffer():
    for message in MESSAGES:
        stream = stuffed(message) + b".\r\n" + b"+OK next\r\n"
        for size in (16, 17, 18, 19, 23, 64):
            for n in range(1, len(stream) + 1):
                assert content(stream, size, (n, 1000)) == (message, b"+OK next\r\n"), (message, size, n)
        for n in (1, 2, 3, 4, 5):
            assert content(stream, 16, (n,)) == (message, b"+OK next\r\n"), (message, n)


def test_only_crlf_dot_crlf_ends_a_message():
    for forged in (
        b"a\n.\n",
        b"a\n.\r\n",
        b"a\r\n.\n",
        b"a\r.\r\n",
        b"a\r\n.\r",
        b"a.\r\n",
        b"a\r\n..\r\n",
        b"a\r\n.\rb\r\n",
    ):
        for n in range(1, len(forged) + 1):
            assert content(forged, 16, (n,)) is None, forged
            got = content(forged + b"x\r\n.\r\n", 16, (n,))
            assert got is not None
            assert got[1] == b"", forged


def test_a_stream_that_ends_early_is_no_message():
    whole = b"line\r\n..x\r\n.\r\n"
    for n in range(len(whole)):
        assert content(whole[:n], 16, (1000,)) is None


def test_a_full_buffer_before_the_dot_is_not_the_start_of_a_line():
    for size in (16, 32):
        line = b"x" * size
        assert content(line + b".\r\n\r\n.\r\n", size, (size,)) == (line + b".\r\n\r\n", b"")


def test_a_long_line_needs_no_more_than_the_buffer():
    body = b"y" * 5000 + b"\r\n"
    assert content(body + b".\r\n", 16, (16,)) == (body, b"")


class Drop:
    """A sink that keeps nothing."""

    def write(self, buf, off, n):
        pass


def test_content_is_handed_on_with_the_heap_locked():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return  # CPython
    rx = RxBuffer(bytearray(64))
    dots = dot_reader(rx, Drop())
    parts = b"one\r\n..two\r\n", b"..\r\n.", b"x\r", b"\n", b"y" * 64, b"\r\n.\r", b"z"
    next(dots)
    heap_lock()
    try:
        for part in parts:
            space = rx.space()
            for i in range(len(part)):
                space[i] = part[i]
            rx.w += len(part)
            next(dots)
    finally:
        heap_unlock()


def lines(stream, size, piece):
    rx = RxBuffer(bytearray(size))
    out = []
    while True:
        line = rx.line()
        if line is not None:
            out.append(line)
        elif not stream:
            return out
        else:
            n = min(piece, len(stream))
            rest = give(rx, stream[:n])
            stream = rest + stream[n:]


def test_lines_end_with_crlf_or_lf_whatever_the_split():
    for piece in range(1, 30):
        for size in (16, 17, 64):
            assert lines(b"+OK\r\n\r\n-ERR no\n.\r\nx\ry\r\nrest", size, piece) == [
                b"+OK",
                b"",
                b"-ERR no",
                b".",
                b"x\ry",
            ]


def test_a_line_longer_than_the_limit_is_cut_and_the_next_one_is_whole():
    long = b"+OK " + b"z" * 2000
    for piece in (1, 7, 500, 5000):
        assert lines(long + b"\r\n+OK next\r\n", 1024, piece) == [long[:LINE_MAX], b"+OK next"]
        assert lines(long + b"\r\n+OK next\r\n", 4096, piece) == [long[:LINE_MAX], b"+OK next"]
        assert lines(long + b"\r\n+OK next\r\n", 16, piece) == [long[:16], b"+OK next"]


def test_what_is_put_is_wiped_and_what_does_not_fit_is_refused():
    tx = TxBuffer(bytearray(16))
    tx.put(b"PASS secret\r\n")
    assert bytes(tx.buf[: tx.n]) == b"PASS secret\r\n"
    tx.clear()
    assert tx.n == 0 and bytes(tx.buf) == bytes(16)
    try:
        tx.put(b"x" * 17)
    except LocalProtocolError as err:
        assert err.code == 706
    else:
        raise AssertionError
