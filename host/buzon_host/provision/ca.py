"""The one CA certificate a board needs for a server: from a file, or the root that vouches for the server.

Fetching verifies the server against certifi's roots from here; nothing unverified is sent to a board, unless a person
has seen the certificate's fingerprint and said so.
"""

import contextlib
import hashlib
import poplib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .. import paths
from ..board.printable import escape
from ..deadline import within
from ..errors import BuzonError, UsageError

_T = TypeVar("_T")
TIMEOUT_S = 15.0
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
_UNKNOWN = (18, 19, 20, 21)  # OpenSSL: self-signed, a root of its own, an issuer that is not there


class UnknownCa(BuzonError):
    """No CA that is known vouches for the server: it may have one of its own, or somebody is in the middle."""


class NoConnection(BuzonError):
    """Nobody answers there, or not with TLS, or too slowly."""


class NoSuchHost(NoConnection):
    """DNS knows no such server."""


def board_path(der: bytes) -> str:
    """Where the certificate lies on the board: named by its hash, so that the same one is sent once."""
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
    """The root certificate of certifi's that vouches for the POP3 server now, as DER; or `ca` when that does.

    `tls` is implicit or starttls, `timeout` is for all of it. Raises UnknownCa, or BuzonError: no connection, a wrong
    name, no POP3 server.
    """
    if ca is None:
        context = ssl.create_default_context(cafile=certifi.where())
    else:
        # As the board does, which also takes the server's own certificate.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=ca)
    return _looked(host, port, tls, context, timeout, lambda secure: ca or _root(secure))


def fetch_certificate(host: str, port: int, tls: str, *, timeout: float = TIMEOUT_S) -> bytes:
    """The server's own certificate as DER, unverified: for a person to look at, before it is pinned.

    `timeout` is for all of it. Raises BuzonError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    found: bytes | None = _looked(
        host, port, tls, context, timeout, lambda secure: secure.getpeercert(binary_form=True)
    )
    if not found:
        raise BuzonError(f"The server {host}:{port} shows no certificate: check host and port.")
    return found


def fingerprint(der: bytes) -> str:
    """The SHA-256 of a certificate as people compare it: `AB:CD:...`."""
    return hashlib.sha256(der).digest().hex(":").upper()


def describe(der: bytes) -> list[str]:
    """What a person is to know of a certificate before it is trusted, a line each."""
    try:
        return _described(x509.load_der_x509_certificate(der), der)
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise BuzonError(
            "The server's certificate cannot be read, so it cannot be trusted: give the server's CA with --ca FILE."
        ) from None


def _described(cert: x509.Certificate, der: bytes) -> list[str]:
    lines = [f"for      {escape(cert.subject.rfc4514_string()) or '-'}"]
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        lines.append("names    " + ", ".join(escape(str(name.value)) for name in names))
    except (x509.ExtensionNotFound, ValueError):
        pass
    return [
        *lines,
        f"signed   by {escape(cert.issuer.rfc4514_string()) or '-'}",
        f"until    {cert.not_valid_after_utc:%Y-%m-%d}",
        f"SHA-256  {fingerprint(der)}",
    ]


def _looked(
    host: str, port: int, tls: str, context: ssl.SSLContext, timeout: float, look: Callable[[Any], _T]
) -> _T:
    """What `look` finds at the TLS socket of a POP3 session that has been greeted, within `timeout` seconds in all."""

    def job() -> _T:
        with _session(host, port, tls, context, timeout) as secure:
            return look(secure)

    return within(timeout, job, NoConnection(_no_connection(host, port, "it takes too long to answer")))


@contextlib.contextmanager
def _session(host: str, port: int, tls: str, context: ssl.SSLContext, timeout: float) -> Iterator[Any]:
    """The TLS socket of a POP3 session that has been greeted; every failure is a BuzonError."""
    session: poplib.POP3 | None = None
    try:
        if tls == "starttls":
            session = poplib.POP3(host, port, timeout=timeout)
            session.stls(context)
        else:
            session = poplib.POP3_SSL(host, port, timeout=timeout, context=context)
        yield session.sock
    except ssl.SSLCertVerificationError as error:
        unknown = error.verify_code in _UNKNOWN
        why = "no CA that this PC knows vouches for it" if unknown else escape(error.verify_message)
        raise (UnknownCa if unknown else BuzonError)(
            f"The certificate of {host}:{port} was not accepted ({why}): if the server has a CA of its own, give it "
            "with --ca FILE."
        ) from None
    except poplib.error_proto:
        what = "is no POP3 server: check host and port"
        if session is not None:
            what = "offers no STLS: use its port for TLS, mostly 995 (tls = implicit)"
        raise BuzonError(f"The server {host}:{port} {what}.") from None
    except socket.gaierror:
        raise NoSuchHost(
            f"There is no server {escape(host)}: check its name, and this PC's network."
        ) from None
    except (OSError, ValueError, EOFError) as error:  # a ValueError: what can be no name
        raise NoConnection(_no_connection(host, port, _why(error))) from None
    finally:
        if session is not None:
            with contextlib.suppress(OSError):  # a failed handshake has closed it already
                session.close()


def _no_connection(host: str, port: int, why: str) -> str:
    return f"No secure connection to {escape(host)}:{port} ({why}): check the server's name and port."


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ConnectionRefusedError):
        return "there is no server at that port"
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "it does not speak TLS at that port"
    if isinstance(error, ConnectionError | EOFError):
        return "it closed the connection"
    if isinstance(error, ValueError):
        return "that is no name of a server"
    return escape(getattr(error, "strerror", None) or str(error))


def _root(secure: Any) -> bytes:
    """The last certificate of the verified chain: public since Python 3.13, before on the inner object."""
    if hasattr(secure, "get_verified_chain"):
        return bytes(secure.get_verified_chain()[-1])
    chain = secure._sslobj.get_verified_chain()
    return bytes(chain[-1].public_bytes(2))  # 2: DER, as _ssl.ENCODING_DER
