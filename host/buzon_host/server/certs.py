"""Certificates made on the spot: the server's own CA, and good or deliberately bad certificates from it.

The computer's own list of CAs is never touched.
"""

# mypy: allow-untyped-calls

import datetime
import hashlib
import os
import ssl
from pathlib import Path
from typing import Literal, get_args

import trustme
from twisted.internet.ssl import Certificate as TlsCertificate
from twisted.internet.ssl import CertificateOptions, PrivateCertificate

Certificate = Literal["good", "ecdsa-3", "rsa-2", "rsa-3", "expired", "other-name", "other-ca"]
"""Which certificate a server shows. "good" is one, signed by the CA itself; a key's kind and a number stand for
so many certificates that the server sends. A client that verifies must refuse the last three."""

CERTIFICATES: tuple[Certificate, ...] = get_args(Certificate)
NAMES = ("localhost", "127.0.0.1", "mail.example.org")
OTHER_NAME = "other.example.com"

_DAY = datetime.timedelta(days=1)


def server_ca(folder: Path, kind: Certificate = "good") -> trustme.CA:
    """The CA kept in `folder`, made there if missing: `ca.pem`, `ca.der`, and its key (ECDSA P-256, or RSA 2048
    where `kind` says so: a folder is for one kind of key)."""
    pem, key = folder / "ca.pem", folder / "ca-key.pem"
    if pem.is_file() and key.is_file():
        return trustme.CA.from_pem(pem.read_bytes(), key.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    ca = trustme.CA(organization_name="Buzon local mail server", key_type=_key_type(kind))
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(ca.private_key_pem.bytes())
    text = ca.cert_pem.bytes()
    pem.write_bytes(text)
    (folder / "ca.der").write_bytes(ssl.PEM_cert_to_DER_cert(text.decode("ascii")))
    return ca


def sha256(leaf: trustme.LeafCert) -> str:
    """The SHA-256 of a server's own certificate: `AB:CD:...`."""
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode("ascii"))
    return hashlib.sha256(der).digest().hex(":").upper()


def _key_type(kind: Certificate) -> trustme.KeyType:
    return trustme.KeyType.RSA if kind.startswith("rsa") else trustme.KeyType.ECDSA


def chain(kind: Certificate, ca: trustme.CA, names: tuple[str, ...] = ()) -> trustme.LeafCert:
    """As `good`, with as many certificates between it and the CA as `kind` says, itself counted."""
    key = _key_type(kind)
    for _ in range(int(kind.partition("-")[2]) - 1):
        ca = ca.create_child_ca(key)
    now = datetime.datetime.now(datetime.UTC)
    every = dict.fromkeys(NAMES + names)
    return ca.issue_cert(*every, not_before=now - _DAY, not_after=now + 365 * _DAY, key_type=key)


def good(ca: trustme.CA, names: tuple[str, ...] = ()) -> trustme.LeafCert:
    """A certificate for `NAMES` and `names`, valid from yesterday for a year."""
    now = datetime.datetime.now(datetime.UTC)
    every = dict.fromkeys(NAMES + names)
    return ca.issue_cert(*every, not_before=now - _DAY, not_after=now + 365 * _DAY)


def expired(ca: trustme.CA, names: tuple[str, ...] = ()) -> trustme.LeafCert:
    """As `good`, but it expired 30 days ago."""
    now = datetime.datetime.now(datetime.UTC)
    every = dict.fromkeys(NAMES + names)
    return ca.issue_cert(*every, not_before=now - 60 * _DAY, not_after=now - 30 * _DAY)


def for_other_name(ca: trustme.CA) -> trustme.LeafCert:
    """Valid and from the right CA, but only for `OTHER_NAME`."""
    now = datetime.datetime.now(datetime.UTC)
    return ca.issue_cert(OTHER_NAME, not_before=now - _DAY, not_after=now + 365 * _DAY)


def of_other_ca(names: tuple[str, ...] = ()) -> trustme.LeafCert:
    """As `good`, but from a CA that nobody knows."""
    return good(trustme.CA(organization_name="Another CA"), names)


def issue(kind: Certificate, ca: trustme.CA, names: tuple[str, ...] = ()) -> trustme.LeafCert:
    """The certificate that `kind` names."""
    if kind in ("ecdsa-3", "rsa-2", "rsa-3"):
        return chain(kind, ca, names)
    if kind == "expired":
        return expired(ca, names)
    if kind == "other-name":
        return for_other_name(ca)
    if kind == "other-ca":
        return of_other_ca(names)
    return good(ca, names)


def twisted_tls(leaf: trustme.LeafCert) -> CertificateOptions:
    """What Twisted needs to serve TLS 1.2 and 1.3 with `leaf`, which sends its whole chain."""
    own = PrivateCertificate.loadPEM(leaf.private_key_and_cert_chain_pem.bytes())
    above = [TlsCertificate.loadPEM(one.bytes()).original for one in leaf.cert_chain_pems[1:]]
    return CertificateOptions(
        privateKey=own.privateKey.original, certificate=own.original, extraCertChain=above or None
    )


def asyncio_tls(leaf: trustme.LeafCert) -> ssl.SSLContext:
    """What asyncio needs to serve TLS with `leaf`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    leaf.configure_cert(context)
    return context
