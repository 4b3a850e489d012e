"""The sync engine on the real MicroPython against real servers: what is fetched, kept and deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from buzon_host.server.dovecot import Dovecot
from buzon_host.server.run import LocalServer
from mail_session import session, stored

SHARED = Path(__file__).parents[3] / "shared" / "mail"
KEEP = {"keep": "forever"}


def run(server: LocalServer | Dovecot, folder: Path, tls: str = "implicit", **account: Any) -> dict[str, Any]:
    port = server.pop3s if tls == "implicit" else server.pop3
    login = {"user": server.user, "password": server.password, "tls": tls}
    return session(folder, "localhost", port, server.ca_der, {**login, **account})


@pytest.fixture
def local() -> Iterator[LocalServer]:
    with LocalServer() as server:
        yield server


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
def test_every_message_is_stored_byte_for_byte_then_deleted(
    local: LocalServer, tmp_path: Path, tls: str
) -> None:
    want = sorted(local.expected().values())
    result = run(local, tmp_path, tls, **KEEP)
    assert (result["fetched"], result["deleted"], result["stored"]) == (len(want), 0, len(want))
    assert stored(tmp_path) == want
    assert local.left() == len(want)
    result = run(local, tmp_path, tls, **KEEP)
    assert (result["fetched"], result["arrived"]) == (0, 0)
    result = run(local, tmp_path, tls)
    assert (result["fetched"], result["deleted"]) == (0, len(want))
    assert stored(tmp_path) == want
    assert local.left() == 0
    assert run(local, tmp_path, tls)["error"] is None


def test_dovecot_is_emptied_too(dovecot: Dovecot, tmp_path: Path) -> None:
    for i in range(150):  # more than two windows
        dovecot.add(b"Subject: %d\r\n\r\n.body\r\n..\r\n" % i)
    result = run(dovecot, tmp_path)
    assert (result["error"], result["skipped"]) == (None, None)
    assert (result["fetched"], result["deleted"]) == (150, 150)
    assert sorted(stored(tmp_path)) == sorted(b"Subject: %d\r\n\r\n.body\r\n..\r\n" % i for i in range(150))
    assert dovecot.left() == 0


def test_a_kept_maildrop_costs_no_more_heap_when_it_is_large(dovecot: Dovecot, tmp_path: Path) -> None:
    heap = []
    for upto in (10, 1000):
        for i in range(dovecot.left(), upto):
            dovecot.add(b"Subject: %d\r\n\r\nbody\r\n" % i)
        assert run(dovecot, tmp_path, **KEEP)["stored"] == upto
        journal = (tmp_path / "test" / "journal").stat().st_mtime_ns
        again = run(dovecot, tmp_path, **KEEP)
        assert (again["listed"], again["fetched"], again["error"]) == (upto, 0, None)
        assert (tmp_path / "test" / "journal").stat().st_mtime_ns == journal  # nothing was written
        heap.append(again["heap"])
    assert heap[1] - heap[0] <= 256, heap  # less than a byte for each; the collector is conservative


@pytest.mark.parametrize("folder", ["mikel-mail", "mime4j"])
def test_real_messages(folder: str, tmp_path: Path) -> None:
    if not (SHARED / folder).is_dir():
        pytest.skip("the real messages are not here")
    with LocalServer(SHARED / folder) as server:
        want = sorted(server.expected().values())
        result = run(server, tmp_path)
        assert (result["error"], result["fetched"], result["deleted"]) == (None, len(want), len(want))
        assert stored(tmp_path) == want
        assert server.left() == 0


def test_nothing_is_deleted_before_it_was_confirmed(local: LocalServer, tmp_path: Path) -> None:
    result = run(local, tmp_path, delete_confirmed=False)
    assert result["held"] is True
    assert local.left() == result["fetched"] == local.messages
    run(local, tmp_path)
    assert local.left() == 0


def test_a_message_that_ends_in_the_middle_is_not_stored_and_comes_whole_later(tmp_path: Path) -> None:
    with LocalServer(faults={"close_in_message": 3}) as server:
        want = sorted(server.expected().values())
        result = run(server, tmp_path)
        # MicroPython's read swallows TLS's closing alert when it comes with data; the deadline ends that.
        assert result["error"][0] in (205, 206)
        assert "will try again" in result["error"][1]
        assert result["stored"] == 2
        assert server.left() == len(want)  # no QUIT, no deletion
        result = run(server, tmp_path)
        assert (result["error"], result["fetched"]) == (None, len(want) - 2)
        assert stored(tmp_path) == want
        assert server.left() == 0


def test_a_server_that_goes_silent_is_left(tmp_path: Path) -> None:
    with LocalServer(faults={"stall": 2}) as server:
        result = run(server, tmp_path)
        assert result["error"][0] == 205
        assert run(server, tmp_path)["error"] is None
        assert server.left() == 0
        assert len(stored(tmp_path)) == server.messages


def test_one_refused_message_does_not_stop_the_others(tmp_path: Path) -> None:
    with LocalServer(faults={"refuse_retr": 2}) as server:
        result = run(server, tmp_path)
        assert (result["error"], result["skipped"]) == (None, 505)
        assert result["fetched"] == server.messages - 1
        assert server.left() == 1
        run(server, tmp_path)
        assert server.left() == 0
        assert len(stored(tmp_path)) == server.messages


def test_a_wrong_password_is_named(local: LocalServer, dovecot: Dovecot, tmp_path: Path) -> None:
    for server in (local, dovecot):
        result = run(server, tmp_path, password="marked-secret")
        assert result["error"][0] == 502  # both say [AUTH]
        assert "marked-secret" not in str(result)


@pytest.mark.parametrize(
    ("certificate", "code", "words"),
    [
        ("expired", 210, "has expired"),
        ("other-name", 209, "is for other.example.com, not localhost"),
        ("other-ca", 211, "not signed by the CA"),
    ],
)
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_certificate_that_is_not_right_is_named(
    certificate: str, code: int, words: str, tls: str, tmp_path: Path
) -> None:
    with LocalServer(certificate=certificate) as server:
        result = run(server, tmp_path, tls)
        assert result["error"][0] == code, result
        assert words in result["error"][1]
        assert server.left() == server.messages


def test_a_server_that_is_down_is_named(tmp_path: Path, local: LocalServer) -> None:
    login = {"user": "u", "password": "p", "tls": "none"}
    port = local.pop3
    local.stop()
    result = session(tmp_path, "127.0.0.1", port, None, login)
    assert result["error"][0] in (204, 206), result


def test_a_server_that_is_no_pop3_server_is_named(local: LocalServer, tmp_path: Path) -> None:
    login = {"user": "u", "password": "p", "tls": "none"}
    result = session(tmp_path, "127.0.0.1", local.smtp, None, login)
    assert result["error"][0] == 401
