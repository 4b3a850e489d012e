"""The board's clock, and how far it can be trusted.

`sure`: a PC or an NTP server has set it since the start. `trusted`: a PC or two agreeing NTP answers have set
it, good enough for deleting by age and for times that are recorded. `valid`: it may be slow, as it started
from the last good time kept on the flash, but it is not before that: good enough for certificates, never for
deleting by age.
"""

import time
from array import array

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_BUILT = const(1767225600)  # 2026-01-01: this code is no older

# Boards count from 2000, the unix port from 1970.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0

_AGREE = const(60)  # seconds by which two agreeing times may differ
_LIFE = const(34560000)  # 400 days: no certificate lasts longer, and one has confirmed the last good time

_sure = False
_trusted = False
# The last good time. In an array: a long integer would lie wherever there was room when the clock was set.
_least = array("I", (_BUILT,))
_other: "Any" = 0  # how far off this clock the last answer was that did not set it


def valid() -> bool:
    """Whether certificates can be checked: the time is right, or at least not before the last good time."""
    return int(time.time()) + _EPOCH >= _BUILT


def sure() -> bool:
    """Whether a PC or an NTP server has set the clock since the start."""
    return _sure and valid()


def trusted() -> bool:
    """Whether a PC or two agreeing NTP answers have set the clock since the start."""
    return _trusted and valid()


def now() -> int:
    """Seconds since 1970, UTC; 0 when the clock is not sure."""
    return int(time.time()) + _EPOCH if sure() else 0


def recorded() -> int:
    """Seconds since 1970, UTC, for records; 0 when the clock is not trusted."""
    return now() if _trusted else 0


def says() -> str:
    """The date that the clock shows, right or wrong; for errors."""
    t = time.gmtime()
    return "%04d-%02d-%02d" % (t[0], t[1], t[2])


def start(least: int) -> None:
    """Start the clock: it cannot be before `least`, the last good time (seconds since 1970; 0: not known)."""
    global _other, _sure, _trusted
    _sure = _trusted = False
    _other = 0
    _least[0] = max(least, _BUILT)
    if least > _BUILT and int(time.time()) + _EPOCH < least:
        _set(least)


def possible(epoch: int) -> bool:
    """Whether it may be `epoch` now: the last good time can be wrong by no more than a certificate's lifetime."""
    return bool(epoch >= max(_BUILT, _least[0] - _LIFE))


def heard(epoch: int) -> bool:
    """Take an NTP server's answer (seconds since 1970, UTC). True: the clock can be trusted now.

    One answer sets a clock that is not trusted yet, but not back before the last good time; two that agree
    set any clock.
    """
    global _other, _sure
    off = epoch - int(time.time()) - _EPOCH
    if (_sure and abs(off) <= _AGREE) or (_other and abs(off - _other) <= _AGREE):
        set_to(epoch)
    elif not _trusted and epoch >= _least[0] - _AGREE:
        _set(epoch)
        _sure = True
        _other = 0
    else:
        _other = off
        return False
    return _trusted


def set_to(epoch: int) -> None:
    """Set the clock; `epoch`: seconds since 1970, UTC. It is trusted from now on."""
    global _other, _sure, _trusted
    _set(epoch)
    _least[0] = max(epoch, _BUILT)
    _other = 0
    _sure = _trusted = True


def _set(epoch: int) -> None:
    from machine import RTC

    t = time.gmtime(epoch - _EPOCH)
    RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
