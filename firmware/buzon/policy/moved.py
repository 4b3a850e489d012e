"""Messages that are here and may be listed under other unique ids now: the mailbox was moved, or its ids are
message numbers. One that is here byte for byte must not be stored twice. Imported only if that may be.
"""

from micropython import const

from ..store.journal import ABSENT, CLOSED, DELETED, UNNAMED, here
from ..store.spool import is_whole, key_of, octets_of
from ..store.window import AGAIN, BY_CONTENT, CHECK, NEW, NOTHING, UNSURE, WHOLE, Window

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict

    from ..core.pop3 import Dialogue
    from ..store.journal import Journal

_SOME = const(32)  # files looked at together
_FOUND = const(128)
_OUT = const(1)


def begin(session: "Any") -> None:
    """From now on, until a session has dealt with all of the mail, what is here may have another id: the
    journal says so, for the case that this session is cut off."""
    if not (session.delete or session.journal.moved):
        session.journal.move(True)
        session.past = True


def again(window: Window) -> bool:
    """Whether an id in the window may name another message than before."""
    for i in range(window.n):  # noqa: SIM110 (`any` would allocate)
        if _open(window, i):
            return True
    return False


def _open(window: Window, i: int) -> bool:
    """Whether the i-th message's id may name another message than the one that is here."""
    state = window.state[i]
    said = window.said[i]
    octets = window.octets[i]
    return state in (AGAIN, CHECK, UNSURE) or (state == NOTHING and bool(said and octets and said != octets))


class Moved:
    """The moved messages of one window. `session`: a `sync.Session`."""

    def __init__(self, session: "Any", window: Window) -> None:
        self._session = session
        self._window = window
        self._content = window.holds(BY_CONTENT)
        self._free = bytearray()  # a bit for each of the journal's messages: here, and not listed
        self._pairs: "Dict[bytes, bytes]" = {}

    def look(self) -> "Dialogue[Moved | None]":
        """Self, or None if no message here can be one of those listed."""
        some = Window(_SOME)
        found = Window(max(_FOUND, self._window.size))  # one listing for each time it is full
        for key, name in self._session.spool.files():
            if self._window.find(key) < 0:
                some.add(key)
                some.octets[some.n - 1] = octets_of(name)
                if some.n == some.size:
                    yield from self._choose(some, found)
        yield from self._choose(some, found)
        if not self._session.delete:
            for _, _, _, _, crc, size, key in self._session.journal.records():
                if crc and not size and self._window.find(key) < 0 and some.find(key) < 0:
                    some.add(key)
                    if some.n == some.size:
                        yield from self._choose(some, found)
            yield from self._choose(some, found)
        if found.n:
            yield from self._unlisted(found)
        return self if self._free or again(self._window) else None

    def _choose(self, some: Window, found: Window) -> "Dialogue[None]":
        """Add to `found` what may be one of those to be fetched; when it is full, it is looked through."""
        self._session.journal.mark(some)
        for i in range(some.n):
            kind = some.kind[i]
            if kind & ABSENT and not (self._content and here(kind)):
                continue
            if self._fits(some.said[i], some.octets[i]):
                found.add(some.key(i))
                if found.n == found.size:
                    yield from self._unlisted(found)
        some.clear()

    def _fits(self, said: int, octets: int) -> bool:
        """Whether a message may be one of those to be fetched, going by its size, as announced or as stored."""
        window = self._window
        advice = self._session.memory.get("advice")
        for i in range(window.n):
            size = window.octets[i]
            if window.state[i] in (NEW, BY_CONTENT, WHOLE) and (advice or not size or size in (said, octets)):
                return True
        return False

    def _unlisted(self, found: Window) -> "Dialogue[None]":
        """Set the bits of those that the server does not list. Empties `found`."""

        mismatch = self._session.mismatch

        def each(n: int, uid: bytes) -> None:
            i = found.find(key_of(uid)) if uid else -1
            if i >= 0 and not (mismatch and mismatch(n)):
                found.state[i] = _OUT

        yield from self._session.pop.uidl(each)  # if it is refused, no id names anything
        at = 0
        for kind, change, _, _, _, _, key in self._session.journal.records():
            if kind and not change:
                i = found.find(key)
                if i >= 0 and found.state[i] != _OUT:
                    self._mark(at)
                at += 1
        found.clear()

    def _mark(self, at: int) -> None:
        free = self._free
        while at >> 3 >= len(free):
            free.append(0)
        free[at >> 3] |= 1 << (at & 7)

    def is_here(self, path: str, block: bytearray, end: str, new: bytes, said: int) -> bool:
        """Whether the message that came is one of them; each can stand for one message only. `end`: of its
        name; `new`: its key, or b"" if it is known by its content; `said`: the size that the server announced,
        if that is not its size: then the server must have announced the same for the one that is here."""
        by_uid = bool(new)
        journal = self._session.journal

        def free(key: bytes) -> bool:
            if self._session.spent(key) or (said and journal.known(key)[0] != said):
                return False
            i = self._window.find(key)
            if i >= 0:
                return by_uid and _open(self._window, i) and key not in self._pairs
            return self._take(key, by_uid, False)

        key = find(self._session, path, block, end, free)
        if new and not key:
            i = self._window.find(new)
            octets = self._window.octets[i] if i >= 0 else 0
            key = self._half(path, block, not is_whole(end), octets, free) or _gone(
                self._session, octets, path, block, lambda key: self._take(key, True, False)
            )
        if key:
            if by_uid and journal.state(new):  # its headers came under that id
                from ..store.rekey import NOBODY, rekey

                self._session.spool.remove(self._session.spool.name(new, True))
                rekey(journal, self._session.spool, {new: NOBODY})
            if by_uid:
                self._pairs[key] = new
            if self._window.find(key) < 0:
                self._take(key, by_uid, True)
        return bool(key)

    def _half(
        self, path: str, block: bytearray, part: bool, octets: int, free: "Callable[[bytes], bool]"
    ) -> bytes:
        """The key of the message whose headers are at `path` (`part`), or b"". If all of it is there, headers here
        that are its beginning go."""
        from ..store.alike import begins
        from ..store.witness import named

        spool = self._session.spool
        for key, name in spool.files():
            if is_whole(name) == part and octets_of(name) == octets > 0 and free(key):
                other = spool.folder + "/" + name
                head, whole = (path, other) if part else (other, path)
                if begins(head, whole, block) and named(head, block):
                    if part:
                        return bytes(key)
                    self._take(key, True, True)
                    self._session.journal.change(DELETED, key, self._session.journal.state(key))
                    spool.remove(name)
                    break
        return b""

    def _take(self, key: bytes, by_uid: bool, away: bool) -> bool:
        """Whether its bit is set; `away`: then it is no more."""
        at = 0
        records: "Any" = self._session.journal.records()
        for kind, change, _, _, _, _, each in records:
            if kind and not change:
                if each == key:
                    break
                at += 1
        records.close()
        free = self._free
        bit = 1 << (at & 7)
        if (
            at >> 3 >= len(free)
            or not free[at >> 3] & bit
            or (by_uid and not fresh(self._session.journal, key))
        ):
            return False
        if away:
            free[at >> 3] &= ~bit
        return True

    def finish(self) -> int:
        """From now on, they are known by their new ids. Returns how many."""
        pairs = self._pairs
        if pairs:
            _rename(self._session, pairs)
            self._pairs = {}
        return len(pairs)


