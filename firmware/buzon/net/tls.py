"""TLS for both drivers: a context that verifies.

Never makes a connection itself. A context lives only as long as its connection: on a Pico it takes heap.
"""

import gc
import ssl

from micropython import const

from ..errors import E_LOW_HEAP, E_NO_CA, LinkError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

ON_PC = hasattr(ssl, "HAS_SNI")  # CPython's; the build leaves out what depends on it
# With less free heap than this, a handshake fails in ways that look like a bad certificate.
_LOW_HEAP = const(4096)


class Tls:
    """How to secure a connection. `ca`: one DER certificate. The server's must be signed by it, carry the
    server's name and be in date. A `ca` that may not sign others is the server's own, pinned: no other is
    accepted.

    `verify=False` must be written out in the settings; then anybody can be in the middle. `keep=False`: for one
    connection only: `ca` is let go as soon as Mbed TLS has it.
    """

    def __init__(self, ca: "bytes | None", verify: bool = True, keep: bool = True) -> None:
        self.ca = ca
        self.verify = verify
        self._keep = keep
        self.look: "Look | None" = None  # at the server's certificate, on MicroPython

    def context(self) -> ssl.SSLContext:
        """A new context. Raises LinkError(E_NO_CA) if there is nothing to verify with."""
        ctx: "Any" = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.verify:
            if not self.ca:
                raise LinkError(E_NO_CA, "-")
            ctx.verify_mode = ssl.CERT_REQUIRED
            try:
                ctx.load_verify_locations(cadata=self.ca)
            except (ValueError, OSError):
                raise LinkError(E_NO_CA, "damaged")
            pin = b"" if _signs(self.ca) else self.ca
            if not self._keep:
                self.ca = None
            self.look = Look(pin)
            if pin:  # Mbed TLS would want its issuer, so Look decides
                ctx.verify_mode = ssl.CERT_OPTIONAL
            if ON_PC:  # an intermediate CA is enough
                ctx.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            else:
                ctx._context.verify_callback = self.look.at
        else:
            if ON_PC:
                ctx.check_hostname = False
            ctx.verify_mode = ssl.CERT_NONE
        return ctx  # type: ignore[no-any-return]

    def done(self) -> None:
        """The handshake is over: the server's certificate need not be kept."""
        if self.look:
            self.look.seen = None


class Look:
    """What a handshake asks about the server's certificate. The context holds it as long as the connection lasts.

    `pin`: the only certificate that is right, or b""; `seen`: the one that came, kept while a handshake may
    need explaining.
    """

    def __init__(self, pin: bytes) -> None:
        self.pin = pin
        self.seen: "bytes | None" = None

    def at(self, cert: "Any", depth: int) -> int:
        """Called by Mbed TLS for each certificate the server sends, its own at depth 0; it goes on only if
        this returns 0. No exception may leave it.
        """
        if depth:
            return 0
        try:
            self.seen = bytes(cert)
        except MemoryError:  # it only serves to explain an error
            pass
        return -1 if self.pin and cert != self.pin else 0


def _signs(cert: bytes) -> bool:
    """Whether it may sign others: BasicConstraints (RFC 5280 §4.2.1.9) has CA true, with or without a length;
    or it is of version 1 or 2, which lack that extension, so that Mbed TLS takes it for a root."""
    at = cert.rfind(b"\x06\x03\x55\x1d\x13")  # the same bytes may be in a name, but names come earlier
    part = cert[at + 5 : at + 16] if at >= 0 else b""
    return (
        b"\x30\x03\x01\x01\xff" in part
        or b"\x30\x06\x01\x01\xff" in part
        or b"\xa0\x03\x02\x01\x02" not in cert[:16]  # version 3
    )


def explain(err: Exception, host: str, tls: "Tls | None" = None) -> LinkError:
    """The LinkError for what a handshake raised: ValueError (Mbed TLS's words) or OSError."""
    if not ON_PC:
        gc.collect()
        if gc.mem_free() < _LOW_HEAP:
            return LinkError(E_LOW_HEAP, str(gc.mem_free()))
    from .trouble import explain as explain_it

    return explain_it(err, host, tls)
