"""`time` with a board's clock: an ESP32's counts seconds since 2000-01-01, and starts there when the power comes; an
RP2's counts them since 1970, and starts at 2021-01-01 (ports/rp2/main.c)."""

import _hw
import utime
from micropython import const
from utime import *  # noqa: F403

_2000 = const(946684800)  # seconds since 1970
_EPOCH = 0 if _hw.config["port"] == "rp2" else _2000  # what the board counts from
_NS = (_2000 - _EPOCH) * 1000000000


def time():
    return (utime.time_ns() + _hw.clock + _NS) // 1000000000


def time_ns():
    return utime.time_ns() + _hw.clock + _NS


def sleep_ms(ms):
    utime.sleep_ms(ms)
    _hw.service()


def gmtime(seconds=None):
    return utime.gmtime((time() if seconds is None else int(seconds)) + _EPOCH)[:8]


localtime = gmtime


def mktime(t):
    return utime.mktime((t[0], t[1], t[2], t[3], t[4], t[5], 0, 0, 0)) - _EPOCH