def claim(session: "Any", window: Window, i: int, path: str, block: bytearray) -> bytes:
    """The key under which the i-th message, whose id used to name another, is here, or b"". From now on it has
    its own. The other id may be one that is listed: what that names is fetched then."""

    def free(key: bytes) -> bool:
        at = window.find(key)
        if at >= 0:
            return _open(window, at)
        return fresh(session.journal, key) and not session.spent(key)

    key = find(session, path, block, session.spool.name_end(".eml"), free)
    key = key or _gone(session, window.octets[i], path, block, free)
    if key:
        _rename(session, {key: window.key(i)})
    return key


def _rename(session: "Any", pairs: "Dict[bytes, bytes]") -> None:
    from ..store.rekey import rekey

    rekey(session.journal, session.spool, pairs)
    session.memory.pop("dele", None)  # the id of what was deleted last may name one of these now


def find(session: "Any", path: str, block: bytearray, end: str, free: "Callable[[bytes], bool]") -> bytes:
    """The key of a message here that is the same as the one at `path`, or b"". `end`: of its name; `free(key)`:
    whether it comes into question."""
    spool = session.spool
    for key, name in spool.files():
        if name[16:-4] == end[:-4] and free(key):
            from ..store.alike import alike

            if alike(spool.folder + "/" + name, path, block):
                return bytes(key)
    return b""


def _gone(session: "Any", octets: int, path: str, block: bytearray, free: "Callable[[bytes], bool]") -> bytes:
    """The key of a message that a person removed and that is the one that came, as far as its beginning, its
    size and a header with something unique can tell; or b"". The server's copy stays, so little depends on it."""
    if session.delete or not octets:
        return b""
    from ..store.leave import mark
    from ..store.witness import named

    journal = session.journal
    crc = mark(path)
    found = b""
    records: "Any" = journal.records()
    for _, _, _, _, each, size, key in records:
        if each == crc and not size and journal.known(key) == (octets, crc) and free(key):
            found = bytes(key) if named(path, block) else b""
            break
    records.close()
    return found


def fresh(journal: "Journal", key: bytes) -> bool:
    """Whether a message here may still be on the server: no listing since lacked it, and no session since has
    deleted everything. One that had no id is told by its content alone."""
    known = absent = unnamed = False
    for kind, change, _, _, _, _, each in journal.records():
        if each == key:
            known = known or not change
            absent = bool(kind & ABSENT)
            unnamed = bool(kind & UNNAMED)
        elif each == CLOSED:
            known = False
    return unnamed or (known and not absent)
