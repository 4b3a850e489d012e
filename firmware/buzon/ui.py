"""What the display shows and when: alert, problem, progress or the idle page. Draws only what has changed."""

import time

from micropython import const

from . import log
from .errors import E_DISPLAY, DeviceError, MailError
from .net import clock

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

_TURN_S = const(6)  # how long each page stays when an alert and a problem share the display


def left_of(account: "Any", listed: "int | None" = None, fetched: int = 0) -> int:
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


class Ui:
    """The display and its page. `driver`: its name; `error`: why it fails, or None; `page`: what is shown."""

    def __init__(self) -> None:
        self.driver = "null"
        self.error: "MailError | None" = None
        self.page = ""
        self.display: "Any" = None
        self._alert: "tuple[str, str] | None" = None
        self._shown: "Any" = None
        self._zone: "Any" = (0, 1, 0, {})  # as `net.zone.at` returns it, not valid at any time yet
        self._replaced = False  # the display in the settings failed and was replaced by none
        # What an account's sessions bring: [its id, messages of earlier ones, of this one, the total (-1: not known)].
        self._coming: "Any" = None

    def setup(self, config: "Dict[str, Any]", zone: "Dict[str, Any]") -> None:
        """Set up the display in the settings. If it fails, the board goes on with none: mail matters more."""
        from . import plugins

        self._zone = 0, 1, 0, zone
        self._shown = None
        self.error = None
        self.display = None  # a new one may need the old one's pins
        self._replaced = False
        self.driver = config.get("driver", "null")
        try:
            self.display = plugins.load("display", self.driver)(config)
        except Exception as err:  # the driver may be somebody else's, or its settings may be wrong
            self.error = err if isinstance(err, MailError) else DeviceError(E_DISPLAY, str(err))
            self._replaced = True
            log.say("display: error %d: %s" % (self.error.code, self.error.detail))
            self.display = plugins.load("display", "null")({})

    def alert(self, sender: str, subject: str) -> None:
        self._alert = (sender, subject)

    def acknowledge(self) -> None:
        """The person has seen the alert."""
        self._alert = None

    def show(self, app: "Any") -> None:
        """Bring the display up to date; called often. After a failure, it is tried again when the page changes."""
        what = self._choose(app)
        if what == self._shown:
            return
        self._shown = what
        self.page = what[0]
        from .notify.pages import PAGES

        try:
            PAGES[what[0]](self.display, *what[1:])
            if not self._replaced:
                self.error = None
        except DeviceError as err:
            self.error = err

    def _choose(self, app: "Any") -> "tuple[Any, ...]":
        """The page's name and its arguments."""
        trial = app.trial
        if trial and trial.state == "running":
            step = "Wi-Fi" if trial.step == "wifi" else trial.step
            return "notice", "Testing", (step + " " + trial.account).strip()
        for account in app.accounts:
            if account.state == "sync":
                coming = self._progress(account)
                if coming:
                    return coming
                break
        else:
            self._coming = None
        new = sum(account.journal.new for account in app.accounts)
        if not new:
            self._alert = None
        problem = app.problem()
        if self._alert and not (problem and app.uptime // _TURN_S & 1):
            return "alert", self._alert[0], self._alert[1], new
        if problem:
            return "notice", problem[0], problem[1], problem[2], problem[3]
        if not app.accounts:
            return "notice", "Buzón", "", "", 0
        stored = sum(account.journal.stored for account in app.accounts)
        left = [left_of(account) for account in app.accounts]
        there = sum(max(0, n) for n in left) or min(left)
        return "idle", self._time(), stored, new, app.note(there if new else 0), there

    def _progress(self, account: "Any") -> "tuple[Any, ...] | None":
        """The page while mail comes in; None: nothing is known yet. A session that carries on from the last
        one also carries on its count."""
        session = account.session
        coming = self._coming
        if session and session.todo:
            n = session.fetched
            if not coming or coming[0] != account.id:
                coming = self._coming = [account.id, 0, 0, 0]
            elif n < coming[2]:
                coming[1] += coming[2]
                coming[3] = min(0, coming[3])
            coming[2] = n
            of = coming[1] + max(session.todo, n + left_of(account, session.listed, n))
            if not coming[3]:
                coming[3] = of
            elif of > coming[3]:
                coming[3] = -1  # the total grew: the bar must never go back
        if not coming or coming[0] != account.id:
            return None
        return "progress", coming[1] + coming[2], max(0, coming[3])

    def _time(self) -> str:
        if not clock.sure():
            return ""
        now = int(time.time())
        if not self._zone[1] <= now < self._zone[2]:
            from .net import zone

            self._zone = zone.at(self._zone[3], now)
        t = time.gmtime(now + self._zone[0])
        return "%02d:%02d" % (t[3], t[4])
