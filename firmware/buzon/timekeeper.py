"""The last good time, kept on the flash for the next start: without a PC or NTP, the clock is not before that.

Imported only when needed.
"""

import os

from micropython import const

from .net import clock

_PATH = "/clock"
_DAY_S = const(86400)


def start() -> None:
    """Start the clock, at the start of the board."""
    clock.start(_kept())


def keep() -> None:
    """Save the time, unless that was done within a day. Only a time that a PC or two agreeing NTP answers
    have set, and never a single NTP answer: a wrong time must not last."""
    now = clock.recorded()
    if now and not -_DAY_S < now - _kept() < _DAY_S:
        try:
            new = _PATH + ".tmp"
            with open(new, "wb") as f:
                f.write(now.to_bytes(4, "big"))
            os.rename(new, _PATH)
        except OSError:  # the flash is full; the board can do without it
            pass


def _kept() -> int:
    try:
        with open(_PATH, "rb") as f:
            return int.from_bytes(f.read(4), "big")
    except OSError:
        return 0
