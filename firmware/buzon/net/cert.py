"""Looks into an X.509 certificate in DER (RFC 5280), as far as the sentence on a failed handshake needs it.

Imported only then. Takes what Mbed TLS has found well-formed; anything else raises IndexError.
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


def look(der: bytes) -> "tuple[str, bool]":
    """The first host name it is for, made printable, or ""; and whether it names itself as its issuer."""
    at = _inside(der, _inside(der, 0))
    if der[at] == 0xA0:  # the version
        at = _after(der, at)
    issuer = _after(der, _after(der, at))  # behind serial number and algorithm
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
