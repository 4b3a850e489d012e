"""One account's session with its server: what to fetch, keep and delete, exactly once. A dialogue: no sockets.

The rename in the spool is the record that a message is stored; only stored messages are deleted on the
server, and only QUIT's +OK means that they are gone. Wherever a session is cut off, the next one's listing
says what is left to do. A unique id names a message only as long as that is listed, so a message stored in an
earlier session is compared with the server's before DELE (`policy.prove`).
"""

import gc

from micropython import const

from .core.pop3 import ADVICE, MAYBE, ONE
from .errors import (
    E_CLOSED,
    E_DOUBT,
    E_EMPTY,
    E_FLASH_FULL,
    E_NO_TOP,
    E_REFUSED,
    E_SIZE,
    LinkError,
    RemoteProtocolError,
    ServerError,
    StoreError,
)
from .plugins import unload
from .store.journal import AGREED, ARRIVED, DELETED, DOUBT, LEFT, MISSES, PART, SEEN, STATE, UNNAMED, here
from .store.spool import key_of
from .store.window import AGAIN, BY_CONTENT, CHECK, GOING, NEW, STORED, TOP, UNSURE, WHOLE, Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    from .core.pop3 import Dialogue, Pop3
    from .errors import MailError
    from .store.incoming import Incoming
    from .store.journal import Journal

WINDOW = const(64)  # messages worked on at a time, and commands in flight at most
_WIDE = const(256)  # the same while _PLENTY bytes of heap are free
_PLENTY = const(49152)
_DUPLICATES = const(16)  # uids seen twice in a listing that are remembered individually

SPENT = const(4)  # bytes of a key that are remembered once its message is deleted
_SPENT_MAX = const(2048)  # of all of them, from session to session
_SUB = const(256)  # deletions after which a session ends, so that they take effect; the next one goes on
_GONE = const(256)  # with so many records of messages that are not here, they are looked through
_DAY_S = const(86400)
_TOP_ROOM = const(65536)  # bytes kept for headers when a full flash takes nothing else

_free: "Callable[[], int]" = getattr(gc, "mem_free", int)  # CPython has none

# Why a message has to wait.
_ENDLESS = const(1)
_LARGE = const(2)
_STUCK = const(16)  # messages that have to wait, at most

_HEAD = const(4096)  # bytes that headers alone are assumed to take
_BLOCKS = const(12288)  # bytes of flash that a message takes at most besides its own
_FLIGHT = const(1048576)  # octets in flight at most if others are waiting meanwhile


