"""A second chance: whole polls and trials of the board against servers that hang up, are slow, or refuse one message."""

import contextlib
import json
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from buzon_host import check as from_pc
from buzon_host.errors import ServerRefused
from buzon_host.provision import mbedtls, schema, tryout
from buzon_host.virtual.interpreter import command
from mail_session import _firmware

SCRIPT = Path(__file__).with_name("polls.py")
POLL_S = 300
Reply = bytes | float | None
"""To a command: what is sent; or the seconds after which it is answered well; or None, the server hangs up."""
CAPA = b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n"


class Maildrop:
    """Two messages, deleted by QUIT. `replies`: to commands, by all of a line or its verb, what is sent instead. Each
    client has a thread of its own; `sessions` has what each sent."""

    def __init__(self, replies: dict[str, Reply]) -> None:
        self.replies = replies
        self.mail = {uid: b"Subject: %s\r\n\r\nbody\r\n" % uid for uid in (b"one", b"two")}
        self.sessions: list[list[str]] = []
        self._stop = threading.Event()

    def __enter__(self) -> "Maildrop":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        said: list[str] = []
        self.sessions.append(said)
        listed = list(self.mail.items())
        marked: list[bytes] = []
        with contextlib.suppress(OSError), sock, sock.makefile("rb") as lines:
            line = "greeting"
            while line:
                verb, _, rest = line.partition(" ")
                reply = self.replies.get(line, self.replies.get(verb, 0.0))
                if reply is None:
                    sock.shutdown(socket.SHUT_RDWR)
                    return
                if isinstance(reply, float):
                    self._stop.wait(reply)
                    if verb == "QUIT":  # whether the client hears of it or not
                        for uid in marked:
                            self.mail.pop(uid, None)
                    if verb == "DELE":
                        marked.append(listed[int(rest) - 1][0])
                    reply = self._answer(verb, rest, listed)
                sock.sendall(reply)
                if verb == "QUIT":
                    return
                line = lines.readline().decode().strip()
                said.append(line)

    def _answer(self, verb: str, rest: str, listed: list[tuple[bytes, bytes]]) -> bytes:
        if verb == "CAPA":
            return CAPA
        if verb == "STAT":
            return b"+OK %d %d\r\n" % (len(listed), sum(len(mail) for _, mail in listed))
        if verb in ("UIDL", "LIST"):
            what = [uid if verb == "UIDL" else b"%d" % len(mail) for uid, mail in listed]
            return b"+OK\r\n%s.\r\n" % b"".join(b"%d %s\r\n" % (n + 1, each) for n, each in enumerate(what))
        if verb in ("RETR", "TOP"):
            return b"+OK\r\n%s.\r\n" % listed[int(rest.split()[0]) - 1][1]
        return b"+OK\r\n"


