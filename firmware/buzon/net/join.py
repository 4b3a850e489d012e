"""Joins the first configured network that lets the board in, or tells with one code why none did. Loaded for that."""

import asyncio

import network
from micropython import const

from ..errors import E_WIFI, E_WIFI_NOT_FOUND, E_WIFI_PASSWORD, LinkError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from .wifi import Wifi

_JOIN_MS = const(15000)
_TICK_MS = const(100)
_LEAVE_MS = const(1000)
_STALE_MS = const(7000)  # a scan and a handshake take 2 to 4 s


def _codes(*names: str) -> "tuple[int, ...]":
    """The status codes with these names: ports number them differently, and not every port has them all."""
    return tuple(getattr(network, name) for name in names if hasattr(network, name))


_WRONG_PASSWORD = _codes("STAT_WRONG_PASSWORD", "STAT_HANDSHAKE_TIMEOUT")
_NOT_FOUND = _codes("STAT_NO_AP_FOUND")
_FAILED = _codes("STAT_CONNECT_FAIL", "STAT_ASSOC_FAIL")


async def join(wifi: "Wifi", networks: "List[Dict[str, Any]]") -> None:
    """Join one of the networks. Raises the LinkError of the last one tried."""
    sta = wifi.sta
    error: "LinkError | None" = LinkError(E_WIFI, "no network in the settings")
    for each in networks:
        wifi.leave()
        for _ in range(_LEAVE_MS // 10):  # a Pico W is connected until its chip says that it is not
            if not sta.isconnected():
                break
            await asyncio.sleep_ms(10)
        sta.active(True)
        wifi.ssid = each["ssid"]
        try:
            before = sta.status()
            sta.connect(wifi.ssid, each.get("password") or None)
            error = await _outcome(wifi, before)
        except OSError as err:
            error = LinkError(E_WIFI, str(err))
        if error is None:
            return
    wifi.leave()
    if error:
        raise error


async def _outcome(wifi: "Wifi", before: int) -> "LinkError | None":
    """None: it is connected. `before`: the status before the attempt, which an ESP32 goes on telling after it: a
    failure of then counts only when it lasts."""
    sta = wifi.sta
    for tick in range(_JOIN_MS // _TICK_MS):
        if sta.isconnected():
            return None
        status = sta.status()
        if status != before or tick >= _STALE_MS // _TICK_MS:
            if status in _WRONG_PASSWORD:
                return LinkError(E_WIFI_PASSWORD, wifi.ssid)
            if status in _NOT_FOUND:
                return LinkError(E_WIFI_NOT_FOUND, wifi.ssid)
            if status in _FAILED:
                break
        await asyncio.sleep_ms(_TICK_MS)
    return LinkError(E_WIFI, wifi.ssid)


def scan(wifi: "Wifi") -> "List[Any]":
    """[[ssid as bytes, rssi, secure]...] of the 16 strongest, each name once. Takes about 2 s on a board."""
    wifi.sta.active(True)
    found: "List[Any]" = []
    for each in sorted(wifi.sta.scan(), key=lambda each: -each[3]):
        if each[0] and len(found) < 16 and all([each[0] != one[0] for one in found]):
            found.append([each[0], each[3], bool(each[4])])
    return found
