"""Gives `ssl` the memory cost it has on a board: 27 KB of heap while a TLS connection is open.

The unix port keeps TLS memory outside the heap, a Pico W inside it. All else is the real module.
"""

import ssl

from micropython import const

_BLOCK = const(17 * 1024)
_REST = const(10)  # pieces of 1 KB

_wrap = ssl.SSLContext.wrap_socket


def wrap_socket(self, sock, **kw):
    """The real wrap_socket; the ballast lives as long as the context, or until it wraps the next socket."""
    self._ballast = None
    self._ballast = [bytearray(_BLOCK)] + [bytearray(1024) for _ in range(_REST)]
    try:
        return _wrap(self, sock, **kw)
    except:
        self._ballast = None
        raise


ssl.SSLContext.wrap_socket = wrap_socket
