"""Turns bytes into lines, in lent buffers. No sockets, files or clock. Message content: `dots`.

A buffer of 16 bytes is enough for everything here; a larger one is only faster.
"""

from micropython import const

from ..errors import E_TOO_LONG, LocalProtocolError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Protocol

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
