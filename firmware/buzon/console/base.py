"""Console methods about the board itself: hello, sync, log, screen, clock, Wi-Fi, reboot, repl."""

import sys

from micropython import const

from .. import __version__, log
from ..errors import E_NO_ACCOUNT, E_PARAMS, ConfigError, ConsoleError
from ..net import clock
from ..store import fs
from ..text.utf8 import point, width
from .params import chunk, field
from .status import heap

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

_PROTOCOL = const(1)


def _idf() -> "list[int] | None":
    """An ESP32's memory outside MicroPython's heap, used by TLS and Wi-Fi: [free, largest block] in bytes."""
    try:
        import esp32
    except ImportError:
        return None
    regions = esp32.idf_heap_info(esp32.HEAP_DATA)
    return [sum([each[1] for each in regions]), max([each[2] for each in regions])]


def do_hello(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    from binascii import hexlify

    from machine import unique_id

    info = sys.implementation
    return {
        "protocol": _PROTOCOL,
        "version": __version__,
        "board": app.board.get("name", info._machine),
        "id": str(hexlify(unique_id()), "utf-8"),
        "mpy": getattr(info, "_mpy", 0),
        "micropython": ".".join(str(part) for part in info.version[:3]),
        "heap": heap(),
        "flash": list(fs.room("/", 0)),
        "idf": _idf(),
        "caps": ["pop3", "display:ssd1306", "display:sh1106", "display:null", "notify:display", "notify:log"],
        "configured": app.settings is not None,
        "locked": bool((app.settings or {}).get("device", {}).get("lock")),
    }


def do_sync(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    name = field(params, "account", str) if "account" in params else None
    if not app.sync_now(name):
        raise ConfigError(E_NO_ACCOUNT, (name or "anything")[:16])
    return {"started": True}


def do_log(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    return chunk(log.lines(), params)


def do_screen(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    if app.ui.shown is None:  # a TLS handshake has had its memory
        app.ui.show(app)
    display = app.ui.display
    answer = chunk(display.buffer, params)
    if answer["off"] == 0:
        answer.update({"w": display.w, "h": display.h, "format": "mono_vlsb", "page": app.ui.page})
    return answer


def do_wifi_scan(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    """Leaves out names that are not UTF-8: a network may have any name, but a frame carries only UTF-8."""
    from ..net.join import scan

    found = []
    for ssid, rssi, secure in scan(app.wifi):
        i = 0
        while i < len(ssid) and point(ssid, i) >= 0:
            i += width(point(ssid, i))
        if i == len(ssid):
            found.append([str(ssid, "utf-8"), rssi, secure])
    return {"networks": found}


def do_time_set(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    epoch = field(params, "epoch", int)
    if epoch >> 32:
        raise ConsoleError(E_PARAMS, "epoch")
    clock.set_to(epoch)
    app.clock_is_set(True)
    return {"epoch": clock.now()}


def do_reboot(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    app.leaving = "reboot"
    return {"rebooting": True}


def do_repl(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    app.leaving = "repl"
    return {"leaving": True}
