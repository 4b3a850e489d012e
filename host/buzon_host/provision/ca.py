"""The one CA certificate that a board needs for a server: from a file, or the root that vouches for it.

Fetching verifies the server against certifi's roots on this PC; nothing unverified is sent to a board, unless
a person has seen the certificate's fingerprint and agreed.
"""

import hashlib
import ssl
from pathlib import Path
from typing import Any

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from .. import paths
from ..board.printable import escape
from ..errors import BuzonError, ServerRefused, UsageError
from . import tryout, why
from .peer import NoConnection, NoSuchHost, UnknownCa, looked, no_connection, no_such_host, unverified

__all__ = [
    "NoConnection",
    "NoSuchHost",
    "UnknownCa",
    "describe",
    "fetch_certificate",
    "fetch_root",
    "fingerprint",
    "read",
]
TIMEOUT_S = 15.0
_NAMES = 4  # of a certificate that are shown
_UNKNOWN_CA = (208, 211, 217, 218, 222)  # from the firmware's error tree: another CA may work
_E_DNS = 203
_NOBODY = {
    204: "it does not answer",
    205: "it does not answer",
    206: "it closed the connection",
    212: "it does not speak TLS at that port",
    221: "it closed the connection",
}


def board_path(der: bytes) -> str:
    """Where the certificate is on the board: named by its hash, so that the same one is sent only once."""
    return f"/certs/{hashlib.sha256(der).hexdigest()[:8]}.der"


def read(path: Path) -> bytes:
    """One certificate from a PEM or DER file, as DER. Raises UsageError."""
    try:
        raw = paths.read_small(path)
    except OSError as error:
        raise UsageError(f"The CA file {path} cannot be read: {error.strerror}.") from None
    try:
        if b"-----BEGIN CERTIFICATE-----" in raw:
            found = x509.load_pem_x509_certificates(raw)
        else:
            found = [x509.load_der_x509_certificate(raw)]
    except ValueError:
        raise UsageError(f"{path} holds no certificate: give a CA certificate as PEM or DER.") from None
    if len(found) != 1:
        raise UsageError(f"{path} holds {len(found)} certificates: give a file with the root CA alone.")
    return found[0].public_bytes(Encoding.DER)


def fetch_root(
    host: str, port: int, tls: str, *, ca: bytes | None = None, timeout: float = TIMEOUT_S
) -> bytes:
    """The root certificate from certifi that vouches for the POP3 server now, as DER; or `ca` if that does.

    `tls` is implicit or starttls, `timeout` is for all of it. Raises UnknownCa, or BuzonError: no connection,
    a wrong name, not a POP3 server.
    """
    if ca is not None:
        try:
            tryout.session(host, port, tls, ca, seconds=timeout)
        except ServerRefused as error:
            if error.code in _UNKNOWN_CA:
                raise UnknownCa(str(error), "the CA that you gave does not vouch for it") from None
            if error.code == _E_DNS:
                raise (
                    NoSuchHost(str(error)) if "IPv4" in str(error) else no_such_host(host)
                ) from None  # with "IPv4" it exists, but not for a board
            if error.code in _NOBODY:
                reason = _NOBODY[error.code]
                if "ECONNREFUSED" in error.detail:
                    reason = "there is no server at that port"
                raise NoConnection(no_connection(host, port, reason)) from None
            raise
        return ca
    context = ssl.create_default_context(cafile=certifi.where())
    try:
        return looked(host, port, tls, context, timeout, _root)
    except UnknownCa as error:
        raise UnknownCa(why.unknown(host, port, tls, error)) from None


def fetch_certificate(host: str, port: int, tls: str, *, timeout: float = TIMEOUT_S) -> bytes:
    """The server's own certificate as DER, unverified, for a person to look at before it is pinned.

    `timeout` is for all of it. Raises BuzonError.
    """
    found: bytes | None = looked(
        host, port, tls, unverified(), timeout, lambda secure: secure.getpeercert(binary_form=True)
    )
    if not found:
        raise BuzonError(f"The server {host}:{port} shows no certificate: check host and port.")
    return found


def fingerprint(der: bytes) -> str:
    """The SHA-256 of a certificate as people compare it: `AB:CD:...`."""
    return hashlib.sha256(der).digest().hex(":").upper()


def describe(der: bytes) -> list[str]:
    """What a person should know about a certificate before trusting it, one fact per line."""
    try:
        return _described(x509.load_der_x509_certificate(der), der)
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise BuzonError(
            "The server's certificate cannot be read, so it cannot be trusted: give the server's CA with --ca FILE."
        ) from None


def _described(cert: x509.Certificate, der: bytes) -> list[str]:
    try:
        names = [
            str(name.value)
            for name in cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        ]
    except (x509.ExtensionNotFound, ValueError):
        names = [_called(cert.subject)]
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return [
        "for      " + escape(", ".join(names[:_NAMES])) + more,
        "signed   by " + ("itself" if cert.issuer == cert.subject else escape(_called(cert.issuer))),
        f"until    {cert.not_valid_after_utc:%Y-%m-%d}",
        f"SHA-256  {fingerprint(der)}",
    ]


def _called(name: x509.Name) -> str:
    """What people call who is named so: the common name, or else the organization."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for each in name.get_attributes_for_oid(kind):
            return str(each.value)
    return name.rfc4514_string() or "-"


def _root(secure: Any) -> bytes:
    """The last certificate of the verified chain: public since Python 3.13, before on the inner object."""
    if hasattr(secure, "get_verified_chain"):
        return bytes(secure.get_verified_chain()[-1])
    chain = secure._sslobj.get_verified_chain()
    return bytes(chain[-1].public_bytes(2))  # 2: DER, as _ssl.ENCODING_DER
