"""pop3d of GNU Mailutils 3.15 (Debian).

It writes X-UIDL, X-IMAPbase and X-UID into messages, and Status after they were read, so that content and size change
from one session to the next; its
greeting has an APOP stamp although no user has an APOP password; CAPA says "EXPIRENEVER" in one word.
"""

import socket
import subprocess

from .spawned import Mbox, unpacked


class Mailutils(Mbox):
    adds = (b"x-uidl", b"status", b"x-imapbase", b"x-uid")

    def prepare(self) -> None:
        self._program = unpacked("mailutils-pop3d", "usr/sbin/pop3d")
        super().prepare()

    def serve(self, sock: socket.socket) -> subprocess.Popen[bytes]:
        return self.spawn(sock, self._program, "--inetd", "--no-config", "--set", ".logging.syslog=no")
