"""Finds message content in the receive buffer, without its dot-stuffing. No sockets, files or clock.

It has a module of its own, as it is needed from the first message on, not at a TLS handshake.
"""

from micropython import const

from .wire import READ, RxBuffer

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Generator

    from .wire import Sink

_CR = const(13)
_LF = const(10)
_DOT = const(46)

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
