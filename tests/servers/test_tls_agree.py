"""`buzon check` and the board say the same of a TLS server: for each kind of server, a row with what both must say.

The board's word is its asyncio driver's on the real MicroPython; check's is what a person reads.
"""

import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from buzon_host import check, paths
from buzon_host.build.mpy import compiled_modules
from buzon_host.errors import ServerRefused
from buzon_host.provision import ca as certificates
from buzon_host.provision import schema, tryout, why
from buzon_host.virtual.interpreter import command
from chains import Cert, chain_of, context, make
from cryptography.hazmat.primitives import hashes
from listener import serving

_SCRIPT = Path(__file__).with_name("handshakes.py")
_T11, _T12, _T13 = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
OK = 0


@dataclass(frozen=True)
class Row:
    """A server and what is told of it: `code` 0 where it works; `says`: part of check's sentence."""

    name: str
    code: int
    says: str
    chain: list[Cert]
    ca: Cert
    more: dict[str, object]
    same: bool = True  # OpenSSL alone, told to do as the board, comes to the same


def _rows() -> Iterator[Row]:
    root, other = make("Root", ca=True), make("Other", ca=True)
    leaf = make("localhost", root)
    two = chain_of(root, 2)

    def row(
        name: str,
        code: int,
        says: str,
        chain: list[Cert],
        ca: Cert = root,
        same: bool = True,
        **more: object,
    ) -> Row:
        return Row(name, code, says, chain, ca, more, same)

    # Versions, ciphers, keys
    yield row("plain", OK, "", [leaf])
    yield row("tls-1.2", OK, "", [leaf], most=_T12)
    yield row("tls-1.3-only", 219, "TLS 1.3 only", [leaf], least=_T13)
    yield row(
        "tls-1.1-only",
        219,
        "TLS version",
        [leaf],
        least=_T11,
        most=_T11,
        ciphers="ALL:@SECLEVEL=0",
        same=False,
    )
    yield row("chacha-only", 219, "cipher", [leaf], most=_T12, ciphers="ECDHE+CHACHA20")
    yield row("aes-256", OK, "", [leaf], most=_T12, ciphers="ECDHE+AES256")
    for key in ("p384", "p521", "rsa2048"):
        yield row(key, OK, "", [make("localhost", root, key=key)])
    ed = make("localhost", root, key="ed25519")
    yield row("ed25519", 219, "kind of key", [ed], same=False)
    yield row("ed25519-1.2", 219, "kind of key", [ed], most=_T12, same=False)
    ed_root = make("Ed", ca=True, key="ed25519")
    yield row("ed25519-root", 213, "RSA or ECDSA", [make("localhost", ed_root)], ed_root, same=False)
    yield row("sha512", OK, "", [make("localhost", root, hash=hashes.SHA512())])
    yield row("rsa-root", OK, "", *_under(make("Rsa", ca=True, key="rsa2048")))

    # Chains
    yield row("two-intermediates", OK, "", two)
    yield row("with-root", OK, "", [*two, root])
    yield row("with-a-stranger", OK, "", [*two, other])
    yield row("out-of-order", 211, "out of order", [two[0], two[2], two[1]], same=False)
    yield row("out-of-order-root-first", OK, "", [two[0], root, two[1], two[2]])
    yield row("doubled", OK, "", [two[0], two[1], two[1], two[2]])
    yield row("no-intermediate", 211, "came with it", two[:1])
    yield row("one-of-two-intermediates", 211, "intermediate", two[:2])
    yield row("eight-intermediates", OK, "", chain_of(root, 8))
    yield row("nine-intermediates", 220, "more certificates than", chain_of(root, 9), same=False)
    yield row("intermediate-as-ca", OK, "", two, two[1])
    yield row("nine-behind-one-of-them", OK, "", (nine := chain_of(root, 9)), nine[4])

    # CAs
    yield row("other-ca", 211, "CA", [leaf], other)
    yield row("other-ca-with-root", 211, "CA", [leaf, root], other)
    namesake = make("Root", ca=True)
    yield row("namesake-of-the-ca", 211, "CA", [leaf], namesake, same=False)
    no_constraints = make("No Constraints", ca=None, names=())
    yield row(
        "ca-without-constraints", 222, "BasicConstraints", [make("localhost", no_constraints)], no_constraints
    )
    no_ca = make("No CA", ca=False, names=())
    yield row("ca-false", 222, "BasicConstraints", [make("localhost", no_ca)], no_ca)

    # Dates and names
    yield row("expired", 210, "has expired", [make("localhost", root, days=(-9, -2))])
    yield row("early", 210, "not valid yet", [make("localhost", root, days=(2, 9))])
    yield row(
        "another-name", 209, "mail.example.org", [make("x", root, names=("mail.example.org",))], same=False
    )
    yield row(
        "wildcard-of-another", 209, "not localhost", [make("x", root, names=("*.example.org",))], same=False
    )
    yield row("name-without-san", OK, "", [make("localhost", root, names=())])
    yield row("second-name", OK, "", [make("x", root, names=("mail.example.org", "localhost"))])
    yield row("capitals", OK, "", [make("x", root, names=("LOCALHOST",))])

    # Pins
    own = make("localhost", ca=None)
    yield row("pinned", OK, "", [own], own)
    for name, days, names in (
        ("expired", (-9, -2), ("localhost",)),
        ("early", (2, 9), ("localhost",)),
        ("another-name", (-1, 9), ("mail.example.org",)),
        ("both", (-9, -2), ()),
    ):
        pin = make("device", ca=False, days=days, names=names)
        yield row(f"pinned-{name}", OK, "", [pin], pin)
    issued = make("x", root, days=(-9, -2), names=("mail.example.org",))
    yield row("pinned-issued-by-a-ca", OK, "", [issued], issued)
    yield row("pinned-self-signed-ca", OK, "", *_alone(make("localhost", ca=True)))
    yield row("renewed", 218, "pinned", [make("localhost", ca=None)], own)
    yield row("pinned-other", 218, "pinned", [leaf], own)
    yield row("self-signed", 217, "self-signed", [own], same=False)


