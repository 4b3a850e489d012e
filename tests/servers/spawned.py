"""What the starters of real servers share: a server is started for each connection, as inetd does, on a loopback port."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

PACKAGES = Path(os.environ.get("BUZON_SERVERS", "/opt/buzon-servers"))
"""Where .ci/run unpacks the Debian packages of servers that cannot be installed beside each other."""

_END_S = 5


def missing(reason: str) -> None:
    """Skips the test; fails it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def unpacked(package: str, path: str) -> str:
    """A program of a package, unpacked or installed; `path`: from the root, without the first slash."""
    for root in (PACKAGES / package, Path("/")):
        if os.access(root / path, os.X_OK):
            return str(root / path)
    missing(f"{package} is not here (Debian: see .ci/run)")
    raise AssertionError


def as_root(what: str) -> None:
    """These servers change to the user who logs in."""
    if os.geteuid():
        missing(f"{what} has to be started by root")


class Spawned:
    """A context manager. After its start: `port`, and the account's `user` and `password`.

    put(messages), left(): as lines with CRLF. `adds`: header fields that this server writes into messages itself.
    """

    host = "127.0.0.1"
    adds: tuple[bytes, ...] = ()

    def __init__(self) -> None:
        self.port = 0
        self.user = f"buzon-{secrets.token_hex(4)}"
        self.password = "buzon-demo"
        self.folder = Path()
        self._children: list[subprocess.Popen[bytes]] = []
        self._listener: socket.socket | None = None

    def prepare(self) -> None:
        """Its files and its user, in `folder`."""

    def serve(self, sock: socket.socket) -> subprocess.Popen[bytes] | None:
        """Start it with this connection; None: nobody logged in."""
        raise NotImplementedError

    def undo(self) -> None:
        """Take away what `prepare` made outside of `folder`."""

    def put(self, messages: list[bytes]) -> None:
        raise NotImplementedError

    def left(self) -> list[bytes]:
        raise NotImplementedError

    def spawn(
        self, sock: socket.socket, *command: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        sock.settimeout(None)  # a deadline makes the descriptor one that does not wait, for the child too
        return subprocess.Popen(
            command, stdin=sock, stdout=sock, stderr=subprocess.DEVNULL, cwd=self.folder, env=env
        )

    def quiet(self) -> None:
        """Wait until the sessions that ended have let go of the mailbox."""
        for child in self._children:
            try:
                child.wait(_END_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(_END_S)
                try:
                    child = self.serve(sock)
                except OSError:
                    continue
                if child:
                    self._children.append(child)

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="buzon-server-", dir="/tmp"))
        try:
            self.folder.chmod(0o755)
            self.prepare()
            self._listener = socket.create_server((self.host, 0))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for child in self._children:
            child.kill()
        self.quiet()
        self.undo()
        shutil.rmtree(self.folder, ignore_errors=True)


class Mbox(Spawned):
    """A server of a system user's mbox in /var/mail; the user is made, and removed afterwards."""

    def prepare(self) -> None:
        as_root(type(self).__name__)
        subprocess.run(
            ["useradd", "-M", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", self.user],
            check=True,
            capture_output=True,
        )
        subprocess.run(["chpasswd"], input=f"{self.user}:{self.password}".encode(), check=True)
        self._write([])

    @property
    def path(self) -> Path:
        return Path("/var/mail") / self.user

    def undo(self) -> None:
        self.path.unlink(missing_ok=True)
        subprocess.run(["userdel", self.user], check=False, capture_output=True)

    def _write(self, messages: list[bytes]) -> None:
        """Append; a line that would begin another message is the caller's mistake."""
        with self.path.open("ab") as file:
            for message in messages:
                text = message.replace(b"\r\n", b"\n")
                assert not text.startswith(b"From ")
                assert b"\nFrom " not in text
                assert text.endswith(b"\n")
                file.write(b"From a@example.org Thu Nov 26 10:00:00 2026\n" + text + b"\n")
        ids = pwd.getpwnam(self.user)
        os.chown(self.path, ids.pw_uid, 8)  # mail
        self.path.chmod(0o660)

    def put(self, messages: list[bytes]) -> None:
        self.quiet()
        self._write(messages)

    def left(self) -> list[bytes]:
        self.quiet()
        parts = (b"\n" + self.path.read_bytes().removesuffix(b"\n")).split(b"\nFrom ")[1:]
        return [part.partition(b"\n")[2].replace(b"\n", b"\r\n") for part in parts]

    def remove(self, which: int) -> None:
        """Another client deletes the message at that place."""
        mail = self.left()
        del mail[which]
        self.path.write_bytes(b"")
        self._write(mail)
