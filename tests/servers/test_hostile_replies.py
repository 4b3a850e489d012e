"""The board's driver and the sync engine against replies that are wrong, forged or without an end.

Each session runs in the heap that an ordinary one takes and ends soon; `visit` looks at what it wrote.
"""

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mail_session import session, stored
from peer import HEAP, Peer, Reply, Talk, script
from peer import visit as visit_soon

ONE = b"Subject: one\r\n\r\nbody\r\n"
TWO = b"Subject: two\r\n\r\n.dot\r\n"
GOOD: dict[str, Reply] = {
    "CAPA": b"+OK\r\nUIDL\r\nUSER\r\n.\r\n",
    "UIDL": b"+OK\r\n1 a\r\n2 b\r\n.\r\n",
    "LIST": b"+OK\r\n1 22\r\n2 22\r\n.\r\n",
    "RETR 1": b"+OK\r\n" + ONE + b".\r\n",
    "TOP": b"-ERR not here\r\n",
    "RETR 2": b"+OK\r\n" + TWO.replace(b"\r\n.", b"\r\n..") + b".\r\n",
}


def visit(talk: Talk, folder: Path, **options: Any) -> dict[str, Any]:
    """With deadlines that a slow computer keeps, unless silence is what is tested."""
    return visit_soon(talk, folder, **{"wait_ms": 5000, "whole_ms": 15000, **options})


