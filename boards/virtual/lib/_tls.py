"""Gives `ssl` the memory cost it has on a board: 27 KB of heap while a TLS connection is open.

The unix port keeps TLS memory outside the heap, a Pico W inside it. All else is the real module.
"""

import io
import ssl

import _hw
from micropython import const

_BLOCK = const(17 * 1024)
_REST = const(10)  # pieces of 1 KB

_wrap = ssl.SSLContext.wrap_socket


def wrap_socket(self, sock, **kw):
    """The real wrap_socket; the ballast is given back at once when the socket is closed, as Mbed TLS does.

    It is of BytesIO, because their `close` gives memory back at once, without a collection.
    """
    _hw.release_ballast()
    pieces = []
    try:
        pieces.append(io.BytesIO(_BLOCK))
        for _ in range(_REST):
            pieces.append(io.BytesIO(1024))
        made = _wrap(self, sock, **kw)
    except:
        for piece in pieces:
            piece.close()
        raise
    _hw.ballast.append((sock, pieces))
    return made


ssl.SSLContext.wrap_socket = wrap_socket
