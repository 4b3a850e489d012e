"""A POP3 server for measuring: it sends prepared bytes as fast as it can, so that nobody waits for it.

The user's name chooses the mailbox. Nothing is ever deleted: all runs see the same mail. Besides POP3 it
knows `RAW n`: it sends the message's bytes as they are stored, and closes the connection.
"""

import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

_COLUMNS = 72
_PAUSE_S = 0.004
_PERIOD = 1009  # different lines; then they repeat
_CAPA = b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n"


def text(size: int) -> bytes:
    """Words in lines of 72 columns, none of which starts with a dot."""
    chance = random.Random(1)
    return _lines(size, lambda: bytes(chance.choices(b"etaoinshrdlucmfwyp.,  ETAOIN", k=_COLUMNS - 1)), b"a")


def base64(size: int) -> bytes:
    """An attachment: lines of 76 columns."""
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    chance = random.Random(2)
    return _lines(size, lambda: bytes(chance.choices(letters, k=75)), b"R")


def dots(size: int) -> bytes:
    """Lines of 72 columns that all start with a dot, which the server doubles."""
    chance = random.Random(3)
    return _lines(size, lambda: bytes(chance.choices(b"etaoinshrdlu.,  ETAOIN", k=_COLUMNS - 1)), b".")


def long_line(size: int) -> bytes:
    """One line, of any bytes except line ends and NUL."""
    piece = bytes(random.Random(4).choices([c for c in range(256) if c not in b"\r\n\0"], k=65537))
    return (piece * (size // len(piece) + 1))[: size - 2] + b"\r\n"


BODIES: Mapping[str, Callable[[int], bytes]] = {
    "text": text,
    "base64": base64,
    "dots": dots,
    "long line": long_line,
}


def _lines(size: int, line: Callable[[], bytes], start: bytes) -> bytes:
    period = b"".join(start + line() + b"\r\n" for _ in range(_PERIOD))
    return (period * (size // len(period) + 1))[: size - 2] + b"\r\n"


def stuffed(content: bytes) -> bytes:
    """What follows the +OK of a RETR (RFC 1939 section 3)."""
    start = b"." if content.startswith(b".") else b""
    return start + content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


class Mailboxes:
    """The server, on its own port of the loopback address. `boxes`: {user: the contents of the messages}.

    `piece`: it sends so many bytes of a message at a time, and pauses until the client must have read them.
    """

    def __init__(self, boxes: Mapping[str, Sequence[bytes]], piece: int = 0) -> None:
        self._boxes = dict(boxes)
        self._piece = piece
        wire = {id(content): content for contents in boxes.values() for content in contents}  # each once
        for key, content in wire.items():
            wire[key] = b"+OK %d octets\r\n%s" % (len(content), stuffed(content))
        self._answers = {
            name: [wire[id(content)] for content in contents] for name, contents in boxes.items()
        }
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as commands:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(b"+OK\r\n")
                name = ""
                for line in commands:
                    verb, *args = line.decode().split()
                    if verb == "USER":
                        name = args[0]
                    if verb == "RAW":
                        connection.sendall(self._boxes[name][int(args[0]) - 1])
                        return
                    answer = self._answer(name, verb, args)
                    if self._piece and verb == "RETR":
                        for at in range(0, len(answer), self._piece):
                            connection.sendall(answer[at : at + self._piece])
                            time.sleep(_PAUSE_S)
                    else:
                        connection.sendall(answer)
                    if verb == "QUIT":
                        return
        except OSError:
            pass  # the client has gone

    def _answer(self, name: str, verb: str, args: Sequence[str]) -> bytes:
        contents = self._boxes.get(name, ())
        if verb == "RETR":
            return self._answers[name][int(args[0]) - 1]
        if verb == "CAPA":
            return _CAPA
        if verb == "STAT":
            return b"+OK %d %d\r\n" % (len(contents), sum(map(len, contents)))
        if verb == "UIDL":
            return b"+OK\r\n%s.\r\n" % b"".join(
                b"%d uid%d\r\n" % (i + 1, i + 1) for i in range(len(contents))
            )
        if verb == "LIST":
            sizes = b"".join(b"%d %d\r\n" % (i + 1, len(content)) for i, content in enumerate(contents))
            return b"+OK\r\n%s.\r\n" % sizes
        return b"+OK Done\r\n"
