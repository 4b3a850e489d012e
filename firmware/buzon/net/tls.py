"""TLS as both drivers use it: a context that verifies, and one sentence for each way it can fail.

Never makes a connection itself. A context lives as long as its connection: on a Pico it holds heap.
"""

import gc
import ssl
import time

from micropython import const

from ..errors import (
    E_CERT,
    E_CERT_EXPIRED,
    E_CERT_NAME,
    E_CERT_UNKNOWN,
    E_LOW_HEAP,
    E_NO_CA,
    E_TLS,
    LinkError,
)

# Below this much free heap a handshake fails in ways that look like a bad certificate.
_LOW_HEAP = const(8192)


class Tls:
    """How to secure a connection. `ca`: one DER certificate (its own issuer, or the server's itself).

    `verify=False` must be written out in the settings; then anybody can be in the middle.
    """

    def __init__(self, ca: "bytes | None", verify: bool = True) -> None:
        self.ca = ca
        self.verify = verify

    def context(self) -> ssl.SSLContext:
        """A new context. Raises LinkError(E_NO_CA) when there is nothing to verify with."""
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.verify:
            if not self.ca:
                raise LinkError(E_NO_CA, "-")
            ctx.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined]
            try:
                ctx.load_verify_locations(cadata=self.ca)
            except (ValueError, OSError):
                raise LinkError(E_NO_CA, "damaged")
        else:
            if hasattr(ctx, "check_hostname"):  # CPython's
                ctx.check_hostname = False
            ctx.verify_mode = ssl.CERT_NONE  # type: ignore[attr-defined]
        return ctx


def explain(err: Exception, host: str) -> LinkError:
    """The LinkError for what a handshake raised: ValueError (Mbed TLS's words) or OSError."""
    text = str(err)
    low = text.lower()
    free = gc.mem_free() if hasattr(gc, "mem_free") else _LOW_HEAP
    if free < _LOW_HEAP:
        return LinkError(E_LOW_HEAP, str(free))
    if "common name" in low or "hostname mismatch" in low or "not valid for" in low:
        return LinkError(E_CERT_NAME, host)
    if "expired" in low or "in the future" in low or "not yet valid" in low:
        now = time.gmtime()
        return LinkError(E_CERT_EXPIRED, "%04d-%02d-%02d" % (now[0], now[1], now[2]))
    if "correctly signed" in low or "unable to get" in low or "self-signed" in low or "self signed" in low:
        return LinkError(E_CERT_UNKNOWN, host)
    if "certificate" in low:
        return LinkError(E_CERT, text[:60])
    return LinkError(E_TLS, text[:60])
