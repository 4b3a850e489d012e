"""A POP3 server for a year of mail: it makes each message when it is asked for, and writes down what a board did."""

import hashlib
import socket
import ssl
import threading
import zlib
from dataclasses import dataclass, field
from random import Random

_TEXT = (
    b"It comes as plain text, in lines as people write them, and nobody would keep it.\r\n.and a dot\r\n" * 64
)


@dataclass
class Mail:
    """A message: `seed` and `size` say what it is. `whole`, `head`: (bytes, CRC-32) of all of it and of its header."""

    number: int
    day: int
    size: int
    kind: str
    uid: bytes = b""
    whole: tuple[int, int] = (0, 0)
    head: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.uid = hashlib.md5(b"%d" % self.number, usedforsecurity=False).hexdigest()[:20].encode()
        content = self.content()
        head = content[: content.index(b"\r\n\r\n") + 4]
        self.whole = len(content), zlib.crc32(content)
        self.head = len(head), zlib.crc32(head)

    def content(self) -> bytes:
        head = (
            b"Received: from mx.example.org by mail.example.net with ESMTP id %d\r\n"
            b"Message-ID: <%d@example.org>\r\nFrom: Person %d <p%d@example.org>\r\n"
            b"Subject: %s no %d\r\n\r\n"
            % (self.number, self.number, self.number % 40, self.number % 40, self.kind.encode(), self.number)
        )
        start = self.number * 7 % 800
        body = _TEXT[start:] + _TEXT * (self.size // len(_TEXT) + 1)
        return head + b"%d\r\n" % self.number + body[: self.size] + b"\r\n"


@dataclass
class Session:
    """What one connection did. `ended`: with QUIT's +OK sent to the board."""

    retrieved: list[Mail] = field(default_factory=list)
    deleted: list[Mail] = field(default_factory=list)  # at QUIT
    ended: bool = False
    sent: int = 0


class _Dropped(Exception):
    pass


class Server:
    """One connection at a time, each in the order in which it comes. `mail`: what the maildrop holds.

    `drop`: bytes sent until the connection drops, 0: never; `refuse`: what is said at PASS instead of +OK, b"": nothing.
    `sessions`: those since `take`.
    """

    def __init__(self) -> None:
        self.mail: list[Mail] = []
        self.drop = 0
        self.refuse = b""
        self.context: ssl.SSLContext | None = None
        self._sessions: list[Session] = []
        self._busy = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def take(self) -> list[Session]:
        """The sessions since the last time; waits until none is open."""
        with self._busy:
            taken, self._sessions = self._sessions, []
        return taken

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._busy:
                connection.settimeout(60)  # a board that makes room on a full flash takes its time
                session = Session()
                self._sessions.append(session)
                try:
                    if self.context:
                        connection = self.context.wrap_socket(connection, server_side=True)
                    self._talk(connection, session)
                except (OSError, _Dropped):
                    pass
                finally:
                    connection.close()

    def _talk(self, connection: socket.socket, session: Session) -> None:
        listed = list(self.mail)
        gone: dict[int, Mail] = {}
        came = b""

        def say(data: bytes) -> None:
            if self.drop and session.sent + len(data) >= self.drop:
                connection.sendall(data[: self.drop - session.sent])
                raise _Dropped
            connection.sendall(data)
            session.sent += len(data)

        def one(words: list[bytes]) -> Mail | None:
            n = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
            return listed[n - 1] if 0 < n <= len(listed) and n not in gone else None

        say(b"+OK ready\r\n")
        while True:
            while b"\r\n" not in came:
                data = connection.recv(4096)
                if not data:
                    return
                came += data
            line, _, came = came.partition(b"\r\n")
            words = line.split()
            verb = words[0].upper() if words else b""
            if verb == b"CAPA":
                say(b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n")
            elif verb == b"PASS" and self.refuse:
                say(self.refuse)
            elif verb in (b"USER", b"PASS", b"NOOP"):
                say(b"+OK\r\n")
            elif verb == b"STAT":
                there = [m for n, m in enumerate(listed, 1) if n not in gone]
                say(b"+OK %d %d\r\n" % (len(there), sum(m.whole[0] for m in there)))
            elif verb in (b"UIDL", b"LIST"):
                lines = [
                    b"%d %s\r\n" % (n, m.uid if verb == b"UIDL" else b"%d" % m.whole[0])
                    for n, m in enumerate(listed, 1)
                    if n not in gone
                ]
                say(b"+OK\r\n" + b"".join(lines) + b".\r\n")
            elif verb in (b"RETR", b"TOP"):
                mail = one(words)
                if mail is None:
                    say(b"-ERR no such message\r\n")
                    continue
                content = mail.content()
                if verb == b"TOP":
                    lines = content[mail.head[0] :].split(b"\r\n")[:-1]  # a lone CR ends no line
                    content = content[: mail.head[0]] + b"".join(
                        line + b"\r\n" for line in lines[: int(words[2])]
                    )
                say(b"+OK\r\n" + (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
                if verb == b"RETR":
                    session.retrieved.append(mail)
            elif verb == b"DELE":
                mail = one(words)
                if mail is None:
                    say(b"-ERR no such message\r\n")
                else:
                    gone[int(words[1])] = mail
                    say(b"+OK\r\n")
            elif verb == b"QUIT":
                session.deleted = list(gone.values())
                numbers = {mail.number for mail in session.deleted}
                self.mail = [mail for mail in self.mail if mail.number not in numbers]
                say(b"+OK bye\r\n")
                session.ended = True
                return
            else:
                say(b"-ERR what\r\n")


class Post:
    """What comes in a day: letters, newsletters, a large one now and then. The same each time."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._number = 0

    def letter(self, day: int) -> Mail:
        chance = self._random.random()
        if chance < 0.78:
            kind, size = "letter", self._random.randrange(200, 6000)
        elif chance < 0.975:
            kind, size = "newsletter", self._random.randrange(8000, 45000)
        elif chance < 0.999:
            kind, size = "photos", self._random.randrange(70_000, 250_000)
        else:
            kind, size = "film", self._random.randrange(1_700_000, 2_500_000)
        self._number += 1
        return Mail(self._number, day, size, kind)
