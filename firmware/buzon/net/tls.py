"""TLS as both drivers use it: a context that verifies.

Never makes a connection itself. A context lives as long as its connection: on a Pico it holds heap.
"""

import gc
import ssl

from micropython import const

from ..errors import E_LOW_HEAP, E_NO_CA, LinkError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

# Below this much free heap in a handshake it fails in ways that look like a bad certificate.
_LOW_HEAP = const(4096)


class Tls:
    """How to secure a connection. `ca`: one DER certificate. The server's must be signed by it, for its name, and in
    date. One that may not sign others is the server's own, pinned: no other is taken.

    `verify=False` must be written out in the settings; then anybody can be in the middle.
    """

    def __init__(self, ca: "bytes | None", verify: bool = True) -> None:
        self.ca = ca
        self.verify = verify
        self.look: "Look | None" = None  # at the server's certificate, on MicroPython

    def context(self) -> ssl.SSLContext:
        """A new context. Raises LinkError(E_NO_CA) when there is nothing to verify with."""
        ctx: "Any" = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.verify:
            if not self.ca:
                raise LinkError(E_NO_CA, "-")
            ctx.verify_mode = ssl.CERT_REQUIRED
            try:
                ctx.load_verify_locations(cadata=self.ca)
            except (ValueError, OSError):
                raise LinkError(E_NO_CA, "damaged")
            if hasattr(ctx, "verify_flags"):  # CPython's OpenSSL: pinning as well
                ctx.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            else:
                pin = b"" if _signs(self.ca) else self.ca
                if pin:  # Mbed TLS would want the one that issued it: Look decides
                    ctx.verify_mode = ssl.CERT_OPTIONAL
                self.look = Look(pin)
                ctx._context.verify_callback = self.look.at
        else:
            if hasattr(ctx, "check_hostname"):  # CPython's
                ctx.check_hostname = False
            ctx.verify_mode = ssl.CERT_NONE
        return ctx  # type: ignore[no-any-return]

    def done(self) -> None:
        """The handshake is over: the server's certificate need not be held."""
        if self.look:
            self.look.seen = None


class Look:
    """What a handshake asks about the server's certificate. The context holds it as long as the connection lasts.

    `pin`: the only one that is right, or b""; `seen`: the one that came, while a handshake may have to be explained.
    """

    def __init__(self, pin: bytes) -> None:
        self.pin = pin
        self.seen: "bytes | None" = None

    def at(self, cert: "Any", depth: int) -> int:
        """Mbed TLS shows each certificate of the server's, its own at depth 0; it goes on only when this returns 0.

        No exception may pass through it.
        """
        if depth:
            return 0
        try:
            self.seen = bytes(cert)
        except MemoryError:  # only for a sentence
            pass
        return -1 if self.pin and cert != self.pin else 0


def _signs(cert: bytes) -> bool:
    """Whether it may sign others: BasicConstraints (RFC 5280 §4.2.1.9) with CA true, with or without a length."""
    at = cert.find(b"\x06\x03\x55\x1d\x13")
    part = cert[at + 5 : at + 16] if at >= 0 else b""
    return b"\x30\x03\x01\x01\xff" in part or b"\x30\x06\x01\x01\xff" in part


def explain(err: Exception, host: str, tls: "Tls | None" = None) -> LinkError:
    """The LinkError for what a handshake raised: ValueError (Mbed TLS's words) or OSError."""
    if hasattr(gc, "mem_free"):
        gc.collect()
        if gc.mem_free() < _LOW_HEAP:
            return LinkError(E_LOW_HEAP, str(gc.mem_free()))
    from .trouble import explain as explain_it

    return explain_it(err, host, tls)
