"""One account's session with its server: what to fetch, keep and delete, exactly once. A dialogue: no sockets.

The rename in the spool is the record that a message is stored; only what is stored is deleted on the
server, and only QUIT's +OK means that it is gone. Whatever is cut off when, the next session's listing
says what is left to do.
"""

from micropython import const

from .errors import (
    E_FLASH_FULL,
    E_NO_UIDL,
    E_NOT_CONFIRMED,
    E_REFUSED,
    ConfigError,
    ServerError,
    StoreError,
)
from .store.journal import DELETED
from .store.spool import Window, key_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict

    from .core.pop3 import Dialogue, Pop3
    from .errors import MailError
    from .store.journal import Journal
    from .store.spool import Spool

WINDOW = const(64)  # messages worked on at a time
_DUPLICATES = const(16)  # uids seen twice in a listing that are remembered by name
_DROP = const(1 << 26)  # bytes of a message that does not fit that are read to reach its end

# States of a message in the window.
_NEW = const(0)
_STORED = const(1)
_DELETED = const(2)  # by the person, on the board
_BY_CONTENT = const(3)  # its uid is no name: none, or the same as another's, or its number is another's too


class Session:
    """One session for one account. `account`: its settings; `now()`: epoch or 0; all of it lent.

    `arrived(key)`: called for each message newly stored.
    After (or during) `run`: `listed` (messages on the server, -1: not known), `todo` and `fetched` (messages
    to fetch and fetched), `deleted`, `held` (True: something waits for `delete_confirmed`), `error` (the first
    MailError that concerned single messages, or None).
    """

    def __init__(
        self,
        pop: "Pop3",
        account: "Dict[str, Any]",
        spool: "Spool",
        journal: "Journal",
        arrived: "Callable[[bytes], object]",
        now: "Callable[[], int]",
    ) -> None:
        self.pop = pop
        self.account = account
        self.spool = spool
        self.journal = journal
        self.arrived = arrived
        self.now = now
        self.listed = -1
        self.octets = -1
        self.todo = 0
        self.fetched = 0
        self.deleted = 0
        self.held = False
        self.error: "MailError | None" = None
        self._refused: "StoreError | None" = None  # of the message that is coming in
        self._dropped = 0  # bytes of it that did not fit
        self._limit = 1 << 31  # octets from which on no message fits
        self._twice = Window(_DUPLICATES)

    def login(self) -> "Dialogue[None]":
        """Greeting to TRANSACTION state, with the listing's size in `listed`."""
        pop = self.pop
        account = self.account
        yield from pop.greeting()
        if account.get("tls") == "starttls":
            yield from pop.stls()
        yield from pop.login(account["user"], account["password"])
        yield from pop.capa()
        self.listed, self.octets = yield from pop.stat()

    def run(self) -> "Dialogue[None]":
        """The whole session. MailErrors of the session come out; those of one message are kept in `error`."""
        yield from self.login()
        if self.listed:
            try:
                yield from self._maildrop()
            finally:
                self.spool.abort()
                self.journal.flush()
        if not (yield from self.pop.quit()):
            raise ServerError(E_REFUSED, "QUIT")

    # -- the maildrop, a window at a time

    def _maildrop(self) -> "Dialogue[None]":
        window = Window(WINDOW)
        by_uid = True
        still = False  # this server goes on listing what is deleted, which RFC 1939 section 5 does not allow
        total = -1
        done = gone = 0  # worked on; and of these, no longer listed
        while total < 0 or done < total:
            by_uid, count = yield from self._list(window, done - gone, by_uid)
            if total < 0:
                total = count
            elif gone and count >= total:
                still = True
                gone = 0
                continue
            if not window.n:
                return
            if by_uid:
                self.spool.mark(window, _STORED)
                self.journal.mark_deleted(window, _DELETED)
            deleted = self.deleted
            yield from self._work(window)
            if not still:
                gone += self.deleted - deleted
            done += window.n

    def _list(self, window: Window, first: int, by_uid: bool) -> "Dialogue[tuple[bool, int]]":
        """Fill the window with what is listed from `first` on: (whether by uid, how many are listed)."""
        window.clear()
        count = 0
        highest = 0
        twice = self._twice

        def each(n: int, uid: bytes) -> None:
            nonlocal count, highest
            key = key_of(uid)
            same = window.find(key)
            if same >= 0:
                window.state[same] = _BY_CONTENT
            if n > highest:
                highest = n
            else:  # out of order; or a number for the second time, and nobody knows whose it is
                for i in range(window.n):
                    if window.number[i] == n:
                        window.state[i] = _BY_CONTENT
                        same = i
            if same >= 0 and twice.n < twice.size:
                twice.add(key)
            if first <= count < first + WINDOW:
                window.add(key, n)
                if same >= 0 or twice.n == twice.size or twice.find(key) >= 0:
                    window.state[window.n - 1] = _BY_CONTENT
            count += 1

        if by_uid and not (yield from self.pop.uidl(each)):
            if self.pop.caps and b"UIDL" in self.pop.caps:
                raise ServerError(E_REFUSED, "UIDL")  # it should work: a moment later it will
            if self.account.get("keep") != "delete":
                raise ServerError(E_NO_UIDL, "UIDL")
            if not self.account.get("delete_confirmed"):  # else all would be fetched again at every poll
                self.held = True
                raise ConfigError(E_NOT_CONFIRMED, self.account.get("host", ""))
            by_uid = False

        if not by_uid:

            def line(n: int, octets: int) -> None:
                nonlocal count
                if first <= count < first + WINDOW:
                    window.add(bytes(8), n)
                    window.octets[window.n - 1] = octets
                    window.state[window.n - 1] = _BY_CONTENT
                count += 1

            yield from self.pop.list(line)
        return by_uid, count

    def _work(self, window: Window) -> "Dialogue[None]":
        """Fetch, then delete, each message of the window."""
        delete = self.account.get("keep") == "delete"
        if delete and not self.account.get("delete_confirmed"):
            self.held = True
            delete = False
        new = 0
        for i in range(window.n):
            new += window.state[i] in (_NEW, _BY_CONTENT)
        self.todo += new
        if new:
            yield from self._sizes(window)
        for i in range(window.n):
            if window.state[i] in (_NEW, _BY_CONTENT) and not (yield from self._fetch(window, i)):
                continue
            if delete:
                yield from self._delete(window.number[i])

    def _sizes(self, window: Window) -> "Dialogue[None]":
        """LIST: how large the server says they are, so that what cannot fit is not begun."""
        at = 0

        def each(n: int, octets: int) -> None:
            nonlocal at
            for _ in range(window.n):  # listings come in order: usually the next one
                if window.number[at] == n:
                    window.octets[at] = octets
                    return
                at = (at + 1) % window.n
            at = 0

        yield from self.pop.list(each)

    def _fetch(self, window: Window, i: int) -> "Dialogue[bool]":
        """RETR into the spool. True: it is stored."""
        octets = window.octets[i]
        if octets >= self._limit:
            return False
        spool = self.spool
        by_content = window.state[i] == _BY_CONTENT
        retrieved = False
        try:
            spool.begin(octets, by_content)
            self._refused = None
            self._dropped = 0
            retrieved = True
            yield from self.pop.retr(window.number[i], self)
            if self._refused:
                raise self._refused
            key = window.key(i)
            key = spool.commit(None, twin=key) if by_content else spool.commit(key)
        except StoreError as err:
            spool.abort()
            if retrieved and self.pop.caps and self.pop.caps.get(b"EXPIRE", b"").startswith(b"0"):
                raise  # this server deletes at QUIT what was retrieved: leave without one
            if (
                err.code == E_FLASH_FULL
            ):  # smaller ones may fit; but where the size told was wrong, none is tried
                self._limit = 0 if retrieved else octets
            self.error = self.error or err
            return False
        except ServerError as err:  # -ERR for one message must not stop the others
            spool.abort()
            self.error = self.error or err
            return False
        if by_content:
            known = self.journal.state(key)
            if known == DELETED:
                spool.remove(spool.name(key))
            if known:
                return True
        self.journal.arrived(key, self.now())
        self.fetched += 1
        self.arrived(key)
        return True

    def _delete(self, n: int) -> "Dialogue[None]":
        try:
            yield from self.pop.dele(n)
            self.deleted += 1
        except ServerError as err:
            self.error = self.error or err

    def write(self, buf: bytearray, off: int, n: int) -> None:
        """Sink of RETR: to the spool; after a store error the rest is taken and dropped, up to a limit."""
        if self._refused:
            self._dropped += n
            if self._dropped > _DROP:
                raise self._refused
        else:
            try:
                self.spool.write(buf, off, n)
            except StoreError as err:
                self._refused = err
