"""A session for an account that leaves mail on its server: what to fetch, and what to delete.

Imported only then: for plain `keep = "delete"`, `sync` does without it. `session` is a `sync.Session`.
"""

from array import array

from micropython import const

from ..errors import E_DOUBT, E_STAYS, RemoteProtocolError, ServerError, StoreError
from ..plugins import unload
from ..store import fs
from ..store.journal import (
    ABSENT,
    AGED,
    AGREED,
    CLOSED,
    DELETED,
    DOUBT,
    LEFT,
    PART,
    STATE,
    STAYS,
    UNNAMED,
    WANTED,
    here,
)
from ..store.spool import KEY, key_of
from ..store.window import BY_CONTENT, NEW, NOTHING, STORED, WHOLE, Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue

_PASSED = const(64)  # messages no longer named in a listing that are noted at once
_RANGE = const(512)  # message numbers whose sizes are compared with one pair of listings
_AUDITS = const(8)  # ranges in one session


class Collect:
    """Fetches what never arrived here, and deletes what may be deleted. The listing is compared with the
    journal as it arrives, so a maildrop without new mail costs one listing and one pass over the journal."""

    def __init__(self, session: "Any", window: "Window") -> None:
        self._session = session
        self._window = window
        self._undated = False  # some messages came when the clock was not set
        self._passed: "Window | None" = None if session.delete else Window(_PASSED)
        self._absent = b""  # the keys of messages that the first listing does not name
        self._other: "Any" = (
            None  # a bit for each number that is listed with another size than recorded, once compared
        )
        self._moved = False  # all ids have changed at once, so all that is listed is new
        self._first = True  # the session's first listing is still to come
        self._known = 0  # octets of the messages that the walk knows
        self._blind = False  # the size of some is not known
        self._refused = False  # so is whether one has changed

    def run(self) -> "Dialogue[bool]":
        """Run it. False: nothing was done, as this server gives messages no uids."""
        session = self._session
        if session.account.get("start") == "now" and not fs.exists(session.journal.path):
            from .baseline import baseline

            yield from baseline(session.pop, session.journal, session.now())
        elif session.journal.gone and session.spool.full != "evict" and session.account.get("start") != "now":
            from .baseline import release

            release(session.journal)
            del release
            unload()
        if session.journal.closed and not session.delete:  # the settings have changed
            from ..store.mend import rewritten

            rewritten(session.journal, _reopened)
            del rewritten
            unload()
        if session.journal.moved:
            yield from self._follow()
            yield from self._sizes(0, 0)
        if not (yield from self._all()):
            return False
        if self._other is None and not session.more:
            unsure = self._absent and not self._equal()  # absent, or listed under another's id
            if unsure or (
                session.journal.moved and not self._moved
            ):  # it turned out that ids name other messages
                yield from session.settle()
                yield from self._sizes(0, 0)
                yield from self._all()
            elif not (session.deleted or session.todo or session.pop.due):
                yield from self._audit()
        if not session.more:
            self._note()
        if self._undated:
            from ..store.mend import compact

            # They count as having come today, which is too late, so nothing is deleted too early.
            session.journal.flush()
            try:
                compact(session.journal, session.now())
            except StoreError as err:
                session.error = session.error or err
        return True

    def _all(self) -> "Dialogue[bool]":
        session = self._session
        window = self._window
        skip = 0  # messages that have been worked on but that the walk does not settle
        done = 0  # the same, if deleted messages stayed in the listing
        total = gone = 0
        still = False  # this server goes on listing what was deleted
        while True:
            by_uid, count, n = yield from self._compare(0 if session.newest else skip, window.size)
            if gone and count >= total and not still:
                still = True
                skip = done
                continue
            if session.newest and (skip or n > window.size):
                n -= skip
                by_uid, count, n = yield from self._compare(
                    max(0, n - window.size), max(0, min(window.size, n))
                )
            if session.listed < 0:
                session.listed = count
            total = count
            if not window.n and by_uid and session.total > count:
                yield from session.handle(window)  # some messages have no line in UIDL's listing
                return True
            if not window.n or not by_uid:
                return by_uid or not count
            last = n <= window.n + (0 if session.newest else skip)  # nothing else is left to look at
            n = window.n
            yield from self._choose()
            fetched = session.fetched
            renamed = session.renamed
            gone = session.deleted
            yield from session.handle(window)
            found = self._done()
            if (
                last
                or session.finish()
                or (session.journal.moved and not self._moved and self._other is None)
            ):
                return True
            yield from session.settle()
            gone = session.deleted - gone
            fetched = session.fetched - fetched
            # What was fetched, renamed or deleted is settled from now on, and later messages move up.
            done += n - (0 if session.delete else fetched)
            if still:
                skip = done
            else:
                skip = 0 if fetched or gone or found or session.renamed > renamed else skip + n

    def _compare(self, first: int, most: int) -> "Dialogue[tuple[bool, int, int]]":
        """Fill the window with the next messages that the walk does not call settled."""
        session = self._session
        began = self._first
        self._first = False
        passed = self._passed if began else None
        from ..store.walk import Walk

        walk = Walk(session.journal, passed)

        def settled(key: bytes, n: int) -> bool:
            return self._settled(walk.known(key), walk.time, n)

        moved = False
        try:
            found: "tuple[bool, int, int]" = yield from session.fill(
                self._window, first, True, most, settled, began
            )
            if began and found[0]:
                walk.end()
                self._known = walk.sum
                self._blind = bool(walk.blind)
                moved = yield from self._seen(walk, found[1])
        finally:
            walk.close()
            del Walk
            unload()
        if moved:
            return (yield from self._compare(first, most))
        return found

    def _follow(self) -> "Dialogue[bool]":
        """Ids have changed. Whether those of what is left alone since the start are known again."""
        session = self._session
        if session.account.get("start") != "now":
            return False
        from .baseline import follow

        yield from follow(session.pop, session.journal, session.spool)
        del follow
        unload()
        return True

    def _seen(self, walk: "Any", count: int) -> "Dialogue[bool]":
        """Note which messages the first listing does not name. Whether it is to be compared once more."""
        session = self._session
        journal = session.journal
        passed = self._passed
        there = journal.stored or (journal.gone and session.account.get("start") == "now")
        if count and there and not (walk.found or journal.moved):
            from .moved import begin

            self._moved = True  # all ids are new ones
            begin(session)
            del begin
            unload()
            return (yield from self._follow())
        if passed and passed.n and not walk.lost:
            if walk.strayed:  # then some of them may be listed all the same

                def each(n: int, uid: bytes) -> None:
                    i = passed.find(key_of(uid)) if uid else -1
                    if i >= 0:
                        passed.kind[i] = 0

                yield from session.pop.uidl(each)
            for i in range(passed.n):
                kind = passed.kind[i]
                if kind and not kind & (ABSENT | UNNAMED):
                    self._absent += passed.key(i)
        self._passed = None
        return False

    def _equal(self) -> bool:
        """Whether the server's total is the sum of the known sizes; True, too, once all have been compared."""
        session = self._session
        total = session.octets
        if total < 0 or self._blind or total == self._known + session.news:
            return True
        return bool(session.memory.get("total") == (total, self._known))

    def _note(self) -> None:
        """All that is listed has been dealt with. Note what is absent: a session that was cut off does not count,
        as it may have been renaming messages."""
        session = self._session
        journal = session.journal
        if session.alone or session.memory.get("audit") or (session.judged and session.fetched):
            return
        if not (session.lacks or session.error):
            journal.move(False)
        # Where sizes may differ, an id may name another message, and that is not known yet.
        if self._other is None and not self._equal():
            return
        if self._absent and not journal.moved:
            absent = Window(len(self._absent) // KEY)
            for at in range(0, len(self._absent), KEY):
                absent.add(self._absent[at : at + KEY])
            journal.mark(absent)
            for i in range(absent.n):
                kind = absent.kind[i]
                if kind:
                    journal.note(kind | ABSENT, absent.key(i), kind)
            journal.flush()
            journal.tidy()

    def _audit(self) -> "Dialogue[None]":
        """If the server's total is not the sum of the known sizes, an id may name a different message than
        before: compare sizes, those of some thousand messages per session."""
        session = self._session
        memory = session.memory
        total = session.octets, self._known
        at = memory.get("audit", 0)
        if session.octets < 0 or self._blind or session.octets == self._known:
            memory.pop("audit", None)
            return
        if not at and memory.get("total") == total:
            return  # all have been compared
        yield from self._sizes(at, _AUDITS)
        if self._other and (yield from self._follow()):
            yield from self._sizes(at, _AUDITS)
        yield from self._all()
        if not self._refused:
            memory["total"] = total

    def _sizes(self, at: int, ranges: int) -> "Dialogue[None]":
        """Find the messages that are listed with another size than recorded, from the `at`-th number on: they are
        not settled. Up to so many `ranges` of numbers; 0: all. Sets memory's `audit` to where to go on, 0: all
        have been compared."""
        from ..store.walk import Walk

        session = self._session
        self._other = bytearray()
        session.mismatch = self._is_other
        said = array("I", bytes(4 * _RANGE))
        high = 0
        walk: "Any" = None

        def each(n: int, uid: bytes) -> None:
            nonlocal high
            high = max(high, n)
            known = uid and walk.known(key_of(uid))
            if 0 <= n - at < _RANGE:
                said[n - at] = walk.octets if known else 0

        def line(n: int, octets: int) -> None:
            if 0 <= n - at < _RANGE and said[n - at] and octets and octets != said[n - at]:
                self._mark(n)

        while True:
            for i in range(_RANGE):
                said[i] = 0
            walk = Walk(session.journal)
            try:
                self._refused = not (yield from session.pop.uidl(each)) or self._refused
                yield from session.pop.list(line)
            except ServerError:  # there are no sizes, or no ids
                high = 0
                self._refused = True
            finally:
                walk.close()
            at += _RANGE
            ranges -= 1
            if at > high or not ranges:
                break
        session.memory["audit"] = 0 if at > high else at
        del Walk
        unload()

    def _mark(self, n: int) -> None:
        other = self._other
        while n >> 3 >= len(other):
            other.append(0)
        other[n >> 3] |= 1 << (n & 7)

    def _is_other(self, n: int) -> bool:
        other = self._other
        return bool(other and n >> 3 < len(other) and other[n >> 3] & 1 << (n & 7))

    def _done(self) -> bool:
        """The window's messages have been dealt with. Whether sizes of some were wrong."""
        window = self._window
        found = False
        for i in range(window.n):
            n = window.number[i]
            if self._is_other(n):
                self._other[n >> 3] &= ~(1 << (n & 7))
                self._refused = self._refused or not window.octets[i]
                found = True
        return found

    def _settled(self, kind: int, time: int, n: int) -> bool:
        """Whether there is nothing to do for the n-th message, given its `kind` and `time` in the journal."""
        if not kind:
            return False
        session = self._session
        if self._is_other(n) and not session.alone:
            return False
        if kind & (DOUBT | STAYS):
            if kind & STAYS:
                code = E_DOUBT if kind & DOUBT else E_STAYS
                kind_of = RemoteProtocolError if kind & DOUBT else ServerError
                session.error = session.error or kind_of(code, "%d" % n)
                session.kept += 1
                return True
            if not kind & AGREED:
                session.doubts += 1
                session.kept += 1
                return not session.alone
        if kind & ABSENT:
            return False
        if kind & STATE == LEFT:
            return True
        if kind & STATE != DELETED and kind & PART:
            return not kind & WANTED
        return not self._aged(time)

    def _aged(self, time: int) -> bool:
        """Whether a message stored at `time` may be deleted on the server."""
        session = self._session
        if not time and session.before:
            self._undated = True
        return bool(session.delete or 0 < time < session.before)

    def _choose(self) -> "Dialogue[None]":
        """Set the state of each message in the window: from what is here to what is to be done."""
        session = self._session
        window = self._window
        session.journal.mark(window, session.before)
        alone = True
        for i in range(window.n):
            kind = window.kind[i]
            state = window.state[i]
            if state == BY_CONTENT:
                continue
            if kind & STATE == LEFT:
                state = NOTHING
            elif here(kind) and kind & PART:
                state = WHOLE if kind & WANTED else NOTHING
            elif kind:
                state = STORED if session.delete or kind & AGED else NOTHING
            if state != NEW:
                alone = False
            window.state[i] = state
        if not alone:
            yield from self._alone()

    def _alone(self) -> "Dialogue[None]":
        """A message that shares its uid with others is known by its content: the walk may have passed the others."""
        window = self._window

        def each(n: int, uid: bytes) -> None:
            uid_key = key_of(uid)
            i = window.find(uid_key) if uid else -1
            if i >= 0:
                window.octets[i] += 1
                left = window.kind[i] & STATE == LEFT
                if not left and window.n < window.size and not window.has(n):
                    window.add(uid_key, n)
                    window.state[window.n - 1] = BY_CONTENT

        yield from self._session.pop.uidl(each)
        for i in range(window.n):
            if window.octets[i] > 1:
                window.state[i] = BY_CONTENT
            window.octets[i] = 0


def _reopened(kind: int, crc: int, size: int, key: bytes) -> int:
    """Instead of CLOSED, each message's record says that its server has it no longer: its id may name another."""
    if key == CLOSED:
        return -1
    return kind | ABSENT if here(kind) or kind & STATE == DELETED else kind
