"""Faults that a person sees although the way to the mailbox works: a board that is full, that has long
collected nothing, whose last collection failed, or whose display is missing.

Plain functions over what the board says about itself; nothing is asked or changed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .board.client import E_FLASH_FULL, AccountStatus, Status
from .checks import Check, of_error
from .remedies import REMEDIES

_LEAST_S = 3600
"""A session may last this long (the firmware's bound for a whole connection): until then nothing is late."""
_POLLS = 3
_POLL_S = 300  # the default, as in the schema
# From the error tree: errors that the next try would end if the way to the mailbox works.
_OF_THE_WAY = (*range(200, 220), *range(400, 404), *range(501, 507))
_E_DISPLAY = 800

_FREE = (
    "Move its mail to this PC with `buzon mail pull --move --maildir DIR`; `full` in the settings says what the board "
    "does when this happens, and `quota_bytes` may say that there is less room than flash."
)
_NOW = "The way to the mailbox is free now: `buzon sync` looks at once."
WAITS = "Nothing is deleted from the server until you agree."
_LATE = "Restart the board with `buzon reboot`; if it stays so, send a report: `buzon doctor --bundle`."


def of_board(status: Status) -> Iterator[Check]:
    """What is wrong with the board's display and its other notifiers."""
    for name, trouble in status.notify:
        if trouble:
            text = trouble if trouble.endswith(".") else f"{trouble}."
            if name == "display":
                yield Check(name, "failed", text, REMEDIES[_E_DISPLAY], _E_DISPLAY)
            else:
                yield Check(name, "warn", text, REMEDIES[801])


def of_account(tree: Mapping[str, Any], status: Status) -> Iterator[Check]:
    """What is wrong with one account. `tree`: this part of the board's settings."""
    id = str(tree["id"])
    found = next((one for one in status.accounts if one.id == id), None)
    if found is None:
        return
    error = found.error
    if error is not None and error.code == E_FLASH_FULL:
        text = f"The board is full ({found.stored} messages): new mail stays on the server."
        yield Check("room", "failed", text, _FREE, error.code, id)
    elif error is not None:
        check = of_error("last error", error.code, error.message, id)
        if error.code in _OF_THE_WAY:
            check = Check(
                check.name, check.result, f"The last try failed: {check.text}", _NOW, error.code, id
            )
        yield check
    else:
        idle = idle_s(found, status)
        if idle > max(_LEAST_S, _POLLS * _poll_s(tree)):
            text = f"The board has collected nothing for {span(idle)}, though it is to look every {_often(tree)}."
            yield Check("collecting", "failed", text, _LATE, account=id)
    if waits(tree):
        yield Check("deleting", "warn", WAITS, REMEDIES[108], 108, id)


def waits(tree: Mapping[str, Any]) -> bool:
    """Whether the account would delete mail on its server, and nobody has agreed to that."""
    return tree.get("keep", "delete") != "forever" and not tree.get("delete_confirmed")


def idle_s(account: AccountStatus, status: Status) -> int:
    """Seconds since the last successful collection; since the start, if there was none or no clock is set."""
    if not account.last_ok or not status.epoch:
        return status.uptime
    return max(0, min(status.uptime, status.epoch - account.last_ok))


def full_percent(flash: list[int]) -> int | None:
    """How full the flash is for mail, 0 to 100; None: the board does not say."""
    if len(flash) != 2 or flash[1] <= SPARE:
        return None
    free, total = min(flash[0], flash[1]), flash[1]
    return max(0, min(100, round(100 * (total - free) / (total - SPARE))))


SPARE = 32 * 1024
"""Bytes of the flash that mail never fills (the firmware's store/spool.py)."""


def _poll_s(tree: Mapping[str, Any]) -> int:
    seconds = tree.get("poll_s", _POLL_S)
    return seconds if type(seconds) is int else _POLL_S


def _often(tree: Mapping[str, Any]) -> str:
    seconds = _poll_s(tree)
    return f"{seconds} seconds" if seconds < 120 else span(seconds)


def span(seconds: int) -> str:
    """A time that has passed, in minutes, hours or days."""
    if seconds < 2 * 3600:
        return f"{seconds // 60} minutes"
    return f"{seconds // 3600} hours" if seconds < 2 * 86400 else f"{seconds // 86400:,} days"
