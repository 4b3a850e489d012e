"""The board's clock, and how far it can be trusted.

`sure`: a PC or an NTP server has set it since the start. `valid`: it may be late, as it began with the last good
time that the flash kept, but it is no earlier than that: good enough for certificates, never for deleting by age.
"""

import time

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_BUILT = const(1767225600)  # 2026-01-01: this was not written before

# Boards count from 2000, the unix port from 1970.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0

_sure = False
_least: "Any" = _BUILT  # the last good time


def valid() -> bool:
    """Whether certificates can be checked: the time is right, or at least no earlier than the last good time."""
    return int(time.time()) + _EPOCH >= _BUILT


def sure() -> bool:
    """Whether a PC or an NTP server has set the clock since the start."""
    return _sure and valid()


def now() -> int:
    """Seconds since 1970, UTC; 0 when the clock is not sure."""
    return int(time.time()) + _EPOCH if sure() else 0


def says() -> str:
    """The date the clock shows, right or wrong: for errors."""
    t = time.gmtime()
    return "%04d-%02d-%02d" % (t[0], t[1], t[2])


def start(least: int) -> None:
    """It cannot be earlier than `least`, the last good time (seconds since 1970; 0: not known)."""
    global _least, _sure
    _sure = False
    _least = max(least, _BUILT)
    if least > _BUILT and int(time.time()) + _EPOCH < least:
        _set(least)


def possible(epoch: int) -> bool:
    """Whether it may be that late: not before the last good time. A minute is for clocks that run fast."""
    return bool(epoch >= _least - 60)


def set_to(epoch: int) -> None:
    """Set the clock; `epoch`: seconds since 1970, UTC. It is sure from now on."""
    global _least, _sure
    _set(epoch)
    _least = max(epoch, _BUILT)
    _sure = True


def _set(epoch: int) -> None:
    from machine import RTC

    t = time.gmtime(epoch - _EPOCH)
    RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
