"""Asking the servers that were found or named, and every wait of it: against real servers and sockets, all here."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from buzon_host import check
from buzon_host.errors import BuzonError, ServerRefused
from buzon_host.provision import ca as certificates
from buzon_host.provision import discover, probe, schema
from buzon_host.provision.discover import Network
from buzon_host.server.run import LocalServer
from test_discover import dns_server

SOON_S = 2.0


@pytest.fixture(scope="module")
def mail() -> Iterator[LocalServer]:
    with LocalServer(None) as running:
        yield running


@contextlib.contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serves each connection in a thread of its own; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = listening.accept()
                    threading.Thread(target=answer, args=(peer,), daemon=True).start()

        def answer(peer: socket.socket) -> None:
            with peer, contextlib.suppress(OSError):
                serve(peer)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def drip(peer: socket.socket, first: bytes = b"") -> None:
    """Bytes of a line that never ends, ten a second: each comes before any timeout of a read."""
    peer.sendall(first)
    while True:
        peer.sendall(b"x")
        time.sleep(0.1)


def took(job: Callable[[], object]) -> float:
    begin = time.monotonic()
    job()
    return time.monotonic() - begin


# A server that a person names


@pytest.mark.parametrize(("tls", "port"), [("implicit", "pop3s"), ("starttls", "pop3")])
def test_a_named_port_answers_soon_in_the_way_that_it_speaks(mail, tls, port) -> None:
    servers = probe.ways("127.0.0.1", getattr(mail, port), "demo")
    found = []
    assert took(lambda: found.append(probe.reach(servers, Network(), mail.ca_der.read_bytes()))) < SOON_S
    (best, problems) = found[0]
    assert best is not None
    assert (best.server.tls, best.root) == (tls, mail.ca_der.read_bytes())
    assert problems == []


def test_a_silent_way_first_costs_no_more(mail) -> None:
    """A TLS server says nothing to who wants STLS; of two ways on one port the second does not wait for the first's end."""
    servers = probe.ways("127.0.0.1", mail.pop3s, "demo")[::-1]
    assert [one.tls for one in servers] == ["starttls", "implicit"]
    found = []
    assert took(lambda: found.append(probe.reach(servers, Network(), mail.ca_der.read_bytes()))) < SOON_S
    assert found[0][0].server.tls == "implicit"


def test_the_order_is_what_a_port_is_for() -> None:
    def order(port: int) -> list[tuple[int, str]]:
        return [(one.port, one.tls) for one in probe.ways("h", port, "u")]

    assert order(0) == [(995, "implicit"), (110, "starttls")]
    assert order(995) == [(995, "implicit"), (995, "starttls")]
    assert order(110) == [(110, "starttls"), (110, "implicit")]
    assert order(10995) == [(10995, "implicit"), (10995, "starttls")]


