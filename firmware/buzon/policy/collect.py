"""A session for an account that leaves mail on its server: which of it is to be fetched, and which to be deleted.

Imported only then: with `keep = "delete"` and nothing else, `sync` does without. `session` is a `sync.Session`.
"""

from micropython import const

from ..errors import StoreError
from ..store import fs
from ..store.journal import DELETED, LEFT, PART, STATE, WANTED
from ..store.spool import BY_CONTENT, HEADERS, NEW, NOTHING, STORED, WHOLE, key_of
from ..store.walk import Walk

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from ..core.pop3 import Dialogue
    from ..store.spool import Window


class Collect:
    """Fetch what never arrived here, and delete what may be: the listing is compared with the journal as it comes, so
    that a maildrop without new mail costs one listing and one look at the journal."""

    def __init__(self, session: "Any", window: "Window") -> None:
        self._session = session
        self._window = window
        self._undated = False  # something came when there was no clock

    def run(self) -> "Dialogue[bool]":
        """False: nothing was done, for messages have no uids here."""
        session = self._session
        if session.account.get("start") == "now" and not fs.exists(session.journal.path):
            from .baseline import baseline

            yield from baseline(session.pop, session.journal, session.now())
        if not (yield from self._all()):
            return False
        if self._undated:
            from ..store.mend import compact

            # As old as today: later than it was, so nothing goes too early.
            session.journal.flush()
            try:
                compact(session.journal, session.now())
            except StoreError as err:
                session.error = session.error or err
        return True

    def _all(self) -> "Dialogue[bool]":
        session = self._session
        window = self._window
        skip = 0  # messages that the walk does not settle and that were worked on
        done = 0  # the same, had no deleted one gone from the listing
        total = gone = 0
        still = False  # this server goes on listing what is deleted
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
            if not window.n or not by_uid:
                return by_uid or not count
            last = n <= window.n + (0 if session.newest else skip)  # nothing else is to be looked at
            n = window.n
            yield from self._choose()
            fetched = session.fetched
            gone = session.deleted
            yield from session.handle(window)
            if session.more or last:
                return True
            yield from session.settle()
            gone = session.deleted - gone
            fetched = session.fetched - fetched
            # What was fetched or deleted is settled from now on, and what follows moves up.
            done += n - (0 if session.delete else fetched)
            if still:
                skip = done
            else:
                skip = 0 if fetched or gone else skip + n

    def _compare(self, first: int, most: int) -> "Dialogue[tuple[bool, int, int]]":
        """The next messages of which the walk does not say that nothing is to be done."""
        walk = Walk(self._session.journal)

        def settled(key: bytes) -> bool:
            return self._settled(walk.known(key), walk.time)

        try:
            found: "tuple[bool, int, int]" = yield from self._session.fill(
                self._window, first, True, most, settled
            )
            return found
        finally:
            walk.close()

    def _settled(self, kind: int, time: int) -> bool:
        """Whether nothing is to be done with a message of which the journal says this."""
        if not kind:
            return False
        if kind & STATE == LEFT:
            return True
        if kind & STATE != DELETED and kind & PART:
            return not kind & WANTED
        return not self._aged(time)

    def _aged(self, time: int) -> bool:
        """Whether what was stored then may be deleted on the server."""
        session = self._session
        if not time and session.before:
            self._undated = True
        return bool(session.delete or 0 < time < session.before)

    def _choose(self) -> "Dialogue[None]":
        """The state of each in the window: from what is here to what is to be done."""
        session = self._session
        window = self._window
        session.spool.mark(window, STORED, HEADERS)
        session.journal.mark(window)
        alone = True
        for i in range(window.n):
            kind = window.kind[i]
            state = window.state[i]
            if state == BY_CONTENT:
                continue
            if kind & STATE == LEFT:
                state = NOTHING
            elif kind & STATE == DELETED:
                state = STORED if self._aged(window.octets[i]) else NOTHING
            elif state == STORED:
                if kind & PART:  # a cut came between the two
                    session.journal.change(kind & STATE, window.key(i), kind)
                if not self._aged(window.octets[i]):
                    state = NOTHING
            elif state == HEADERS:
                state = WHOLE if kind & WANTED else NOTHING
            if state != NEW:
                alone = False
            window.state[i] = state
        for i in range(window.n):
            window.octets[i] = 0
        if not alone:
            yield from self._alone()

    def _alone(self) -> "Dialogue[None]":
        """Whose uid stands for several messages is known by its content: the walk may have passed the other one."""

        window = self._window

        def each(n: int, uid: bytes) -> None:
            uid_key = key_of(uid)
            i = window.find(uid_key)
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
