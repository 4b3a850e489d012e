"""Debian's Dovecot (2.3) as a POP3 server in its own temporary folder: no root, no system files touched.

When started by root it runs as uid 65534, as its login process refuses root; otherwise it runs as the current
user.
"""

import contextlib
import grp
import os
import poplib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from . import certs

NOBODY = 65534
MECHANISMS = "plain login cram-md5 scram-sha-1 scram-sha-256 apop xoauth2 oauthbearer"
_START_S = 15
_STOP_S = 10

_CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = pop3
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{folder}/Maildir
mail_fsync = never
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
disable_plaintext_auth = {tls_only}
pop3_lock_session = yes
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service pop3 {{
  service_count = 200
}}
service pop3-login {{
  chroot =
  service_count = 0
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
"""


class Dovecot:
    """A running Dovecot; a context manager, or `start()` and `stop()`.

    Mechanisms: see `MECHANISMS`; for XOAUTH2 and OAUTHBEARER the token is the password.
    tls_only: refuse logins that would reveal the password on a connection without TLS.
    After the start: the ports `pop3` (with STLS) and `pop3s` on `host`, `ca_pem`, `ca_der`, `maildir`.
    """

    host = "127.0.0.1"

    def __init__(self, user: str = "demo", password: str = "buzon-demo", *, tls_only: bool = False) -> None:
        self.user = user
        self.password = password
        self.pop3 = self.pop3s = 0
        self.ca_pem = self.ca_der = self.maildir = Path()
        self._tls_only = tls_only
        self._as_root = os.geteuid() == 0
        self._uid, self._gid = (NOBODY, NOBODY) if self._as_root else (os.geteuid(), os.getegid())
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def start(self) -> None:
        """Start it, and wait until its ports answer. Raises RuntimeError with its log if they do not."""
        program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("dovecot is not installed (Debian: apt-get install dovecot-pop3d)")
        # Not below pytest's folders, which only their owner may enter; short because of its sockets' names.
        self._folder = Path(tempfile.mkdtemp(prefix="dovecot-", dir="/tmp"))
        try:
            self._configure()
            ids = [f"--reuid={self._uid}", f"--regid={self._gid}", "--clear-groups"] if self._as_root else []
            self._process = subprocess.Popen(
                # pdeathsig: it ends with the tests, even if those are killed.
                [
                    "setpriv",
                    "--pdeathsig=TERM",
                    *ids,
                    program,
                    "-F",
                    "-c",
                    str(self._folder / "dovecot.conf"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._wait_for(self.pop3)
            self._wait_for(self.pop3s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it and remove its folder. More than once is harmless."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                pass
            # Open sessions, the log and the statistics outlive the master: end its process group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._folder != Path():
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = Path()

    def add(self, message: bytes) -> None:
        """Put a message with these bytes into the Maildir; Dovecot sends LF as CRLF."""
        self._count += 1
        name = f"{int(time.time())}.M{self._count:06}P{os.getpid()}.buzon"
        aside = self.maildir / "tmp" / name
        aside.write_bytes(message)
        self._give(aside)
        aside.rename(self.maildir / "new" / name)

    def left(self) -> int:
        """How many messages are in the Maildir now."""
        return sum(1 for name in ("new", "cur") for _ in (self.maildir / name).iterdir())

    def uids(self) -> list[bytes]:
        """The UIDLs of its messages, in its order."""
        client = poplib.POP3(self.host, self.pop3, timeout=60)
        client.user(self.user)
        client.pass_(self.password)
        found = [line.split()[1] for line in client.uidl()[1]]
        client.quit()
        return found

    def log(self) -> str:
        """What Dovecot has logged so far."""
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.is_file() else ""

    def _give(self, path: Path) -> None:
        if self._as_root:
            os.chown(path, self._uid, self._gid)

    def _configure(self) -> None:
        folder = self._folder
        self.maildir = folder / "Maildir"
        for path in (self.maildir, *(self.maildir / name for name in ("tmp", "new", "cur"))):
            path.mkdir(mode=0o700)
        (folder / "passwd").write_text(f"{self.user}:{{PLAIN}}{self.password}\n")
        authority = certs.server_ca(folder / "ca")
        self.ca_pem, self.ca_der = folder / "ca" / "ca.pem", folder / "ca" / "ca.der"
        (folder / "server.pem").write_bytes(certs.good(authority).private_key_and_cert_chain_pem.bytes())
        self.pop3, self.pop3s = _free_ports(2)
        (folder / "dovecot.conf").write_text(
            _CONFIG.format(
                folder=folder,
                user=pwd.getpwuid(self._uid).pw_name,
                group=grp.getgrgid(self._gid).gr_name,
                uid=self._uid,
                gid=self._gid,
                mechanisms=MECHANISMS,
                tls_only="yes" if self._tls_only else "no",
                pop3=self.pop3,
                pop3s=self.pop3s,
            )
        )
        for path in (folder, *folder.rglob("*")):
            self._give(path)

    def _wait_for(self, port: int) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection((self.host, port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Dovecot did not start:\n{self.log()}") from None
                time.sleep(0.05)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
