"""The server as a process: start and stop, certificates, faults, SMTP, and memory."""

import json
import os
import poplib
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from buzon_host.server import LocalServer, LocalServerError, NoMailError
from OpenSSL import SSL
from servers.tools import RawPop3, unstuffed, wire_form


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only place for temporary folders, empty again after every test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def stat(server: LocalServer) -> bytes:
    client = RawPop3(server.host, server.pop3)
    client.login(server.user, server.password)
    answer = client.ask(b"STAT")
    client.quit()
    return answer


def test_two_at_once(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "one").write_bytes(b"Subject: one\n\n")
    with LocalServer() as first, LocalServer(tmp_path / "mail", user="other", password="x") as second:
        ports = {first.pop3, first.pop3s, first.smtp, second.pop3, second.pop3s, second.smtp}
        assert len(ports) == 6
        assert first.messages == first.left() == len(first.expected()) == 12
        assert second.messages == 1
        second.deliver(b"Subject: two\n\n")
        assert (first.left(), second.left()) == (12, 2)
        assert stat(second) == b"+OK 2 32"
        assert first.ca_pem != second.ca_pem
        pids = (first.pid, second.pid)
        folders = (first.maildir, second.maildir)
    assert not any(runs(pid) for pid in pids)
    assert not any(folder.exists() for folder in folders)


def test_stop_twice_and_start_again() -> None:
    server = LocalServer(samples=False)
    with pytest.raises(LocalServerError, match="does not run"):
        server.left()
    for _ in range(2):
        server.start()
        with pytest.raises(LocalServerError, match="runs already"):
            server.start()
        assert stat(server) == b"+OK 0 0"
        server.stop()
        server.stop()


def test_a_kept_maildir_and_ca(tmp_path: Path) -> None:
    box, kept = tmp_path / "box", tmp_path / "kept"
    with LocalServer(maildir=box, certificates=kept) as server:
        assert server.messages == 12
        before, authority = server.expected(), server.ca_der.read_bytes()
        client = RawPop3(server.host, server.pop3)
        client.login()
        client.ask(b"DELE 1")
        client.quit()
        port = server.pop3s
    del before[next(iter(before))]
    with LocalServer(maildir=box, certificates=kept, pop3s=port) as server:
        assert server.messages == 11, "the samples must not come back"
        assert server.expected() == before
        assert server.maildir == box
        assert server.ca_der.read_bytes() == authority
        assert server.pop3s == port
        RawPop3(server.host, port, server.ca_pem).quit()
    assert (kept / "ca-key.pem").stat().st_mode & 0o077 == 0
    assert len(list((box / "new").iterdir())) == 11


def test_errors_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(NoMailError, match=r"There is no mail in .*: put messages there"):
        LocalServer(tmp_path).start()
    with pytest.raises(NoMailError, match=r"There is no folder .*missing"):
        LocalServer(tmp_path / "missing").start()
    with LocalServer() as server:
        for name in ("pop3", "pop3s", "smtp"):
            taken = {name: getattr(server, name)}
            with pytest.raises(
                LocalServerError, match=rf"Port {taken[name]} on 127.0.0.1 cannot be used \(.+\): choose"
            ):
                LocalServer(**taken).start()
    with pytest.raises(LocalServerError, match=r"192\.0\.2\.1 cannot be used"):
        LocalServer(host="192.0.2.1").start()
    with pytest.raises(LocalServerError, match="is not an address"):
        LocalServer(host="no-such-host.invalid").start()
    with pytest.raises(LocalServerError, match="There is no fault melt"):
        LocalServer(faults={"melt": 1}).start()
    with pytest.raises(LocalServerError, match="There is no certificate old"):
        LocalServer(certificate="old").start()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_its_parent(tmp_path: Path, temporary: Path, how: signal.Signals) -> None:
    code = (
        "import time\nfrom buzon_host.server import LocalServer\n"
        "server = LocalServer()\nserver.start()\n"
        "print(server.pid, server.maildir, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert parent.stdout is not None
    pid, maildir = parent.stdout.readline().split()
    assert runs(int(pid))
    assert Path(maildir).is_relative_to(temporary)
    parent.send_signal(how)
    parent.wait(10)
    parent.stdout.close()
    until(lambda: not runs(int(pid)))
    until(lambda: not list(temporary.iterdir()))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(how: signal.Signals) -> None:
    with LocalServer() as server:
        client = RawPop3(server.host, server.pop3)
        client.login()
        os.kill(server.pid, how)
        with pytest.raises((EOFError, ConnectionResetError)):
            client.line()
        until(lambda: not runs(server.pid))
        assert not server.maildir.exists()


def test_a_killed_server_leaves_nothing() -> None:
    with LocalServer() as server:
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: not runs(server.pid))


def test_the_password_shows_nowhere() -> None:
    with LocalServer(password="very-secret") as server:
        assert b"very-secret" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert b"very-secret" not in Path(f"/proc/{server.pid}/environ").read_bytes()
        assert "very-secret" not in repr(server)


