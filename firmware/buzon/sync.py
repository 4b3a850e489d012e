"""One account's session with its server: what to fetch, keep and delete, exactly once. A dialogue: no sockets.

The rename in the spool is the record that a message is stored; only what is stored is deleted on the
server, and only QUIT's +OK means that it is gone. Whatever is cut off when, the next session's listing
says what is left to do.
"""

import gc

from micropython import const

from .errors import (
    E_CLOSED,
    E_FLASH_FULL,
    E_NO_UIDL,
    E_NOT_CONFIRMED,
    E_REFUSED,
    E_SIZE,
    ConfigError,
    LinkError,
    RemoteProtocolError,
    ServerError,
    StoreError,
)
from .plugins import unload
from .store.journal import ARRIVED, DELETED, LEFT, MISSES, PART, SEEN, STATE
from .store.spool import BY_CONTENT, NEW, NOTHING, STORED, TOP, WHOLE, Window, key_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    from .core.pop3 import Dialogue, Pop3
    from .errors import MailError
    from .store.journal import Journal
    from .store.spool import Spool

WINDOW = const(64)  # messages worked on at a time, and commands in flight at most
_WIDE = const(256)  # the same while so many bytes of heap are free
_PLENTY = const(40960)
_DUPLICATES = const(16)  # uids seen twice in a listing that are remembered by name

_SUB = const(256)  # deleted in one session: it ends then, so that they are gone, and a next one goes on
_GONE = const(256)  # records of messages that are not here, from which on they are looked through
_GOING = const(7)  # a state in the window: to be deleted when all others have come
_DAY_S = const(86400)
_TOP_ROOM = const(65536)  # bytes kept for headers when a full flash takes nothing else

_free: "Callable[[], int]" = getattr(gc, "mem_free", int)  # CPython has none

# Why a message has to wait.
_ENDLESS = const(1)
_LARGE = const(2)
_STUCK = const(16)  # messages that have to wait at most

_HEAD = const(4096)  # bytes that headers alone are thought to take
_BLOCKS = const(12288)  # what a message takes of the flash beside its bytes, at most
# What `memory["flight"]` says: commands go out one at a time from now on; or until the sizes that the server tells are
# known to be wrong; they are, and say nothing.
_ONE = const(1)
_UNSURE = const(2)
_ADVICE = const(3)
_FLIGHT = const(1048576)  # octets in flight at most, where others wait for them to come


