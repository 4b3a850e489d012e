"""`time` with an ESP32's clock: seconds since 2000-01-01, which is where it starts when the power comes."""

import _hw
import utime
from micropython import const
from utime import *  # noqa: F403

_2000 = const(946684800)


def time():
    return (utime.time_ns() + _hw.clock) // 1000000000


def time_ns():
    return utime.time_ns() + _hw.clock


def sleep_ms(ms):
    utime.sleep_ms(ms)
    _hw.service()


def gmtime(seconds=None):
    return utime.gmtime((time() if seconds is None else int(seconds)) + _2000)[:8]


localtime = gmtime


def mktime(t):
    return utime.mktime((t[0], t[1], t[2], t[3], t[4], t[5], 0, 0, 0)) - _2000