# Certificates


def verify(server: LocalServer) -> str:
    """Verify as a client does; "" or OpenSSL's reason to refuse."""
    trust = ssl.create_default_context(cafile=server.ca_pem)
    try:
        client = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=trust, timeout=10)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    client.close()
    return ""


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ("good", ""),
        ("expired", "certificate has expired"),
        ("other-name", "IP address mismatch"),
        ("other-ca", "unable to get local issuer certificate"),
    ],
)
def test_certificates(certificate: str, reason: str) -> None:
    with LocalServer(samples=False, certificate=certificate) as server:
        assert reason in verify(server)
        assert bool(reason) == bool(verify(server))
        plain = RawPop3(server.host, server.pop3)
        plain.ask(b"STLS")
        if reason:
            with pytest.raises(ssl.SSLCertVerificationError):
                plain.start_tls(server.ca_pem)
        else:
            plain.start_tls(server.ca_pem)


@pytest.mark.parametrize(
    ("certificate", "key", "number"),
    [("good", "EC", 1), ("ecdsa-3", "EC", 3), ("rsa-2", "RSA", 2), ("rsa-3", "RSA", 3)],
)
def test_chains_of_certificates(certificate: str, key: str, number: int) -> None:
    """The server sends as many certificates as the name says, all with that kind of key."""
    with LocalServer(samples=False, certificate=certificate) as server:
        assert verify(server) == ""
        context = SSL.Context(SSL.TLS_METHOD)
        with socket.create_connection((server.host, server.pop3s)) as plain:
            client = SSL.Connection(context, plain)
            client.set_connect_state()
            client.do_handshake()
            shown = client.get_peer_cert_chain()
        kinds = [type(one.to_cryptography().public_key()).__name__ for one in shown]
        assert len(kinds) == number
        assert all(key in kind or (key == "EC" and "Elliptic" in kind) for kind in kinds), kinds


def test_the_good_certificate() -> None:
    with LocalServer(samples=False, names=["192.0.2.7", "pc.example.net"]) as server:
        authority = server.ca_der.read_bytes()
        assert ssl.DER_cert_to_PEM_cert(authority).split() == server.ca_pem.read_text().split()
        for name in ("localhost", "127.0.0.1", "mail.example.org", "192.0.2.7", "pc.example.net"):
            client = RawPop3(server.host, server.pop3)
            client.ask(b"STLS")
            client.start_tls(server.ca_pem, name)
            assert client.quit() == b"+OK bye"
        client = RawPop3(server.host, server.pop3)
        client.ask(b"STLS")
        with pytest.raises(ssl.SSLCertVerificationError):
            client.start_tls(server.ca_pem, "example.org")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            trust = ssl.create_default_context(cadata=authority)
            trust.minimum_version = trust.maximum_version = version
            secure = poplib.POP3_SSL("localhost", server.pop3s, context=trust, timeout=10)
            assert secure.sock.version() == {772: "TLSv1.3", 771: "TLSv1.2"}[version]  # type: ignore[attr-defined]
            assert "ECDSA" in secure.sock.cipher()[0] or version == ssl.TLSVersion.TLSv1_3  # type: ignore[attr-defined]
            secure.close()


# Faults


def over(server: LocalServer, tls: bool) -> RawPop3:
    """A session with the server."""
    client = RawPop3(server.host, server.pop3s, server.ca_pem) if tls else RawPop3(server.host, server.pop3)
    assert client.login(server.user, server.password).startswith(b"+OK")
    return client


LONG = b"Subject: fault\n\n" + b"line\n" * 100_000


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("message", [b"Subject: x\n\nshort\n", LONG], ids=["short", "long"])
def test_fault_close_in_message(message: bytes, tls: bool) -> None:
    with LocalServer(samples=False, faults={"close_in_message": 2}) as server:
        server.deliver(message)
        client = over(server, tls)
        assert unstuffed(client.ask_many(b"RETR 1")[1]) == wire_form(message)
        assert client.ask(b"RETR 1").startswith(b"+OK")
        with pytest.raises(EOFError) as end:
            client.rest()
        got = end.value.args[0][2:]
        assert wire_form(message).startswith(got)
        assert len(got) == len(wire_form(message)) // 2
        client.close()
        client = over(server, tls)
        assert unstuffed(client.ask_many(b"RETR 1")[1]) == wire_form(message)


def test_faults_refuse_and_stall() -> None:
    with LocalServer(samples=False, faults={"refuse_retr": 1, "stall": 2}) as server:
        server.deliver(LONG)
        client = RawPop3(server.host, server.pop3s, server.ca_pem)
        client.login()
        assert client.ask(b"RETR 1").startswith(b"-ERR [SYS/TEMP]")
        assert client.ask(b"RETR 1").startswith(b"+OK")
        client.socket.settimeout(1)
        client.send(b"NOOP\r\n")
        with pytest.raises(TimeoutError):
            client.rest()
        assert len(client.buffer) == len(wire_form(LONG)) // 2 + 2
        client.close()
        # The session is over when the client has gone.
        until(lambda: RawPop3(server.host, server.pop3).login().startswith(b"+OK"))


