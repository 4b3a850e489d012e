"""Looks into an X.509 certificate in DER (RFC 5280), as far as is needed to explain a failed handshake.

Imported only then. Expects what Mbed TLS has found well-formed; anything else raises IndexError.
"""

from micropython import const

_DNS_NAME = const(0x82)
_COMMON_NAME = b"\x06\x03\x55\x04\x03"
_ALTERNATIVE_NAME = b"\x06\x03\x55\x1d\x11"


def _inside(der: bytes, at: int) -> int:
    """Where the content of the value at `at` begins."""
    n = der[at + 1]
    return at + 2 + (n & 127 if n & 128 else 0)


def _after(der: bytes, at: int) -> int:
    """Where the next value begins."""
    start = _inside(der, at)
    n = der[at + 1]
    return start + (int.from_bytes(der[at + 2 : start], "big") if n & 128 else n)


def _issuer(der: bytes) -> int:
    """Where the issuer's name begins."""
    at = _inside(der, _inside(der, 0))
    if der[at] == 0xA0:  # the version
        at = _after(der, at)
    return _after(der, _after(der, at))  # after the serial number and the algorithm


def issued(by: bytes, der: bytes) -> bool:
    """Whether `der` names `by`, and not itself, as its issuer."""
    at = _issuer(by)
    subject = _after(by, _after(by, at))
    name = by[subject : _after(by, subject)]
    at = _issuer(der)
    return der[at : _after(der, at)] == name and not look(der)[1]


def look(der: bytes) -> "tuple[str, bool]":
    """The first host name in the certificate, made printable, or ""; and whether it names itself as its issuer."""
    issuer = _issuer(der)
    dates = _after(der, issuer)
    subject = _after(der, dates)
    end = _after(der, subject)
    own = der[issuer:dates] == der[subject:end]
    at = der.find(_ALTERNATIVE_NAME, end) + 5
    if at > 5:
        if der[at] == 1:  # critical
            at += 3
        at = _inside(der, at)  # the octet string
        end = _after(der, at)
        at = _inside(der, at)
        while at < end and der[at] != _DNS_NAME:
            at = _after(der, at)
    else:
        at = der.find(_COMMON_NAME, subject, end) + 5
        if at < 6:
            at = end
    name = der[_inside(der, at) : _after(der, at)][:64] if at < end else b""
    return "".join(chr(c) if 32 < c < 127 else "?" for c in name), own