def with_first(body: bytes, **replies: Reply) -> dict[str, Reply]:
    """The good server, with another first message, announced with its size."""
    reply = b"+OK\r\n" + (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    listing = b"+OK\r\n1 %d\r\n2 %d\r\n.\r\n" % (len(body), len(TWO))
    return {**GOOD, "LIST": listing, "RETR 1": reply, **replies}


def then_nothing(data: bytes) -> Talk:
    """Sends this, then nothing more; the connection stays."""

    def talk(peer: Peer) -> None:
        peer.send(data)
        peer.stop.wait(10)

    return talk


def then_closed(data: bytes) -> Talk:
    def talk(peer: Peer) -> None:
        peer.send(data)
        peer.sock.shutdown(socket.SHUT_RDWR)

    return talk


def slowly(data: bytes) -> Talk:
    """Sends this again and again, slowly enough that it fills no disk, and never ends."""

    def talk(peer: Peer) -> None:
        while not peer.stop.wait(0.05):
            peer.send(data)

    return talk


def flood(first: bytes, data: bytes) -> Talk:
    def talk(peer: Peer) -> None:
        peer.send(first)
        peer.flood(data)

    return talk


def test_a_good_server_is_emptied(tmp_path: Path) -> None:
    result = visit(script(GOOD), tmp_path)
    assert (result["error"], result["skipped"], result["deleted"]) == (None, None, 2)
    assert stored(tmp_path) == [ONE, TWO]


# -- without an end


@pytest.mark.parametrize(
    ("place", "talk"),
    [
        ("greeting", flood(b"", b"+OK x" * 500)),
        ("CAPA", flood(b"+OK\r\n", b"X-A\r\n" * 500)),
        ("CAPA", flood(b"+OK\r\n", b"x" * 4096)),
        ("USER", flood(b"+OK", b" yes" * 1000)),
        ("PASS", flood(b"-ERR", b" no" * 1000)),
        ("UIDL", flood(b"+OK\r\n", b"1 a\r\n" * 500)),
        ("UIDL", flood(b"+OK\r\n", b"1 a" * 1000)),
        ("UIDL", flood(b"+OK\r\n", b"\r\n" * 500)),
        ("LIST", flood(b"+OK\r\n", b"1 1\r\n2 2\r\n" * 500)),
        ("LIST", flood(b"+OK\r\n", b"9" * 4096)),
        ("RETR", flood(b"+OK", b"x" * 4096)),
        ("RETR", slowly(b"+OK\r\nX-Header: " + b"x" * 3000)),
        ("RETR", slowly(b"+OK\r\nX-Header: x\r\n" * 100)),
        ("RETR", slowly(b"+OK\r\n\r\n" + b"\0\xff" * 1500)),
        ("DELE", flood(b"+OK", b"x" * 4096)),
        ("QUIT", flood(b"+OK", b"x" * 4096)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_reply_without_an_end(place: str, talk: Talk, tmp_path: Path) -> None:
    good = {verb: reply for verb, reply in GOOD.items() if verb.split(" ")[0] != place}
    result = visit(script({**good, place: talk}), tmp_path, whole_ms=1500)
    assert result["error"][0] in (205, 400, 401), result
    assert set(stored(tmp_path)) <= {ONE, TWO}
    if place not in ("DELE", "QUIT"):
        assert stored(tmp_path) == []


@pytest.mark.parametrize("keep", ["delete", "forever"])
def test_a_maildrop_that_never_ends(keep: str, tmp_path: Path) -> None:
    """One message more in each listing: the session ends all the same, and keeps what came."""
    count = 0

    def listing(peer: Peer) -> None:
        nonlocal count
        count += 1
        peer.send(b"+OK\r\n" + b"".join(b"%d u%d\r\n" % (n, n) for n in range(1, count + 1)) + b".\r\n")

    replies: dict[str, Reply] = {**GOOD, "UIDL": listing, "RETR": b"+OK\r\n\r\n.\r\n"}
    result = visit(script(replies), tmp_path, account={"keep": keep}, whole_ms=2500)
    assert result["error"] is None or result["error"][0] == 205
    assert result["stored"] == len(stored(tmp_path)) > 0


# -- endings


def no_end(peer: Callable[[bytes], Talk], rest: bytes, code: int, folder: Path) -> None:
    result = visit(script({**GOOD, "RETR 1": peer(b"+OK\r\n" + ONE + rest)}), folder, wait_ms=300)
    assert result["error"][0] == code
    assert (stored(folder), result["deleted"]) == ([], 0)


@pytest.mark.parametrize(
    "rest", [b".", b".\r", b"..", b"half a li", b"half\r", b"\n.\n", b"\n.\r\n", b".\n", b".\r\r\n"]
)
def test_a_connection_that_ends_ends_no_message(rest: bytes, tmp_path: Path) -> None:
    no_end(then_closed, rest, 206, tmp_path)


@pytest.mark.parametrize("rest", [b".", b".\r", b"half a li", b"\n.\n", b"\n.\r\n"])
def test_silence_ends_no_message(rest: bytes, tmp_path: Path) -> None:
    no_end(then_nothing, rest, 205, tmp_path)


def test_forged_endings_are_content(tmp_path: Path) -> None:
    forged = b"a\n.\n+OK\r\nb\r\n.\n+OK forged\r\nc\n.\r\n+OK\r\nd\r.\r\n+OK\r\n.\r.\r\nSubject: forged\r\n\0\x80\xff\r\r\n"
    result = visit(script(with_first(forged)), tmp_path)
    assert (result["error"], result["fetched"], result["deleted"]) == (None, 2, 2)
    assert stored(tmp_path) == sorted([forged, TWO])


@pytest.mark.parametrize("size", [16, 17, 64, 512, 1024])
def test_a_line_that_fills_the_buffer_ends_nothing(size: int, tmp_path: Path) -> None:
    """Around each size of the receive buffer: lines that fill it to the byte, and a dot after them."""
    body = b"".join(b"x" * (size + n) + b".\r\n" for n in range(-8, 9)) + b"y" * 3000 + b"\r\n"
    result = visit(script(with_first(body)), tmp_path, rx=size)
    assert (result["error"], result["deleted"]) == (None, 2)
    assert stored(tmp_path) == sorted([body, TWO])


def test_long_lines_are_stored_whole_and_reply_lines_are_cut(tmp_path: Path) -> None:
    body = b"z" * 1_000_000 + b"\r\n." + b"y" * 3000 + b"\r\n"
    replies: dict[str, Reply] = {
        **with_first(body),
        "greeting": b"+OK " + b"g" * 5000 + b"\r\n",
        "CAPA": b"+OK " + b"c" * 5000 + b"\r\nX-" + b"c" * 5000 + b"\r\nUIDL\r\n.\r\n",
        "RETR 1": b"+OK " + b"r" * 5000 + b"\r\n" + body.replace(b"\r\n.", b"\r\n..") + b".\r\n",
        "DELE": b"+OK " + b"d" * 5000 + b"\r\n",
    }
    result = visit(script(replies), tmp_path)
    assert (result["error"], result["fetched"], result["deleted"]) == (None, 2, 2)
    assert stored(tmp_path) == sorted([body, TWO])


# -- listings

LONG = 2**63


@pytest.mark.parametrize("keep", ["delete", "forever"])
@pytest.mark.parametrize(
    ("lines", "real"),
    [
        (b"0 x\r\n-1 x\r\n%d x\r\n4294967297 x\r\n+1 x\r\n" % LONG, ()),
        (b"\r\n \r\n1\r\nx y\r\n\0\r\n\xff\xfe z\r\n", ()),
        (b"3 \r\n3 a\x01b\r\n3 \x7f\r\n3 a b\r\n3 \0\r\n", (3,)),  # a message without a usable id
        (b"99 nobody\r\n1000000 nobody-either\r\n", (99, 1000000)),  # the server refuses these
        (b"3 " + b"c" * 600 + b"\r\n", (3,)),
    ],
    ids=["numbers", "odd", "controls", "unknown", "long"],
)
def test_entries_that_make_no_sense_are_skipped(
    lines: bytes, real: tuple[int, ...], keep: str, tmp_path: Path
) -> None:
    replies: dict[str, Reply] = {
        **GOOD,
        "UIDL": b"+OK\r\n" + lines + b"1 a\r\n2 b\r\n.\r\n",
        "LIST": b"+OK\r\n" + lines + b"1 %d\r\n1 -1\r\n2 0\r\n2 22 more\r\n.\r\n" % LONG,
        "RETR": b"-ERR no such message\r\n",
        "DELE": b"+OK\r\n",
    }
    peers: list[Peer] = []
    result = visit(script(replies, peers), tmp_path, account={"keep": keep})
    assert (result["error"], result["fetched"]) == (None, 2)
    assert stored(tmp_path) == [ONE, TWO]
    asked = [int(line[5:]) for line in peers[0].commands if line.startswith(b"RETR")]
    assert set(asked) == {1, 2, *real}  # one that is refused may be asked for again


@pytest.mark.parametrize(
    "uid",
    [
        b"u" * 300,
        b"../../../escape",
        b"/escape",
        b"..",
        b"journal",
        b"done",
        b"tmp/in.part",
        b"a/b\\c:d*e?",
        b"\x80\xff\xc3",
        b"%s%n%x{}",
    ],
)
def test_a_uid_is_any_bytes_and_never_a_file_name(uid: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    replies: dict[str, Reply] = {**GOOD, "UIDL": b"+OK\r\n1 " + uid + b"\r\n2 b\r\n.\r\n"}
    for fetched in (2, 0):  # and it is known again
        result = visit(script(replies), folder, account={"keep": "forever"})
        assert (result["error"], result["fetched"]) == (None, fetched)
        assert stored(folder) == [ONE, TWO]
    assert [path.name for path in tmp_path.iterdir()] == ["mail"]


@pytest.mark.parametrize("keep", ["delete", "forever"])
@pytest.mark.parametrize("listing", [b"1 same\r\n2 same\r\n", b"1 a\r\n1 b\r\n2 c\r\n", b"2 b\r\n1 a\r\n"])
def test_numbers_and_uids_that_repeat(listing: bytes, keep: str, tmp_path: Path) -> None:
    peers: list[Peer] = []
    replies: dict[str, Reply] = {**GOOD, "UIDL": b"+OK\r\n" + listing + b".\r\n"}
    for _ in range(2):
        result = visit(script(replies, peers), tmp_path, account={"keep": keep})
        assert result["error"] is None
        assert stored(tmp_path) == [ONE, TWO]
    deleted = {line for line in peers[0].commands if line.startswith(b"DELE")}
    assert deleted == (set() if keep == "forever" else {b"DELE 1", b"DELE 2"})


def test_stat_list_and_uidl_that_disagree(tmp_path: Path) -> None:
    replies: dict[str, Reply] = {**GOOD, "STAT": b"+OK -1 x\r\n", "LIST": b"+OK\r\n7 70\r\n8 80\r\n.\r\n"}
    result = visit(script(replies), tmp_path)
    assert (result["error"], result["fetched"], result["deleted"]) == (None, 2, 2)


# -- a listing that says less is not a reason to forget or to delete


def test_an_empty_or_short_listing_purges_nothing(tmp_path: Path) -> None:
    keep = {"keep": "forever"}
    assert visit(script(GOOD), tmp_path, account=keep)["fetched"] == 2
    for listing in (b"+OK\r\n.\r\n", b"+OK\r\n2 b\r\n.\r\n"):
        # What looks for the messages without an id among those that are here takes more heap.
        result = visit(script({**GOOD, "UIDL": listing}), tmp_path, account=keep, heap=HEAP + 16)
        assert (result["error"], result["stored"]) == (None, 2)
    result = visit(script(GOOD), tmp_path, account=keep)
    assert (result["fetched"], result["stored"]) == (0, 2)


# -- the way in


def login_account(way: str) -> dict[str, Any]:
    return {"auth": way, **({"oauth": "open-SECRET-sesame"} if way == "xoauth2" else {})}


@pytest.mark.parametrize("way", ["plain", "login", "cram-md5", "scram-sha-256", "xoauth2"])
@pytest.mark.parametrize("challenge", [b"+ \r\n", b"+ " + b"QUJD" * 1000 + b"\r\n"])
def test_challenges_without_end(way: str, challenge: bytes, tmp_path: Path) -> None:
    def challenges(peer: Peer) -> None:
        peer.send(challenge)
        while peer.read():
            peer.send(challenge)

    result = visit(script({"CAPA": GOOD["CAPA"], "AUTH": challenges}), tmp_path, account=login_account(way))
    assert result["error"][0] in (205, 400, 403), result


def test_a_server_without_stls_gets_no_password(tmp_path: Path) -> None:
    ca = tmp_path / "ca.der"
    ca.write_bytes(b"none is needed")
    for reply, code in (
        (b"-ERR no such command\r\n", 215),
        (b"+OK go on\r\n+OK injected\r\n", 402),
        (b"+ERR\r\n", 400),
    ):
        peers: list[Peer] = []
        result = visit(script({**GOOD, "STLS": reply}, peers), tmp_path, tls="starttls", ca=ca)
        assert result["error"][0] == code
        assert peers[0].commands[0] == b"STLS"
        assert not [line for line in peers[0].commands if line[:4] in (b"USER", b"PASS", b"AUTH", b"APOP")]


def test_a_server_that_does_not_answer_the_connection(tmp_path: Path) -> None:
    """Its queue of connections is full: it answers no more of them."""
    account = {"user": "u", "password": "p", "tls": "none"}
    with socket.socket() as listener, contextlib.ExitStack() as queued:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            one = queued.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        begin = time.monotonic()
        port = listener.getsockname()[1]
        result = session(tmp_path, "127.0.0.1", port, None, account, asyncio=True, whole_ms=1000)
        assert time.monotonic() - begin < 5
    assert result["error"][0] == 205
    assert "connect" in result["error"][1]