# SMTP


def test_smtp_in() -> None:
    message = b"From: a@example.org\r\nSubject: sent\r\n\r\n.\r\n..\r\n\xf1 8-bit\r\n" + b"x" * 5000 + b"\r\n"
    with LocalServer() as server:
        with smtplib.SMTP(server.host, server.smtp, timeout=10) as client:
            client.sendmail("a@example.org", ["anybody@example.com", "b@example.org"], message)
            trust = ssl.create_default_context(cafile=server.ca_pem)
            client.starttls(context=trust)
            client.sendmail("", ["demo"], "Subject: second, no line end\n\nbody")
        assert server.left() == server.messages + 2
        pop3 = RawPop3(server.host, server.pop3)
        pop3.login()
        assert unstuffed(pop3.ask_many(b"RETR 13")[1]) == message
        assert pop3.ask_many(b"RETR 14")[1] == b"Subject: second, no line end\r\n\r\nbody\r\n"


def test_smtp_size_limit() -> None:
    with (
        LocalServer(samples=False, smtp_max_bytes=10_000) as server,
        smtplib.SMTP(server.host, server.smtp, timeout=10) as client,
    ):
        client.ehlo()
        assert client.esmtp_features["size"] == "10000"
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            client.sendmail("a@example.org", "b@example.org", b"Subject: big\r\n\r\n" + b"x\r\n" * 5000)
        assert refused.value.smtp_code == 552
        client.docmd("MAIL FROM:<a@example.org>")
        client.docmd("RCPT TO:<b@example.org>")
        assert client.data(b"Subject: big\r\n\r\n" + b"x\r\n" * 5000)[0] == 552
        client.sendmail("a@example.org", "b@example.org", b"Subject: small\r\n\r\n")
        assert [*server.expected().values()] == [b"Subject: small\r\n\r\n"]


# Memory


def resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.parametrize("tls", [False, True])
def test_a_huge_message_takes_little_memory(tmp_path: Path, tls: bool) -> None:
    """50 MB with LF, so that every chunk is changed on its way; the client reads slowly at first."""
    (tmp_path / "mail").mkdir()
    with (tmp_path / "mail" / "huge").open("wb") as file:
        file.write(b"Subject: huge\n\n")
        for _ in range(50):
            file.write((b"." + b"x" * 98 + b"\n") * 10_000)
    with LocalServer(tmp_path / "mail") as server:
        server.deliver(b"Subject: small\n\n")
        client = over(server, tls)
        client.ask_many(b"RETR 2")
        before = resident(server.pid)
        size = int(client.ask(b"LIST 1").split()[2])
        assert size == 50 * 10_000 * 101 + 17
        client.send(b"RETR 1\r\n")
        time.sleep(0.5)
        most = resident(server.pid)
        received, tail = 0, b""
        while not tail.endswith(b"\r\n.\r\n"):
            data = client.socket.recv(1 << 20)
            assert data
            received += len(data)
            tail = (tail + data)[-5:]
            if received % 7 == 0:
                most = max(most, resident(server.pid))
        assert received > size + 500_000  # with the stuffing
        assert most - before < 8 * 1024 * 1024
        assert resident(server.pid) - before < 8 * 1024 * 1024


def test_the_module_answers_in_json() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "buzon_host.server"],
        input=json.dumps({"work": tempfile.mkdtemp(), "mail": "/nonexistent"}).encode() + b"\n",
        capture_output=True,
        timeout=30,
    )
    assert run.returncode == 1
    answer = json.loads(run.stdout)
    assert answer == {
        "error": "There is no folder /nonexistent: check the path to the mail.",
        "no_mail": True,
    }
    assert run.stderr == b""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_serve_forever(tmp_path: Path, temporary: Path, how: signal.Signals) -> None:
    """In the process itself, as `buzon serve` does: a port may be off, stdin does not matter."""
    code = (
        "import pathlib, sys\nfrom buzon_host.server.service import serve_forever\n"
        "ready = lambda where: print(where.pop3, where.pop3s, where.smtp, where.messages, flush=True)\n"
        f"print(serve_forever(on_ready=ready, smtp_port=None, maildir=pathlib.Path({str(tmp_path / 'box')!r})))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    pop3, pop3s, smtp, messages = process.stdout.readline().split()
    assert (smtp, messages) == ("None", "12")
    assert pop3s.isdigit()
    client = RawPop3("127.0.0.1", int(pop3))
    assert client.login() == b"+OK 12 messages"
    process.send_signal(how)
    assert process.stdout.read() == f"{how == signal.SIGINT}\n"
    assert process.wait(10) == 0
    process.stdout.close()
