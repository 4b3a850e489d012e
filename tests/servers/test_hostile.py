"""The board's driver and the sync engine against servers that mean harm or are broken: every session ends."""

import base64
import contextlib
import socket
import time
from pathlib import Path

import pytest
from buzon_host.server.run import LocalServer
from mail_session import session, stored
from peer import Peer, Talk, serving, visit


def drip(peer: Peer, data: bytes, every: float = 0.2) -> None:
    """A byte now and then, each before the deadline."""
    while not peer.stop.is_set():
        for at in range(len(data)):
            peer.send(data[at : at + 1])
            if peer.stop.wait(every):
                return


def silent(peer: Peer) -> None:
    peer.read()


def dripped_greeting(peer: Peer) -> None:
    drip(peer, b"x")


def endless_greeting(peer: Peer) -> None:
    peer.flood(b"+OK " + b"x" * 4096)


def endless_capa(peer: Peer) -> None:
    peer.send(b"+OK\r\n")
    while peer.read() != b"CAPA":
        peer.send(b"+OK\r\n")
    peer.send(b"+OK\r\n")
    peer.flood(b"X-THING a b c\r\n" * 100)


def endless_uidl(peer: Peer) -> None:
    peer.login()
    peer.read()
    peer.send(b"+OK\r\n")
    n = 1
    while not peer.stop.is_set():
        peer.send(b"".join(b"%d uid-%d\r\n" % (i, i) for i in range(n, n + 200)))
        n += 200


def dripped_uidl(peer: Peer) -> None:
    peer.login()
    peer.read()
    peer.send(b"+OK\r\n")
    drip(peer, b"1 a\r\n")


def dripped_message(peer: Peer) -> None:
    peer.until_retr()
    peer.send(b"+OK\r\n")
    drip(peer, b"x\r\n")


def endless_message(peer: Peer) -> None:
    peer.until_retr()
    peer.send(b"+OK\r\n")
    for _ in range(40):
        if peer.stop.wait(0.1):
            return
        peer.send(b"x" * 997 + b"\r\n")
    peer.read()


def no_reply_to_retr(peer: Peer) -> None:
    peer.until_retr()
    peer.read()


def closed_in_message(peer: Peer) -> None:
    peer.until_retr()
    peer.send(b"+OK\r\nSubject: x\r\n\r\nhalf a li")


def closed_before_the_last_line_end(peer: Peer) -> None:
    peer.until_retr()
    peer.send(b"+OK\r\nSubject: x\r\n\r\nall of it\r\n.\r")


def reset_in_message(peer: Peer) -> None:
    peer.until_retr()
    peer.send(b"+OK\r\nSubject: x\r\n\r\nhalf a li")
    time.sleep(0.1)
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("talk", "codes"),
    [
        (silent, (205,)),
        (dripped_greeting, (205,)),
        (endless_greeting, (205, 401)),
        (endless_capa, (205, 400)),
        (endless_uidl, (205, 400)),
        (dripped_uidl, (205,)),
        (dripped_message, (205,)),
        (endless_message, (205,)),
        (no_reply_to_retr, (205,)),
        (closed_in_message, (206,)),
        (closed_before_the_last_line_end, (206,)),
        (reset_in_message, (206,)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_session_ends_and_nothing_of_it_stays(talk: Talk, codes: tuple[int, ...], tmp_path: Path) -> None:
    result = visit(talk, tmp_path)
    assert result["error"][0] in codes, result
    assert stored(tmp_path) == []
    assert result.get("deleted", 0) == 0


def test_other_tasks_run_while_a_server_floods(tmp_path: Path) -> None:
    result = visit(endless_uidl, tmp_path)
    assert result["ticks"] > 20, result  # in the 3 s that it may take


def test_a_password_that_the_server_repeats_is_not_told_on(tmp_path: Path) -> None:
    def echo(peer: Peer) -> None:
        peer.send(b"+OK\r\n")
        while line := peer.read():
            peer.send(b"+OK\r\n" if b"USER" in line else b"-ERR unknown command: " + line + b"\r\n")

    assert visit(echo, tmp_path)["error"][0] == 501


@pytest.mark.parametrize("way", ["plain", "login", "xoauth2"])
@pytest.mark.parametrize("capitals", [False, True])
def test_a_sasl_answer_that_the_server_repeats_decoded_is_not_told_on(
    tmp_path: Path, way: str, capitals: bool
) -> None:
    def decode(peer: Peer) -> None:
        peer.send(b"+OK\r\n")
        said = b""
        while line := peer.read():
            word = line.split()[-1]
            if line == b"CAPA":
                peer.send(b"+OK\r\nSASL PLAIN LOGIN XOAUTH2\r\n.\r\n")
                continue
            with contextlib.suppress(ValueError):
                said += base64.b64decode(word, validate=True).replace(b"\0", b" ").replace(b"\1", b" ") + b" "
            if way != "plain" and b"SECRET" not in said:
                peer.send(b"+ \r\n")
            else:
                peer.send(b"-ERR you said " + (said.upper() if capitals else said) + b"\r\n")

    secret = {"oauth": "open-SECRET-sesame"} if way == "xoauth2" else {}
    result = visit(decode, tmp_path, account={"auth": way, **secret})
    assert result["error"][0] == 501
    assert "secret" not in str(result).lower()


@pytest.mark.parametrize("talk", [silent, dripped_greeting], ids=lambda talk: talk.__name__)
def test_tls_to_a_server_that_does_not_shake_hands(talk: Talk, tmp_path: Path) -> None:
    with LocalServer() as known:
        ca = tmp_path / "ca.der"
        ca.write_bytes(known.ca_der.read_bytes())
    with serving(talk) as port:
        account = {"user": "u", "password": "p", "tls": "implicit"}
        result = session(tmp_path, "127.0.0.1", port, ca, account, asyncio=True, whole_ms=2000)
    assert result["error"][0] in (205, 212, 221), result
