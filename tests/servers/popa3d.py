"""popa3d 1.0.3 (Debian), which answers nothing but +OK and -ERR and has neither CAPA nor TLS.

Its unique ids are a hash over Date, Received, Message-ID and X-UIDL fields only: all messages without them have the
same id, in one listing and over time.
"""

import os
import socket
import subprocess
from pathlib import Path

from .spawned import Mbox, unpacked

_JAIL = Path("/var/lib/popa3d")


class Popa3d(Mbox):
    def prepare(self) -> None:
        self._program = unpacked("popa3d", "usr/sbin/popa3d")
        super().prepare()
        # What the package's own setup makes: a user for the part before the login, and its empty folder.
        if subprocess.run(["id", "popa3d"], check=False, capture_output=True).returncode:
            subprocess.run(
                ["useradd", "-r", "-M", "-d", str(_JAIL), "-s", "/usr/sbin/nologin", "popa3d"], check=True
            )
        _JAIL.mkdir(mode=0o755, exist_ok=True)
        os.chown(_JAIL, 0, 0)

    def serve(self, sock: socket.socket) -> subprocess.Popen[bytes]:
        return self.spawn(sock, self._program)
