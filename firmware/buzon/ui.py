"""The display, and what must last of what it shows. Draws only what has changed."""

from micropython import const

from .errors import DeviceError, MailError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any


class Ui:
    """The display and its page. `driver`: its name; `error`: why it fails, or None; `page`: what is shown."""

    def __init__(self) -> None:
        self.driver = "null"
        self.error: "MailError | None" = None
        self.page = ""
        self.display: "Any" = None
        self.came: "tuple[str, str] | None" = None
        self.shown: "Any" = None
        self.zone: "Any" = (0, 1, 0, {})  # as `net.zone.at` returns it, not valid at any time yet
        self.replaced = False  # the display in the settings failed and was replaced by none
        # What an account's sessions bring: [its id, messages of earlier ones, of this one, the total (-1: not known)].
        self.coming: "Any" = None

    def alert(self, sender: str, subject: str) -> None:
        self.came = (sender, subject)

    def acknowledge(self) -> None:
        """The person has seen the alert."""
        self.came = None

    def rest(self) -> None:
        """Give back the picture's memory, if the driver can; the page is drawn again when there is room."""
        rest = getattr(self.display, "rest", None)
        if rest:
            rest()
            self.shown = None

    def show(self, app: "Any") -> None:
        """Bring the display up to date; called often. After a failure, it is tried again when the page changes."""
        from .page import choose

        what = choose(app, self)
        if what == self.shown:
            return
        self.shown = what
        self.page = what[0]
        from .notify.pages import PAGES

        try:
            PAGES[what[0]](self.display, *what[1:])
            if not self.replaced:
                self.error = None
        except DeviceError as err:
            self.error = err
