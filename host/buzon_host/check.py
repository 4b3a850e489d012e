"""Tests an account from the PC as the board would: connect, TLS, login, STAT.

Nothing is fetched or deleted, and QUIT ends the session. `reach` stops after the greeting.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import BuzonError
from .provision import ca as certificates
from .provision import tryout
from .provision.schema import Account

MOST_S = 360.0
"""Seconds for all of it: a board waits up to 5 minutes for an answer, as some servers need that long."""


@dataclass(frozen=True)
class Mailbox:
    """The maildrop as STAT counts it; -1 if the server gave no number."""

    messages: int
    bytes: int


def check(
    account: Account, *, ca: bytes | None = None, progress: Callable[[str], None] = lambda _: None
) -> Mailbox:
    """Logs in and counts. `ca`: DER; None finds the public root that vouches for the server.

    Raises ServerRefused with one sentence: no connection, certificate, login, or not a POP3 server at all; or
    what `ca.fetch_root` raises. The account must have its password.
    """
    if account.secret is None:
        raise BuzonError("The password is missing.")
    settings = {
        "user": account.user,
        "oauth" if account.oauth else "password": account.secret,
        "auth": account.auth,
        "tls": account.tls,
        "host": account.host,
        "port": account.effective_port,
    }
    return Mailbox(*_session(account, ca, progress, settings))


def reach(
    account: Account, *, ca: bytes | None = None, progress: Callable[[str], None] = lambda _: None
) -> None:
    """As `check`, but without a login: connection, certificate, greeting."""
    _session(account, ca, progress, None)


def _session(
    account: Account, ca: bytes | None, progress: Callable[[str], None], login: Mapping[str, Any] | None
) -> tuple[int, int]:
    host, port = account.host, account.effective_port
    begin = time.monotonic()
    if account.verifies and ca is None:
        progress(f"Looking for the CA of {host}")
        ca = certificates.fetch_root(host, port, account.tls)
    return tryout.session(
        host,
        port,
        account.tls,
        ca,
        verify=account.tls_verify,
        login=login,
        nonce=secrets.token_hex(12),
        seconds=MOST_S - (time.monotonic() - begin),
        progress=progress,
    )
