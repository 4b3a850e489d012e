"""Which of the many ways a TLS handshake failed. Imported only then."""

import gc
import time

from micropython import const

from ..errors import E_CERT, E_CERT_EXPIRED, E_CERT_NAME, E_CERT_UNKNOWN, E_LOW_HEAP, E_TLS, LinkError

# Below this much free heap in a handshake it fails in ways that look like a bad certificate.
_LOW_HEAP = const(4096)


def explain(err: Exception, host: str) -> LinkError:
    """The LinkError for what a handshake raised: ValueError (Mbed TLS's words) or OSError."""
    text = str(err)
    low = text.lower()
    gc.collect()
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
