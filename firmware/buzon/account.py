"""One account on the board: its spool, its state, and a poll over a link. Knows nothing of displays or consoles."""

import gc
import os
import time
from binascii import hexlify

from micropython import const

from . import log
from .core.pop3 import Pop3
from .errors import (
    E_BUG,
    E_LOGIN_DELAY,
    E_MEMORY,
    E_SYS_PERM,
    DeviceError,
    LinkError,
    MailError,
    RemoteProtocolError,
)
from .net import clock
from .plugins import unload
from .store.journal import Journal
from .store.spool import Spool
from .sync import Session

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    from .net.link import Link
    from .store.quota import Quota
    from .store.spool import Buffers

_BACKOFF_S = const(5)  # after the first failure; doubles
_BACKOFF_MAX_S = const(900)
_PERM_S = const(86400)  # until the next try at a server that will not work without a person
_NEWS = const(4)
_SLICE_MS = const(60000)  # then another account that is due has its turn
_LONG_MS = const(1800000)  # a session ends before the link's deadline for all of it


class Account:
    """`state`: `idle`, `sync` or `error`; `error`: the last MailError or None; `due`: uptime of the next poll."""

    def __init__(
        self,
        settings: "Dict[str, Any]",
        buffers: "Buffers | None" = None,
        quota: "Quota | None" = None,
        full: str = "stop",
    ) -> None:
        self.settings = settings
        self.id: str = settings["id"]
        self.spool = Spool(self.id, "/mail", buffers, quota, full)
        self.journal = Journal(self.spool.folder)
        self.state = "idle"
        self.error: "MailError | None" = None
        self.session: "Session | None" = None
        self.due = 0
        self.fails = 0
        self.listed = -1
        self.fetched = 0
        self.last_ok = 0
        self.more = False  # the last session ended before its work, or was asked for again
        self._sifts = bool(settings.get("filter"))
        self.memory: "Dict[Any, Any]" = {}  # what sessions keep for the next ones

    def open(self) -> None:
        """Make the folder fit for use after whatever happened before. Raises StoreError."""
        self.spool.prepare()
        self.journal.open(self.spool)
        # What the filters of earlier settings left to be judged.
        self._sifts = self._sifts or any(name.endswith(".top") for _, name in self.spool.files())

    async def connect(self, link: "Link") -> None:
        """Open the link as the settings say. Raises LinkError."""
        from .server import server

        where = server(self.settings)
        del server
        unload()
        gc.collect()
        await link.open(*where)

    def dialogue(
        self, link: "Link", arrived: "Callable[[bytes], object]", hurry: "Callable[[], bool] | None" = None
    ) -> Session:
        """A session for `link`, not yet begun."""
        pop = Pop3(link.rx, link.tx)
        nonce = hexlify(os.urandom(12))
        return Session(
            pop,
            self.settings,
            self.spool,
            self.journal,
            arrived,
            clock.now,
            self.memory,
            nonce,
            clock.sure,
            hurry,
        )

    async def poll(self, link: "Link", news: "List[bytes]", others: "Callable[[], bool]") -> None:
        """One session; call `settle` after it. Never raises but for cancellation: what went wrong is in `error`.

        `news` gets the keys of the last messages that came, a few at least. `others()`: whether another account
        is due.
        """

        def arrived(key: bytes) -> None:
            news.append(key)
            if len(news) > _NEWS:
                news.pop(0)

        began = time.ticks_ms()

        def hurry() -> bool:
            took = time.ticks_diff(time.ticks_ms(), began)
            return took > _LONG_MS or (took > _SLICE_MS and others())

        self.state = "sync"
        self.fetched = 0
        self.more = False
        error: "MailError | None" = None
        try:
            self._sift(arrived)  # what a cut left to be judged
            await self.connect(link)
            self.session = self.dialogue(link, arrived, hurry)
            await link.run(self.session.run())
            error = self.session.error
            if not error:  # what it deleted has left the server
                self.session.listed -= self.session.deleted
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
                self.more = self.more or self.session.more
                self.session = None
            self.state = "idle"
            unload()
            gc.collect()
        try:
            self._sift(arrived)
        except MailError as err:
            error = error or err
        # A new one: the one that was raised holds its traceback.
        self.error = error and type(error)(error.code, error.detail)

    def _sift(self, arrived: "Callable[[bytes], object]") -> None:
        """The account's filters, if it has any."""
        if self._sifts:
            from .policy.sift import sift

            if sift(self.settings, self.spool, self.journal, arrived):
                self.more = True
            unload()

    def settle(self, uptime: int) -> None:
        """Set when the next poll is due, from the end of this one on: a server may be silent for long."""
        error = self.error
        # Between logins: what the server says (RFC 2449 section 6.5).
        delay: int = self.memory.get("delay", 0)
        if error is None:
            self.fails = 0
            self.last_ok = clock.now()
            wait = 0 if self.more else int(self.settings.get("poll_s", 300))
            self.due = uptime + max(wait, delay)
            return
        self.state = "error"
        self.fails += 1
        wait = backoff(self.fails)
        if error.code == E_SYS_PERM:  # nothing changes by itself (RFC 3206)
            wait = _PERM_S
        elif error.code == E_LOGIN_DELAY:
            wait = max(wait, delay)
        self.due = uptime + wait
        log.say("%s: error %d: %s" % (self.id, error.code, error.detail))


def backoff(fails: int) -> int:
    """Seconds until the next try after so many failures in a row, with up to a quarter of jitter."""
    from random import getrandbits

    wait = min(_BACKOFF_S << min(fails - 1, 8), _BACKOFF_MAX_S)
    return wait + wait * (getrandbits(8) & 63) // 256
