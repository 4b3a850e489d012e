"""One account on the board: its spool, its state, and a poll over a link. Knows nothing of displays or consoles."""

import gc
import os
from binascii import hexlify

from micropython import const

from . import log
from .core.pop3 import Pop3
from .errors import (
    E_BUG,
    E_CLOCK,
    E_MEMORY,
    E_NO_CA,
    E_SYS_PERM,
    DeviceError,
    LinkError,
    MailError,
    RemoteProtocolError,
)
from .net import clock
from .net.tls import Tls
from .store.journal import Journal
from .store.spool import Spool
from .sync import Session

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    from .net.link import Link
    from .store.spool import Buffers

_BACKOFF_S = const(5)  # after the first failure; doubles
_BACKOFF_MAX_S = const(900)
_PERM_S = const(86400)  # until the next try at a server that will not work without a person
_NEWS = const(4)


class Account:
    """`state`: `idle`, `sync` or `error`; `error`: the last MailError or None; `due`: uptime of the next poll."""

    def __init__(self, settings: "Dict[str, Any]", buffers: "Buffers | None" = None) -> None:
        self.settings = settings
        self.id: str = settings["id"]
        self.spool = Spool(self.id, buffers=buffers)
        self.journal = Journal(self.spool.folder)
        self.state = "idle"
        self.error: "MailError | None" = None
        self.session: "Session | None" = None
        self.due = 0
        self.fails = 0
        self.listed = -1
        self.fetched = 0
        self.last_ok = 0
        self.memory: "Dict[Any, Any]" = {}  # what sessions keep for the next ones

    def open(self) -> None:
        """Make the folder fit for use after whatever happened before. Raises StoreError."""
        self.spool.prepare()
        self.journal.open(self.spool)

    async def connect(self, link: "Link") -> None:
        """Open the link as the settings say. Raises LinkError."""
        tls = tls_of(self.settings)
        gc.collect()
        await link.open(
            self.settings["host"],
            self.settings.get("port", 995),
            tls,
            self.settings.get("tls", "implicit") == "implicit",
        )

    def dialogue(self, link: "Link", arrived: "Callable[[bytes], object]") -> Session:
        """A session for `link`, not yet begun."""
        pop = Pop3(link.rx, link.tx)
        nonce = hexlify(os.urandom(12))
        return Session(pop, self.settings, self.spool, self.journal, arrived, clock.now, self.memory, nonce)

    async def poll(self, link: "Link", news: "List[bytes]") -> None:
        """One session; call `settle` after it. Never raises but for cancellation: what went wrong is in `error`.

        `news` gets the keys of the last messages that came, a few at least.
        """

        def arrived(key: bytes) -> None:
            news.append(key)
            if len(news) > _NEWS:
                news.pop(0)

        self.state = "sync"
        self.fetched = 0
        error: "MailError | None" = None
        try:
            await self.connect(link)
            self.session = self.dialogue(link, arrived)
            await link.run(self.session.run())
            error = self.session.error
        except MailError as err:
            error = err
            if self.session and isinstance(err, (LinkError, RemoteProtocolError)):
                self.session.cut_off()
        except MemoryError:
            gc.collect()
            error = DeviceError(E_MEMORY, self.id)
        except Exception as err:
            error = DeviceError(E_BUG, "%s %s" % (type(err).__name__, err))
        finally:
            link.close()
            if self.session:
                self.listed = self.session.listed
                self.fetched = self.session.fetched
                self.session = None
            self.state = "idle"
            gc.collect()
        # A new one: the one that was raised holds its traceback.
        self.error = error and type(error)(error.code, error.detail)

    def settle(self, uptime: int) -> None:
        """Set when the next poll is due, from the end of this one on: a server may be silent for long."""
        error = self.error
        if error is None:
            self.fails = 0
            self.last_ok = clock.now()
            self.due = uptime + int(self.settings.get("poll_s", 300))
            return
        self.state = "error"
        self.fails += 1
        wait = backoff(self.fails)
        if error.code == E_SYS_PERM:  # nothing changes by itself (RFC 3206)
            wait = _PERM_S
        self.due = uptime + wait
        log.say("%s: error %d: %s" % (self.id, error.code, error.detail))


def backoff(fails: int) -> int:
    """Seconds until the next try after so many failures in a row, with up to a quarter of jitter."""
    from random import getrandbits

    wait = min(_BACKOFF_S << min(fails - 1, 8), _BACKOFF_MAX_S)
    return wait + wait * (getrandbits(8) & 63) // 256


def tls_of(settings: "Dict[str, Any]") -> "Tls | None":
    """How the account's connection is secured; None: not at all, as its settings say. Raises LinkError."""
    if settings.get("tls", "implicit") == "none":
        return None
    if not settings.get("tls_verify", True):
        return Tls(None, False)
    if not clock.valid():
        raise LinkError(E_CLOCK)
    path = settings.get("ca", "")
    try:
        with open(path, "rb") as f:
            return Tls(f.read())
    except OSError:
        raise LinkError(E_NO_CA, path)
