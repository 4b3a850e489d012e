"""The notifier that shows the alert page on the display until the button is pressed or the mail is read."""

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


class Display:
    API = 1

    def __init__(self, config: "Dict[str, Any]", ui: "Any") -> None:
        self._ui = ui

    def alert(self, sender: str, subject: str, waiting: int) -> None:
        """Called when mail has come; the texts are clean. `waiting`: new messages in all."""
        self._ui.alert(sender, subject)


Plugin = Display
