"""Byte for byte through other people's clients: Python's poplib, curl and mpop."""

import poplib
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from buzon_host.server import LocalServer
from buzon_host.server.maildir import SAMPLES, messages_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.tools import SHARED_MAIL, program, wire_form

FOLDERS = [SAMPLES, SHARED_MAIL / "mikel-mail", SHARED_MAIL / "mime4j"]
MODES = ["implicit", "starttls", "none"]

PIECES = [b"\r", b"\n", b"\r\n", b".", b"..", b"\0", b"\xff\xfe", b"words", b"\r\n.\r\n", b"\n.\n", b"\r\r\n"]
pieces = st.one_of(
    st.sampled_from(PIECES),
    st.binary(max_size=40),
    st.integers(60_000, 70_000).map(lambda length: b"long" * (length // 4)),
)
bodies = st.lists(pieces, max_size=12).map(b"".join)


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    if not path.is_dir():
        pytest.skip("these messages are not here")
    return path


def sent(folder: Path) -> list[bytes]:
    return [wire_form(path.read_bytes()) for path in messages_in(folder)]


def session(server: LocalServer, mode: str) -> poplib.POP3:
    trust = ssl.create_default_context(cafile=server.ca_pem)
    if mode == "implicit":
        client: poplib.POP3 = poplib.POP3_SSL("localhost", server.pop3s, context=trust, timeout=20)
    else:
        client = poplib.POP3("localhost", server.pop3, timeout=20)
        if mode == "starttls":
            client.stls(trust)
    client.user(server.user)
    client.pass_(server.password)
    return client


def retrieve(client: poplib.POP3) -> list[bytes]:
    found = []
    for line in client.list()[1]:
        number, size = line.split()
        content = b"".join(line + b"\r\n" for line in client.retr(int(number))[1])
        assert len(content) == int(size), "LIST must give the size of what is sent"
        found.append(content)
    assert client.stat() == (len(found), sum(map(len, found)))
    return found


@pytest.fixture(autouse=True)
def _long_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poplib, "_MAXLINE", 1 << 24)


@pytest.mark.parametrize("mode", MODES)
def test_poplib(folder: Path, mode: str) -> None:
    with LocalServer(folder) as server:
        client = session(server, mode)
        assert retrieve(client) == sent(folder)
        client.quit()
        assert server.left() == server.messages == len(sent(folder))


@pytest.fixture(scope="module")
def empty_server() -> Iterator[LocalServer]:
    with LocalServer(samples=False) as server:
        yield server


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(bodies, min_size=1, max_size=4), st.sampled_from(MODES))
def test_poplib_with_any_body(empty_server: LocalServer, contents: list[bytes], mode: str) -> None:
    for content in contents:
        empty_server.deliver(content)
    client = session(empty_server, mode)
    assert retrieve(client) == [wire_form(content) for content in contents]
    for number in range(len(contents)):
        client.dele(number + 1)
    client.quit()
    assert empty_server.left() == 0


@pytest.mark.parametrize("mode", MODES)
def test_curl(folder: Path, mode: str, tmp_path: Path) -> None:
    curl = program("curl")
    with LocalServer(folder) as server:
        port = server.pop3s if mode == "implicit" else server.pop3
        scheme = "pop3s" if mode == "implicit" else "pop3"
        tls = [] if mode == "none" else ["--cacert", str(server.ca_pem), "--ssl-reqd"]
        many = []
        for number in range(1, server.messages + 1):
            many += [f"{scheme}://127.0.0.1:{port}/{number}", "-o", str(tmp_path / f"{number}")]
        login = ["--user", f"{server.user}:{server.password}"]
        subprocess.run(
            [curl, "--silent", "--show-error", "--fail", *tls, *login, *many], check=True, timeout=60
        )
        got = [(tmp_path / f"{number}").read_bytes() for number in range(1, server.messages + 1)]
    assert got == sent(folder)


@pytest.mark.parametrize("mode", MODES)
def test_mpop(folder: Path, mode: str, tmp_path: Path) -> None:
    """mpop pipelines, deletes (`keep off`) and stores in a Maildir, with LF."""
    mpop = program("mpop")
    box = tmp_path / "box"
    for name in ("cur", "new", "tmp"):
        (box / name).mkdir(parents=True)
    with LocalServer(folder) as server:
        settings = tmp_path / "mpoprc"
        settings.write_text(
            f"account test\nhost localhost\nport {server.pop3s if mode == 'implicit' else server.pop3}\n"
            f"user {server.user}\npassword {server.password}\nauth {'user' if mode == 'none' else 'plain'}\n"
            f"keep off\npipelining on\nreceived_header off\ndelivery maildir {box}\n"
            f"uidls_file {tmp_path / 'uidls'}\ntimeout 20\n"
            + ("tls off\n" if mode == "none" else f"tls on\ntls_trust_file {server.ca_pem}\n")
            + ("tls_starttls off\n" if mode == "implicit" else "")
        )
        settings.chmod(0o600)
        run = subprocess.run(
            [mpop, "-C", str(settings), "--quiet", "test"], capture_output=True, text=True, timeout=60
        )
        assert run.returncode == 0, run.stderr
        assert server.left() == 0
    got = [path.read_bytes().replace(b"\r\n", b"\n") for path in (box / "new").iterdir()]
    assert sorted(got) == sorted(content.replace(b"\r\n", b"\n") for content in sent(folder))
