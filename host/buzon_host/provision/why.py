"""Finds out from this PC why a server's TLS does not suit the board, where the board's sentence is vague."""

import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ..board.printable import escape
from ..errors import BuzonError, ServerRefused
from .peer import chain, looked, unverified

_LOOK_S = 5.0
_E_DNS, _E_CERT_UNKNOWN, _E_TLS_VERSION = 203, 211, 219  # of the firmware's error tree


def refine(error: ServerRefused, host: str, port: int, tls: str, ca: bytes | None) -> ServerRefused:
    """The same error, with a more precise sentence if this PC can find one."""
    text = ""
    try:
        if error.code == _E_DNS and _only_ipv6(host):
            text = f"The server {escape(host)} has no IPv4 address, and the board speaks no IPv6: use another server."
        elif error.code == _E_TLS_VERSION:
            text = _refused(host, port, tls)
        elif error.code == _E_CERT_UNKNOWN:
            text = _chain_problem(host, [_read(one) for one in _chain(host, port, tls)], ca)
    except (BuzonError, ValueError, OSError):
        pass
    return ServerRefused(error.code, text or str(error), error.detail)


def unknown(host: str, port: int, tls: str, error: BuzonError) -> str:
    """The sentence about a server that no CA vouches for, with the reason if its chain shows one."""
    try:
        gap = _gap([_read(one) for one in _chain(host, port, tls)], None)
    except (BuzonError, ValueError, OSError):
        gap = None
    if gap is None:
        return str(error)
    what = (
        "its chain is out of order"
        if not gap
        else f"no certificate of {gap} came with it, perhaps an intermediate one"
    )
    return (
        f"The certificate of {escape(host)}:{port} was not accepted ({what}): if the server has a CA of its own, "
        "give it with --ca FILE."
    )


def _chain(host: str, port: int, tls: str) -> list[bytes]:
    return looked(host, port, tls, unverified(), _LOOK_S, chain)


def _read(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def _only_ipv6(host: str) -> bool:
    kinds = {one[0] for one in socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)}
    return kinds == {socket.AF_INET6}


def _refused(host: str, port: int, tls: str) -> str:
    """A sentence on what the server requires and the board does not have."""
    old = unverified()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    name = escape(host)
    try:
        own = looked(host, port, tls, old, _LOOK_S, chain)[:1]
    except BuzonError:
        new = unverified()
        new.minimum_version = ssl.TLSVersion.TLSv1_3
        looked(host, port, tls, new, _LOOK_S, chain)
        return f"The server {name} speaks TLS 1.3 only, and the board TLS 1.2: ask for a server with TLS 1.2."
    if own and not isinstance(_read(own[0]).public_key(), rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return f"The server {name} has a kind of key that the board does not know: it needs one with RSA or ECDSA."
    return f"The server {name} wants a cipher that the board does not have: it needs AES under TLS 1.2."


def _chain_problem(host: str, sent: list[x509.Certificate], ca: bytes | None) -> str:
    gap = _gap(sent, ca)
    if gap is None:
        return ""
    if not gap:
        return (
            f"The server {escape(host)} sends its chain of certificates out of order: have that mended, or give its "
            "intermediate CA with --ca FILE."
        )
    return (
        f"The certificate of {escape(host)} is not signed by the CA, and no certificate of {gap} came with it: give "
        "that CA with --ca FILE, or have the server send its intermediate certificates."
    )


def _gap(sent: list[x509.Certificate], ca: bytes | None) -> str | None:
    """Where the chain from the server's certificate to a CA breaks: the name of the missing issuer, "" if the
    issuer is there but out of order, None if the chain does not break."""
    top = sent[0]
    for number, following in enumerate(sent[1:], 1):
        if top.issuer == top.subject:
            return None
        if top.issuer != following.subject:
            if any(top.issuer == other.subject for other in (*sent[:number], *sent[number + 1 :])):
                return ""
            break
        top = following
    if top.issuer == top.subject or (ca is not None and _read(ca).subject == top.issuer):
        return None
    return escape(top.issuer.rfc4514_string())
