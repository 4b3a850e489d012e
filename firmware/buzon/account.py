"""One account on the board: its spool, its state, and a poll over a link. Knows nothing of displays or consoles."""

import gc
import os
import time
from array import array
from binascii import hexlify

from micropython import const

from . import log
from .errors import (
    E_BUG,
    E_LOGIN_DELAY,
    E_MEMORY,
    E_PASSWORD,
    E_REFUSED,
    E_SYS_PERM,
    DeviceError,
    LinkError,
    MailError,
    RemoteProtocolError,
    ServerError,
)
from .net import clock
from .plugins import INDEX, SESSION, hold, unload
from .store.journal import Journal
from .store.spool import Spool

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    from .net.link import Link
    from .store.quota import Quota
    from .sync import Session

_BACKOFF_S = const(5)  # after the first failure; doubles
_BACKOFF_MAX_S = const(900)
_PERM_S = const(86400)  # until the next try at a server that needs a person's attention
_NEWS = const(4)
_KEYS = const(16)
_SLICE_MS = const(60000)  # after this, another account that is due gets its turn
_LONG_MS = const(1800000)  # a session ends before the link's overall deadline


class Account:
    """`state`: `idle`, `sync` or `error`; `error`: the last MailError or None; `due`: uptime of the next poll."""

    def __init__(
        self,
        settings: "Dict[str, Any]",
        quota: "Quota | None" = None,
        full: str = "stop",
    ) -> None:
        self.settings = settings
        self.id: str = settings["id"]
        self.spool = Spool(self.id, "/mail", quota, full)
        self._idle: "Spool | None" = None  # what `spool` was before a session, and is again after it
        self.journal = Journal(self.spool.folder)
        self.state = "idle"
        self.error: "MailError | None" = None
        self.session: "Session | None" = None
        self.due = 0
        self.fails = 0
        self._vain = 0  # sessions in a row that brought nothing and left work undone
        self.listed = -1
        self.fetched = 0
        self.last_ok = array("I", (0,))  # an integer of that size would lie where the session has left room
        self.more = False  # the last session left work undone, or another one was asked for
        self.minor = False  # `error` concerns single messages only: it delays nothing
        self.lacks = 0  # octets of a message that the last session had no room for
        self._sifts = bool(settings.get("filter"))
        # What sessions keep for later ones. It gets its full size now: a dict that grows fragments the heap.
        self.memory: "Dict[Any, Any]" = {i: 0 for i in range(_KEYS)}
        for i in range(_KEYS):
            self.memory.pop(i)

    def open(self) -> None:
        """Make the folder fit for use after whatever happened before. Raises StoreError."""
        self.spool.prepare()
        self.journal.open(self.spool)
        self._reserve()
        if not (
            self._sifts or self.spool.closed
        ):  # filters in earlier settings may have left messages to be judged
            self._sifts = any(name.endswith(".top") for _, name in self.spool.files())

    def _reserve(self) -> None:
        """Keep the reserve that changes are written to when the flash is full."""
        from .store.reserve import keep

        self.journal.given = not keep()
        unload()

    async def connect(self, link: "Link") -> None:
        """Open the link as the settings say. Raises LinkError."""
        from .server import server

        where = server(self.settings)
        del server
        unload()
        gc.collect()
        link.slow = self.memory.get("slow", 0)
        await link.open(*where)

    def dialogue(
        self, link: "Link", arrived: "Callable[[bytes], object]", hurry: "Callable[[], bool] | None" = None
    ) -> "Session":
        """A session for `link`, not yet begun. Its modules stay in memory until `rest` is called."""
        hold(SESSION + INDEX)
        from .store.incoming import Buffers, Incoming

        was = self.spool
        incoming = Incoming(self.id, was.root, Buffers(), was.quota, was.full)
        incoming.follow(was)
        self._idle = self._idle or was
        self.spool = incoming
        from .core.pop3 import Pop3
        from .sync import Session

        pop = Pop3(link.rx, link.tx)
        nonce = hexlify(os.urandom(12))
        return Session(
            pop,
            self.settings,
            incoming,
            self.journal,
            arrived,
            clock.recorded,
            self.memory,
            nonce,
            clock.trusted,
            hurry,
        )

    async def poll(self, link: "Link", news: "List[bytes]", others: "Callable[[bool], bool]") -> None:
        """Run one session; call `settle` after it. Raises nothing but cancellation: `error` has what went wrong.

        `news` gets the keys of the last few messages that came. `others(long)` says whether others wait for it to end;
        `long`: it has lasted for a minute.
        """

        def arrived(key: bytes) -> None:
            news.append(key)
            if len(news) > _NEWS:
                news.pop(0)

        began = time.ticks_ms()

        def hurry() -> bool:
            took = time.ticks_diff(time.ticks_ms(), began)
            return took > _LONG_MS or others(took > _SLICE_MS)

        self.state = "sync"
        self.fetched = 0
        self.lacks = 0
        self.more = False
        error: "MailError | None" = None
        self.minor = False
        raised: "MailError | None" = None
        session: "Session | None" = None
        try:
            self._sift(arrived)  # messages that an interrupted session left to be judged
            await self.connect(link)
            self.session = self.dialogue(link, arrived, hurry)
            await link.run(self.session.run())
            error = self.session.error
            self.minor = True
            if (
                error and E_PASSWORD <= error.code <= E_SYS_PERM
            ):  # it concerns one message, whatever the server calls it
                error = ServerError(E_REFUSED, error.detail)
        except MailError as err:
            error = raised = err
            session = self.session
            if session and isinstance(err, (LinkError, RemoteProtocolError)):
                if session.cut_off():
                    error = session.error
                    self.minor = True
            elif session and session.leaving:  # some of what it marked stays; all else went well
                self.minor = True
        except MemoryError:
            gc.collect()
            error = DeviceError(E_MEMORY, self.id)
        except Exception as err:
            error = DeviceError(E_BUG, "%s %s" % (type(err).__name__, err))
        finally:
            link.close()
            if self.session:
                self.listed = self.session.listed
                if self.session.ended:  # what it deleted is gone from the server
                    self.listed -= self.session.deleted
                self.fetched = self.session.fetched
                self.more = self.more or self.session.more
                self.lacks = self.session.lacks
                self.session = None
            self.state = "idle"
            session = None
            self.rest()
        try:
            if raised:
                raised, _ = self.learn(raised)
                error = error if self.minor else raised
            self._sift(arrived)
            if not raised:
                self.spool.close()
        except MailError as err:
            error = error or err
            self.minor = False
        if self.journal.given and not error:
            self._reserve()
        # A copy: the error that was raised holds on to its traceback.
        self.error = error and type(error)(error.code, error.detail)

    def rest(self) -> None:
        """Let go of what a session needs in memory."""
        if self._idle:
            self._idle.follow(self.spool)
            self.spool = self._idle
            self._idle = None
        hold("")
        unload()
        gc.collect()

    def learn(self, error: "MailError") -> "tuple[MailError, bool]":
        """What `core.learn.failed` makes of the error that ended a session."""
        from .core.learn import failed

        found = failed(self.memory, error)
        unload()
        return found

    def _sift(self, arrived: "Callable[[bytes], object]") -> None:
        """Apply the account's filters, if it has any."""
        if self._sifts:
            from .policy.sift import sift

            if sift(self.settings, self.spool, self.journal, arrived):
                self.more = True
            unload()

    def settle(self, uptime: int) -> None:
        """Set when the next poll is due, counted from the end of this one: a server may stay silent for long."""
        error = self.error
        # The delay between logins that the server asks for (RFC 2449 section 6.5).
        delay: int = self.memory.get("delay", 0)
        if error:
            self.state = "error"
            log.say("%s: error %d: %s" % (self.id, error.code, error.detail))
        if error is None or self.minor:
            self.fails = 0
            self.last_ok[0] = clock.now()
            wait = int(self.settings.get("poll_s", 300))
            if not error or self.fetched:
                self._vain = 0
            if self.more:
                # Flash that fails, say, does not get better by more sessions.
                self._vain += 1
                wait = min(wait, backoff(self._vain)) if error else 0
            self.due = uptime + max(wait, delay)
            return
        self.fails += 1
        wait = backoff(self.fails)
        if error.code == E_SYS_PERM:  # this does not go away by itself (RFC 3206)
            wait = _PERM_S
        elif error.code == E_LOGIN_DELAY:
            wait = max(wait, delay)
        self.due = uptime + wait


def backoff(fails: int) -> int:
    """Seconds until the next try after `fails` failures in a row, plus up to a quarter of jitter."""
    from random import getrandbits

    wait = min(_BACKOFF_S << min(fails - 1, 8), _BACKOFF_MAX_S)
    return wait + wait * (getrandbits(8) & 63) // 256