def test_a_way_that_is_not_needed_is_not_tried() -> None:
    """A server that answers is asked once."""
    with LocalServer(None) as server, contextlib.ExitStack() as stack:
        asked = []

        def relay(peer: socket.socket) -> None:
            asked.append(peer)
            with socket.create_connection(("127.0.0.1", server.pop3s)) as behind:
                threading.Thread(target=pump, args=(behind, peer), daemon=True).start()
                pump(peer, behind)

        def pump(source: socket.socket, to: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(4096):
                    to.sendall(data)

        port = stack.enter_context(listener(relay))
        best, _ = probe.reach(probe.ways("127.0.0.1", port, "demo"), Network(), server.ca_der.read_bytes())
        assert best is not None
        time.sleep(0.7)
        assert len(asked) == 1


def test_the_sentence_is_of_the_way_that_was_answered(mail) -> None:
    """One sentence for a port, and in plain words."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        best, problems = probe.reach(probe.ways("127.0.0.1", port, "demo"), Network())
    assert best is None
    assert problems == [
        f"No secure connection to 127.0.0.1:{port} (there is no server at that port): check the server's name and port."
    ]
    assert probe.reach(probe.ways("127.0.0.1", mail.smtp, "demo"), Network())[1] == [
        f"The server 127.0.0.1:{mail.smtp} greeted with a line that is not POP3 (220 mail.example.org Buzon): "
        "check what answers on this port."
    ]
    with listener(
        lambda peer: (peer.sendall(b"+OK\r\n"), peer.recv(100), peer.sendall(b"-ERR\r\n"))
    ) as plain:
        assert "offers no STLS" in probe.reach(probe.ways("127.0.0.1", plain, "demo"), Network())[1][0]
    assert len(probe.reach(probe.ways("nowhere.invalid", 0, "demo"), Network(timeout=5))[1]) == 1


@pytest.mark.parametrize("host", [".", "a..b", "x" * 70, "\0", "ñ\ud800"])
def test_a_name_that_can_be_none_is_a_sentence(host) -> None:
    best, problems = probe.reach(probe.ways(host, 1, "demo"), Network(timeout=3))
    assert best is None
    assert len(problems) == 1


def test_once_one_has_answered_a_silent_one_is_not_waited_for(mail) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        servers = [
            *probe.ways("127.0.0.1", silent.getsockname()[1], "demo"),
            *probe.ways("localhost", mail.pop3s, "demo"),
        ]
        found = []
        assert took(lambda: found.append(probe.reach(servers, Network(), mail.ca_der.read_bytes()))) < SOON_S
    assert found[0][0].server.port == mail.pop3s


# Servers that say nothing, or a byte now and then


@pytest.mark.parametrize("kind", ["silent", "greeting", "stls"])
def test_every_wait_has_one_end(kind) -> None:
    def serve(peer: socket.socket) -> None:
        if kind == "silent":
            time.sleep(10)
        elif kind == "greeting":
            drip(peer)
        else:
            peer.sendall(b"+OK hello\r\n")
            peer.recv(100)
            drip(peer, b"+")

    with listener(serve) as port:
        for tls in ("implicit", "starttls"):

            def fetch(tls: str = tls) -> None:
                with pytest.raises(certificates.NoConnection, match="No secure connection"):
                    certificates.fetch_certificate("127.0.0.1", port, tls, timeout=0.8)
                with pytest.raises(certificates.NoConnection):
                    certificates.fetch_root("127.0.0.1", port, tls, timeout=0.8)

            assert took(fetch) < 2.5
        servers = probe.ways("127.0.0.1", port, "demo") * 2
        assert took(lambda: probe.reach(servers, Network(timeout=0.8))) < 2.5


def over_tls(serve: Callable[[ssl.SSLSocket], None], ca: trustme.CA) -> Callable[[socket.socket], None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)

    def wrapped(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as secure:
            serve(secure)

    return wrapped


def test_a_handshake_that_comes_a_byte_at_a_time(tmp_path) -> None:
    """The server's first flight, dripping: neither the certificate nor the session waits for its end."""
    with listener(lambda peer: drip(peer, b"\x16\x03\x03\x20\x00\x02\x00\x1f\xfc\x03\x03")) as port:

        def fetch() -> None:
            with pytest.raises(certificates.NoConnection):
                certificates.fetch_certificate("127.0.0.1", port, "implicit", timeout=0.8)

        assert took(fetch) < 2


@pytest.mark.parametrize("step", [b"", b"CAPA", b"USER", b"PASS"])
def test_a_login_has_one_end(step, monkeypatch) -> None:
    monkeypatch.setattr(check, "MOST_S", 1.0)
    ca = trustme.CA()
    der = ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode())

    def serve(peer: ssl.SSLSocket) -> None:
        if not step:
            drip(peer)
        peer.sendall(b"+OK hello\r\n")
        while line := peer.recv(200):
            if line.startswith(step):
                drip(peer)
            peer.sendall(b"+OK\r\n.\r\n" if line.startswith(b"CAPA") else b"+OK\r\n")

    with listener(over_tls(serve, ca)) as port:
        account = schema.Account.model_validate(
            {"host": "127.0.0.1", "port": port, "user": "demo", "password": "x"}
        )

        def login() -> None:
            with pytest.raises(ServerRefused, match="takes too long") as error:
                check.check(account, ca=der)
            assert error.value.code == 205

        assert took(login) < 2.5


def test_a_configuration_that_comes_a_byte_at_a_time(tmp_path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    table = discover.providers(Path("nowhere"))

    def serve(peer: ssl.SSLSocket) -> None:
        peer.recv(1000)
        drip(peer, b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<")

    record = "_pop3s._tcp.casa.example. SRV 0 0 995 pop.casa.example."
    with listener(over_tls(serve, ca)) as port, dns_server(record) as (nameserver, _):
        network = Network(
            nameserver=nameserver,
            autoconfig=(f"https://127.0.0.1:{port}/config",),
            roots=tmp_path / "roots.pem",
            timeout=1.0,
        )
        found = []
        assert took(lambda: found.append(discover.discover("ana@casa.example", network, table))) < 3
    assert [one.host for one in found[0].servers] == ["pop.casa.example"]


def test_within_gives_back_what_the_work_gives() -> None:
    from buzon_host.deadline import within

    late = BuzonError("late")
    assert within(5, lambda: 5, late) == 5
    assert within(5, lambda: None, late) is None
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0, late)
    with pytest.raises(BuzonError, match="late"):
        within(0.05, lambda: time.sleep(1), late)
