"""One mailbox for a script: settings in, messages in files out. The app has `account` instead.

No sockets: the script lends a driver of `net`.
"""

import gc
import os
from binascii import hexlify

from micropython import const

from .core.pop3 import Pop3
from .errors import RemoteProtocolError
from .net import clock
from .plugins import unload
from .server import server
from .store.journal import Journal
from .store.spool import Buffers, Spool

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator

    from .core.pop3 import Dialogue
    from .errors import MailError
    from .net.blocking import BlockingLink
    from .net.link import Link

# What goes too: one part of a session, and what was said of its errors.
_MORE = (
    "buzon.sentences.s1 buzon.sentences.s2 buzon.sentences.s3 buzon.sentences.s4 buzon.sentences.s5 buzon.sentences.s6 "
    "buzon.sync "
)


def _ignore(key: bytes) -> None:
    pass


def _tidy() -> None:
    unload(_MORE)
    gc.collect()


class Mailbox:
    """`open` once, then `collect` (blocking) or `acollect` (asyncio) as often as one likes.

    `settings`: those of an account (docs/library.md). `root`: the folder in which a folder is made for it.
    `buffers`: lent; without them it makes its own.
    After `collect`: `listed` (messages on the server, -1: not known), `todo` and `fetched` (messages to fetch and
    fetched), `deleted`, `held` (True: something waits for `delete_confirmed`), `more` (True: a next session has
    more to do), `error` (the first MailError that concerned single messages, or None).
    """

    def __init__(
        self, settings: "Dict[str, Any]", root: str = "/mail", buffers: "Buffers | None" = None
    ) -> None:
        self.settings = settings
        self.id: str = settings.get("id", "main")
        self.spool = Spool(self.id, root, buffers or Buffers())
        self.journal = Journal(self.spool.folder)
        self.memory: "Dict[Any, Any]" = {}  # what sessions keep for the next ones

    def open(self) -> None:
        """Make the folder fit for use after whatever happened before. Raises StoreError."""
        self.spool.prepare()
        self.journal.open(self.spool)
        _tidy()

    def collect(self, link: "BlockingLink", arrived: "Callable[[bytes], object]" = _ignore) -> None:
        """One session from connect to close. `arrived(key)`: called for each message that was stored.

        Raises MailError; what concerned single messages only is in `error`.
        """
        dialogue = self.session(link, arrived)
        try:
            link.open(*server(self.settings))
            link.run(dialogue)
        finally:
            link.close()

    async def acollect(self, link: "Link", arrived: "Callable[[bytes], object]" = _ignore) -> None:
        """The same with asyncio: other tasks run meanwhile."""
        dialogue = self.session(link, arrived)
        try:
            await link.open(*server(self.settings))
            await link.run(dialogue)
        finally:
            link.close()

    def session(self, link: "Link | BlockingLink", arrived: "Callable[[bytes], object]") -> "Dialogue[None]":
        """What `link` is to run once it is open."""
        _tidy()
        self.listed = -1
        self.todo = self.fetched = self.deleted = 0
        self.held = self.more = False
        self.error: "MailError | None" = None
        return self._whole(Pop3(link.rx, link.tx), arrived)

    def _whole(self, pop: Pop3, arrived: "Callable[[bytes], object]") -> "Dialogue[None]":
        """The modules of login and session are loaded one after the other and go again: in a small heap the second
        has the place of the first."""
        session = None
        try:
            yield from self._login(pop)
            _tidy()
            from .sync import Session

            gc.collect()
            session = Session(
                pop,
                self.settings,
                self.spool,
                self.journal,
                arrived,
                clock.now,
                self.memory,
                sure=clock.sure,
            )
            yield from session.work()
        except (RemoteProtocolError, GeneratorExit):  # the latter: the link ended it
            if session:
                session.cut_off()
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
        """(file name, time of arrival, seen) of each message stored here, the last to arrive first."""
        for key, time, seen in self.journal.newest():
            yield self.spool.name(key), time, seen
