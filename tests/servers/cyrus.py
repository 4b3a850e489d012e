"""cyrus-pop3d 3.6 (Debian) under Cyrus' own master, with all its files in a folder; users are in a sasldb.

Mail comes in by its LMTP, which writes fields into each message (Date and Message-ID where there are none). It locks the mailbox for a session: the next one is
refused until the first is gone. CAPA says EXPIRE NEVER and LOGIN-DELAY 0.
"""

import os
import poplib
import pwd
import smtplib
import socket
import subprocess
import time

from .spawned import Spawned, as_root, unpacked

_START_S = 15
_END_S = 10

_IMAPD = """\
configdirectory: {folder}/conf
partition-default: {folder}/spool
defaultpartition: default
servername: localhost
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
sasl_mech_list: PLAIN
allowplaintext: yes
autocreate_quota: 0
autocreate_post: yes
lmtpsocket: {folder}/lmtp
duplicatesuppression: 0
popminpoll: 0
"""

_CYRUS = """\
START {{
 recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
 pop3 cmd="{pop3d} -C {folder}/imapd.conf" listen="127.0.0.1:{port}" prefork=1
 lmtp cmd="/usr/lib/cyrus/bin/lmtpd -C {folder}/imapd.conf -a" listen="{folder}/lmtp" prefork=0
}}
EVENTS {{
}}
"""


class Cyrus(Spawned):
    adds = (b"return-path", b"received", b"x-cyrus-session-id", b"x-sieve", b"date", b"message-id")

    def __init__(self) -> None:
        super().__init__()
        self.user = self.user.replace("-", "")
        self._master: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Cyrus":
        pop3d = unpacked("cyrus-pop3d", "usr/lib/cyrus/bin/pop3d")
        master = unpacked("cyrus-common", "usr/lib/cyrus/bin/master")
        saslpasswd = unpacked("sasl2-bin", "usr/sbin/saslpasswd2")
        as_root("Cyrus")
        super().__enter__()
        try:
            self._stop_listening()
            where = {"folder": self.folder, "pop3d": pop3d, "port": self.port}
            (self.folder / "imapd.conf").write_text(_IMAPD.format(**where))
            (self.folder / "cyrus.conf").write_text(_CYRUS.format(**where))
            for name in ("conf/db", "conf/socket", "conf/log", "conf/msg", "conf/proc", "conf/lock", "spool"):
                (self.folder / name).mkdir(parents=True)
            database = self.folder / "sasldb2"
            subprocess.run(
                [saslpasswd, "-p", "-c", "-f", str(database), "-u", "localhost", self.user],
                input=self.password.encode(),
                check=True,
                capture_output=True,
            )
            owner = pwd.getpwnam("cyrus")
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)
            self._master = subprocess.Popen(
                ["setpriv", "--pdeathsig=TERM", master, "-C", str(self.folder / "imapd.conf")]
                + ["-M", str(self.folder / "cyrus.conf"), "-p", str(self.folder / "pid")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _stop_listening(self) -> None:
        assert self._listener
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = None

    def _wait(self) -> None:
        end = time.monotonic() + _START_S
        while True:
            try:
                with socket.create_connection((self.host, self.port), 5) as sock:
                    sock.settimeout(5)
                    if sock.recv(3) == b"+OK":
                        return
            except OSError:
                pass
            assert time.monotonic() < end, "Cyrus did not start"
            time.sleep(0.05)

    def undo(self) -> None:
        if self._master:
            self._master.terminate()
            try:
                self._master.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._master.kill()
                self._master.wait()
            self._master = None

    def put(self, messages: list[bytes]) -> None:
        with smtplib.LMTP(str(self.folder / "lmtp")) as client:
            for message in messages:
                client.sendmail("a@example.org", [self.user], message)

    def left(self) -> list[bytes]:
        """By its own POP3: files of deleted messages stay in its folders."""
        client = poplib.POP3(self.host, self.port, timeout=10)
        client.user(self.user)
        client.pass_(self.password)
        count = client.stat()[0]
        found = [b"\r\n".join(client.retr(n + 1)[1]) + b"\r\n" for n in range(count)]
        client.quit()
        return found
