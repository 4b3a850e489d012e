"""Compares messages that a server lists with those stored under their unique ids: by TOP where that is
enough, else by RETR. Stores nothing. Imported if there are such messages. `session` is a `sync.Session`.
"""

from array import array

from micropython import const

from ..errors import E_DOUBT, E_EMPTY, ServerError
from ..store import fs
from ..store.spool import crc_of, is_whole, name_of, size_of
from ..store.window import AGAIN, UNSURE
from ..store.witness import BEGINS, SAME, Witness, named
from .prove import keep, proved

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, List

    from ..core.pop3 import Dialogue
    from ..store.window import Window

_LINES = const(10)  # of a body, by TOP: enough, along with a header that no other message has
_BLOCK = const(512)


def run(session: "Any", window: "Window") -> "Dialogue[None]":
    """Settle all that are UNSURE: to be deleted (GOING), left alone, or AGAIN if it is another. Raises StoreError."""
    compare = Compare(session, window)
    yield from compare.by_top()
    looked = False  # each session gets on
    for i in range(window.n):
        if window.state[i] != UNSURE:
            continue
        if session.hurries() and looked:
            session.more = True
            return
        looked = True
        verdict = yield from compare.by_retr(i)
        if verdict == SAME:
            proved(session, window, i)
        elif verdict:
            window.state[i] = AGAIN


class Compare:
    """`longer`: the last message to come begins with all that is here and goes on. `size`: of each file; 0: none."""

    def __init__(self, session: "Any", window: "Window") -> None:
        self._session = session
        self._window = window
        self._block = bytearray(_BLOCK)
        self.longer = False
        self.size = array("I", bytes(4 * window.n))
        self._crc = array("I", bytes(4 * window.n))
        for key, name in session.spool.files():  # one pass reads what the names tell
            i = window.find(key)
            if i >= 0 and is_whole(name):
                self.size[i] = size_of(name)
                self._crc[i] = crc_of(name)

    def _path(self, i: int) -> str:
        """The path of its file; "" if there is none, or a person has moved it meanwhile."""
        if not self.size[i]:
            return ""
        path = self._session.spool.folder + "/"
        path += name_of(self._window.key(i), 0, 0, self._crc[i], self.size[i])
        return path if fs.exists(path) else ""

    def _witness(self, i: int) -> Witness:
        path = self._path(i)
        if path:
            return Witness(path, self.size[i], self._block)
        said, crc = self._session.journal.known(self._window.key(i))
        return Witness("", said, self._block, crc)

    def by_top(self) -> "Dialogue[None]":
        """Send TOP with a few lines for all that are UNSURE, pipelined if the server can take it."""
        session = self._session
        window = self._window
        memory = session.memory
        # A reply without an end would end each session here: after two, RETR tells.
        cuts = memory.get("tops", 0)
        if memory.get("top") == "no" or cuts > 1:
            memory["tops"] = 0
            return
        memory["tops"] = cuts + 1
        queue: "List[int]" = []
        at = 0
        while True:
            while at < window.n and (not queue or session.pipelined):
                octets = window.octets[at]
                size = window.said[at] or self.size[at]
                if window.state[at] == UNSURE and octets and (not size or octets == size):
                    yield from session.pop.post("TOP %d %d" % (window.number[at], _LINES))
                    queue.append(at)
                at += 1
            if not queue:
                memory["tops"] = 0
                return
            i = queue.pop(0)
            try:
                yield from session.pop.reply()
            except ServerError:
                continue  # RETR will tell
            witness = self._witness(i)
            yield from session.pop.content(witness)
            verdict = witness.verdict()
            path = self._path(i)
            if verdict == SAME or (verdict == BEGINS and path and named(path, self._block)):
                proved(session, window, i)

    def by_retr(self, i: int) -> "Dialogue[int]":
        """Compare the whole message without storing it; 0: RETR was refused, or what came is no sound message."""
        session = self._session
        pop = session.pop
        window = self._window
        try:
            yield from pop.do("RETR ", window.number[i])
        except ServerError as err:
            keep(session, window, i, err)
            return 0
        witness = self._witness(i)
        pop.rx.bare = False
        yield from pop.content(witness)
        self.longer = witness.longer
        if witness.came < window.octets[i]:
            session.odd()
        if not witness.came or pop.rx.bare:
            session.unsound(E_EMPTY if not witness.came else E_DOUBT, window.number[i])
            keep(session, window, i, None)
            return 0
        return witness.verdict()
