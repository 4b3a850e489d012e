"""Certificates on the real MicroPython: each that must not be trusted is refused in a sentence of its own, the
server's own can be pinned, and a thousand failed handshakes leave nothing behind."""

import datetime
import json
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from buzon_host import paths
from buzon_host.build.mpy import compiled_modules
from buzon_host.virtual.interpreter import command
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from listener import serving

_SCRIPT = Path(__file__).with_name("handshakes.py")
_DAY = datetime.timedelta(days=1)
_NOW = datetime.datetime.now(datetime.UTC)


def connect(ca: bytes, port: int, folder: Path, times: int = 1, **job: Any) -> dict[str, Any]:
    """What the script says of so many connections to the port."""
    (folder / "ca.der").write_bytes(ca)
    job = {
        "host": "localhost",
        "port": port,
        "ca": str(folder / "ca.der"),
        "tls": "implicit",
        "times": times,
        **job,
    }
    done = subprocess.run(
        [*command(), "-X", "heapsize=160k", str(_SCRIPT), str(compiled_modules(paths.firmware()))],
        input=json.dumps(job) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def said(ca: bytes, port: int, folder: Path, **job: Any) -> str:
    (text,) = connect(ca, port, folder, **job)["errors"]
    return str(text)


def der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def tls_of(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    leaf.configure_cert(context)
    return context


def self_signed(folder: Path, name: str, ca: bool) -> tuple[ssl.SSLContext, bytes]:
    """As `openssl req -x509` makes one (`ca`), or as a device brings it along."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(_NOW - _DAY)
        .not_valid_after(_NOW + _DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
    )
    if ca:
        made = made.add_extension(x509.BasicConstraints(True, None), True)
    certificate = made.sign(key, hashes.SHA256())
    path = folder / "self.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context, certificate.public_bytes(serialization.Encoding.DER)


Talk = Callable[[socket.socket], None]


def greeting(context: ssl.SSLContext) -> Talk:
    """A POP3 server, as far as its greeting, with TLS from the start."""

    def talk(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            secure.sendall(b"+OK\r\n")
            secure.recv(10)

    return talk


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def test_a_good_certificate(ca: trustme.CA, tmp_path: Path) -> None:
    with serving(greeting(tls_of(ca.issue_cert("localhost")))) as port:
        assert said(der(ca.cert_pem.bytes()), port, tmp_path) == "ok"


@pytest.mark.parametrize(
    ("days", "what"), [((-60, -30), "has expired"), ((30, 60), "is not valid yet")], ids=["expired", "early"]
)
def test_dates(ca: trustme.CA, tmp_path: Path, days: tuple[int, int], what: str) -> None:
    leaf = ca.issue_cert("localhost", not_before=_NOW + days[0] * _DAY, not_after=_NOW + days[1] * _DAY)
    with serving(greeting(tls_of(leaf))) as port:
        text = said(der(ca.cert_pem.bytes()), port, tmp_path)
    assert text.startswith("210 ")
    assert f"certificate {what} (the clock says {_NOW:%Y-%m-%d})" in text


@pytest.mark.parametrize("names", [("mail.example.org",), ("mail.example.org", "smtp.example.org")])
def test_another_name(ca: trustme.CA, tmp_path: Path, names: tuple[str, ...]) -> None:
    with serving(greeting(tls_of(ca.issue_cert(*names)))) as port:
        text = said(der(ca.cert_pem.bytes()), port, tmp_path)
    assert text.startswith("209 ")
    assert "is for mail.example.org, not localhost" in text


def test_another_name_after_stls(ca: trustme.CA, tmp_path: Path) -> None:
    context = tls_of(ca.issue_cert("mail.example.org"))

    def talk(sock: socket.socket) -> None:
        sock.sendall(b"+OK\r\n")
        while (line := sock.recv(100)) and not line.startswith(b"STLS"):
            sock.sendall(b"-ERR\r\n")
        sock.sendall(b"+OK\r\n")
        with context.wrap_socket(sock, server_side=True) as secure:
            secure.recv(10)

    with serving(talk) as port:
        text = said(der(ca.cert_pem.bytes()), port, tmp_path, tls="starttls")
    assert text.startswith("209 ")
    assert "is for mail.example.org" in text


def test_an_unknown_ca(ca: trustme.CA, tmp_path: Path) -> None:
    with serving(greeting(tls_of(trustme.CA().issue_cert("localhost")))) as port:
        text = said(der(ca.cert_pem.bytes()), port, tmp_path)
    assert text.startswith("211 ")
    assert "localhost" in text


@pytest.mark.parametrize("signs", [True, False])
def test_a_self_signed_certificate(ca: trustme.CA, tmp_path: Path, signs: bool) -> None:
    context, own = self_signed(tmp_path, "localhost", signs)
    with serving(greeting(context)) as port:
        text = said(der(ca.cert_pem.bytes()), port, tmp_path)
        assert text.startswith("217 ")
        assert "run buzon provision" in text
        assert said(own, port, tmp_path) == "ok"  # pinned


def test_a_certificate_that_a_ca_issued_can_be_pinned(ca: trustme.CA, tmp_path: Path) -> None:
    leaf = ca.issue_cert("mail.example.org")
    renewed = ca.issue_cert("mail.example.org")
    pin = der(leaf.cert_chain_pems[0].bytes())
    with serving(greeting(tls_of(leaf))) as port:
        assert said(pin, port, tmp_path) == "ok"
    with serving(greeting(tls_of(renewed))) as port:
        text = said(pin, port, tmp_path)
    assert text.startswith("218 ")


def test_a_pinned_certificate_vouches_for_no_other(tmp_path: Path) -> None:
    _, own = self_signed(tmp_path, "localhost", ca=False)
    with serving(greeting(tls_of(trustme.CA().issue_cert("localhost")))) as port:
        assert said(own, port, tmp_path).startswith("218 ")


def test_a_certificate_that_lies_about_its_name_cannot_write_on_the_display(
    ca: trustme.CA, tmp_path: Path
) -> None:
    context, _ = self_signed(tmp_path, "x\x1b[2J\n@forged", ca=False)
    with serving(greeting(context)) as port:
        text = said(der(ca.cert_pem.bytes()), port, tmp_path)
    assert "\x1b" not in text
    assert "\n" not in text


def test_a_thousand_failed_handshakes_give_all_their_memory_back(ca: trustme.CA, tmp_path: Path) -> None:
    stranger = greeting(tls_of(trustme.CA().issue_cert("localhost")))
    other_name = greeting(tls_of(ca.issue_cert("mail.example.org")))

    def cut_in_the_middle(sock: socket.socket) -> None:
        """A ServerHello's beginning, then the end."""
        sock.recv(4096)
        sock.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(32))

    def garbage(sock: socket.socket) -> None:
        sock.sendall(b"+OK this is not TLS\r\n" * 20)
        sock.recv(4096)

    def end(sock: socket.socket) -> None:
        sock.recv(4096)

    kinds = (stranger, cut_in_the_middle, garbage, other_name, end)
    count = iter(range(1_000_000))
    with serving(lambda sock: kinds[next(count) % len(kinds)](sock)) as port:
        result = connect(der(ca.cert_pem.bytes()), port, tmp_path, times=1000)
    (heap, resident), (heap_after, resident_after) = result["memory"]
    print(f"heap {heap} -> {heap_after} bytes, process {resident} -> {resident_after} KB; {result['errors']}")
    codes = {}
    for text, n in result["errors"].items():
        codes[text[:3]] = codes.get(text[:3], 0) + n
    assert sum(codes.values()) == 1000
    assert codes["211"] == codes["209"] == 200
    assert set(codes) <= {"209", "211", "212", "221", "206", "204"}
    # A block of 32 bytes that each handshake of one kind kept would be 6,400; some module may be taken for used.
    assert heap_after <= heap + 6000
    assert resident_after <= resident + 512
