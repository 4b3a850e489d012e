"""Console method that looks for Wi-Fi networks: a module of its own, as it is asked for once in a board's life."""

from micropython import const

from ..text.utf8 import point, width

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


def do_wifi_scan(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    """Names that are not UTF-8 are left out: anybody may call a network as he likes, but no frame can say it."""
    found = []
    for ssid, rssi, secure in app.wifi.scan():
        i = 0
        while i < len(ssid) and point(ssid, i) >= 0:
            i += width(point(ssid, i))
        if i == len(ssid):
            found.append([str(ssid, "utf-8"), rssi, secure])
    return {"networks": found}
