"""One account's session with its server: what to fetch, keep and delete, exactly once. A dialogue: no sockets.

The rename in the spool is the record that a message is stored; only what is stored is deleted on the
server, and only QUIT's +OK means that it is gone. Whatever is cut off when, the next session's listing
says what is left to do.
"""

from micropython import const

from .core.login import login
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
    from typing import Any, Callable, Dict, List

    from .core.pop3 import Dialogue, Pop3
    from .errors import MailError
    from .store.journal import Journal, Walk
    from .store.spool import Spool

WINDOW = const(64)  # messages worked on at a time
FLIGHT = const(16)  # commands in flight at most
_FLIGHT_FIRST = const(4)
_DUPLICATES = const(16)  # uids seen twice in a listing that are remembered by name
_DROP = const(1 << 26)  # bytes of a message that does not fit that are read to reach its end

_DELE = const(256)  # more than any place in the window

# States of a message in the window.
_NEW = const(0)
_STORED = const(1)
_DELETED = const(2)  # by the person, on the board
_IS_STORED = bytes((_STORED,))
_BY_CONTENT = const(3)  # its uid is no name: none, or the same as another's, or its number is another's too


class Session:
    """One session for one account. `account`: its settings; `now()`: epoch or 0; all of it lent.

    `arrived(key)`: called for each message newly stored. `memory`: kept by the caller from session to session:
    what is known of the server (`caps`, `flight`: how many commands it bears in flight; keys of SCRAM).
    `nonce`: random printable bytes.
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
        memory: "Dict[Any, Any] | None" = None,
        nonce: bytes = b"",
    ) -> None:
        self.pop = pop
        self.account = account
        self.spool = spool
        self.journal = journal
        self.arrived = arrived
        self.now = now
        self.memory: "Dict[Any, Any]" = {} if memory is None else memory
        self.nonce = nonce
        self.flight = 1  # commands that may be in flight
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
        self._walk: "Walk | None" = None
        self._queue: "List[int]" = []  # what is in flight: places in the window, with _DELE for its DELE

    def login(self) -> "Dialogue[None]":
        """Greeting to TRANSACTION state. What the server can is asked once, and again when it refused somebody."""
        pop = self.pop
        account = self.account
        memory = self.memory
        yield from pop.greeting()
        if account.get("tls") == "starttls":
            yield from pop.stls()
        else:
            saved = memory.get("caps")
            if saved is not None:
                pop.caps = {line[:16].rstrip(): line[16:] for line in saved.split(b"\n") if line}
        known = pop.caps is not None
        memory.pop("caps", None)
        yield from login(pop, account, self.nonce, memory)
        caps = pop.caps
        if not known and caps is not None and not (b"UIDL" in caps and b"PIPELINING" in caps):
            yield from pop.capa()  # some say all of it only now
        caps = pop.caps = pop.caps or {}
        memory["caps"] = b"\n".join(
            b"%-16s%s" % (name, caps[name]) for name in caps
        )  # a dict takes much more
        if b"PIPELINING" in pop.caps:
            self.flight = memory.get("flight", _FLIGHT_FIRST)

    def count(self) -> "Dialogue[None]":
        """STAT: `listed` and `octets`."""
        self.listed, self.octets = yield from self.pop.stat()

    def run(self) -> "Dialogue[None]":
        """The whole session. MailErrors of the session come out; those of one message are kept in `error`."""
        yield from self.login()
        try:
            yield from self._maildrop()
        finally:
            self.spool.abort()
            self.journal.flush()
        if not (yield from self.pop.quit()):
            raise ServerError(E_REFUSED, "QUIT")
        if 1 < self.flight < FLIGHT and self.fetched >= self.flight:
            self.memory["flight"] = self.flight * 2

    def cut_off(self) -> None:
        """The connection ended in the middle, or nothing came any more: some servers cannot bear commands in
        flight, so that this one gets one at a time from now on."""
        if len(self._queue) > 1:
            self.memory["flight"] = 1

    # -- the maildrop, a window at a time

    def _maildrop(self) -> "Dialogue[None]":
        window = Window(WINDOW)
        if self.account.get("keep") == "delete" and self.account.get("delete_confirmed"):
            yield from self._empty(window)
        else:
            yield from self._collect(window)

    def _collect(self, window: Window) -> "Dialogue[None]":
        """Fetch what never arrived here, and delete nothing: the listing is compared with the journal as it comes, so
        that a maildrop without new mail costs one listing and one look at the journal."""
        skip = 0  # messages that the walk does not know and that were worked on
        while True:
            self._walk = self.journal.walk()
            try:
                by_uid, count = yield from self._list(window, skip, True)
            finally:
                self._walk.close()
                self._walk = None
            if self.listed < 0:
                self.listed = count
            if not window.n or not by_uid:
                return
            self.spool.mark(window, _STORED)
            self.journal.mark_deleted(window, _DELETED)
            if window.state.find(_IS_STORED, 0, window.n) >= 0:
                yield from self._alone(window)
            fetched = self.fetched
            yield from self._work(window)
            # What was fetched is known from now on, and what follows moves up.
            skip = 0 if self.fetched > fetched else skip + window.n

    def _alone(self, window: Window) -> "Dialogue[None]":
        """Whose uid stands for several messages is known by its content: the walk may have passed the other one."""

        def each(n: int, uid: bytes) -> None:
            i = window.find(key_of(uid))
            if i >= 0:
                window.octets[i] += 1

        yield from self.pop.uidl(each)
        for i in range(window.n):
            if window.octets[i] > 1 and window.state[i] in (_NEW, _STORED):
                window.state[i] = _BY_CONTENT
            window.octets[i] = 0

    def _empty(self, window: Window) -> "Dialogue[None]":
        """Fetch what is not here, and delete all that is."""
        by_uid = True
        still = False  # this server goes on listing what is deleted, which RFC 1939 section 5 does not allow
        total = -1
        done = gone = 0  # worked on; and of these, no longer listed
        while total < 0 or done < total:
            by_uid, count = yield from self._list(window, done - gone, by_uid)
            if total < 0:
                self.listed = total = count
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
        """Fill the window with what is listed from `first` on: (whether by uid, how many are listed). With a walk,
        `first` counts those only that it does not know."""
        window.clear()
        walk = self._walk
        count = 0
        known = 0
        highest = 0
        twice = self._twice

        def each(n: int, uid: bytes) -> None:
            nonlocal count, known, highest
            key = key_of(uid)
            same = window.find(key)
            if walk and same < 0 and walk.known(key):
                count += 1
                known += 1
                return
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
            if first <= count - known < first + WINDOW:
                window.add(key, n)
                if same >= 0 or twice.n == twice.size or twice.find(key) >= 0:
                    window.state[window.n - 1] = _BY_CONTENT
            count += 1

        if by_uid and not (yield from self.pop.uidl(each)):
            yield from self.count()
            if not self.listed:
                return False, 0
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
        """Fetch, then delete, each message of the window, with up to `flight` commands in flight.

        Replies come in the order of the commands (RFC 2449 section 6.6). Nothing is deleted before it is stored.
        """
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
        pop = self.pop
        queue = self._queue
        at = 0  # the next message of the window
        octets = 0  # of the messages in flight
        while True:
            while at < window.n and len(queue) < self.flight:
                if window.state[at] not in (_NEW, _BY_CONTENT):
                    if delete:
                        yield from pop.post("DELE ", window.number[at])
                        queue.append(at | _DELE)
                elif self._fits(window.octets[at], octets):
                    yield from pop.post("RETR ", window.number[at])
                    queue.append(at)
                    octets += window.octets[at]
                elif octets:
                    break  # perhaps when those in flight are stored
                at += 1
            if not queue:
                return
            i = queue.pop(0)
            if i & _DELE:
                yield from self._deleted()
                continue
            octets -= window.octets[i]
            if (yield from self._fetch(window, i)) and delete:
                yield from pop.post("DELE ", window.number[i])
                queue.append(i | _DELE)

    def _fits(self, octets: int, more: int) -> bool:
        """Whether a message of so many octets can be fetched beside `more` that are coming in. If it cannot and
        nothing is coming in, that is the message's error."""
        if octets >= self._limit:
            return False
        try:
            self.spool.fits(octets + more)
        except StoreError as err:
            if not more:
                self._limit = octets  # smaller ones may fit
                self.error = self.error or err
            return False
        return True

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
        """The reply to RETR into the spool. True: it is stored."""
        spool = self.spool
        by_content = window.state[i] == _BY_CONTENT
        self._refused = None
        self._dropped = 0
        try:
            yield from self.pop.reply()
            try:
                spool.begin(window.octets[i], by_content)
            except StoreError as err:
                self._refused = err  # it comes in all the same
            yield from self.pop.content(self)
            if self._refused:
                raise self._refused
            key = window.key(i)
            key = spool.commit(None, twin=key) if by_content else spool.commit(key)
        except StoreError as err:
            spool.abort()
            if self.pop.caps and self.pop.caps.get(b"EXPIRE", b"").startswith(b"0"):
                raise  # this server deletes at QUIT what was retrieved: leave without one
            if err.code == E_FLASH_FULL:
                self._limit = 0  # the size told was wrong: none is tried any more
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

    def _deleted(self) -> "Dialogue[None]":
        """The reply to DELE."""
        try:
            yield from self.pop.reply()
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
