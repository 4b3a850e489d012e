"""The console method that a PC calls most often: status. It stays in memory."""

import gc

from micropython import const

from .. import __version__
from ..net import clock
from ..store import fs
from ..text.span import span
from ..text.utf8 import shorten

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


def heap() -> "list[int]":
    """[free, total] bytes of MicroPython's heap."""
    free = gc.mem_free()
    return [free, free + gc.mem_alloc()]


_ERRORS = const(280)  # bytes for the errors of all accounts together: the answer must fit one frame
_TEXT = const(64)  # bytes of any other text


def _short(text: str, limit: int = _TEXT) -> str:
    return shorten(text.encode(), limit)


def _waits(app: "Any") -> str:
    """What the board waits for, in words."""
    if app.state == "sync":
        if not app.wifi.up():
            return "Wi-Fi, which went away in a session"
        return "%s (%s)" % (app.waiting, app.link.step)
    if app.state == "test" and app.trial:
        return "%s (%s)" % (app.waiting, app.trial.step)
    if app.until < 0:
        return app.waiting  # type: ignore[no-any-return]
    return "%s in %s" % (app.waiting, span(app.until - app.uptime))


def wifi(station: "Any") -> "Dict[str, Any]":
    """ssid, up, rssi (dBm or None), ip (text or None)."""
    up = station.up()
    rssi = ip = None
    ssid = station.ssid
    if up:
        # Without a name it was up before the app: a soft reset ends no connection.
        ssid = ssid or station.sta.config("ssid")
        ip = station.sta.ifconfig()[0]
        try:
            rssi = station.sta.status("rssi")
        except (OSError, ValueError, TypeError):
            pass
    return {"ssid": ssid, "up": up, "rssi": rssi, "ip": ip}


def _account(account: "Any", uptime: int, most: int) -> "Dict[str, Any]":
    session = account.session
    error = account.error
    return {
        "id": account.id,
        "state": account.state,
        "stored": account.journal.stored,
        "new": account.journal.new,
        "listed": session.listed if session else account.listed,
        "fetched": session.fetched if session else account.fetched,
        "todo": session.todo if session else 0,
        "last_ok": account.last_ok[0],
        "next": max(0, account.due - uptime),
        "error": [error.code, _short(str(error), most)] if error else None,
    }


def do_status(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    gc.collect()
    accounts = []
    verify = True
    most = min(200, _ERRORS // max(1, len(app.accounts)))
    for account in app.accounts:
        settings = account.settings
        if settings.get("tls") == "none" or not settings.get("tls_verify", True):
            verify = False
        # Made one at a time: four of them would not fit the heap beside a session.
        accounts.append(lambda account=account: _account(account, app.uptime, most))
    trouble = app.ui.error
    return {
        "version": __version__,
        "uptime": app.uptime,
        "state": app.state,
        "waiting": _short(_waits(app)),
        "epoch": clock.now() or None,
        "wifi": wifi(app.wifi),
        "heap": heap(),
        "flash": list(fs.room("/", 0)),
        "display": app.ui.driver,
        "page": app.ui.page,
        "tls_verify": verify,
        "accounts": accounts,
        "error": app.error and [app.error[0], _short(app.error[1], 200), app.error[2]],
        "notify": [[each[0], each[2] and _short(each[2], 40)] for each in app.notifiers]
        + ([["display", _short(str(trouble))]] if trouble else []),
    }
