"""Servers without UIDL: each message is known by its content alone. A dialogue. Imported only then.

All that such a server does not delete would be fetched again at each poll, for ever. So after two sessions in a row
that found all of the mail here already, and were told that it was deleted, the same maildrop is left alone, and the
person is told. `session` is a `sync.Session`.
"""

from micropython import const

from ..errors import E_NO_UIDL, E_NOT_CONFIRMED, E_REFUSED, E_STAYS, ConfigError, ServerError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable

    from ..core.pop3 import Dialogue

_OFTEN = const(2)


def begin(session: "Any") -> "Dialogue[bool]":
    """UIDL was refused. Whether there is something to do. Raises ServerError, ConfigError."""
    yield from session.count()
    if not session.listed:  # which may be wrong

        def line(n: int, octets: int) -> None:
            session.listed += 1

        yield from listing(session, line)
    if not session.listed:
        session.memory.pop("same", None)
        return False
    caps = session.pop.caps
    if caps and b"UIDL" in caps:
        raise ServerError(E_REFUSED, "UIDL")  # it should work, and may do so a moment later
    if session.held:  # otherwise everything would be fetched again at every poll
        raise ConfigError(E_NOT_CONFIRMED, session.account.get("host", ""))
    if not session.plain:
        raise ServerError(E_NO_UIDL, "UIDL")
    listed, octets, often = session.memory.get("same", (0, 0, 0))
    if (listed, octets) != (session.listed, session.octets):
        often = 0
    session.memory["same"] = session.listed, session.octets, often
    if often < _OFTEN:
        return True
    session.error = ServerError(E_STAYS, "1")
    return False


def ended(session: "Any") -> None:
    """After QUIT's +OK."""
    listed, octets, often = session.memory["same"]
    if session.fetched or session.error:
        often = 0
    elif session.deleted >= listed or session.memory.get("hollow"):
        often += 1
    session.memory["same"] = listed, octets, often


def listing(session: "Any", line: "Callable[[int, int], None]") -> "Dialogue[None]":
    """LIST; where that is refused, too, the numbers are known all the same."""
    try:
        yield from session.pop.list(line)
    except ServerError:
        yield from session.count()
        for n in range(1, session.listed + 1):
            line(n, 0)
