"""The board's clock. Until it is set no certificate can be checked."""

import time

from micropython import const

_EARLIEST = const(2026)  # the year this was written: a clock before it is not set

# Boards count from 2000, the unix port from 1970.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0


def valid() -> bool:
    """Whether the clock has been set since the board started."""
    return time.gmtime()[0] >= _EARLIEST


def now() -> int:
    """Seconds since 1970, UTC; 0 when the clock is not set."""
    return int(time.time()) + _EPOCH if valid() else 0


def set_to(epoch: int) -> None:
    """Set the clock; `epoch`: seconds since 1970, UTC."""
    from machine import RTC

    t = time.gmtime(epoch - _EPOCH)
    RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))


def sure() -> bool:
    """Whether the time may be trusted with deleting what is old."""
    return valid()
