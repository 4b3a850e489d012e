"""Messages that are here under unique ids that the server no longer lists. All ids may have changed at once
(the mailbox was moved), and a message that is here byte for byte must not be stored twice. Imported only if
that may be.
"""

from micropython import const

from ..core.pop3 import ADVICE
from ..store.journal import ABSENT, here
from ..store.spool import BY_CONTENT, NEW, WHOLE, Window, is_whole, key_of, size_of

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from ..core.pop3 import Dialogue

_OUT = const(1)


class Moved:
    """The moved messages of one window. `session`: a `sync.Session`."""

    def __init__(self, session: "Any", window: Window) -> None:
        self._session = session
        self._window = window
        self._found = Window(window.size)
        self._pairs: "Dict[bytes, bytes]" = {}

    def look(self) -> "Dialogue[Moved | None]":
        """Self, or None if no message here can be one of those listed."""
        session = self._session
        found = self._found
        session.journal.flush()
        for _, change, _, octets, _, key in session.journal.records():
            if not change and octets and found.n < found.size and self._fits(key, octets):
                found.add(key)
        for key, name in session.spool.files():
            if is_whole(name):
                i = found.find(key)
                if i < 0 and found.n < found.size and self._fits(key, size_of(name)):
                    i = found.n
                    found.add(key)
                if i >= 0:
                    found.number[i] = 1  # there is a file
        if not found.n:
            return None
        session.journal.mark(found)
        content = self._window.holds(
            BY_CONTENT
        )  # a message without an id may be one that an earlier listing left out
        for i in range(found.n):
            if not found.number[i] or not here(found.kind[i]) or (found.kind[i] & ABSENT and not content):
                found.state[i] = _OUT

        def each(n: int, uid: bytes) -> None:
            i = found.find(key_of(uid)) if uid else -1
            if i >= 0:
                found.state[i] = _OUT

        if not (yield from session.pop.uidl(each)):
            pass  # then no id names anything
        for i in range(found.n):
            if found.state[i] != _OUT:
                return self
        return None

    def _fits(self, key: bytes, size: int) -> bool:
        """Whether the message may be one of those to be fetched, going by `size`, as announced or as stored."""
        window = self._window
        if window.find(key) >= 0:
            return False
        advice = self._session.memory.get("flight") == ADVICE
        for i in range(window.n):
            octets = window.octets[i]
            if window.state[i] in (NEW, BY_CONTENT, WHOLE) and (advice or not octets or octets == size):
                return True
        return False

    def is_here(self, path: str, block: bytearray) -> bool:
        """Whether the message that came is one of them; each can stand for one message only."""
        from ..store.alike import alike

        session = self._session
        spool = session.spool
        end = spool.name_end(".eml")
        found = self._found
        new = session.coming()
        at = self._window.find(new)
        named = at >= 0 and self._window.state[at] != BY_CONTENT
        for key, name in spool.files():
            i = found.find(key)
            if i < 0 or found.state[i] == _OUT or name[16:] != end or (named and found.kind[i] & ABSENT):
                continue
            if alike(spool.folder + "/" + name, path, block):
                found.state[i] = _OUT
                if named and not session.delete:
                    self._pairs[key] = new
                return True
        return False

    def finish(self) -> int:
        """From now on, messages left on the server are known by their new ids. Returns how many."""
        pairs = self._pairs
        if pairs:
            from ..store.rekey import rekey

            rekey(self._session.journal, self._session.spool, pairs)
            self._pairs = {}
        return len(pairs)
