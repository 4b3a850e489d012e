"""What the display shows and when: alert, problem, progress or the idle page. Draws nothing that did not change."""

import time

from micropython import const

from . import log
from .errors import E_DISPLAY, DeviceError, MailError
from .net import clock

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

_TURN_S = const(6)  # how long each page stays when an alert and a problem share the display


class Ui:
    """The display and its page. `driver`: its name; `error`: why there is none, or None; `page`: what is shown."""

    def __init__(self) -> None:
        self.driver = "null"
        self.error: "MailError | None" = None
        self.page = ""
        self.display: "Any" = None
        self._alert: "tuple[str, str] | None" = None
        self._shown: "Any" = None
        self._zone = 0
        self._replaced = False  # by no display, because the one of the settings failed

    def setup(self, config: "Dict[str, Any]", zone: int) -> None:
        """Take the display of the settings. One that fails is replaced by none: mail matters more."""
        from . import plugins

        self._zone = zone
        self._shown = None
        self.error = None
        self.display = None  # a new one may need its pins
        self._replaced = False
        self.driver = config.get("driver", "null")
        try:
            self.display = plugins.load("display", self.driver)(config)
        except Exception as err:  # the driver may be somebody else's, its settings wrong
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
        """Bring the display up to date; called often. A display that fails is tried again when it changes."""
        what = self._choose(app)
        if what == self._shown:
            return
        self._shown = what
        self.page = what[0]
        from .notify import pages

        try:
            getattr(pages, what[0])(self.display, *what[1:])
            if not self._replaced:
                self.error = None
        except DeviceError as err:
            self.error = err

    def _choose(self, app: "Any") -> "tuple[Any, ...]":
        """The page's name and its arguments."""
        trial = app.trial
        if trial and trial.state == "running":
            return "notice", "Testing settings", trial.step + " " + trial.account
        for account in app.accounts:
            session = account.session
            if session and session.todo:
                return "progress", account.id, session.fetched, session.todo
        new = sum(account.journal.new for account in app.accounts)
        if not new:
            self._alert = None
        problem = app.problem()
        if self._alert and not (problem and app.uptime // _TURN_S & 1):
            return "alert", self._alert[0], self._alert[1], new
        if problem:
            return "notice", problem[0], problem[1], problem[2]
        if not app.accounts:
            return "notice", "Buzón", "Connect this board to a PC and type: buzon provision"
        stored = sum(account.journal.stored for account in app.accounts)
        return "idle", self._time(), stored, new, app.note()

    def _time(self) -> str:
        if not clock.sure():
            return ""
        now = time.gmtime(int(time.time()) + self._zone * 60)
        return "%02d:%02d" % (now[3], now[4])
