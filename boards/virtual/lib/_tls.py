"""Gives `ssl` the memory cost it has on a board. The unix port keeps TLS memory outside the heap.

A Pico W has it in the heap: while a connection is open 27 KB of it are taken, and so on the board `virtual`. An ESP32
has it in the IDF's memory: a handshake for which that is too small fails as on the chip, where Mbed TLS cannot allocate
what it needs to verify a signature, and says that it is wrong. All else is the real module.
"""

import io
import ssl

import _hw
from micropython import const

_BLOCK = const(17 * 1024)
_REST = const(10)  # pieces of 1 KB
_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"  # rsaEncryption, 1.2.840.113549.1.1.1
_ENOMEM = const(12)

_wrap = ssl.SSLContext.wrap_socket


def wrap_in_heap(self, sock, **kw):
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


def wrap_in_idf(self, sock, **kw):
    """The real wrap_socket; the certificates are counted as they are verified."""
    import _idf

    _hw.release_ballast()
    free = _idf.memory()[0]
    if free < _idf.needs():
        raise OSError(_ENOMEM)  # MBEDTLS_ERR_SSL_ALLOC_FAILED (extmod/modtls_mbedtls.c)
    asks = self._context.verify_callback
    rsa = False
    count = 0

    def look(cert, depth):
        """From the CA (not sent by the server, unless it is the server's own certificate) down to depth 0."""
        nonlocal rsa, count
        count = count or depth or 1
        rsa = rsa or _RSA in bytes(cert)
        answer = asks(cert, depth) if asks else 0
        if not depth and not _idf.shake(free, count, rsa):
            raise ValueError("\nThe certificate is not correctly signed by the trusted CA\n")
        return answer

    self._context.verify_callback = look
    made = _wrap(self, sock, **kw)
    _hw.ballast.append((sock, ()))
    return made


ssl.SSLContext.wrap_socket = wrap_in_idf if _hw.config["idf"] else wrap_in_heap
