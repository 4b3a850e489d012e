"""The last good time, kept on the flash for the next start: without a PC or NTP the clock is no earlier than that.

Imported only then.
"""

import os

from micropython import const

from .net import clock

_PATH = "/clock"
_DAY_S = const(86400)


def start() -> None:
    """At the start of the board."""
    clock.start(_kept())


def keep() -> None:
    """Write the time down, unless that was done within a day. Only once something else has borne it out, a PC or a
    server's certificate: a forged NTP answer must not last."""
    now = clock.now()
    if now and not -_DAY_S < now - _kept() < _DAY_S:
        try:
            new = _PATH + ".tmp"
            with open(new, "wb") as f:
                f.write(now.to_bytes(4, "big"))
            os.rename(new, _PATH)
        except OSError:  # a full flash; without it the board goes on as well
            pass


def _kept() -> int:
    try:
        with open(_PATH, "rb") as f:
            return int.from_bytes(f.read(4), "big")
    except OSError:
        return 0
