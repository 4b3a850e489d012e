"""The engine on the real MicroPython against servers that people run: nothing is lost, doubled or left behind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mail_session import session, stored
from servers.courier import Courier
from servers.cyrus import Cyrus
from servers.mailutils import Mailutils
from servers.popa3d import Popa3d
from servers.relay import Cut, Relay
from servers.spawned import Spawned

ALL = (Popa3d, Mailutils, Courier, Cyrus)
FOREVER = {"keep": "forever"}


@pytest.fixture(params=ALL, ids=lambda kind: kind.__name__)
def server(request: pytest.FixtureRequest) -> Iterator[Spawned]:
    with request.param() as running:
        yield running


@pytest.fixture
def popa3d() -> Iterator[Popa3d]:
    with Popa3d() as running:
        yield running


@pytest.fixture
def poll(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """poll(server, port=, **settings): one session of the board, which remembers what it knows of the server."""

    def run(server: Spawned, port: int = 0, **account: Any) -> dict[str, Any]:
        login = {"user": server.user, "password": server.password, "tls": "none", "auth": "user"}
        return session(tmp_path, server.host, port or server.port, None, {**login, **account}, wait_ms=5000)

    return run


def dated(n: int) -> bytes:
    """A message as the world sends them, with lines that must be stuffed."""
    return (
        b"Date: Thu, 26 Nov 2026 10:%02d:00 +0000\r\nMessage-ID: <%d@example.org>\r\nSubject: %d\r\n\r\n"
        b".dot\r\n..\r\n.\r\nend of %d\r\n" % (n % 60, n, n, n)
    ) + b"A line that makes it longer.\r\n" * 10


def bare(n: int) -> bytes:
    """One that popa3d cannot tell from others."""
    return b"From: meter@example.org\r\nSubject: reading\r\n\r\nIt reads %d now.\r\n" % n


def without(server: Spawned, message: bytes) -> bytes:
    """The message without the fields that the server wrote into it."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = head.replace(b"\r\n\t", b"\0").split(b"\r\n")  # with their continuation lines
    kept = [field for field in fields if field.partition(b":")[0].lower() not in server.adds]
    return b"\r\n".join(kept).replace(b"\0", b"\r\n\t") + b"\r\n\r\n" + body


def seen(server: Spawned, messages: list[bytes]) -> list[bytes]:
    return sorted(without(server, message) for message in messages)


def test_collects_all_and_empties(server: Spawned, tmp_path: Path, poll: Callable[..., Any]) -> None:
    mail = [dated(n) for n in range(70)]  # more than one window
    server.put(mail)
    for _ in range(3):
        result = poll(server)
        assert (result["error"], result["skipped"]) == (None, None)
        if not server.left():
            break
    assert server.left() == []
    assert seen(server, stored(tmp_path)) == seen(server, mail)
    assert poll(server)["fetched"] == 0


def test_keep_forever_fetches_once(server: Spawned, tmp_path: Path, poll: Callable[..., Any]) -> None:
    mail = [dated(n) for n in range(12)]
    server.put(mail)
    assert poll(server, **FOREVER)["error"] is None
    assert seen(server, stored(tmp_path)) == seen(server, server.left()) == seen(server, mail)
    for _ in range(2):
        again = poll(server, **FOREVER)
        assert (again["error"], again["fetched"], again["deleted"]) == (None, 0, 0)
    server.put([dated(12)])
    assert poll(server, **FOREVER)["fetched"] == 1
    assert seen(server, stored(tmp_path)) == seen(server, server.left()) == seen(server, [*mail, dated(12)])


@pytest.mark.parametrize("account", [{}, FOREVER], ids=["delete", "forever"])
def test_cut_in_the_middle_then_finished(
    server: Spawned, tmp_path: Path, poll: Callable[..., Any], account: dict[str, Any]
) -> None:
    mail = [dated(n) for n in range(12)]
    server.put(mail)
    relay = Relay(server.port)
    try:
        relay.cut = Cut(1, 2200, False)
        assert poll(server, relay.port, **account)["error"] is not None
        assert relay.reached
    finally:
        relay.close()
    assert seen(server, server.left()) == seen(server, mail)  # no QUIT, no deletion
    for _ in range(4):
        poll(server, **account)
    assert seen(server, stored(tmp_path)) == seen(server, mail)
    assert seen(server, server.left()) == ([] if not account else seen(server, mail))


def test_mail_without_any_id_one_a_poll(server: Spawned, tmp_path: Path, poll: Callable[..., Any]) -> None:
    """Ten mails of a meter: with popa3d all have one unique id, each free again when the one before it is gone."""
    for n in range(10):
        server.put([bare(n)])
        poll(server)
    for _ in range(3):  # what it left because it was not sure
        poll(server)
    assert seen(server, stored(tmp_path)) == seen(server, [bare(n) for n in range(10)])
    assert server.left() == []


def test_mail_without_any_id_of_one_size(server: Spawned, tmp_path: Path, poll: Callable[..., Any]) -> None:
    """Two generations of mail under one id, never seen together; then a batch in one listing."""
    mail: list[bytes] = []
    for generation in range(3):
        new = [bare(100 + 10 * generation + n) for n in range(1 + generation * 4)]
        server.put(new)
        mail += new
        for _ in range(4):
            poll(server)
    assert seen(server, stored(tmp_path)) == seen(server, mail)
    assert server.left() == []


def test_mail_without_any_id_is_kept_while_another_client_deletes(
    popa3d: Popa3d, tmp_path: Path, poll: Callable[..., Any]
) -> None:
    """Each is on the board once, or still on the server and spoken of; and none is deleted."""
    mail: list[bytes] = []
    for n in range(8):
        mail.append(bare(200 + n))
        popa3d.put(mail[-1:])
        for _ in range(2):
            result = poll(popa3d, **FOREVER)
            assert result["deleted"] == 0
        held = stored(tmp_path)
        assert len(held) == len(set(held))
        assert set(held) == set(mail) or result["skipped"]
        if n % 2:
            popa3d.remove(0)
    left = popa3d.left()
    assert len(left) == 4
    assert set(stored(tmp_path)) == set(mail)


def test_mail_without_any_id_that_another_client_replaces_is_fetched(
    popa3d: Popa3d, tmp_path: Path, poll: Callable[..., Any]
) -> None:
    """Always one mail with the one id, each time another, and a poll in between: where there is none, two mails of one
    size and one id cannot be told from one that stayed."""
    mail = [bare(300 + n) for n in range(4)]
    for message in mail:
        popa3d.put([message])
        for _ in range(3):
            poll(popa3d, **FOREVER)
        assert popa3d.left() == [message]
        popa3d.remove(0)
        poll(popa3d, **FOREVER)
    assert sorted(stored(tmp_path)) == mail
