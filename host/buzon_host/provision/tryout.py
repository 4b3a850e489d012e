"""One session with a POP3 server as the board would have it: with the board's own TLS if this PC has a
MicroPython, else with OpenSSL, set up to behave like the board."""

import importlib
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from .. import paths
from ..board.printable import escape
from ..deadline import within
from ..errors import ServerRefused
from . import mbedtls, why

WAIT_MS = 20000
"""Milliseconds without progress after which the server counts as slow: the next try waits as long as a board does."""
_E_TIMEOUT = 205  # of the firmware's error tree


def session(
    host: str,
    port: int,
    tls: str,
    ca: bytes | None,
    *,
    verify: bool = True,
    login: Mapping[str, Any] | None = None,
    nonce: str = "",
    seconds: float,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[int, int]:
    """Messages and bytes as STAT counts them, -1 if the server gave no number; without `login` nothing is
    asked after the greeting (and STLS). `login`: settings of the account, with its secret.

    Raises ServerRefused with one sentence within `seconds`, or BuzonError.
    """
    late = ServerRefused(
        _E_TIMEOUT, f"The server {escape(host)} takes too long to answer: try again in a few minutes."
    )
    progress(f"Connecting to {host}:{port}")
    try:
        job: dict[str, object] = {
            "host": host,
            "port": port,
            "tls": tls,
            "ca": (ca or b"").hex(),
            "verify": verify,
            "wait_ms": WAIT_MS,
        }
        if login is not None:
            job |= {"login": dict(login), "nonce": nonce}
        if mbedtls.there():
            found = mbedtls.session(job, seconds)
        else:
            found = within(seconds, lambda: _by_openssl(job, ca), late)
    except TimeoutError:
        raise late from None
    except ServerRefused as error:
        raise why.refine(error, host, port, tls, ca) from None
    return (found[0], found[1]) if found else (-1, -1)


def _by_openssl(job: Mapping[str, Any], ca: bytes | None) -> list[int]:
    """The same code in this Python. OpenSSL is told, as far as possible, to refuse what the board would."""
    paths.use_firmware()
    from buzon.errors import MailError
    from buzon.net.tls import Tls

    class AsBoard(Tls):  # type: ignore[misc]
        def context(self) -> ssl.SSLContext:
            context: ssl.SSLContext = super().context()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers("ECDHE+AES:DHE+AES:RSA+AES:!aNULL:!eNULL")
            return context

    run = importlib.import_module("buzon_host.bench.scripts.session").run
    try:
        count = run(job, None if job["tls"] == "none" else AsBoard(ca, job["verify"]))
    except MailError as error:
        raise ServerRefused(error.code, escape(str(error)), escape(error.detail)) from None
    return [int(number) for number in count]
