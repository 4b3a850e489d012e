"""The one CA certificate a board needs for a server: from a file, or the root that vouches for the server.

Fetching verifies the server against certifi's roots from here; nothing unverified is ever sent to a board.
"""

import contextlib
import hashlib
import poplib
import socket
import ssl
from pathlib import Path
from typing import Any

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .. import paths
from ..board.printable import escape
from ..errors import BuzonError, UsageError

TIMEOUT_S = 15.0


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


def fetch_root(host: str, port: int, tls: str) -> bytes:
    """The root certificate of certifi's that vouches for the server now, as DER.

    `tls` is implicit or starttls. Raises BuzonError: no connection, or no public CA vouches for the server.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    try:
        if tls == "starttls":
            session = poplib.POP3(host, port, timeout=TIMEOUT_S)
            try:
                session.stls(context)
                return _root(session.sock)
            finally:
                with contextlib.suppress(OSError):  # a failed handshake has closed it already
                    session.close()
        with (
            socket.create_connection((host, port), TIMEOUT_S) as raw,
            context.wrap_socket(raw, server_hostname=host) as secure,
        ):
            return _root(secure)
    except ssl.SSLCertVerificationError as error:
        raise BuzonError(
            f"The certificate of {host}:{port} was not accepted ({escape(error.verify_message)}): if the "
            "server has a CA of its own, give it with --ca FILE."
        ) from None
    except poplib.error_proto:
        raise BuzonError(f"The server {host}:{port} offers no STLS: use tls = implicit.") from None
    except (OSError, UnicodeError) as error:
        raise BuzonError(
            f"No secure connection to {host}:{port} ({escape(str(error))}): check host, port and tls."
        ) from None


def _root(secure: Any) -> bytes:
    """The last certificate of the verified chain: public since Python 3.13, before on the inner object."""
    if hasattr(secure, "get_verified_chain"):
        return bytes(secure.get_verified_chain()[-1])
    chain = secure._sslobj.get_verified_chain()
    return bytes(chain[-1].public_bytes(2))  # 2: DER, as _ssl.ENCODING_DER
