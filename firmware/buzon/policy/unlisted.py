"""Messages that have a line in the server's LIST but none in UIDL: they are known by their content. A dialogue.

Imported only if LIST has more lines than UIDL.
"""

from micropython import const

from ..errors import ServerError
from ..store.spool import BY_CONTENT

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from ..core.pop3 import Dialogue, Pop3
    from ..store.spool import Window

_RANGE = const(2048)  # message numbers covered by each pair of listings
_RANGES = const(16)


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