def _under(root: Cert) -> tuple[list[Cert], Cert]:
    return [make("localhost", root)], root


def _alone(one: Cert) -> tuple[list[Cert], Cert]:
    return [one], one


ROWS = list(_rows())


def _session(stream: ssl.SSLSocket | socket.socket) -> None:
    """A POP3 server without mail, from the greeting or from what follows STLS."""
    while line := stream.recv(200):
        stream.sendall(b"+OK 0 0\r\n" + (b"USER\r\n.\r\n" if line.startswith(b"CAPA") else b""))
        if line.startswith(b"QUIT"):
            return


def implicit(made: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def talk(sock: socket.socket) -> None:
        with made.wrap_socket(sock, server_side=True) as secure:
            secure.sendall(b"+OK\r\n")
            _session(secure)

    return talk


def starttls(made: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def talk(sock: socket.socket) -> None:
        sock.sendall(b"+OK\r\n")
        while not sock.recv(100).startswith(b"STLS"):
            sock.sendall(b"-ERR\r\n")  # no CAPA: STLS is asked for all the same
        sock.sendall(b"+OK\r\n")
        with made.wrap_socket(sock, server_side=True) as secure:
            _session(secure)

    return talk


class Board:
    """The firmware's asyncio driver, one process for all rows."""

    def __init__(self, folder: Path) -> None:
        self._ca = folder / "ca.der"
        self._process = subprocess.Popen(
            [*command(), "-X", "heapsize=160k", str(_SCRIPT), str(compiled_modules(paths.firmware()))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def code(self, ca: bytes, port: int, tls: str) -> tuple[int, str]:
        self._ca.write_bytes(ca)
        job = {"host": "localhost", "port": port, "ca": str(self._ca), "tls": tls, "times": 1}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        (said,) = json.loads(self._process.stdout.readline())["errors"]
        return (OK, "") if said == "ok" else (int(said[:3]), said[4:])

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    made = Board(tmp_path_factory.mktemp("board"))
    yield made
    made.end()


def checked(ca: bytes, port: int, tls: str = "implicit") -> tuple[int, str]:
    account = schema.Account.model_validate(
        {"host": "localhost", "port": port, "tls": tls, "user": "demo", "password": "x"}
    )
    try:
        assert check.check(account, ca=ca) == check.Mailbox(0, 0)
    except ServerRefused as error:
        return error.code, str(error)
    return OK, ""


def readable(sentence: str) -> bool:
    """One sentence, without a library's numbers and tuples."""
    return not any(part in sentence for part in ("MBEDTLS", "((", "_ssl.c", "Errno", "{", "\n"))


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_check_says_what_the_board_says(row: Row, board: Board, tmp_path: Path) -> None:
    with serving(implicit(context(tmp_path, row.chain, **row.more))) as port:
        code, text = board.code(row.ca.der, port, "implicit")
        found, said = checked(row.ca.der, port)
    assert (code, found) == (row.code, row.code), (text, said)
    assert row.says in said
    assert readable(text)
    assert readable(said)


@pytest.mark.parametrize("name", ["plain", "tls-1.3-only", "out-of-order", "pinned-both", "another-name"])
def test_the_same_after_stls(name: str, board: Board, tmp_path: Path) -> None:
    (row,) = [one for one in ROWS if one.name == name]
    with serving(starttls(context(tmp_path, row.chain, **row.more))) as port:
        assert board.code(row.ca.der, port, "starttls")[0] == row.code
        found, said = checked(row.ca.der, port, "starttls")
    assert found == row.code, said
    assert row.says in said


@pytest.mark.parametrize("row", [one for one in ROWS if one.same], ids=lambda row: row.name)
def test_without_micropython_openssl_says_the_same(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tryout.mbedtls, "there", lambda: False)
    with serving(implicit(context(tmp_path, row.chain, **row.more))) as port:
        found, said = checked(row.ca.der, port)
    assert found == row.code, said
    assert readable(said)


@pytest.mark.parametrize("name", ["tls-1.3-only", "ed25519", "nine-intermediates", "ca-without-constraints"])
def test_the_wizard_takes_no_ca_that_the_board_does_not(name: str, tmp_path: Path) -> None:
    (row,) = [one for one in ROWS if one.name == name]
    with (
        serving(implicit(context(tmp_path, row.chain, **row.more))) as port,
        pytest.raises((ServerRefused, certificates.UnknownCa)),
    ):
        certificates.fetch_root("localhost", port, "implicit", ca=row.ca.der)


def test_the_wizard_takes_a_pin_that_openssl_would_not(tmp_path: Path) -> None:
    (row,) = [one for one in ROWS if one.name == "pinned-both"]
    with serving(implicit(context(tmp_path, row.chain))) as port:
        assert certificates.fetch_root("localhost", port, "implicit", ca=row.ca.der) == row.ca.der


def test_a_server_with_ipv6_alone_is_refused_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """The board's code finds no IPv4 address; this PC's lookup is told what a name with AAAA alone has."""
    monkeypatch.setattr(
        why.socket,
        "getaddrinfo",
        lambda *_: [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::7", 0, 0, 0))],
    )
    root = make("Root", ca=True).der
    with pytest.raises(ServerRefused, match="has no IPv4 address") as error:
        tryout.session("six.invalid", 995, "implicit", root, seconds=10)
    assert error.value.code == 203
    with pytest.raises(certificates.NoSuchHost, match="has no IPv4 address"):
        certificates.fetch_root("six.invalid", 995, "implicit", ca=root)


@pytest.mark.parametrize(
    ("kind", "code"), [("hello", 221), ("at-once", 221), ("middle", 221), ("alert", 219), ("no-tls", 212)]
)
def test_what_ends_a_handshake_has_a_sentence(kind: str, code: int, board: Board, tmp_path: Path) -> None:
    def talk(sock: socket.socket) -> None:
        if kind == "at-once":
            return
        sock.recv(4096)
        if kind == "middle":
            sock.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(32))
        elif kind == "alert":
            sock.sendall(b"\x15\x03\x03\x00\x02\x02\x46")  # fatal, protocol_version
        elif kind == "no-tls":
            sock.sendall(b"-ERR what?\r\n" * 9)

    root = make("Root", ca=True).der
    with serving(talk) as port:
        for found, said in (board.code(root, port, "implicit"), checked(root, port)):
            assert found == code, said
            assert readable(said)
