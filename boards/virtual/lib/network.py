"""`network` of a board, as far as the station goes; the access points are the runner's.

An ESP32 (MicroPython 1.25, ports/esp32/network_wlan.c): `status()` keeps the last failure until a connection succeeds,
through the next `connect()` too. An RP2 with a CYW43 (1.26, extmod/network_cyw43.c): its own numbers, and
`isconnected()` goes on for 30 ms after `disconnect()` (5 to 30 ms were measured). The board `virtual` is as unkind as
both.
"""

import json

import _hw
import utime
from micropython import const

STA_IF = 0
AP_IF = 1
AUTH_OPEN = 0
AUTH_WPA2_PSK = 3
_JOINED = const(1010)  # the runner's numbers are those of an ESP32
_CONNECTING = const(1001)
_RP2 = _hw.config["port"] == "rp2"
if _RP2:
    STAT_IDLE = 0
    STAT_CONNECTING = 1
    STAT_GOT_IP = 3
    STAT_CONNECT_FAIL = -1
    STAT_NO_AP_FOUND = -2
    STAT_WRONG_PASSWORD = -3
    # 2: it is in the network and has no address yet; lwIP's number, without a name in MicroPython.
    _OWN = {1000: 0, 1001: 1, 1002: 2, 1010: 3, 200: 0, 201: -2, 202: -3, 203: -1, 204: -3}
else:
    STAT_IDLE = 1000
    STAT_CONNECTING = 1001
    STAT_GOT_IP = 1010
    STAT_BEACON_TIMEOUT = 200
    STAT_NO_AP_FOUND = 201
    STAT_WRONG_PASSWORD = 202
    STAT_ASSOC_FAIL = 203
    STAT_HANDSHAKE_TIMEOUT = 204
    _OWN = {1002: 1001}

_STICKS = not _RP2
_LAG_MS = const(30)
_LAGS = _hw.config["port"] != "esp32"
_SCAN_MS = const(3000)
_failure = 0  # the last one, until a connection succeeds
_left = None  # when a connection was left (ticks)
config = {
    "hostname": "PicoW" if _RP2 else "mpy-esp32",
    "ssid": "",
    "reconnects": -1,
    "txpower": 20.0,
    "pm": 1,
    "channel": 1,
}
_active = [False, False]


def hostname(name=None):
    if name is None:
        return config["hostname"]
    config["hostname"] = name


def country(code=None):
    return "XX"


class WLAN:
    IF_STA = STA_IF
    IF_AP = AP_IF
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    def __init__(self, interface=STA_IF):
        if interface not in (STA_IF, AP_IF):
            raise ValueError("unknown interface")
        self._if = interface

    def _started(self):
        if not _active[self._if]:
            raise OSError("Wifi Not Started")

    def active(self, on=None):
        if on is None:
            return _active[self._if]
        _active[self._if] = bool(on)
        if self._if == STA_IF:
            _hw.radio = bool(on)
        if not on and self._if == STA_IF:
            self._leave()
        return bool(on)

    def _leave(self):
        global _left
        self._state()
        _hw.attempt = (_hw.attempt + 1) & 0xFF
        if _hw.wifi == _JOINED:
            _hw.cut_sockets()
            if _LAGS:
                _left = utime.ticks_ms()
        _hw.dead = False
        _hw.wifi = _hw.STAT_IDLE
        _hw.send(b"X")

    def connect(self, ssid=None, key=None, *, bssid=None):
        self._started()
        self._leave()
        _hw.wifi = _CONNECTING
        config["ssid"] = ssid
        _hw.send(b"W", json.dumps([ssid, key or ""]).encode(), _hw.attempt)

    def disconnect(self):
        self._started()
        self._leave()

    def isconnected(self):
        global _left
        _hw.service()
        if self._if != STA_IF:
            return False
        if _left is not None:
            if utime.ticks_diff(utime.ticks_ms(), _left) < _LAG_MS:
                return True
            _left = None
        return _hw.wifi == _JOINED

    def _state(self):
        """The runner's number of the state."""
        global _failure
        if _hw.wifi == _JOINED:
            _failure = 0
        elif _hw.wifi < _hw.STAT_IDLE:
            _failure = _hw.wifi
        return (_STICKS and _failure) or _hw.wifi

    def status(self, what=None):
        _hw.service()
        if what is None:
            state = self._state()
            return _OWN.get(state, state)
        if what == "rssi":
            return -51
        raise ValueError("unknown status param")

    def scan(self):
        """Networks in reach as (ssid, bssid, channel, rssi, security, hidden); blocks up to 3 s."""
        self._started()
        _hw.networks = None
        _hw.send(b"N")
        start = utime.ticks_ms()
        while _hw.networks is None:
            _hw.service()
            if utime.ticks_diff(utime.ticks_ms(), start) > _SCAN_MS:
                raise OSError("Wifi Unknown Error 0x0102")
            utime.sleep_ms(1)
        found = []
        for ssid, rssi, security in json.loads(_hw.networks):
            found.append((ssid.encode(), b"\x02\0\0\0\0\x01", 6, rssi, security, False))
        _hw.networks = None
        return found

    def config(self, *args, **kw):
        if kw:
            for name in kw:
                config["ssid" if name == "essid" else name] = kw[name]
            return
        name = args[0]
        if name == "mac":
            return config["mac"]
        if name in ("essid", "ssid"):
            name = "ssid"
        if name not in config:
            raise ValueError("unknown config param")
        return config[name]

    def ifconfig(self, *args):
        if args:
            return
        if not self.isconnected():
            return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
        return ("192.168.4.2", "255.255.255.0", "192.168.4.1", "192.168.4.1")

    def ipconfig(self, what):
        if what == "addr4":
            return self.ifconfig()[:2]
        if what == "gw4":
            return self.ifconfig()[2]
        raise ValueError("unknown config param")
