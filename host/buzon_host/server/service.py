"""All ports of the local mail server in one process, until it is told to stop.

`serve_forever` owns the process's only event loop, so it can be called only once; `run.LocalServer` starts
any number of servers, each in its own process.
"""

# mypy: allow-untyped-calls

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from twisted.internet import asyncioreactor
from twisted.internet.error import CannotListenError

from . import certs, smtp
from .maildir import SAMPLES, LocalServerError, Maildir
from .maildrop import FAULTS, IDLE_S, Maildrop
from .pop3 import Pop3Factory


@dataclass(frozen=True)
class Ready:
    """Where a running server is. A port that was not wanted is None; the paths are absolute. `sha256`: of its
    certificate, as people compare it."""

    host: str
    pop3: int | None
    pop3s: int | None
    smtp: int | None
    user: str
    ca_pem: str
    ca_der: str
    maildir: str
    messages: int
    sha256: str


def serve_forever(
    *,
    on_ready: Callable[[Ready], None],
    mail: Path | None = None,
    maildir: Path | None = None,
    samples: bool = True,
    user: str = "demo",
    password: str = "buzon-demo",
    host: str = "127.0.0.1",
    pop3: int | None = 0,
    pop3s: int | None = 0,
    smtp_port: int | None = 0,
    certificate: certs.Certificate = "good",
    names: Sequence[str] = (),
    certificates: Path | None = None,
    smtp_max_bytes: int = smtp.MAX_BYTES,
    idle_s: float = IDLE_S,
    faults: Mapping[str, int] | None = None,
    mailboxes: Mapping[str, str] | None = None,
    until_stdin_closes: bool = False,
) -> bool:
    """Serve until SIGINT (Ctrl-C) or SIGTERM; returns whether it was SIGINT. Main thread only, once.

    mail: a folder whose messages are loaded first. maildir: where the mail is kept; None: a temporary folder,
    which is removed at the end. samples: a new Maildir gets the project's samples if `mail` is None. host:
    the address to listen on. Ports: 0: any free one, None: off. names: more names or addresses for the
    certificate. certificates: a folder that keeps the CA for the next time; None makes a new CA. faults: see
    `maildrop.Maildrop`. mailboxes: users and passwords of more mailboxes, which are empty. on_ready is called
    once all ports listen. Raises NoMailError, and LocalServerError if a port or an address cannot be used.
    """
    if unknown := set(faults or ()) - set(FAULTS):
        raise LocalServerError(
            f"There is no fault {', '.join(sorted(unknown))}: the faults are {', '.join(FAULTS)}."
        )
    if certificate not in certs.CERTIFICATES:
        raise LocalServerError(f"There is no certificate {certificate}: use {', '.join(certs.CERTIFICATES)}.")
    work = Path(tempfile.mkdtemp(prefix="buzon-server-"))
    try:
        try:
            box = Maildir((maildir or work / "Maildir").resolve())
            if mail is not None:
                box.load(mail)
            elif samples and box.is_new:
                box.load(SAMPLES)
            folder = (certificates or work / "certificates").resolve()
            ca = certs.server_ca(folder, certificate)
        except OSError as error:
            raise LocalServerError(f"{error.filename or work}: {error.strerror}.") from None
        others = [
            Maildrop(Maildir(work / "more" / str(number)), *one, {}, idle_s)
            for number, one in enumerate((mailboxes or {}).items())
        ]
        drop = Maildrop(box, user, password, faults or {}, idle_s, others)
        leaf = certs.issue(certificate, ca, tuple(names))
        loop = asyncio.SelectorEventLoop()
        asyncio.set_event_loop(loop)
        asyncioreactor.install(loop)
        try:
            address = socket.gethostbyname(host)
        except OSError:
            raise LocalServerError(f"{host} is not an address of this computer.") from None
        tls = certs.twisted_tls(leaf)
        ports = (
            _listen(address, pop3, Pop3Factory(drop, tls, in_tls=False), None),
            _listen(address, pop3s, Pop3Factory(drop, None, in_tls=True), tls),
            _listen_smtp(loop, box, address, smtp_port, leaf, smtp_max_bytes),
        )
        ready = Ready(
            host,
            *ports,
            user,
            str(folder / "ca.pem"),
            str(folder / "ca.der"),
            str(box.path),
            box.count(),
            certs.sha256(leaf),
        )
        return _run(lambda: on_ready(ready), until_stdin_closes)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _reactor() -> Any:
    # Imported late: `serve_forever` chooses the reactor.
    from twisted.internet import reactor

    return reactor


def _cannot_listen(port: int, host: str, reason: OSError | None) -> LocalServerError:
    why = (reason and reason.strerror) or "refused"
    return LocalServerError(f"Port {port} on {host} cannot be used ({why}): choose another one.")


def _listen(host: str, port: int | None, factory: Pop3Factory, tls: object | None) -> int | None:
    reactor = _reactor()
    if port is None:
        return None
    try:
        if tls is None:
            listening = reactor.listenTCP(port, factory, interface=host)
        else:
            listening = reactor.listenSSL(port, factory, tls, interface=host)
    except CannotListenError as error:
        raise _cannot_listen(port, host, error.socketError) from None
    return int(listening.getHost().port)


def _listen_smtp(
    loop: asyncio.AbstractEventLoop,
    maildir: Maildir,
    host: str,
    port: int | None,
    leaf: trustme.LeafCert,
    max_bytes: int,
) -> int | None:
    if port is None:
        return None
    tls = certs.asyncio_tls(leaf)
    try:
        server = loop.run_until_complete(smtp.listen(maildir, host, port, tls, max_bytes=max_bytes))
    except OSError as error:
        raise _cannot_listen(port, host, error) from None
    return int(server.sockets[0].getsockname()[1])


def _run(on_ready: Callable[[], None], until_stdin_closes: bool) -> bool:
    reactor = _reactor()
    interrupted = False

    def stop() -> None:
        if reactor.running:
            reactor.stop()

    def on_signal(number: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = interrupted or number == signal.SIGINT
        reactor.callFromThread(stop)

    def watch_stdin() -> None:
        # os.read: a thread that holds sys.stdin's lock would cause trouble when the interpreter ends.
        fd = sys.stdin.fileno()
        try:
            while os.read(fd, 4096):
                pass
        except OSError:
            pass
        reactor.callFromThread(stop)

    def started() -> None:
        signal.signal(signal.SIGINT, on_signal)
        signal.signal(signal.SIGTERM, on_signal)
        if until_stdin_closes:
            threading.Thread(target=watch_stdin, name="stdin", daemon=True).start()
        on_ready()

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    reactor.callWhenRunning(started)
    try:
        reactor.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return interrupted
