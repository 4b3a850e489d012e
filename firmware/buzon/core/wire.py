"""Turns bytes into lines and message content, in lent buffers. No sockets, files or clock.

A buffer of 16 bytes is enough for everything here; a larger one is only faster.
"""

from micropython import const

from ..errors import E_TOO_LONG, LocalProtocolError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Generator, Protocol

    class Sink(Protocol):
        """Takes message content: `n` bytes of `buf` from `off` on. `buf` is lent for the call only."""

        def write(self, buf: bytearray, off: int, n: int) -> object: ...


# What a dialogue asks its driver to do.
READ = const(1)  # put at least one more byte into the receive buffer
WRITE = const(2)  # send all of the transmit buffer
STARTTLS = const(3)  # wrap the connection, verified as the settings say
TURN = const(4)  # let other tasks have a turn: this dialogue has a long computation

LINE_MAX = const(512)  # RFC 2449 section 4: a reply line, its CRLF included

_CR = const(13)
_LF = const(10)
_DOT = const(46)


class RxBuffer:
    """Received bytes that have not been taken yet: `buf[r:w]`."""

    def __init__(self, buf: bytearray) -> None:
        self.buf = buf
        self.r = 0
        self.w = 0
        self.bare = False  # a line began with a single dot and went on: such a server does not stuff dots
        self._view = memoryview(buf)
        self._head: bytes | None = None  # the beginning of a line that is being cut

    def clear(self) -> None:
        """Forget everything, for a new connection."""
        self.r = self.w = 0
        self._head = None

    def space(self) -> "bytearray | memoryview":
        """The free part, to read into; never empty. Add the number of bytes read to `w` afterwards. If
        everything has been taken, this is all of `buf`, and nothing is allocated."""
        if self.r == self.w:
            self.r = self.w = 0
            return self.buf
        if self.r:
            n = self.w - self.r
            self.buf[:n] = self.buf[self.r : self.w]
            self.r = 0
            self.w = n
        return self._view[self.w :]

    def line(self) -> "bytes | None":
        """A copy of the next line without its end (CRLF, or LF alone); None: more bytes are needed.

        A line longer than LINE_MAX, or than the buffer, is cut there; the rest of it is skipped.
        """
        buf = self.buf
        r = self.r
        i = buf.find(b"\n", r, self.w)
        if i < 0:
            n = self.w - r
            if self._head is not None:
                self.r = self.w
            elif n >= LINE_MAX or n == len(buf):
                self._head = bytes(self._view[r : r + min(n, LINE_MAX)])
                self.r = self.w
            return None
        self.r = i + 1
        head = self._head
        if head is not None:
            self._head = None
            return head
        if i > r and buf[i - 1] == _CR:
            i -= 1
        return bytes(self._view[r : min(i, r + LINE_MAX)])


class TxBuffer:
    """Bytes to send: `buf[:n]`."""

    def __init__(self, buf: bytearray) -> None:
        self.buf = buf
        self.n = 0

    def put(self, data: "bytes | str") -> None:
        """Append `data`; text as UTF-8. If it does not fit, clears the buffer and raises LocalProtocolError."""
        if isinstance(data, str):
            data = data.encode()
        n = self.n
        end = n + len(data)
        if end > len(self.buf):
            self.clear()
            raise LocalProtocolError(E_TOO_LONG, "command")
        self.buf[n:end] = data
        self.n = end

    def clear(self) -> None:
        """Forget what was sent, and wipe it: it may have been a password."""
        for i in range(self.n):
            self.buf[i] = 0
        self.n = 0


# dot_reader's states: what came just before the next byte.
_MID = const(0)  # the middle of a line
_SAW_CR = const(1)  # a CR, already handed on
_BOL = const(2)  # the start of a line
_SAW_DOT = const(3)  # a dot at the start of a line, not handed on
_SAW_DOT_CR = const(4)  # such a dot and a CR, neither handed on

_ONE_CR = bytearray(b"\r")


def dot_reader(rx: RxBuffer, sink: "Sink") -> "Generator[int, None, None]":
    """Hands the content of a multi-line response (RFC 1939 section 3) to `sink.write(buf, off, n)` until its end.

    Only CRLF "." CRLF ends it; any other line that starts with a dot loses that one dot. All other bytes
    reach the sink as they came. It takes all there is before it asks for more, so the buffer is empty then;
    at the end the buffer holds what follows. Nothing is allocated while it runs.
    """
    write = sink.write
    buf = rx.buf
    r = rx.r
    w = rx.w
    state = _BOL
    while True:
        if r == w:
            rx.r = rx.w = 0
            yield READ
            r = rx.r
            w = rx.w
        if not state:  # _MID: nearly always
            i = buf.find(b"\r\n.", r, w)
            if i < 0:
                write(buf, r, w - r)
                i = buf[w - 1]
                if i == _CR:
                    state = _SAW_CR
                elif i == _LF and w - r > 1 and buf[w - 2] == _CR:
                    state = _BOL
                r = w
            else:
                i += 2
                write(buf, r, i - r)
                r = i + 1
                if r == w or buf[r] == _CR:
                    state = _SAW_DOT
                elif buf[r] != _DOT:
                    rx.bare = True
        elif state == _BOL:
            if buf[r] == _DOT:
                r += 1
                state = _SAW_DOT
            else:
                state = _MID
        elif state == _SAW_CR:
            if buf[r] == _LF:
                write(buf, r, 1)
                r += 1
                state = _BOL
            else:
                state = _MID
        elif state == _SAW_DOT:
            if buf[r] == _CR:
                r += 1
                state = _SAW_DOT_CR
            else:
                rx.bare = rx.bare or buf[r] != _DOT
                state = _MID
        elif buf[r] == _LF:  # CRLF . CRLF
            rx.r = r + 1
            return
        else:
            write(_ONE_CR, 0, 1)
            state = _SAW_CR
