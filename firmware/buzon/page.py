"""Which page the display shows, and the words on it. Draws nothing: that is for `notify.pages`."""

import time

from micropython import const

from .net import clock
from .text.span import span

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_TURN_S = const(6)  # how long each page stays when an alert and a problem share the display
DOES = {
    "start": "Starting",
    "wifi": "Joining Wi-Fi",
    "clock": "Asking for the time",
    "sync": "Asking for mail",
}


def choose(app: "Any", ui: "Any") -> "tuple[Any, ...]":
    """The page's name and its arguments. `ui` holds what must last: the alert, the zone, the count."""
    trial = app.trial
    if trial and trial.state == "running":
        step = "Wi-Fi" if trial.step == "wifi" else trial.step
        return "notice", "Testing", (step + " " + trial.account).strip()
    for account in app.accounts:
        if account.state == "sync":
            coming = _progress(account, ui)
            if coming:
                return coming
            break
    else:
        ui.coming = None
    new = sum(account.journal.new for account in app.accounts)
    if not new:
        ui.came = None
    problem = _problem(app)
    if ui.came and not (problem and app.uptime // _TURN_S & 1):
        return "alert", ui.came[0], ui.came[1], new
    if problem:
        return "notice", problem[0], problem[1], problem[2], problem[3]
    if not app.accounts:
        return "notice", "Buzón", "", "", 0
    stored = sum(account.journal.stored for account in app.accounts)
    left = [_left_of(account) for account in app.accounts]
    there = sum(max(0, n) for n in left) or min(left)
    return "idle", _time(ui), stored, new, _note(app, there if new else 0), there


def _left_of(account: "Any", listed: "int | None" = None, fetched: int = 0) -> int:
    """The least number of messages that are on an account's server but not here; -1: not known.

    `listed`, `fetched`: during a session, how many its listing has and how many it has brought.
    """
    left: int = account.listed if listed is None else listed
    if left < 0:
        return -1
    journal = account.journal
    if account.settings.get("keep", "delete") == "delete" and account.settings.get("delete_confirmed"):
        left -= fetched + journal.apart  # stored messages leave the server
    else:
        left -= journal.stored + journal.gone
    return max(0, left)


def _progress(account: "Any", ui: "Any") -> "tuple[Any, ...] | None":
    """The page while mail comes in; None: nothing is known yet. A session that carries on from the last one also
    carries on its count."""
    session = account.session
    coming = ui.coming
    if session and session.todo:
        n = session.fetched
        if not coming or coming[0] != account.id:
            coming = ui.coming = [account.id, 0, 0, 0]
        elif n < coming[2]:
            coming[1] += coming[2]
            coming[3] = min(0, coming[3])
        coming[2] = n
        of = coming[1] + max(session.todo, n + _left_of(account, session.listed, n))
        if not coming[3]:
            coming[3] = of
        elif of > coming[3]:
            coming[3] = -1  # the total grew: the bar must never go back
    if not coming or coming[0] != account.id:
        return None
    return "progress", coming[1] + coming[2], max(0, coming[3])


def _problem(app: "Any") -> "tuple[str, str, str, int] | None":
    """(title, detail, time of the next try, code) of what keeps the board from its work, or None."""
    error = app.trouble
    if error:
        return "Problem", error.detail, _retry(app.wifi_due - app.uptime) if app.accounts else "", error.code
    for account in app.accounts:
        error = account.error
        if error:
            return (
                account.id if len(app.accounts) > 1 else "Problem",
                error.detail,
                "" if account.state == "sync" else _retry(account.due - app.uptime),
                error.code,
            )
    return None


def _retry(wait: int) -> str:
    """The text changes seldom, because the display is redrawn each time it does."""
    return "retry " + span(wait) if wait >= 60 else "retry soon"


def _note(app: "Any", left: int) -> str:
    """The idle page's last line: what the board is doing, or what a person should not forget. `left`: messages
    that are only on a server, if the line is to mention them."""
    if app.state in DOES:
        return DOES[app.state]
    for account in app.accounts:
        if account.settings.get("tls") == "none" or not account.settings.get("tls_verify", True):
            return "TLS not verified!"
    for account in app.accounts:
        if account.settings.get("keep") != "forever" and not account.settings.get("delete_confirmed"):
            return "Deletion on hold"
    if left > 0:
        return "%d left on server" % left
    wait = min(account.due for account in app.accounts) - app.uptime
    return "Next check in " + span(max(60, wait))


def _time(ui: "Any") -> str:
    if not clock.sure():
        return ""
    now = int(time.time())
    if not ui.zone[1] <= now < ui.zone[2]:
        from .net import zone

        ui.zone = zone.at(ui.zone[3], now)
    t = time.gmtime(now + ui.zone[0])
    return "%02d:%02d" % (t[3], t[4])
