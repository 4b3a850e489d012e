"""What a failed session teaches the next one about its server. Imported only then. No sockets, files or clock."""

from micropython import const

from ..errors import E_CLOSED, E_REMOTE, E_TIMEOUT

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from ..errors import MailError

SLOWEST = const(3)  # see `slow` in `net.link.Link`


def failed(memory: "Dict[Any, Any]", err: "MailError") -> "tuple[MailError, bool]":
    """Learn from what ended a session begun by `login.enter`. Returns the error to show, and whether the next
    session will do something differently.

    Sets in `memory`: `slow` (doublings of the deadlines), `capa` (how often in a row the server hung up at
    CAPA), `bare` (the next session skips CAPA), `shut` (the ways to log in that were refused or hung up on
    since the last login).
    """
    asked = memory.pop("asked", "")
    refused = memory.pop("refused", None)
    slow = memory.get("slow", 0)
    if err.code == E_TIMEOUT:
        if err.detail == "connect":
            return err, False
        if slow < SLOWEST:
            memory["slow"] = slow + 1
            return err, True
    elif err.code not in (E_CLOSED, E_REMOTE):  # least of all after E_SERVER_UNKNOWN
        return err, False
    if asked == "capa":
        memory["capa"] = memory.get("capa", 0) + 1
        memory["bare"] = True
    elif asked:
        shut(memory, asked)
    return refused or err, bool(asked or refused)


def shut(memory: "Dict[Any, Any]", way: str) -> None:
    """Remember a way to log in that failed."""
    ways = memory.get("shut", "")
    if way not in ways.split():
        memory["shut"] = (ways + " " + way).strip()
    memory.pop("way", None)
