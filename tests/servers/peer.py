"""A scripted server for the board's driver and the sync engine, and a session with it that must end soon."""

import contextlib
import os
import re
import socket
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import listener
from mail_session import session

Talk = Callable[["Peer"], None]
Reply = bytes | Talk

HEAP = 112  # KB, for MicroPython, the test's own script, and the session; an ordinary session needs 96
NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]+-[0-9a-f]{8}\.eml|journal|done")


class Peer:
    """One connection of a scripted server."""

    def __init__(self, sock: socket.socket, stop: threading.Event) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")
        self.stop = stop
        self.commands: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> bytes:
        """The next command; b"" when the client has gone."""
        line = self.file.readline().strip()
        self.commands.append(line)
        return line

    def flood(self, data: bytes) -> None:
        """Send it until the client has gone or the test ends."""
        while not self.stop.is_set():
            self.send(data)

    def login(self) -> None:
        """Greeting to the TRANSACTION state, and the capabilities there."""
        self.send(b"+OK\r\n")
        asked = 0
        while asked < 2 and (line := self.read()):
            if line == b"CAPA":
                self.send(b"+OK\r\nUIDL\r\n.\r\n")
                asked += 1
            else:
                self.send(b"+OK\r\n")

    def until_retr(self) -> None:
        self.login()
        while (line := self.read()) and not line.startswith(b"RETR"):
            self.send(b"+OK\r\n1 a\r\n2 b\r\n.\r\n" if line == b"UIDL" else b"+OK\r\n1 100\r\n2 100\r\n.\r\n")


@contextlib.contextmanager
def serving(talk: Talk) -> Iterator[int]:
    """A server that runs `talk` with each client; its port."""
    stop = threading.Event()
    with listener.serving(lambda sock: talk(Peer(sock, stop)), 20) as port:
        try:
            yield port
        finally:
            stop.set()


def visit(talk: Talk, folder: Path, **options: Any) -> dict[str, Any]:
    """One session with the board's driver; deadlines short. It ends long before the test's own, in the heap that an
    ordinary one takes, and writes nothing but messages and the journal."""
    begin = time.monotonic()
    with serving(talk) as port, tempfile.TemporaryDirectory() as empty:
        login = {"user": "u", "password": "open-SECRET-sesame", "tls": options.pop("tls", "none")}
        account = options.pop("account", {})
        options = {"asyncio": True, "wait_ms": 600, "whole_ms": 3000, "heap": HEAP, "cwd": empty, **options}
        result = session(folder, "127.0.0.1", port, options.pop("ca", None), {**login, **account}, **options)
        assert os.listdir(empty) == []
    assert time.monotonic() - begin < 20
    mail = folder / "test"
    written = {Path(path) for path in result["written"]} - {mail / "tmp" / "in.part"}
    assert {path.parent for path in written} <= {mail}, result
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".der":
            assert path.parent == mail
            assert NAME.fullmatch(path.name), path
            if path.suffix == ".eml":
                _, size, crc = path.stem.split("-")
                assert (path.stat().st_size, zlib.crc32(path.read_bytes())) == (int(size, 16), int(crc, 16))
    assert "SECRET" not in str(result)
    assert set(result["left"]) <= {"journal", "done", "tmp"}
    assert result["pending"] == 0
    return result


def script(replies: dict[str, Reply], peers: list[Peer] | None = None) -> Talk:
    """A server that answers a command with what `replies` has for all of it or for its verb, else with +OK.

    A reply may be a function that talks to the peer itself. `peers` gets each client.
    """

    def talk(peer: Peer) -> None:
        if peers is not None:
            peers.append(peer)
        line = b"greeting"
        while line:
            text = line.decode("latin-1")
            reply = replies.get(text, replies.get(text.split(" ")[0], b"+OK\r\n"))
            if callable(reply):
                reply(peer)
            else:
                peer.send(reply)
            line = peer.read()

    return talk
