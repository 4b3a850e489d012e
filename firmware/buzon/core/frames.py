"""Frames of the serial protocol: `@`, base64 of (CBOR, CRC-32 big-endian), newline; all other lines are text.

See docs/PROTOCOL.md. Never touches the port: bytes come in with `feed` and go out through a function.
"""

from binascii import a2b_base64, b2a_base64, crc32

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Callable

IN_MAX = const(240)  # a line to the board, with @ and newline
OUT_MAX = const(2048)  # a line from the board
OUT_ROOM = const(1520)  # CBOR bytes that we put into one line; (2048 - 2) // 4 * 3 - 4 would fit

IMPROV = b"IMPROV\x01"  # how a frame of Improv Wi-Fi begins; see console.improv

_AT = const(64)
_I = const(73)
_CR = const(13)
_LF = const(10)


class FrameReader:
    """Finds frames in the bytes that arrive. Memory: one line of IN_MAX bytes."""

    def __init__(self) -> None:
        self._line = bytearray(IN_MAX)
        self._n = 0
        self._skip = False

    def feed(self, byte: int) -> "bytes | None":
        """Takes one byte; returns the CBOR of a whole, undamaged frame, else None. Anything else is dropped.

        Returns IMPROV itself when such a frame has begun: the rest of it is not a line and must be read
        elsewhere.
        """
        if byte == _LF:
            n = self._n
            skip = self._skip
            self._n = 0
            self._skip = False
            if skip or n < 2 or self._line[0] != _AT:
                return None
            return unpack(bytes(memoryview(self._line)[1:n]))
        if self._skip:
            return None
        if (self._n == 0 and byte != _AT and byte != _I) or self._n >= IN_MAX - 1:
            self._skip = True
            return None
        if byte != _CR:
            self._line[self._n] = byte
            self._n += 1
        if self._n == 7 and self._line[0] == _I:
            if self._line[:7] == IMPROV:
                self._n = 0  # whatever follows that frame is a new line, with or without a line end before it
                return IMPROV
            self._skip = True
        return None


def unpack(text: bytes) -> "bytes | None":
    """The CBOR in a frame given without `@` and line end; None if it is damaged."""
    try:
        data = a2b_base64(text)
    except ValueError:
        return None
    n = len(data) - 4
    if n < 1 or int.from_bytes(data[n:], "big") != crc32(data[:n]):
        return None
    return data[:n]


def send(buf: bytearray, n: int, write: "Callable[[bytes], object]") -> None:
    """Write the frame whose CBOR is `buf[:n]`, in small pieces; `buf` must have 4 more bytes, for the CRC."""
    view = memoryview(buf)
    buf[n : n + 4] = crc32(view[:n]).to_bytes(4, "big")
    n += 4
    # A line end first, so that text left by the log or a cut line does not become part of the frame.
    write(b"\n@")
    for at in range(0, n, 96):
        write(b2a_base64(view[at : min(at + 96, n)]).rstrip())  # type: ignore[arg-type]
    write(b"\n")
