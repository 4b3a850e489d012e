"""Messages that UIDL has no line for: they are known by their content. Imported only if there are some, or no UIDL.

All that a server without UIDL does not delete would be fetched again at each poll, for ever. So after two sessions in
a row that found all of the mail here already, and were told that it was deleted, the same maildrop is left alone, and
the person is told. `session` is a `sync.Session`.
"""

from micropython import const

from ..errors import E_NO_UIDL, E_NOT_CONFIRMED, E_REFUSED, E_STAYS, ConfigError, ServerError
from ..store.window import BY_CONTENT

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable

    from ..core.pop3 import Dialogue, Pop3
    from ..store.window import Window

_RANGE = const(2048)  # message numbers covered by each pair of listings
_RANGES = const(16)
_OFTEN = const(2)


def unlisted(pop: "Pop3", window: "Window", n: int, total: int) -> "Dialogue[int]":
    """Add up to `n` of them to the window, as far as there is room; returns how many were added. `total`: the
    number of messages, used if LIST is refused. Call it with nothing in flight and before the session deletes
    anything."""
    marks = bytearray(_RANGE // 8)
    base = found = highest = 0

    def mark(number: int, _: bytes) -> None:
        at = number - base
        if 0 <= at < _RANGE:
            marks[at >> 3] |= 1 << (at & 7)

    def look(number: int, octets: int) -> None:
        nonlocal found, highest
        highest = max(highest, number)
        at = number - base
        if 0 <= at < _RANGE and not marks[at >> 3] & 1 << (at & 7):
            mark(number, b"")  # a repeated line is still one message
            if window.n < window.size and not window.has(number):
                window.add(number.to_bytes(8, "big"), number)
                window.octets[window.n - 1] = octets
                window.state[window.n - 1] = BY_CONTENT
                found += 1

    for _ in range(_RANGES):
        for i in range(len(marks)):
            marks[i] = 0
        try:
            if not (yield from pop.uidl(mark)):
                break
            yield from pop.list(look)
        except ServerError:
            for number in range(base + (not base), min(total + 1, base + _RANGE)):
                look(number, 0)
        base += _RANGE
        if found >= n or window.n == window.size or base > highest:
            break
    return found


def begin(session: "Any", delete: bool) -> "Dialogue[bool]":
    """UIDL was refused. Whether there is something to do. `delete`: whatever is stored.

    Raises ServerError, ConfigError.
    """
    yield from session.count()
    if not session.listed:  # which may be wrong

        def line(n: int, octets: int) -> None:
            session.listed += 1

        yield from list(session, line)
    if not session.listed:
        session.memory.pop("deleted", None)
        return False
    caps = session.pop.caps
    if caps and b"UIDL" in caps:
        raise ServerError(E_REFUSED, "UIDL")  # it should work, and may do so a moment later
    if session.held:  # otherwise everything would be fetched again at every poll
        raise ConfigError(E_NOT_CONFIRMED, session.account.get("host", ""))
    if not delete:
        raise ServerError(E_NO_UIDL, "UIDL")
    listed, octets, often = session.memory.get("deleted", (0, 0, 0))
    if (listed, octets) != (session.listed, session.octets):
        often = 0
    session.memory["deleted"] = session.listed, session.octets, often
    if often < _OFTEN:
        return True
    session.error = ServerError(E_STAYS, "%d" % 1)
    return False


def close(session: "Any") -> None:
    """After QUIT's +OK."""
    if not session.todo:
        return
    listed, octets, often = session.memory["deleted"]
    if session.fetched or session.error:
        often = 0
    elif session.deleted >= listed or session.memory.get("hollow"):
        often += 1
    session.memory["deleted"] = listed, octets, often


def list(session: "Any", line: "Callable[[int, int], None]") -> "Dialogue[None]":
    """LIST; where that is refused, too, the numbers are known all the same."""
    try:
        yield from session.pop.list(line)
    except ServerError:
        yield from session.count()
        for n in range(1, session.listed + 1):
            line(n, 0)