class Session:
    """One session for one account. `account`: its settings; `now()`: epoch or 0; all of it lent.

    `arrived(key)`: called for each message newly stored. `memory`: kept by the caller from session to session:
    what is known of the server (`caps`, `flight`: see `_ONE`; keys of SCRAM).
    `nonce`: random printable bytes.
    `sure()`: whether `now` may be trusted with deleting by age. `hurry()`: True when others wait for
    their turn; None: there are none.
    After (or during) `run`: `listed` (messages on the server, -1: not known), `todo` and `fetched` (messages
    to fetch and fetched), `deleted`, `held` (True: something waits for `delete_confirmed`), `more` (True: a next
    session should go on at once), `error` (the first MailError that concerned single messages, or None).
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
        sure: "Callable[[], bool]" = lambda: True,
        hurry: "Callable[[], bool] | None" = None,
    ) -> None:
        self.pop = pop
        self.account = account
        self.spool = spool
        self.journal = journal
        self.arrived = arrived
        self.now = now
        host = account.get("host")
        if host:  # another mailbox under the same account id may have the same unique ids
            pop.realm = ("%s@%s " % (account.get("user"), host.lower())).encode()
        self.memory: "Dict[Any, Any]" = {} if memory is None else memory
        self.nonce = nonce
        self.pipelined = False
        self.listed = -1
        self.octets = -1
        self.todo = 0
        self.fetched = 0
        self.deleted = 0
        self.held = False
        self.more = False
        self.error: "MailError | None" = None
        self._limit = 1 << 31  # octets from which on no message fits
        self._coming = b""  # the key of the message that is coming in
        # Keys of messages in which two sessions in a row ended, or that did not fit: the others have their turn.
        self._stuck: "List[bytes]" = self.memory.setdefault("stuck", [])
        self._skip = self.memory.pop("skip", 0)  # why this session does without them, or 0
        self._twice = Window(_DUPLICATES)
        self._queue: "List[int]" = []  # places in the window of those that are coming in
        self._octets = 0  # of these
        self._tried = False  # to delete something
        self._marks = 0  # replies to DELE that are due
        self._sizes_due = False  # and the one to LIST
        self._flight = _FLIGHT if hurry else 0x3FFFFFFF
        self._hurry: "Callable[[], bool]" = hurry or (lambda: False)
        self._sure = sure
        self.newest = account.get("order") == "newest"
        self._judged = bool(account.get("filter"))  # by their headers, after the session
        self._parts = self._judged or account.get("fetch") == "headers"
        self._most: int = account.get("max_bytes", 0)
        keep = account.get("keep", "delete")
        delete = keep == "delete"
        self.before = 0  # what was stored before this time is deleted
        if not delete and keep != "forever" and sure():
            self.before = max(0, now() - keep * _DAY_S)
        if (delete or self.before) and not account.get("delete_confirmed"):
            self.held = True
            delete = False
            self.before = 0
        self.delete = delete  # whatever is stored
        # Nothing that is stored ever stays on the server.
        self._plain = delete and not (
            self._parts or self._most or spool.full == "headers" or account.get("start") == "now"
        )

    def login(self) -> "Dialogue[None]":
        """Greeting to TRANSACTION state."""
        from .core.login import enter

        yield from enter(self.pop, self.account, self.nonce, self.memory)
        del enter
        unload()

    def count(self) -> "Dialogue[None]":
        """STAT: `listed` and `octets`."""
        self.listed, self.octets = yield from self.pop.stat()

    def run(self) -> "Dialogue[None]":
        """The whole session. MailErrors of the session come out; those of one message are kept in `error`."""
        yield from self.login()
        yield from self.work()

    def work(self) -> "Dialogue[None]":
        """The session from login to QUIT."""
        self.pipelined = bool(
            self.pop.caps and b"PIPELINING" in self.pop.caps and self.memory.get("flight", _ADVICE) == _ADVICE
        )
        try:
            yield from self._maildrop()
        finally:
            self.spool.abort()
            self.journal.flush()
        if not (yield from self.pop.quit(self._replies() if self._marks else None)):
            raise ServerError(E_REFUSED, "QUIT")
        if self.more and self._tried:
            self.memory["listed"] = self.listed

    def cut_off(self) -> None:
        """The connection ended in the middle, or nothing came any more: some servers cannot bear commands in
        flight, so that this one gets one at a time from now on."""
        if self._queue or self._marks or self._sizes_due:  # besides the one whose reply is being read
            self.memory["flight"] = _ONE
        if self._coming:
            self._wait(self._coming, _ENDLESS)

    def _wait(self, key: bytes, why: int) -> None:
        """The next session does without this message, and without those that this one did without."""
        stuck = self._stuck
        if key not in stuck:
            if not (self._skip or self.memory.get("skip")):
                stuck.clear()
                if why == _ENDLESS:  # the first time: it was the connection, perhaps
                    why = 0
            if len(stuck) < _STUCK:
                stuck.append(key)
        self.memory["skip"] = why

    # -- the maildrop, a window at a time

    def _maildrop(self) -> "Dialogue[None]":
        self.spool.forget()
        if self.journal.gone >= _GONE and self._sure():
            from .policy.purge import purge

            self.journal.flush()
            yield from purge(self.pop, self.journal, self.now(), self.delete)
            del purge
            unload()
        yield from self._in_vain()
        window = Window(_WIDE if _free() >= _PLENTY else WINDOW)
        if not self._plain or self.journal.apart:
            from .policy.collect import Collect

            if (yield from Collect(self, window).run()):
                return
        yield from self._empty(window)

    def _in_vain(self) -> "Dialogue[None]":
        """Delete nothing where the last session ended because of what it had deleted, and all of it is there still:
        else no session would ever come to what is behind it."""
        listed = self.memory.pop("listed", 0)
        if listed:
            count, _ = yield from self.pop.stat()
            if count >= listed:
                self.delete = False
                self.before = 0

    def _empty(self, window: Window) -> "Dialogue[None]":
        """Fetch what is not here, and delete all that is."""
        by_uid = True
        still = False  # this server goes on listing what is deleted, which RFC 1939 section 5 does not allow
        total = -1
        done = gone = 0  # worked on; and of these, no longer listed
        while total < 0 or done < total:
            first = done - gone
            most = window.size
            if self.newest and total >= 0:
                most = min(most, total - done)
                first = total - done - most
            by_uid, count, _ = yield from self.fill(window, first, by_uid, most)
            if total < 0:
                self.listed = total = count
                if self.newest and total > window.size:
                    continue
            elif gone and count >= total:
                still = True
                gone = 0
                if not self.newest:
                    continue
            if not window.n:
                return
            if by_uid:
                self.spool.mark(window, STORED, NEW)
                self.journal.mark(window)
                for i in range(window.n):
                    if window.kind[i] & STATE == DELETED and window.state[i] == NEW:
                        window.state[i] = STORED
                    window.octets[i] = 0
            deleted = self.deleted
            yield from self.handle(window)
            done += window.n
            if self.more or done >= total:
                return
            yield from self.settle()
            if not still:
                gone += self.deleted - deleted

    def fill(
        self,
        window: Window,
        first: int,
        by_uid: bool,
        most: int,
        settled: "Callable[[bytes], bool] | None" = None,
    ) -> "Dialogue[tuple[bool, int, int]]":
        """Fill the window with up to `most` of what is listed from `first` on: (whether by uid, how many are listed,
        and how many of these count). `settled(key)`: True for a message that does not count."""
        window.clear()
        if self._sizes_due:
            yield from self._sizes(window)
        if self.pipelined and by_uid and not self.newest:
            # Where what is listed is new, the sizes are asked for along with it.
            self._sizes_due = not settled or not (
                self.journal.stored or self.journal.apart or self.journal.gone
            )
        count = 0
        known = 0
        highest = 0
        twice = self._twice

        def each(n: int, uid: bytes) -> None:
            nonlocal count, known, highest
            key = key_of(uid)
            same = window.find(key)
            if settled and same < 0 and settled(key):
                count += 1
                known += 1
                return
            if same >= 0:
                window.state[same] = BY_CONTENT
            if n > highest:
                highest = n
            else:  # out of order; or a number for the second time, and nobody knows whose it is
                for i in range(window.n):
                    if window.number[i] == n:
                        window.state[i] = BY_CONTENT
                        same = i
            if same >= 0 and twice.n < twice.size:
                twice.add(key)
            if first <= count - known < first + most:
                window.add(key, n)
                if same >= 0 or twice.n == twice.size or twice.find(key) >= 0:
                    window.state[window.n - 1] = BY_CONTENT
            count += 1

        ok = by_uid and (yield from self.pop.uidl(each, "LIST" if self._sizes_due else ""))
        if self._sizes_due and not window.n:
            yield from self._sizes(window)
        if by_uid and not ok:
            yield from self.count()
            if not self.listed:
                return False, 0, 0
            if self.pop.caps and b"UIDL" in self.pop.caps:
                raise ServerError(E_REFUSED, "UIDL")  # it should work: a moment later it will
            if self.held:  # else all would be fetched again at every poll
                raise ConfigError(E_NOT_CONFIRMED, self.account.get("host", ""))
            if not self._plain:
                raise ServerError(E_NO_UIDL, "UIDL")
            by_uid = False

        if not by_uid:

            def line(n: int, octets: int) -> None:
                nonlocal count
                if first <= count < first + most:
                    window.add(n.to_bytes(8, "big"), n)
                    window.octets[window.n - 1] = octets
                    window.state[window.n - 1] = BY_CONTENT
                count += 1

            yield from self.pop.list(line)
        return by_uid, count, count - known

    def handle(self, window: Window) -> "Dialogue[None]":
        """Fetch each message of the window, then delete them: all commands in flight at once, if the server bears it.
        The replies to DELE are left for `settle`.

        Replies come in the order of the commands (RFC 2449 section 6.6). Nothing is deleted before it is stored.
        """
        new = 0
        for i in range(window.n):
            new += window.state[i] in (NEW, BY_CONTENT, WHOLE)
        self.todo += new
        if new or self._sizes_due:
            yield from self._sizes(window)
        pop = self.pop
        queue = self._queue
        at = 0  # how many messages of the window were begun with
        while True:
            while at < window.n and not self.more and (not queue or (self.pipelined and not self._hurry())):
                i = window.n - 1 - at if self.newest else at
                if window.state[i] == NEW and (self._parts or 0 < self._most < window.octets[i]):
                    window.state[i] = TOP
                state = window.state[i]
                need = _need(window, i)
                flight = self._octets + need
                if state == STORED:
                    if self.delete or self.before:
                        window.state[i] = _GOING
                elif state == NOTHING:
                    pass
                elif self._skip and window.key(i) in self._stuck:
                    if self._skip == _LARGE:
                        self._too_large(self._limit)
                    self.error = self.error or LinkError(E_CLOSED, "message %d" % window.number[i])
                elif (not queue or flight <= self._flight) and self._fits(
                    flight + len(queue) * _BLOCKS, state
                ):
                    yield from self._ask_for(window, i)
                elif queue:
                    break  # perhaps when those in flight are stored
                elif (
                    need < self._limit
                    and self.spool.full == "evict"
                    and (yield from self._evict(need, window))
                ):
                    continue  # there is room, or the session ends
                elif state == NEW and self.spool.full == "headers":
                    window.state[i] = TOP
                    continue
                else:
                    self._too_large(need)
                at += 1
                if self.fetched + self.deleted and (self.deleted >= _SUB or self._hurry()):
                    self.more = True
            if not queue:
                break
            i = queue.pop(0)
            self._octets -= _need(window, i)
            stored = yield from self._fetch(window, i)
            # LEFT: one that has the same uid is never to be deleted, and perhaps it is this one.
            if stored and self.delete and window.kind[window.find(window.key(i))] & STATE != LEFT:
                window.state[i] = _GOING
        for i in range(window.n):
            if window.state[i] == _GOING:
                self._tried = True
                yield from pop.post("DELE ", window.number[i])
                self._marks += 1
                if not self.pipelined:
                    yield from self.settle()

    def _ask_for(self, window: Window, i: int) -> "Dialogue[None]":
        """Post what brings the message, or its headers."""
        if window.state[i] == TOP:
            yield from self.pop.post("TOP %d " % window.number[i], 0)
        else:
            yield from self.pop.post("RETR ", window.number[i])
        self._queue.append(i)
        self._octets += _need(window, i)

    def _fits(self, octets: int, state: int) -> bool:
        """Whether so much can be fetched."""
        if octets >= self._limit and state != TOP:
            return False
        keep = _TOP_ROOM if state != TOP and self.spool.full == "headers" else 0
        return octets + keep <= self.spool.room()

    def _too_large(self, octets: int) -> None:
        """A message does not fit, and nothing else is coming in: that is its error. Smaller ones may fit."""
        self._limit = min(self._limit, octets)
        self.error = self.error or self.spool.full_error()

    def _evict(self, octets: int, window: Window) -> "Dialogue[bool]":
        """Make room by what has been here longest, but not for what is deleted in this session: a next one does it."""
        if self.deleted or window.state.find(bytes((_GOING,)), 0, window.n) >= 0:
            self.more = True
            return True
        from .policy.evict import evict

        before = 0xFFFFFFFF if self.delete else self.before
        return (yield from evict(self.pop, self.spool, self.journal, octets, before))

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

        try:
            yield from self.pop.list(each, self._sizes_due)
        except ServerError:
            if window.n:  # some have no listing of nothing
                raise
        self._sizes_due = False  # only now: see `cut_off`

    def _fetch(self, window: Window, i: int) -> "Dialogue[bool]":
        """The reply to RETR or TOP into the spool. True: the message is stored, all of it."""
        spool = self.spool
        state = window.state[i]
        by_content = state == BY_CONTENT
        key = window.key(i)
        came = False
        try:
            yield from self.pop.reply()
            self._coming = key
            spool.begin(0 if state == TOP else window.octets[i], by_content)
            yield from self.pop.content(spool)
            came = True
            look: "Any" = None
            if state != TOP and 0 < window.octets[i] != spool.written:
                self._doubt(window.number[i])
            if self.pop.due and (state == TOP or spool.written != window.octets[i]):
                from .store.merged import look  # the next reply may be in it
            if state == TOP:
                end = "-%x.%s" % (window.octets[i], "top" if self._judged else "hdr")
                spool.commit(key, None, end, look)
            else:
                key = spool.commit(None if by_content else key, key, ".eml", look)
            self._coming = b""
        except StoreError as err:
            spool.abort()
            full = err.code == E_FLASH_FULL
            if full and spool.written > window.octets[i] and not (came and state == TOP):
                self._wait(key, _LARGE)  # larger than was said: the next session does without
            if not came:
                raise  # in the middle of it: what follows is no reply
            self._coming = b""
            if state != TOP and self.pop.caps and self.pop.caps.get(b"EXPIRE", b"").startswith(b"0"):
                raise  # this server deletes at QUIT what was retrieved: leave without one
            if full:
                self._limit = 0  # the size told was wrong: none is tried any more
                if state == NEW and spool.full == "headers":
                    window.state[i] = TOP
                    yield from self._ask_for(window, i)
                    return False
            self.error = self.error or err
            return False
        except ServerError as err:  # -ERR for one message must not stop the others
            spool.abort()
            self.error = self.error or err
            return False
        if by_content:
            known = self.journal.state(key)
            if known & STATE == LEFT and self.delete:  # it made room once; what is deleted there must be here
                self.journal.change(ARRIVED, key, known)
            elif known & STATE > SEEN:
                spool.remove(spool.name(key))
                if known & MISSES:  # it is there, though no uid says so
                    self.journal.change(known & ~MISSES, key, known)
            if known:  # by its uid: it stays until it alone has that, or the other would be taken for it then
                return key != window.key(i)
        if state == WHOLE:  # the record before the removal: `mend` ends it
            was = self.journal.state(key)  # the person may have read or deleted it meanwhile
            if not was & PART:
                spool.remove(spool.name(key))
                return True
            self.journal.change(was & STATE, key, was)
            spool.remove(spool.name(key, True))
        else:
            kind = ARRIVED | PART if state == TOP else ARRIVED
            self.journal.arrived(key, self.now(), kind, self.newest)
        self.fetched += 1
        if state != TOP or not self._judged:
            self.arrived(key)
        return state != TOP

    def _doubt(self, number: int) -> None:
        """A message is not as long as was said. With commands in flight it may be another: a server that drops one
        sends the next one's. So this one is not stored, and the next session tells by asking one at a time."""
        memory = self.memory
        flight = memory.get("flight")
        if self.pop.due and not flight:
            memory["flight"] = _UNSURE
            self._queue.clear()
            self._coming = b""
            raise RemoteProtocolError(E_SIZE, "message %d" % number)
        if flight == _UNSURE:
            memory["flight"] = _ADVICE

    def settle(self) -> "Dialogue[None]":
        """Read the replies to DELE that are due."""
        yield from self._replies()
        self._marks = 0

    def _replies(self) -> "Dialogue[None]":
        for _ in range(self._marks):
            try:
                yield from self.pop.reply()
                self.deleted += 1
            except ServerError as err:
                self.error = self.error or err


def _need(window: Window, i: int) -> int:
    """Octets that what is asked for takes."""
    octets = window.octets[i]
    return min(_HEAD, octets) if window.state[i] == TOP else octets
