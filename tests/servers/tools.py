"""What the tests against real servers and clients share: finding programs, and a POP3 client of raw bytes."""

import os
import shutil
import socket
import ssl
from pathlib import Path

import pytest

SHARED_MAIL = Path(__file__).resolve().parents[3] / "shared" / "mail"


def program(name: str, package: str = "") -> str:
    """The path of a program; without it the test is skipped, but fails where CI is set."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        reason = f"{name} is not installed (Debian: apt-get install {package or name})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def wire_form(content: bytes) -> bytes:
    """What a server must send for a file's content; written apart from the server's own code."""
    if not content:
        return b""
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
        lines = [line[:-1] if line.endswith(b"\r") else line for line in lines]
    else:
        lines = [line[:-1] if line.endswith(b"\r") else line for line in lines[:-1]] + lines[-1:]
    return b"".join(line + b"\r\n" for line in lines)


class RawPop3:
    """A POP3 connection that shows the bytes as they come; every read has a deadline."""

    def __init__(self, host: str, port: int, ca_pem: Path | None = None, timeout: float = 10) -> None:
        self.socket: socket.socket = socket.create_connection((host, port), timeout)
        self.buffer = b""
        if ca_pem is not None:
            self.start_tls(ca_pem)
        self.greeting = self.line()

    def start_tls(self, ca_pem: Path, name: str = "localhost") -> None:
        context = ssl.create_default_context(cafile=ca_pem)
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """The bytes up to and with `end`; raises EOFError when the connection ends before."""
        while (at := self.buffer.find(end)) < 0:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self.buffer)
            self.buffer += data
        taken, self.buffer = self.buffer[: at + len(end)], self.buffer[at + len(end) :]
        return taken

    def line(self) -> bytes:
        return self.until(b"\r\n")[:-2]

    def ask(self, command: bytes) -> bytes:
        """One command, its one line of answer."""
        self.send(command + b"\r\n")
        return self.line()

    def ask_many(self, command: bytes) -> tuple[bytes, bytes]:
        """One command, its status line, and the content as it is on the wire (stuffed)."""
        status = self.ask(command)
        assert status.startswith(b"+OK"), status
        return status, self.rest()

    def rest(self) -> bytes:
        """The stuffed content after a status line, without the line that ends it."""
        self.buffer = b"\r\n" + self.buffer
        return self.until(b"\r\n.\r\n")[2:-3]

    def login(self, user: str = "demo", password: str = "buzon-demo") -> bytes:
        self.send(f"USER {user}\r\nPASS {password}\r\n".encode())
        self.line()
        return self.line()

    def quit(self) -> bytes:
        answer = self.ask(b"QUIT")
        self.close()
        return answer

    def close(self) -> None:
        self.socket.close()


def unstuffed(content: bytes) -> bytes:
    """The message in a multi-line response's content."""
    return (
        content[1:].replace(b"\r\n.", b"\r\n") if content[:1] == b"." else content.replace(b"\r\n.", b"\r\n")
    )
