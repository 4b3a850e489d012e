"""`machine` of an ESP32 or an RP2: I2C, pins, clock, watchdog, resets. What they do happens in the runner.

On an RP2 every reset is the watchdog's, `machine.reset()` too (ports/rp2/modmachine.c), and its longest watchdog has
8,388 ms (an RP2350's twice as much).
"""

from struct import pack

import _hw
import utime
from umachine import *  # noqa: F403

_RP2 = _hw.config["port"] == "rp2"
_WDT_MAX = _hw.config["watchdog_ms"]  # 0: any
_LED = 63  # its number here; on a Pico W it is a pin of the radio chip

PWRON_RESET = 1
WDT_RESET = 3
if not _RP2:
    HARD_RESET = 2
    DEEPSLEEP_RESET = 4
    SOFT_RESET = 5

_id = b""
_cause = PWRON_RESET
_chips = ()  # (scl, sda, address) of each chip on an I2C bus
_memory = b""


def setup(config):
    """From the boot code, once."""
    global _id, _cause, _chips, _memory
    from binascii import a2b_base64, unhexlify

    import network

    _id = unhexlify(config["id"])
    _cause = config["cause"]
    if _RP2 and _cause != PWRON_RESET:
        _cause = WDT_RESET
    _chips = tuple(tuple(chip) for chip in config["i2c"])
    _memory = a2b_base64(config["memory"])
    network.config["mac"] = _id


def unique_id():
    return _id


def reset_cause():
    return _cause


def freq(hz=None):
    return 125000000 if _RP2 else 160000000


def reset():
    _hw.send(b"R")
    _hw.halt()


def soft_reset():
    raise SystemExit


def deepsleep(ms=0):
    _hw.send(b"D", pack("<I", ms))
    _hw.halt()


def lightsleep(ms=0):
    utime.sleep_ms(ms)


def disable_irq():
    return 0


def enable_irq(state):
    pass


class Pin:
    IN = 0 if _RP2 else 1
    OUT = 1 if _RP2 else 3
    OPEN_DRAIN = 2 if _RP2 else 7
    PULL_DOWN = 2 if _RP2 else 1
    PULL_UP = 1 if _RP2 else 2
    IRQ_RISING = 8 if _RP2 else 1
    IRQ_FALLING = 4 if _RP2 else 2

    def __init__(self, id, mode=-1, pull=-1, *, value=None, **_):
        if _RP2 and id in ("LED", "WL_GPIO0"):
            id = _LED
        elif not 0 <= id < (30 if _RP2 else 40):
            raise ValueError("invalid pin")
        self.id = id
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, **_):
        if value is not None:
            self.value(value)

    def value(self, level=None):
        _hw.service()
        if level is None:
            return _hw.levels[self.id]
        _hw.levels[self.id] = 1 if level else 0
        _hw.send(b"P", b"\x01" if level else b"\x00", self.id)

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def irq(self, handler=None, trigger=3, **_):
        if handler is None:
            _hw.irqs.pop(self.id, None)
        else:
            edges = trigger & 3 or (trigger >> 3 & 1) | (trigger >> 1 & 2)  # 1: rising, 2: falling
            _hw.irqs[self.id] = (handler, edges, self)

    def __repr__(self):
        return "Pin(%d)" % self.id


def _number(pin, default):
    return default if pin is None else getattr(pin, "id", pin)


class I2C:
    """A bus knows at once who answers: the chips' addresses are given at boot."""

    _default = ((5, 4), (7, 6)) if _RP2 else ((18, 19), (25, 26))

    def __init__(self, id=0, *, scl=None, sda=None, freq=400000, timeout=50000):
        if not 0 <= id <= 1:
            raise ValueError("I2C(%d) doesn't exist" % id)
        self._open(_number(scl, self._default[id][0]), _number(sda, self._default[id][1]))

    def _open(self, scl, sda):
        self._chips = bytes(chip[2] for chip in _chips if chip[0] == scl and chip[1] == sda)

    def _acked(self, addr):
        if addr not in self._chips:
            raise OSError(19)  # ENODEV

    def scan(self):
        return list(self._chips)

    def writeto(self, addr, buf, stop=True):
        self._acked(addr)
        _hw.send(b"I", buf, addr)
        return len(buf)

    def writevto(self, addr, vector, stop=True):
        return self.writeto(addr, b"".join(vector), stop)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self.writeto(addr, memaddr.to_bytes(addrsize // 8, "big") + buf)

    def readfrom(self, addr, n, stop=True):
        self._acked(addr)
        return bytes(n)

    def readfrom_into(self, addr, buf, stop=True):
        self._acked(addr)
        for i in range(len(buf)):
            buf[i] = 0

    def readfrom_mem(self, addr, memaddr, n, *, addrsize=8):
        return self.readfrom(addr, n)


class SoftI2C(I2C):
    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        self._open(_number(scl, -1), _number(sda, -1))


class RTC:
    def datetime(self, when=None):
        """(year, month, day, weekday, hour, minute, second, microsecond)"""
        import time

        if when is None:
            ns = time.time_ns()
            t = time.gmtime(ns // 1000000000)
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], ns // 1000 % 1000000)
        _hw.set_clock(time.mktime((when[0], when[1], when[2], when[4], when[5], when[6], 0, 0)))

    init = datetime

    def memory(self, data=None):
        """An ESP32's: up to 2,048 bytes that survive deep sleep and every reset but the loss of power."""
        global _memory
        if data is None:
            return _memory
        if len(data) > 2048:
            raise ValueError("buffer too long")
        _memory = bytes(data)
        _hw.send(b"M", _memory)


class WDT:
    def __init__(self, id=0, timeout=5000):
        if timeout <= 0:
            raise ValueError("WDT timeout must be greater than 0")
        if _WDT_MAX and timeout > _WDT_MAX:
            raise ValueError("timeout exceeds %d" % _WDT_MAX)  # as ports/rp2/machine_wdt.c
        _hw.send(b"T", pack("<I", timeout))

    def feed(self):
        _hw.send(b"F")
        _hw.service()
