"""`LocalServer`: a local mail server in its own process, for the demo and for tests.

It leaves neither a process nor a temporary folder behind, even if the caller dies.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .maildir import LocalServerError, Maildir, NoMailError

_START_S = 30
_STOP_S = 5


class LocalServer:
    """A running server; a context manager, or `start()` and `stop()`.

    mail: folder of messages to serve; None: the project's samples, if `samples` is set and the Maildir is
    new.
    maildir: where the mail is kept (it stays there); None: a temporary one.
    pop3, pop3s, smtp: ports, 0 for any free one.
    certificate: one of `certs.CERTIFICATES`. names: more names for the certificate.
    certificates: a folder that keeps the CA, so that a server that is started there again is still trusted.
    faults: {"close_in_message": n} closes the connection in the middle of the n-th RETR of the server's life,
    {"refuse_retr": n} answers it with -ERR, {"stall": n} goes silent in the middle of it.
    mailboxes: users and passwords of more mailboxes, which are empty; only logins reach them.

    After the start: `host`, the ports `pop3`, `pop3s`, `smtp`, `user`, `password`, the paths `ca_pem`,
    `ca_der`, `maildir`, and `messages` (how many there were at the start) and `pid`.
    """

    def __init__(
        self,
        mail: Path | None = None,
        *,
        user: str = "demo",
        password: str = "buzon-demo",
        maildir: Path | None = None,
        samples: bool = True,
        host: str = "127.0.0.1",
        pop3: int = 0,
        pop3s: int = 0,
        smtp: int = 0,
        certificate: str = "good",
        names: Sequence[str] = (),
        certificates: Path | None = None,
        smtp_max_bytes: int | None = None,
        idle_s: float | None = None,
        faults: Mapping[str, int] | None = None,
        mailboxes: Mapping[str, str] | None = None,
    ) -> None:
        self.host = host
        self.user = user
        self.password = password
        self.pop3 = pop3
        self.pop3s = pop3s
        self.smtp = smtp
        self.ca_pem = Path()
        self.ca_der = Path()
        self.maildir = maildir or Path()
        self.messages = 0
        self.pid = 0
        self._parameters: dict[str, Any] = {
            "mail": mail and os.fspath(mail),
            "user": user,
            "password": password,
            "maildir": maildir and os.fspath(maildir),
            "samples": samples,
            "host": host,
            "pop3": pop3,
            "pop3s": pop3s,
            "smtp_port": smtp,
            "certificate": certificate,
            "names": list(names),
            "certificates": certificates and os.fspath(certificates),
            "faults": dict(faults or {}),
            "mailboxes": dict(mailboxes or {}),
        }
        if smtp_max_bytes is not None:
            self._parameters["smtp_max_bytes"] = smtp_max_bytes
        if idle_s is not None:
            self._parameters["idle_s"] = idle_s
        self._process: subprocess.Popen[bytes] | None = None
        self._temporary: Path | None = None
        self._errors: IO[bytes] | None = None
        self._box: Maildir | None = None

    def start(self) -> None:
        """Start it, and wait until its ports listen (at most 30 s).

        Raises NoMailError if there is no mail in `mail`, LocalServerError for anything else.
        """
        if self._process is not None:
            raise LocalServerError("This server runs already.")
        self._temporary = Path(tempfile.mkdtemp(prefix="buzon-server-"))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (stop() closes it)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "buzon_host.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
            # Both sides remove the folder: if one is killed, the other one cleans up.
            ready = self._handshake(self._process, {"work": str(self._temporary), **self._parameters})
        except BaseException:
            self.stop()
            raise
        self.host, self.messages = ready["host"], ready["messages"]
        self.pop3, self.pop3s, self.smtp = ready["pop3"], ready["pop3s"], ready["smtp"]
        self.ca_pem, self.ca_der = Path(ready["ca_pem"]), Path(ready["ca_der"])
        self.maildir = Path(ready["maildir"])
        self.pid = self._process.pid
        self._box = Maildir(self.maildir)

    def stop(self) -> None:
        """Stop it and remove what was temporary. More than once is harmless."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None
        self._box = None

    def left(self) -> int:
        """How many messages the server has at the moment."""
        return self._open_box().count()

    def deliver(self, message: bytes) -> None:
        """Add a message, as if it had just come in: the next session lists it."""
        self._open_box().deliver(message)

    def expected(self) -> dict[str, bytes]:
        """UIDL -> what RETR sends (without dot-stuffing), for all messages that the server has now."""
        box = self._open_box()
        return {message.uidl: box.read(message) for message in box.messages()}

    def _open_box(self) -> Maildir:
        if self._box is None:
            raise LocalServerError("This server does not run: start it first.")
        return self._box

    def _handshake(self, process: subprocess.Popen[bytes], parameters: dict[str, Any]) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        output = process.stdout
        lines: list[bytes] = []
        # A thread, as Windows cannot wait for a pipe with a deadline.
        reader = threading.Thread(target=lambda: lines.append(output.readline()), daemon=True)
        reader.start()
        try:
            process.stdin.write(json.dumps(parameters).encode("ascii") + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended at once; its last words are shown below
        reader.join(_START_S)
        try:
            answer: dict[str, Any] = json.loads(lines[0])
        except (IndexError, ValueError):
            raise LocalServerError(f"The local mail server did not start: {self._last_words()}") from None
        if "error" in answer:
            raise (NoMailError if answer["no_mail"] else LocalServerError)(answer["error"])
        return answer

    def _last_words(self) -> str:
        if self._errors is None:
            return "no reason given."
        self._errors.seek(0)
        text = self._errors.read().decode("utf-8", "replace").strip()
        return text.splitlines()[-1] if text else f"no answer within {_START_S} s."

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
