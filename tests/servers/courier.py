"""courier-pop 1.0.16 (Debian): the real courierpop3d over a Maildir.

Its login is done here as courierpop3login does it, without its authentication daemon: after PASS the connection is
handed over, and the first thing courierpop3d says is the answer to PASS. It wants no folder with the sticky bit.
"""

import os
import socket
import subprocess
import time

from .spawned import Spawned, unpacked

_CAPA = b"+OK Here's what I can do:\r\nSTLS\r\nTOP\r\nUSER\r\nLOGIN-DELAY 10\r\nPIPELINING\r\nUIDL\r\n.\r\n"


class Courier(Spawned):
    def prepare(self) -> None:
        self._program = unpacked("courier-pop", "usr/lib/courier/courier/courierpop3d")
        self.maildir = self.folder / "Maildir"
        for name in ("", "tmp", "new", "cur"):
            (self.maildir / name).mkdir(mode=0o700)
        self._count = 0

    def serve(self, sock: socket.socket) -> subprocess.Popen[bytes] | None:
        sock.sendall(b"+OK Hello there.\r\n")
        user = ""
        while line := _line(sock):
            verb, _, rest = line.partition(" ")
            if verb == "USER":
                user = rest
                sock.sendall(b"+OK Password required.\r\n")
            elif verb == "PASS" and (user, rest) == (self.user, self.password):
                break
            elif verb == "CAPA":
                sock.sendall(_CAPA.replace(b"STLS\r\n", b""))
            else:
                sock.sendall(b"-ERR Login failed.\r\n" if verb == "PASS" else b"-ERR Invalid command.\r\n")
        if not line:
            return None
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "AUTHENTICATED": user,
            "AUTHADDR": user,
            "TCPREMOTEIP": "127.0.0.1",
        }
        return self.spawn(sock, self._program, str(self.maildir), env=env)

    def put(self, messages: list[bytes]) -> None:
        for message in messages:
            self._count += 1
            name = f"{int(time.time())}.M{self._count:06}P{os.getpid()}.buzon"
            (self.maildir / "tmp" / name).write_bytes(message.replace(b"\r\n", b"\n"))
            (self.maildir / "tmp" / name).rename(self.maildir / "new" / name)

    def left(self) -> list[bytes]:
        self.quiet()
        paths = [path for name in ("new", "cur") for path in (self.maildir / name).iterdir()]
        return [
            path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(paths, key=lambda path: path.name)
        ]

    def remove(self, which: int) -> None:
        """Another client deletes the message at that place."""
        self.quiet()
        paths = [path for name in ("new", "cur") for path in (self.maildir / name).iterdir()]
        sorted(paths, key=lambda path: path.name)[which].unlink()


def _line(sock: socket.socket) -> str:
    """A command, byte by byte: what follows it is courierpop3d's."""
    line = b""
    while not line.endswith(b"\n") and (data := sock.recv(1)):
        line += data
    return line.decode().strip()
