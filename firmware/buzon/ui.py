"""The display, and what must last of what it shows. Draws only what has changed."""

from micropython import const

from . import log
from .errors import E_DISPLAY, DeviceError, MailError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


class Ui:
    """The display and its page. `driver`: its name; `error`: why it fails, or None; `page`: what is shown."""

    def __init__(self) -> None:
        self.driver = "null"
        self.error: "MailError | None" = None
        self.page = ""
        self.display: "Any" = None
        self.came: "tuple[str, str] | None" = None
        self._shown: "Any" = None
        self.zone: "Any" = (0, 1, 0, {})  # as `net.zone.at` returns it, not valid at any time yet
        self._replaced = False  # the display in the settings failed and was replaced by none
        # What an account's sessions bring: [its id, messages of earlier ones, of this one, the total (-1: not known)].
        self.coming: "Any" = None

    def setup(self, config: "Dict[str, Any]", zone: "Dict[str, Any]") -> None:
        """Set up the display in the settings. If it fails, the board goes on with none: mail matters more."""
        from . import plugins

        self.zone = 0, 1, 0, zone
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
        self.came = (sender, subject)

    def acknowledge(self) -> None:
        """The person has seen the alert."""
        self.came = None

    def show(self, app: "Any") -> None:
        """Bring the display up to date; called often. After a failure, it is tried again when the page changes."""
        from .page import choose

        what = choose(app, self)
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
