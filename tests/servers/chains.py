"""Certificates of every kind, and TLS servers that show them, for tests."""

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)
_NOW = datetime.datetime.now(datetime.UTC)
KEYS: dict[str, Any] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "k256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@dataclass(frozen=True)
class Cert:
    """A certificate with its key."""

    cert: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.DER)


def make(
    name: str,
    by: Cert | None = None,
    *,
    ca: bool | None = False,
    names: Sequence[str] = ("localhost",),
    days: tuple[int, int] = (-1, 30),
    key: str = "p256",
    hash: hashes.HashAlgorithm | None = None,
) -> Cert:
    """One, signed `by` another or by itself. `ca` None: without BasicConstraints; `names`: of servers, those of a
    leaf."""
    own = KEYS[key]()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.cert.subject if by else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOW + days[0] * _DAY)
        .not_valid_after(_NOW + days[1] * _DAY)
    )
    if ca is not None:
        made = made.add_extension(x509.BasicConstraints(ca, None), True)
    if not ca and names:
        made = made.add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), False)
    signer = by.key if by else own
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hash or hashes.SHA256()
    return Cert(made.sign(signer, algorithm), own)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def chain_of(root: Cert, intermediates: int) -> list[Cert]:
    """Leaf first, then its issuers up to the one that `root` signed."""
    made = [root]
    for number in range(intermediates):
        made.append(make(f"Intermediate {number}", made[-1], ca=True))
    made.append(make("localhost", made[-1]))
    return made[:0:-1]


def context(folder: Path, chain: Sequence[Cert], **more: Any) -> ssl.SSLContext:
    """A server's, which sends `chain` as it stands. `least`, `most`: TLS versions; `ciphers`: of TLS 1.2."""
    path = folder / "server.pem"
    path.write_bytes(
        chain[0].key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + b"".join(one.cert.public_bytes(serialization.Encoding.PEM) for one in chain)
    )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(path)
    if "least" in more:
        made.minimum_version = more["least"]
    if "most" in more:
        made.maximum_version = more["most"]
    if "ciphers" in more:
        made.set_ciphers(more["ciphers"])
    return made
