"""Tells in which of many ways a TLS handshake failed. Imported only then."""

from micropython import const

from ..errors import (
    E_CERT,
    E_CERT_EXPIRED,
    E_CERT_NAME,
    E_CERT_PIN,
    E_CERT_SELF,
    E_CERT_UNKNOWN,
    E_CHAIN_LONG,
    E_LOW_HEAP,
    E_NOT_A_CA,
    E_TLS,
    E_TLS_LOST,
    E_TLS_VERSION,
    LinkError,
)
from .cert import issued, look
from .clock import says

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from .tls import Tls


# Errors by number, as not every board has Mbed TLS's words.
# Mbed TLS's CONN_EOF; EPIPE, ECONNRESET, ECONNABORTED, ENOTCONN with each system's numbers.
_LOST = (-0x7280, 32, 54, 103, 104, 113, 128)
_REFUSED = (-0x7780, -0x6E80, -0x6E00)  # the server's alert, its version, or its choice
_X509_FATAL = const(-0x3000)  # more certificates than MBEDTLS_X509_MAX_INTERMEDIATE_CA
_INVALID_RECORD = const(-0x7200)
_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01"  # 1.2.840.113549.1.1: how its keys and signatures begin
_LITTLE = const(4096)  # bytes outside an ESP32's heap: fewer were free at the tightest moment
_LARGEST = const(40960)  # what a handshake needs there with three RSA certificates, and a little more


def explain(err: Exception, host: str, tls: "Tls | None" = None) -> LinkError:
    """The LinkError for what a handshake raised: ValueError (Mbed TLS's words) or OSError."""
    text = str(err.args[-1] if err.args else err).strip()  # Mbed TLS's errors have a number before the words
    low = text.lower().replace("self signed", "self-signed")
    name = ""
    own = "self-signed" in low and "certificate chain" not in low
    seen = tls and tls.look and tls.look.seen
    if tls and tls.look and seen:
        if tls.look.pin and seen != tls.look.pin:
            return LinkError(E_NOT_A_CA if _issued(tls.look.pin, seen) else E_CERT_PIN, host)
        try:
            name, own = look(seen)
        except IndexError:
            pass
    number = err.args[0] if err.args and isinstance(err.args[0], int) else 0
    if number in _LOST or "eof occurred" in low:
        return LinkError(E_TLS_LOST, host)
    if not seen and (number in _REFUSED or "alert" in low):
        return LinkError(E_TLS_VERSION, host)
    if number == _X509_FATAL:
        return LinkError(E_CHAIN_LONG, host)
    if number == _INVALID_RECORD or "wrong version number" in low:
        text = "what answers there does not speak TLS"
    if "common name" in low or "hostname mismatch" in low or "not valid for" in low:
        return LinkError(E_CERT_NAME, "%s, not %s" % (name or "another name", host))
    if "expired" in low:
        return LinkError(E_CERT_EXPIRED, "has expired (the clock says %s)" % says())
    if "in the future" in low or "not yet valid" in low:
        return LinkError(E_CERT_EXPIRED, "is not valid yet (the clock says %s)" % says())
    short = _short() if seen and _RSA in seen and "correctly signed" in low else ""
    if short:
        return LinkError(E_LOW_HEAP, short)
    if "correctly signed" in low or "unable to get" in low or "self-signed" in low:
        return LinkError(E_CERT_SELF if own else E_CERT_UNKNOWN, host)
    if "certificate" in low:
        return LinkError(E_CERT, text[:60])
    return LinkError(E_TLS, text[:60])


def _short() -> str:
    """On an ESP32, TLS has memory of its own, and where that is short, Mbed TLS calls a good signature wrong: how many
    bytes of it were left at the worst moment, if so few that this may be why; else ""."""
    try:
        import esp32

        regions = esp32.idf_heap_info(esp32.HEAP_DATA)
    except (ImportError, AttributeError):
        return ""
    least = sum(each[3] for each in regions)
    return str(least) if least < _LITTLE and sum(each[1] for each in regions) < _LARGEST else ""


def _issued(pin: bytes, cert: bytes) -> bool:
    """Whether `cert`, the server's, is not `pin` itself but names it as its issuer: `pin` was given as a CA."""
    try:
        return issued(pin, cert)
    except IndexError:
        return False
