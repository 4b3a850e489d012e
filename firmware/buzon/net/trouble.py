"""Which of the many ways a TLS handshake failed. Imported only then."""

from micropython import const

from ..errors import (
    E_CERT,
    E_CERT_EXPIRED,
    E_CERT_NAME,
    E_CERT_PIN,
    E_CERT_SELF,
    E_CERT_UNKNOWN,
    E_TLS,
    LinkError,
)
from .cert import look
from .clock import says

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .tls import Tls


def explain(err: Exception, host: str, tls: "Tls | None" = None) -> LinkError:
    """The LinkError for what a handshake raised: ValueError (Mbed TLS's words) or OSError."""
    text = str(err).strip()
    low = text.lower().replace("self signed", "self-signed")
    name = ""
    own = "self-signed" in low and "certificate chain" not in low
    seen = tls and tls.look and tls.look.seen
    if tls and tls.look and seen:
        if tls.look.pin and seen != tls.look.pin:
            return LinkError(E_CERT_PIN, host)
        try:
            name, own = look(seen)
        except IndexError:
            pass
    if "common name" in low or "hostname mismatch" in low or "not valid for" in low:
        return LinkError(E_CERT_NAME, "%s, not %s" % (name or "another name", host))
    if "expired" in low:
        return LinkError(E_CERT_EXPIRED, "has expired (the clock says %s)" % says())
    if "in the future" in low or "not yet valid" in low:
        return LinkError(E_CERT_EXPIRED, "is not valid yet (the clock says %s)" % says())
    if "correctly signed" in low or "unable to get" in low or "self-signed" in low:
        return LinkError(E_CERT_SELF if own else E_CERT_UNKNOWN, host)
    if "certificate" in low:
        return LinkError(E_CERT, text[:60])
    return LinkError(E_TLS, text[:60])
