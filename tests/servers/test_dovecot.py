"""The Dovecot the other tests rely on: it serves, offers what it should, and leaves nothing behind."""

import os
import poplib
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from buzon_host.server.dovecot import MECHANISMS, Dovecot
from servers.tools import RawPop3, program


def processes(group: int) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, pgrp = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            found.append(path.parent.name)
    return found


def test_poplib_over_tls(dovecot: Dovecot) -> None:
    dovecot.add(b"Subject: one\n\n.\n..\nend")
    dovecot.add(b"Subject: two\r\n\r\nbody\r\n")
    trust = ssl.create_default_context(cafile=dovecot.ca_pem)
    client = poplib.POP3_SSL("localhost", dovecot.pop3s, context=trust, timeout=10)
    client.user(dovecot.user)
    client.pass_(dovecot.password)
    assert client.stat()[0] == 2
    assert client.retr(1)[1] == [b"Subject: one", b"", b".", b"..", b"end"]
    client.dele(1)
    assert dovecot.left() == 2
    client.quit()
    assert dovecot.left() == 1


def test_stls_capabilities_and_codes(dovecot: Dovecot) -> None:
    client = RawPop3(dovecot.host, dovecot.pop3)
    assert client.greeting.startswith(b"+OK")
    assert b"<" in client.greeting  # APOP's timestamp
    assert client.ask(b"STLS").startswith(b"+OK")
    client.start_tls(dovecot.ca_pem)
    lines = client.ask_many(b"CAPA")[1].split(b"\r\n")
    assert b"PIPELINING" in lines
    (sasl,) = [line for line in lines if line.startswith(b"SASL ")]
    offered = set(MECHANISMS.upper().encode().split()) - {b"APOP"}  # APOP is a command of its own
    assert offered == set(sasl.split()[1:])
    assert client.login(dovecot.user, "wrong").startswith(b"-ERR [AUTH]")
    assert client.login(dovecot.user, dovecot.password).startswith(b"+OK")


def test_the_lock(dovecot: Dovecot) -> None:
    """The second session waits for the first one; Dovecot says [IN-USE] only after some time."""
    first, second = (RawPop3(dovecot.host, dovecot.pop3s, dovecot.ca_pem, timeout=60) for _ in range(2))
    assert first.login(dovecot.user, dovecot.password).startswith(b"+OK")
    second.send(f"USER {dovecot.user}\r\nPASS {dovecot.password}\r\n".encode())
    assert second.line().startswith(b"+OK")
    second.socket.settimeout(0.7)
    with pytest.raises(TimeoutError):
        second.line()
    first.quit()
    second.socket.settimeout(60)
    assert second.line().startswith(b"+OK")


def test_apop(dovecot: Dovecot) -> None:
    client = poplib.POP3("localhost", dovecot.pop3, timeout=10)
    assert client.apop(dovecot.user, dovecot.password).startswith(b"+OK")
    client.quit()


# Not APOP: mpop does not accept the timestamp of this greeting.
@pytest.mark.parametrize("mechanism", ["user", *MECHANISMS.replace(" apop", "").split()])
def test_every_mechanism_lets_mpop_in(dovecot: Dovecot, mechanism: str, tmp_path: Path) -> None:
    mpop = program("mpop")
    settings = tmp_path / "mpoprc"
    settings.write_text(
        f"account test\nhost localhost\nport {dovecot.pop3s}\n"
        f"user {dovecot.user}\npassword {dovecot.password}\n"
        f"auth {mechanism}\ntls on\ntls_starttls off\ntls_trust_file {dovecot.ca_pem}\ntimeout 20\nkeep on\n"
        f"delivery mbox {tmp_path / 'mbox'}\nuidls_file {tmp_path / 'uidls'}\n"
    )
    settings.chmod(0o600)
    dovecot.add(b"Subject: for mpop\n\nbody\n")
    run = subprocess.run(
        [mpop, "-C", str(settings), "--quiet", "test"], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr + dovecot.log()
    assert "Subject: for mpop\n\nbody\n" in (tmp_path / "mbox").read_text()


def test_nothing_is_left(dovecot: Dovecot) -> None:
    client = RawPop3(dovecot.host, dovecot.pop3)
    assert client.login(dovecot.user, dovecot.password).startswith(b"+OK")
    folder = dovecot.maildir.parent
    assert dovecot._process is not None
    group = dovecot._process.pid
    assert len(processes(group)) > 2
    dovecot.stop()
    dovecot.stop()
    end = time.monotonic() + 5  # its children follow it
    while processes(group) and time.monotonic() < end:
        time.sleep(0.05)
    assert processes(group) == []
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as a normal user already")
def test_as_a_normal_user(tmp_path: Path) -> None:
    """The same in a child process that has given up root."""
    program("dovecot", "dovecot-pop3d")
    reader, writer = os.pipe()
    "localhost".encode("idna")  # loaded while root may read the interpreter's files
    child = os.fork()
    if child == 0:
        answer = "it did not get that far"
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            with Dovecot(tls_only=True) as server:
                client = RawPop3(server.host, server.pop3s, server.ca_pem)
                answer = client.login(server.user, server.password).decode()
        except BaseException as error:
            answer = repr(error)
        finally:
            os.write(writer, answer.encode())
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answers:
        assert answers.read().startswith(b"+OK")
    os.waitpid(child, 0)
