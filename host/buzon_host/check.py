"""Tests an account from the PC: connect, TLS, login, STAT, with the same POP3 code that the board runs.

Nothing is fetched or deleted, and QUIT ends the session. `reach` goes no further than the capabilities.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from . import paths
from .board.printable import escape
from .deadline import within
from .errors import BuzonError, ServerRefused
from .provision import ca as certificates
from .provision.schema import Account

WAIT_MS = 20000
"""Milliseconds without progress after which the server counts as gone."""
MOST_S = 45.0
"""Seconds for all of it: some servers make a wrong password wait for 15 s, and none needs longer than this."""

_E_TIMEOUT = 205  # of the firmware's error tree


@dataclass(frozen=True)
class Mailbox:
    """The maildrop as STAT counts it; -1 where the server gave no number."""

    messages: int
    bytes: int


def check(
    account: Account, *, ca: bytes | None = None, progress: Callable[[str], None] = lambda _: None
) -> Mailbox:
    """Logs in and counts. `ca`: DER; None finds the public root that vouches for the server.

    Raises ServerRefused with one sentence: no connection, certificate, login, or no POP3 server at all; or what
    `ca.fetch_root` raises. The account's password must be there.
    """
    if account.secret is None:
        raise BuzonError("The password is missing.")
    return within(MOST_S, lambda: _login(account, ca, progress), _late(account))


def reach(
    account: Account, *, ca: bytes | None = None, progress: Callable[[str], None] = lambda _: None
) -> None:
    """As `check`, but without a login: connection, certificate, greeting, capabilities."""

    def job() -> None:
        with _session(account, ca, progress) as (link, pop3):
            link.run(pop3.capa())
            link.run(pop3.quit())

    within(MOST_S, job, _late(account))


def _late(account: Account) -> ServerRefused:
    return ServerRefused(
        _E_TIMEOUT, f"The server {escape(account.host)} takes too long to answer: try again in a few minutes."
    )


def _login(account: Account, ca: bytes | None, progress: Callable[[str], None]) -> Mailbox:
    with _session(account, ca, progress) as (link, pop3):
        from buzon.core.login import login

        progress("Logging in")
        settings = {
            "user": account.user,
            "oauth" if account.oauth else "password": account.secret,
            "auth": account.auth,
            "tls": account.tls,
            "host": account.host,
            "port": account.effective_port,
        }
        link.run(login(pop3, settings, secrets.token_hex(12).encode(), {}))
        count: Any = link.run(pop3.stat())
        link.run(pop3.quit())
    return Mailbox(int(count[0]), int(count[1]))


@contextmanager
def _session(
    account: Account, ca: bytes | None, progress: Callable[[str], None]
) -> Iterator[tuple[Any, Any]]:
    """The link and the dialogues of a session that has been greeted and is secure, if it is to be."""
    paths.use_firmware()
    from buzon.core.pop3 import Pop3
    from buzon.core.wire import RxBuffer, TxBuffer
    from buzon.errors import E_CERT_PIN, E_CERT_SELF, E_CERT_UNKNOWN, LinkError, MailError
    from buzon.net.blocking import BlockingLink
    from buzon.net.tls import Tls

    if account.verifies and ca is None:
        progress(f"Looking for the CA of {account.host}")
        ca = certificates.fetch_root(account.host, account.effective_port, account.tls)
    tls = None if account.tls == "none" else Tls(ca, account.tls_verify)
    rx, tx = RxBuffer(bytearray(1024)), TxBuffer(bytearray(1024))
    link = BlockingLink(rx, tx, WAIT_MS)
    pop3 = Pop3(rx, tx)
    try:
        progress(f"Connecting to {account.host}:{account.effective_port}")
        link.open(account.host, account.effective_port, tls, account.tls == "implicit")
        link.run(pop3.greeting())
        if account.tls == "starttls":
            link.run(pop3.stls())
        yield link, pop3
    except MailError as error:
        if error.code in (E_CERT_UNKNOWN, E_CERT_SELF) and ca is not None and not _signs(ca):
            error = LinkError(E_CERT_PIN, account.host)  # OpenSSL does not tell one from the other
        raise ServerRefused(error.code, escape(str(error)), escape(error.detail)) from None
    finally:
        link.close()


def _signs(der: bytes) -> bool:
    """Whether a certificate may sign others; one that may not is a server's own, pinned."""
    try:
        found = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.BasicConstraints)
        return found.value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