def run(
    folder: Path, replies: dict[str, Reply], times: int, wait_ms: int = 5000, **account: Any
) -> tuple[Any, list[list[str]]]:
    """What the script says, and the commands of each session."""
    with Maildrop(replies) as server:
        settings = {
            "id": "test",
            "host": "127.0.0.1",
            "port": server.port,
            "user": "me",
            "password": "open-SECRET-sesame",
            "tls": "none",
            "keep": "delete",
            "delete_confirmed": True,
            "poll_s": POLL_S,
            **account,
        }
        job = {"account": settings, "mail": str(folder), "times": times, "wait_ms": wait_ms}
        done = subprocess.run(
            [*command(), "-X", "heapsize=192k", str(SCRIPT), str(_firmware())],
            input=json.dumps(job) + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SECRET" not in done.stdout
    return json.loads(done.stdout.splitlines()[-1]), server.sessions


@pytest.mark.parametrize(
    "replies",
    [
        {"RETR 2": b"-ERR [SYS/PERM] message cannot be opened\r\n"},
        {"RETR 2": b"-ERR [IN-USE] it is being read\r\n"},
        {"RETR 2": b"-ERR\r\n"},
        {"DELE 2": b"-ERR [SYS/PERM] read only\r\n"},
        {"RETR 2": b"+OK\r\n.\r\n"},
        {"QUIT": b"-ERR some messages were not removed\r\n"},
    ],
)
def test_what_is_wrong_with_one_message_delays_nothing(tmp_path: Path, replies: dict[str, Reply]) -> None:
    polls, _ = run(tmp_path, replies, 3)
    for poll in polls:
        assert poll["error"] in (None, 410, 411, 500), poll  # a sentence of a message, never of the account
        assert (poll["fails"], poll["wait"] <= POLL_S) == (0, True), poll
    assert polls[0]["error"], polls
    assert list((tmp_path / "test").glob("*.eml"))


@pytest.mark.parametrize(
    "replies",
    [{"PASS": b"-ERR [SYS/PERM] closed account\r\n", "AUTH": b"-ERR [SYS/PERM] closed account\r\n"}],
)
def test_what_is_wrong_with_the_account_does(tmp_path: Path, replies: dict[str, Reply]) -> None:
    polls, _ = run(tmp_path, replies, 2)
    assert [(poll["error"], poll["wait"]) for poll in polls] == [(506, 86400)] * 2


def test_deadlines_grow_for_a_slow_server_and_stay_so(tmp_path: Path) -> None:
    polls, peers = run(tmp_path, {"AUTH": 1.3}, 5, 400, keep="forever")
    assert [(poll["error"], poll["slow"]) for poll in polls] == [(205, 1), (205, 2), *[(None, 2)] * 3]
    assert polls[2]["fetched"] == 2
    assert len(peers) == 5
    assert not [line for lines in peers for line in lines if line.startswith("USER")]  # slow is not refused


@pytest.mark.parametrize("verb", ["RETR 2", "DELE 1", "QUIT", "UIDL", "greeting", "CAPA"])
def test_whatever_is_slow_is_waited_for(tmp_path: Path, verb: str) -> None:
    polls, _ = run(tmp_path, {verb: 0.8}, 5, 500)
    assert (polls[-1]["error"], polls[-1]["listed"]) == (None, 0), polls
    assert len(list((tmp_path / "test").glob("*.eml"))) == 2


def test_deadlines_do_not_grow_for_ever(tmp_path: Path) -> None:
    begin = time.monotonic()
    polls, _ = run(tmp_path, {"AUTH": 60.0, "PASS": 60.0}, 5, 100)
    assert [poll["slow"] for poll in polls] == [1, 2, 3, 3, 3]
    assert time.monotonic() - begin < 20
    assert all(poll["error"] == 205 for poll in polls)


def test_a_server_that_hangs_up_at_quit_is_no_error_where_it_does_not_matter(tmp_path: Path) -> None:
    polls, _ = run(tmp_path, {"QUIT": None}, 3, keep="forever")
    assert [(poll["error"], poll["fails"]) for poll in polls] == [(None, 0)] * 3


@pytest.mark.parametrize(
    ("replies", "sessions"),
    [
        ({"CAPA": None}, 2),
        ({"AUTH": None}, 2),
        ({"CAPA": None, "QUIT": None}, 2),
        ({"QUIT": None}, 1),
        ({"QUIT": b"-ERR no\r\n"}, 1),
        ({"AUTH": b"-ERR unknown\r\n"}, 1),
        ({"AUTH": 1.0}, 2),
        ({"greeting": 1.0}, 2),
    ],
)
def test_a_trial_does_not_fail_for_what_a_next_session_can_do_without(
    tmp_path: Path, replies: dict[str, Reply], sessions: int
) -> None:
    report, peers = run(tmp_path, replies, 0, 600)
    assert (report["state"], report["error"]) == ("ok", None), report
    assert report["accounts"] == [{"id": "test", "messages": 2, "bytes": 44}]
    assert len(peers) == sessions


def test_a_trial_ends(tmp_path: Path) -> None:
    for replies, code, sessions in (
        ({"greeting": 60.0}, 205, 2),
        ({"AUTH": 60.0}, 205, 2),
        ({"AUTH": None, "PASS": None}, 206, 5),
        ({"AUTH": b"-ERR no\r\n", "PASS": b"-ERR no\r\n"}, 501, 1),
        ({"AUTH": b"-ERR [AUTH] no\r\n"}, 502, 1),
    ):
        report, peers = run(tmp_path, replies, 0, 200)
        assert (report["state"], report["error"][0]) == ("failed", code), report
        assert len(peers) == sessions, replies


def account(port: int) -> schema.Account:
    tree = {"host": "127.0.0.1", "port": port, "user": "me", "password": "open-SECRET-sesame", "tls": "none"}
    return schema.parse({"wifi": [{"ssid": "x", "password": ""}], "account": [tree]}).account[0]


@pytest.mark.parametrize("micropython", [True, False])
@pytest.mark.parametrize(
    ("replies", "sessions"),
    [
        ({"CAPA": None}, 2),
        ({"AUTH": None, "QUIT": None}, 2),
        ({"AUTH": b"-ERR unknown\r\n"}, 1),
        ({"AUTH": b"+ \r\n"}, 1),
        ({"AUTH": 1.2}, 2),
    ],
)
def test_the_check_from_the_pc_has_as_many_chances(
    monkeypatch: pytest.MonkeyPatch, replies: dict[str, Reply], sessions: int, micropython: bool
) -> None:
    if not micropython:
        monkeypatch.setattr(mbedtls, "there", lambda: False)
    monkeypatch.setattr(tryout, "WAIT_MS", 600)
    with Maildrop(replies) as server:
        assert from_pc.check(account(server.port)) == from_pc.Mailbox(2, 44)
    assert len(server.sessions) == sessions


def test_the_check_says_which_ways_were_tried() -> None:
    replies: dict[str, Reply] = {"AUTH": b"-ERR what?\r\n", "PASS": b"-ERR no\r\n"}
    with Maildrop(replies) as server, pytest.raises(ServerRefused, match="tried: PLAIN, USER"):
        from_pc.check(account(server.port))