class Session:
    """One session for one account. `account`: its settings; `now()`: epoch or 0; all parameters are lent.

    `arrived(key)`: called for each newly stored message. `memory`: kept by the caller from session to
    session, holds what is known of the server (`caps`, `flight`: see `core.pop3.ONE`; SCRAM's keys).
    `nonce`: random printable bytes.
    `sure()`: whether `now` may be trusted for deleting by age. `hurry()`: True when others are waiting for
    their turn; None: there are no others.
    `memory` also has: `advice`: the sizes that the server announces prove nothing; `short`: they are larger
    than its messages; `unlisted`: LIST has lines that UIDL lacks; `alone`: the next session is for doubtful
    messages; `top`: `no`: the server has no TOP; `quit`: it hangs up at QUIT; `vain`: it listed what it had
    said was deleted; `dele`: the key of a message that it has deleted, as it said; `listed`: how many were
    listed when a session ended early after deleting; `hollow`: after that, as many were listed again;
    `spent`: the beginnings of the keys of what it deleted; `deleted`: see `policy.unlisted`; `expire`: the
    server deletes at QUIT what was retrieved; `few`: how many messages a session may work on, after
    cuts (-1: after one); `tops`: how many sessions in a row were cut off while messages were compared by TOP.
    After (or during) `run`: `listed` (messages on the server; -1: not known), `todo` and `fetched` (messages
    to fetch and fetched), `deleted`, `ended` (by QUIT's +OK), `held` (True: something waits for
    `delete_confirmed`), `more` (True: another session should follow at once), `error` (the first MailError
    that concerned only single messages, or None).
    """

    def __init__(
        self,
        pop: "Pop3",
        account: "Dict[str, Any]",
        spool: "Incoming",
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
        self.total = -1  # messages, as STAT counts them
        self.todo = 0
        self.fetched = 0
        self.deleted = 0
        self.held = False
        self.lacks = 0  # octets of the smallest message for which there was no room
        self.more = False
        self.error: "MailError | None" = None
        self.ended = False  # ended properly, by QUIT
        self.alone: bool = self.memory.pop("alone", False)
        self.doubts = 0  # messages that are to be asked for alone
        self.kept = 0  # listed messages that are here and stay there
        self.vain = False  # something is listed although it was deleted
        # All that is here has left the server, so any of it that is still listed was deleted in vain.
        gone: bool = self.memory.pop("gone", False)  # of the last session only
        self.closed = journal.closed or gone
        self.moved: "Any" = None  # messages that are here and may have another unique id now
        self.renamed = 0  # of these, how many have got it
        self.leaving = False  # QUIT was sent
        self._all_listed = False  # messages that UIDL has no line for were looked for
        # The last message came shorter than announced: whether a reply follows remains to be seen.
        self._odd = False
        self._whole = 0  # it came twice, the same both times: 1; and shorter than announced: 2
        self._limit = 1 << 31  # messages of this many octets or more do not fit
        self._coming = b""  # the key of the message that is coming in
        # Keys of messages during which two sessions in a row ended, or that did not fit: the others get their turn.
        self._stuck: "List[bytes]" = self.memory.setdefault("stuck", [])
        self._skip = self.memory.pop("skip", 0)  # why this session leaves them out, or 0
        self._twice = Window(_DUPLICATES)
        self._queue: "List[int]" = []  # window indexes of the messages that are coming in
        self._octets = 0  # of these
        # The beginnings of the keys of those that it deleted, and the last one if it left others to this one.
        self.gone = bytearray(self.memory.pop("spent", b""))
        # Whether a number is listed with another size than recorded: a function, once sizes were compared.
        self.mismatch: "Any" = None
        self.news = 0  # octets of those that are new, as announced
        self._tried = False  # a deletion was tried
        self._dele = b""  # the key of the last message that was deleted
        self._posted: "List[bytes]" = []  # the keys of messages to whose DELE the reply is due
        # How many messages a session works on before QUIT, after two were cut off before they got anywhere; else 0.
        self._few: int = max(0, self.memory.get("few", 0))
        self._sizes_due = False  # the reply to LIST is due
        self._flight = _FLIGHT if hurry else 0x3FFFFFFF
        self._hurry: "Callable[[], bool]" = hurry or (lambda: False)
        self._sure = sure
        self.newest = account.get("order") == "newest"
        self.judged = bool(account.get("filter"))  # by their headers, after the session
        self._parts = self.judged or account.get("fetch") == "headers"
        self._most: int = account.get("max_bytes", 0)
        keep = account.get("keep", "delete")
        delete = keep == "delete"
        self.before = 0  # messages stored before this time are deleted
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
        # Messages that are here may be listed under other ids than they came with.
        self.past = bool(journal.unnamed or journal.moved or (delete and journal.stored and not self.closed))

    def login(self) -> "Dialogue[None]":
        """From the greeting to TRANSACTION state."""
        from .core.login import enter

        yield from enter(self.pop, self.account, self.nonce, self.memory)
        del enter
        unload()

    def count(self) -> "Dialogue[None]":
        """STAT: sets `listed` and `octets`."""
        self.listed, self.octets = yield from self.pop.stat()

    def run(self) -> "Dialogue[None]":
        """The whole session. Raises MailErrors of the session; those of single messages are kept in `error`."""
        yield from self.login()
        yield from self.work()

    def work(self) -> "Dialogue[None]":
        """The session from login to QUIT."""
        self.pipelined = bool(
            not self.alone
            and self.pop.caps
            and b"PIPELINING" in self.pop.caps
            and self.memory.get("flight", ADVICE) == ADVICE
        )
        try:
            by_uid = yield from self._maildrop()
        finally:
            self.spool.abort()
            self.journal.flush()
        yield from self._quit()
        if not by_uid:
            from .policy.unlisted import close

            close(self)
            del close
            unload()
        memory = self.memory
        if self.more and self._tried:
            memory["listed"] = self.listed
        if self.alone:
            self.more = True  # it left the rest to the next one
        elif self.doubts:
            memory["alone"] = True
        # What a session left to the next one was not deleted in vain: it was not deleted yet.
        memory["vain"] = self.vain and not self.more

    def _quit(self) -> "Dialogue[None]":
        """QUIT, and record that everything that was deleted is gone."""
        self.leaving = True
        if not (yield from self.pop.quit(self._replies() if self._posted else None)):
            raise ServerError(E_REFUSED, "QUIT")
        self.ended = True
        self.memory["few"] = 2 * self._few if self._few < WINDOW else 0
        if self.deleted:
            self.memory["dele"] = self._dele
        if self.more:
            self.memory["spent"] = bytes(self.gone[-_SPENT_MAX:])
        if not self.delete or self.alone or self.kept or self.more or self.error:
            return
        if self._plain or not self.journal.apart:  # no headers of what is still there
            self.memory["gone"] = True
        if self.deleted and self._plain:
            try:
                self.journal.close()
            except StoreError as err:
                self.error = err

    def cut_off(self) -> bool:
        """The connection broke, or nothing came any more. Some servers cannot take commands in flight, so
        this one gets one at a time from now on. True: only the reply to QUIT was missing, and nothing depends
        on it or this server never sends one: the next listing tells what has become of the mail."""
        memory = self.memory
        if not self.fetched:  # it got nowhere
            memory["few"] = max(1, (self._few or 2 * WINDOW) // 2) if memory.get("few") else -1
        if self.leaving and not self.pop.due:
            again = not self.deleted or self.memory.get("quit", False)
            self.memory["quit"] = True
            if self._posted and not again:  # QUIT was in flight with DELE
                self.memory["flight"] = ONE
            return bool(again)
        if self._queue or self._posted or self._sizes_due:  # besides the command whose reply is being read
            self.memory["flight"] = ONE
        if self._coming:
            self._wait(self._coming, _ENDLESS)
        return False

    def _wait(self, key: bytes, why: int) -> None:
        """The next session leaves out this message, and those that this session left out."""
        stuck = self._stuck
        if key not in stuck:
            if not (self._skip or self.memory.get("skip")):
                stuck.clear()
                if why == _ENDLESS:  # the first time, it may have been the connection
                    why = 0
            if len(stuck) < _STUCK:
                stuck.append(key)
        self.memory["skip"] = why

    # -- the maildrop, a window at a time

    def _maildrop(self) -> "Dialogue[bool]":
        """False: the server has mail and no unique ids."""
        self.spool.forget()
        if self.journal.gone >= _GONE and self._sure():
            from .policy.purge import purge

            self.journal.flush()
            yield from purge(self.pop, self.journal, self.now(), self.delete)
            del purge
            unload()
        yield from self._in_vain()
        window = Window(self._few or (_WIDE if _free() >= _PLENTY else WINDOW))
        if not self._plain or self.journal.apart:
            from .policy.collect import Collect

            if (yield from Collect(self, window).run()):
                return True
        return (yield from self._empty(window))

    def _in_vain(self) -> "Dialogue[None]":
        """Delete nothing if the last session ended early after deleting and what it deleted is still there: otherwise
        no session would ever reach what comes after it. As many may have come as went, so the ids are looked at."""
        listed = self.memory.pop("listed", 0)
        if listed:
            count, _ = yield from self.pop.stat()
            hollow = count >= listed

            def each(n: int, uid: bytes) -> None:
                nonlocal hollow
                hollow = hollow or not uid or self.spent(key_of(uid))

            if hollow:
                hollow = not self.gone or self.spent(bytes(SPENT))  # all was refused, or one has no id
                hollow = not (yield from self.pop.uidl(each)) or hollow
            if hollow:
                self.delete = False
                self.before = 0
                self.memory["hollow"] = True
            else:
                self.memory.pop("hollow", None)

    def spent(self, key: bytes) -> bool:
        """Whether this session, or the one that left the rest to it, has deleted the message on the server."""
        gone = self.gone
        for at in range(0, len(gone), SPENT):  # noqa: SIM110 (`any` would allocate)
            if gone[at : at + SPENT] == key[:SPENT]:
                return True
        return False

    def _empty(self, window: Window) -> "Dialogue[bool]":
        """Fetch what is not here, and delete everything that is. False: the server has mail and no unique ids."""
        by_uid = True
        still = False  # this server goes on listing what was deleted, which RFC 1939 section 5 does not allow
        total = -1
        done = gone = 0  # messages worked on; those of them that are no longer listed
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
                break
            if by_uid:
                self.journal.mark(window)
                for i in range(window.n):
                    kind = window.kind[i]
                    if window.state[i] == NEW and not kind & PART and (here(kind) or kind & STATE == DELETED):
                        window.state[i] = STORED
            deleted = self.deleted
            yield from self.handle(window)
            done += window.n
            if self.finish() or done >= total:
                break
            yield from self.settle()
            if not still:
                gone += self.deleted - deleted
        return by_uid

    def fill(
        self,
        window: Window,
        first: int,
        by_uid: bool,
        most: int,
        settled: "Callable[[bytes, int], bool] | None" = None,
        totals: bool = False,
    ) -> "Dialogue[tuple[bool, int, int]]":
        """Fill the window with up to `most` listed messages from `first` on. Returns (whether by uid, how
        many are listed, how many of these count). `settled(key, number)`: True for a message that does not
        count.
        `totals`: STAT is sent along, for `total` and `octets`."""
        window.clear()
        if self._sizes_due:
            yield from self._sizes(window)
        if self.pipelined and by_uid and not self.newest:
            # If everything that is listed is new, the sizes are asked for along with it.
            self._sizes_due = not settled or not (
                self.journal.stored or self.journal.apart or self.journal.gone
            )
        count = 0
        known = 0
        highest = 0
        twice = self._twice

        def each(n: int, uid: bytes) -> None:
            nonlocal count, known, highest
            if not uid:  # it is a message all the same, known by its content
                again = n <= highest and window.has(n)  # listed twice
                highest = max(highest, n)
                if not again and first <= count - known < first + most:
                    window.add(n.to_bytes(8, "big"), n)
                    window.state[window.n - 1] = BY_CONTENT
                count += not again
                return
            key = key_of(uid)
            same = window.find(key)
            if settled and same < 0 and settled(key, n):
                count += 1
                known += 1
                return
            if same >= 0:
                window.state[same] = BY_CONTENT
            if n > highest:
                highest = n
            else:  # it is out of order, or a number came twice and nobody knows which message has it
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

        after = "LIST" if self._sizes_due else "STAT" if totals and self.pipelined else ""
        ok = by_uid and (yield from self.pop.uidl(each, after))
        if totals and not self._sizes_due:
            self.total, self.octets = yield from self.pop.stat(bool(after))
        if by_uid and ok and self.listed < 0:
            self.listed = count
        if not window.n and (self._sizes_due or (not count and ok and self.memory.get("unlisted", True))):
            yield from self._sizes(window)
        if by_uid and not ok:
            from .policy.unlisted import begin

            found = yield from begin(self, self._plain)
            del begin
            unload()
            if not found:
                return False, 0, 0
            by_uid = False

        if not by_uid:

            def line(n: int, octets: int) -> None:
                nonlocal count
                if first <= count < first + most:
                    window.add(n.to_bytes(8, "big"), n)
                    window.octets[window.n - 1] = octets
                    window.state[window.n - 1] = BY_CONTENT
                count += 1

            from .policy.unlisted import list

            yield from list(self, line)
            del list
            unload()
        return by_uid, count, count - known

    def handle(self, window: Window) -> "Dialogue[None]":
        """Fetch each message of the window, then delete them, with all commands in flight at once if the
        server can take it. The replies to DELE are left for `settle`.

        Replies come in the order of the commands (RFC 2449 section 6.6). No message is deleted before it is
        stored.
        """
        if window.n or self._sizes_due or self.total > self.listed:
            yield from self._sizes(window)
        new = known = 0
        for i in range(window.n):
            known += window.kind[i] > 0 or window.state[i] == STORED
        if known or self.alone:
            from .policy.prove import sort

            sort(self, window)
            del sort
            unload()
        for i in range(window.n):
            new += window.state[i] in (NEW, BY_CONTENT, WHOLE)
            if window.state[i] in (NEW, BY_CONTENT):
                self.news += window.octets[i]
        self.todo += new
        self.moved = None
        if new and (self.past or window.holds(BY_CONTENT) or window.holds(AGAIN)):
            from .policy.moved import Moved

            self.moved = yield from Moved(self, window).look()
        pop = self.pop
        queue = self._queue
        at = 0  # how many messages of the window have been started
        while True:
            while at < window.n and not self.more and (not queue or (self.pipelined and not self._hurry())):
                i = window.n - 1 - at if self.newest else at
                if window.state[i] == NEW and self.heads(window.octets[i]):
                    window.state[i] = TOP
                state = window.state[i]
                need = self.need(window, i)
                flight = self._octets + need
                if state not in (NEW, BY_CONTENT, WHOLE, TOP):
                    pass
                elif self._skip and window.key(i) in self._stuck:
                    if self._skip == _LARGE:
                        self.error = self.error or self.spool.full_error()
                    self.error = self.error or LinkError(E_CLOSED, "message %d" % window.number[i])
                elif (not queue or flight <= self._flight) and self._fits(
                    flight + len(queue) * _BLOCKS, state
                ):
                    yield from self._ask_for(window, i)
                elif queue:
                    break  # it may fit when those in flight are stored
                elif (
                    need < self._limit
                    and self.spool.full == "evict"
                    and (yield from self._evict(need, window, i))
                ):
                    continue  # there is room now, or the session ends
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
            self._octets -= self.need(window, i)
            stored = yield from self.fetch(window, i)
            # LEFT: a message with the same uid must never be deleted, and it may be this one.
            key = window.key(i)
            left = window.kind[window.find(key)] & STATE == LEFT
            if self.account.get("start") == "now" and key == window.number[i].to_bytes(8, "big"):
                left = True  # without an id it may be one that was there before the board came
            if stored and self.delete and not left:
                window.state[i] = GOING
        if self.moved:
            self.renamed += self.moved.finish()
            self.moved = None
        if known or self.alone:
            yield from self._prove(window)
        if self._odd:
            yield from self.count()  # unless a reply follows the last message, its end was elsewhere
            self._followed()
        # The highest number comes first: a server that renumbers the others then does no harm.
        for i in self._going(window):
            self._tried = True
            self._posted.append(window.key(i))
            yield from pop.post("DELE ", window.number[i])
            if not self.pipelined:
                yield from self.settle()

    def _prove(self, window: Window) -> "Dialogue[None]":
        """Look at messages that must not be deleted unseen. One module at a time: there is little room for them."""
        run: "Any"
        if window.holds(UNSURE):
            from .policy.compare import run

            yield from run(self, window)
            del run
            unload()
        if window.holds(CHECK):
            from .policy.doubt import run

            yield from run(self, window)
            del run
            unload()
        if window.holds(AGAIN):
            from .policy.again import run

            yield from run(self, window)
            del run
            unload()
        self.journal.flush()
        self.journal.tidy()

    def _going(self, window: Window) -> "List[int]":
        """The window indexes of messages that are to be deleted, the highest number first."""
        return sorted(
            [i for i in range(window.n) if window.state[i] == GOING], key=lambda i: -window.number[i]
        )

    def _ask_for(self, window: Window, i: int) -> "Dialogue[None]":
        """Post the command that brings the message or its headers."""
        if window.state[i] == TOP and (self.memory.get("top") != "no" or self.expires()):
            yield from self.pop.post("TOP %d " % window.number[i], 0)
        else:
            yield from self.pop.post("RETR ", window.number[i])
        self._queue.append(i)
        self._octets += self.need(window, i)

    def _fits(self, octets: int, state: int) -> bool:
        """Whether this many octets can be fetched."""
        if octets >= self._limit and state != TOP:
            return False
        keep = _TOP_ROOM if state != TOP and self.spool.full == "headers" else 0
        return octets + keep <= self.spool.room()

    def _too_large(self, octets: int) -> None:
        """A message does not fit, and nothing else is coming in: note the error. Smaller ones may fit."""
        self.lacks = self._limit = min(self._limit, octets)
        self.error = self.error or self.spool.full_error()

    def _evict(self, octets: int, window: Window, i: int) -> "Dialogue[bool]":
        """Make room by removing what has been here longest; a session that deletes leaves that to the next
        one. False: there is no room."""
        if self.deleted:
            self.more = True
            return True
        if window.holds(GOING) or window.holds(UNSURE) or window.holds(AGAIN):
            self.more = True
            return True
        from .policy.evict import evict

        return (yield from evict(self, octets, window, i))

    def _sizes(self, window: Window) -> "Dialogue[None]":
        """LIST: how large the server says the messages are, so that one that cannot fit is not started."""
        at = lines = 0

        def each(n: int, octets: int) -> None:
            nonlocal at, lines
            lines += 1
            for _ in range(window.n):  # listings come in order, so it is usually the next one
                if window.number[at] == n:
                    window.octets[at] = octets
                    return
                at = (at + 1) % window.n
            at = 0

        try:
            yield from self.pop.list(each, self._sizes_due)
        except ServerError:  # the sizes are not known, but the messages come all the same
            if not self._all_listed:
                lines, _ = yield from self.pop.stat()
        self._sizes_due = False  # only now: see `cut_off`
        if self.listed >= 0 and not (self._tried or self._all_listed):
            self._all_listed = True
            self.memory["unlisted"] = lines > self.listed
            if lines > self.listed:
                from .policy.unlisted import unlisted

                self.listed += yield from unlisted(self.pop, window, lines - self.listed, lines)

    def fetch(self, window: Window, i: int, look: "Any" = None) -> "Dialogue[bool]":
        """Read the reply to RETR or TOP into the spool. True: all of the message is stored, and it may be deleted.

        `look(path, block)`: called before it is stored; True: it is here already.
        """
        spool = self.spool
        memory = self.memory
        state = window.state[i]
        by_content = state == BY_CONTENT
        key = window.key(i)
        octets = window.octets[i]
        came = short = long = False
        try:
            yield from self.pop.reply()
            self._followed()
            self._coming = key
            self.pop.rx.bare = False
            spool.begin(0 if state == TOP else octets, by_content)
            sink: "Any" = spool
            if state == TOP:
                from .store.cut import HeaderOnly

                sink = HeaderOnly(spool)
            yield from self.pop.content(sink)
            came = True
            end = "-%x.%s" % (octets, "top" if self.judged else "hdr") if state == TOP else ".eml"
            moved = (state != WHOLE or self.journal.moved or self.delete) and self.moved
            new = b"" if by_content else key
            said = 0 if state == TOP or memory.get("advice") or spool.written == octets else octets

            def is_here(path: str, block: bytearray) -> bool:
                return bool(moved and moved.is_here(path, block, spool.name_end(end), new, said))

            looks = [look or is_here]
            if state != TOP:
                if not spool.written:
                    spool.abort()
                    self._coming = b""
                    self._odd = True
                    self.unsound(E_EMPTY, window.number[i])
                    return False
                if 0 < octets != spool.written:
                    short = spool.written < octets
                    long = not (short or memory.get("advice"))
                    self._doubt(window.number[i])
            if self.pop.due and (state == TOP or spool.written != octets):
                from .store.merged import look as merged  # the next reply may be in it

                looks.insert(0, merged)
            # Not known to be whole, unless the server is known to announce wrong sizes.
            doubt = state != TOP and (self.pop.rx.bare or (short and not memory.get("short")))
            self._odd = short

            def all_looks(path: str, block: bytearray) -> bool:
                nonlocal doubt
                here = False
                if short and not doubt:
                    from .store.witness import headless

                    doubt = headless(path)
                if long:
                    from .store.witness import lines

                    if spool.written - octets == lines(path, block):  # it counts a line end as one octet
                        self.agreed(False)
                    else:
                        doubt = True
                for each in looks:
                    here = bool(each and each(path, block)) or here
                return here

            if state == TOP:
                if not spool.commit(key, None, end, all_looks):
                    self._coming = b""
                    return False
            else:
                stored = spool.commit(None if by_content else key, key, ".eml", all_looks)
                if not stored:  # it is here already, so it came twice, the same both times
                    self._coming = b""
                    if doubt and not self.pop.rx.bare:
                        doubt = False
                        self._whole = 1 + short
                    elif doubt:
                        self.unsound(E_DOUBT, window.number[i])
                    return not doubt
                key = stored
            self._coming = b""
        except StoreError as err:
            spool.abort()
            full = err.code == E_FLASH_FULL
            if full and spool.written > octets and not (came and state == TOP):
                self._wait(key, _LARGE)  # larger than announced: the next session leaves it out
            if not came:
                raise  # in the middle of the message: what follows is not a reply
            self._coming = b""
            if state != TOP and self.expires():
                raise  # this server deletes at QUIT what was retrieved: leave without QUIT
            if full:
                self._limit = 0  # the announced size was wrong: no other message is tried
                if state == NEW and spool.full == "headers":
                    window.state[i] = TOP
                    yield from self._ask_for(window, i)
                    return False
            self.error = self.error or err
            return False
        except ServerError as err:  # -ERR for one message must not stop the others
            spool.abort()
            if state == TOP and (memory.get("top") != "no" or self.expires()):
                if self.expires():
                    err = ServerError(E_NO_TOP, err.detail)
                else:
                    memory["top"] = "no"  # RETR brings the headers; the rest is dropped
                    yield from self._ask_for(window, i)
                    return False
            self.error = self.error or err
            return False
        if by_content:
            known = self.journal.state(key)
            if known & STATE == LEFT and self.delete:  # it once made room; what is deleted there must be here
                self.journal.change(ARRIVED, key, known)
            elif known & STATE > SEEN:
                spool.remove(spool.name(key))
                if known & MISSES:  # it is on the server, though no uid says so
                    self.journal.change(known & ~MISSES, key, known)
            if doubt and known & DOUBT and not self.pop.rx.bare:  # it came twice, the same both times
                doubt = False
                self._whole = 1 + short
                self.journal.change(known | AGREED, key, known)
            elif doubt and known:
                self.unsound(E_DOUBT, window.number[i])
            if (
                known
            ):  # if it is known by its uid it stays until it alone has that, unless all go: each is looked at
                return (self._plain or key != window.key(i)) and not doubt
        if state == WHOLE:  # the record comes before the removal, which `mend` can finish
            was = self.journal.state(key)  # the person may have read or deleted it meanwhile
            if not was & PART:
                spool.remove(spool.name(key))
                return not doubt
            kind = was & STATE | (DOUBT if doubt else 0)
            self.journal.change(kind, key, was, octets, spool.sum, spool.written)
            spool.remove(spool.name(key, True))
        else:
            kind = ARRIVED | (PART if state == TOP else UNNAMED if by_content else 0)
            kind |= DOUBT if doubt else 0
            self.journal.arrived(key, self.now(), kind, self.newest, octets, spool.sum, spool.written)
        if doubt:
            self.journal.flush()
            self.doubts += 1
            self.more = self.more or long  # the next session finds out whether all come longer than announced
            self.unsound(E_DOUBT, window.number[i])
        if key == memory.get("dele"):  # that was another one
            memory.pop("dele")
        self.fetched += 1
        if state != TOP or not self.judged:
            self.arrived(key)
        return state != TOP and not doubt

    def _doubt(self, number: int) -> None:
        """A message is not as long as announced. With commands in flight it may be another one: a server that
        drops a command sends the next one's reply. So it is not stored, and the next session finds out by
        asking one at a time."""
        memory = self.memory
        if self.pop.due and not memory.get("flight"):
            memory["flight"] = MAYBE
            self._queue.clear()
            self._coming = b""
            raise RemoteProtocolError(E_SIZE, "message %d" % number)

    def _followed(self) -> None:
        """A reply has come after the last message, so its end was its end."""
        self._odd = False
        if self._whole:
            self.agreed(self._whole > 1)
            self._whole = 0

    def agreed(self, short: bool) -> None:
        """A message that is not as long as announced is whole: this server's sizes are wrong."""
        memory = self.memory
        memory["short"] = memory.get("short") or short
        memory["advice"] = True
        if memory.get("flight") != ONE:
            memory["flight"] = ADVICE

    # -- for the policies

    def need(self, window: Window, i: int) -> int:
        """Octets that the i-th message takes, or its headers if only those are fetched."""
        octets = window.octets[i]
        state = window.state[i]
        return min(_HEAD, octets) if state == TOP or (state == NEW and self.heads(octets)) else octets

    def heads(self, octets: int) -> bool:
        """Whether only the headers of a message of that size are fetched."""
        return self._parts or 0 < self._most < octets

    def finish(self) -> bool:
        """After a window: whether the rest is left to another session, which then follows at once."""
        self.more = self.more or (self._few > 0 and self._tried)
        return self.more

    def hurries(self) -> bool:
        """Whether others are waiting for their turn."""
        return self._hurry()

    def fits(self, octets: int) -> bool:
        """Whether a message of that size can be fetched, with nothing else coming in."""
        return self._fits(octets + _BLOCKS, NEW)

    def expires(self) -> bool:
        """Whether this server deletes at QUIT what was retrieved (RFC 2449 section 6.7), as it last said."""
        return bool(self.memory.get("expire"))

    def odd(self) -> None:
        """The last message was shorter than announced: nothing is deleted before a reply has come after it."""
        self._odd = True

    def unsound(self, code: int, number: int) -> None:
        """What came of a message cannot be all of it. Raises RemoteProtocolError if the server deletes at
        QUIT what was retrieved: the session then ends without QUIT."""
        err = RemoteProtocolError(code, "%d" % number)
        if self.expires():
            raise err
        self.error = self.error or err

    def settle(self) -> "Dialogue[None]":
        """Read the replies to DELE that are due."""
        yield from self._replies()
        self._posted = []

    def _replies(self) -> "Dialogue[None]":
        for key in self._posted:
            try:
                yield from self.pop.reply()
                self.deleted += 1
                if self._twice.n < _DUPLICATES and self._twice.find(key) < 0:  # no other has that id
                    self._dele = key
                self.gone.extend(key[:SPENT])
            except ServerError as err:
                self.error = self.error or err
