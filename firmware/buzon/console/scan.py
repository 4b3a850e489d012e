"""The console method that looks for Wi-Fi networks; it has its own module, as a board needs it once in its life."""

from micropython import const

from ..text.utf8 import point, width

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


def do_wifi_scan(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    """Leaves out names that are not UTF-8: a network may have any name, but a frame carries only UTF-8."""
    found = []
    for ssid, rssi, secure in app.wifi.scan():
        i = 0
        while i < len(ssid) and point(ssid, i) >= 0:
            i += width(point(ssid, i))
        if i == len(ssid):
            found.append([str(ssid, "utf-8"), rssi, secure])
    return {"networks": found}
