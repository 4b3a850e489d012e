"""One mailbox for a script: settings in, message files out. The app uses `account` instead.

No sockets: the script lends a driver from `net`.
"""

import gc
import os
from binascii import hexlify

from micropython import const

from .core.pop3 import Pop3
from .errors import MailError, RemoteProtocolError
from .net import clock
from .plugins import hold, unload
from .store.incoming import Buffers, Incoming
from .store.journal import Journal

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator

    from .core.pop3 import Dialogue
    from .net.blocking import BlockingLink
    from .net.link import Link

_KEPT = "buzon.core.dots buzon.core.pop3 buzon.store.incoming "  # loaded with this module: they never go
_SYNC = "buzon.store.index buzon.store.window buzon.sync "  # needed only after the login


def _ignore(key: bytes) -> None:
    pass


def _tidy(more: str = "") -> None:
    hold(_KEPT + more)
    unload()
    gc.collect()


class Mailbox:
    """Call `open` once, then `collect` (blocking) or `acollect` (asyncio) as often as you like.

    `settings`: those of an account (docs/library.md). `root`: the folder in which the mailbox gets its own.
    `buffers`: lent; without them it makes its own.
    After `collect`: `listed` (messages on the server; -1: not known), `todo` and `fetched` (messages to fetch
    and fetched), `deleted`, `held` (True: something waits for `delete_confirmed`), `more` (True: work is left
    for the next session), `error` (the first MailError that concerned only single messages, or None).
    """

    def __init__(
        self, settings: "Dict[str, Any]", root: str = "/mail", buffers: "Buffers | None" = None
    ) -> None:
        self.settings = settings
        self.id: str = settings.get("id", "main")
        self.spool = Incoming(self.id, root, buffers or Buffers())
        self.journal = Journal(self.spool.folder)
        self.memory: "Dict[Any, Any]" = {}  # what sessions keep for later ones
        self._late = False  # only the reply to QUIT was missing, and nothing depends on it

    def open(self) -> None:
        """Make the folder fit for use after whatever happened before. Raises StoreError."""
        self.spool.prepare()
        self.journal.open(self.spool)
        _tidy()

    def collect(self, link: "BlockingLink", arrived: "Callable[[bytes], object]" = _ignore) -> None:
        """Run one session from connect to close. Calls `arrived(key)` for each message that was stored.

        Raises MailError; an error that concerned only single messages is in `error`.
        """
        dialogue = self.session(link, arrived)
        try:
            from .server import server

            link.open(*server(self.settings))
            link.run(dialogue)
        except MailError as err:
            if not self._late:
                raise self._learn(err)
        finally:
            link.close()

    async def acollect(self, link: "Link", arrived: "Callable[[bytes], object]" = _ignore) -> None:
        """The same with asyncio: other tasks run meanwhile."""
        dialogue = self.session(link, arrived)
        try:
            from .server import server

            link.slow = self.memory.get("slow", 0)
            await link.open(*server(self.settings))
            await link.run(dialogue)
        except MailError as err:
            if not self._late:
                raise self._learn(err)
        finally:
            link.close()

    def _learn(self, err: MailError) -> MailError:
        from .core.learn import failed

        return failed(self.memory, err)[0]

    def session(self, link: "Link | BlockingLink", arrived: "Callable[[bytes], object]") -> "Dialogue[None]":
        """The dialogue that `link` is to run once it is open."""
        _tidy()
        self.listed = -1
        self.todo = self.fetched = self.deleted = 0
        self.held = self.more = self._late = False
        self.error: "MailError | None" = None
        return self._whole(Pop3(link.rx, link.tx), arrived)

    def _whole(self, pop: Pop3, arrived: "Callable[[bytes], object]") -> "Dialogue[None]":
        """The modules of login and session are loaded one after the other and unloaded again: in a small heap
        the second takes the place of the first."""
        session = None
        try:
            yield from self._login(pop)
            _tidy(_SYNC)
            from .sync import Session

            gc.collect()
            session = Session(
                pop,
                self.settings,
                self.spool,
                self.journal,
                arrived,
                clock.recorded,
                self.memory,
                sure=clock.trusted,
            )
            yield from session.work()
            self.spool.close()
        except (RemoteProtocolError, GeneratorExit):  # GeneratorExit: the link ended it
            if session:
                self._late = session.cut_off()
            raise
        finally:
            if session:
                self.listed = session.listed
                self.todo = session.todo
                self.fetched = session.fetched
                self.deleted = session.deleted
                self.held = session.held
                self.more = session.more
                self.error = session.error
            session = None
            _tidy()

    def _login(self, pop: Pop3) -> "Dialogue[None]":
        from .core.login import enter

        yield from enter(pop, self.settings, hexlify(os.urandom(12)), self.memory)

    def messages(self) -> "Iterator[tuple[str, int, bool]]":
        """(file name, time of arrival, seen) of each message stored here, latest first."""
        for key, time, seen in self.journal.newest():
            yield self.journal.name(self.spool, key), time, seen
