"""The notifier that writes a line to the log, which the serial port shows."""

from micropython import const

from .. import log

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict


class Log:
    API = 1

    def __init__(self, config: "Dict[str, Any]", ui: "Any") -> None:
        pass

    def alert(self, sender: str, subject: str, waiting: int) -> None:
        """Called when mail has come; the texts are clean. `waiting`: new messages in all."""
        log.say("new mail from %s: %s" % (sender, subject))


Plugin = Log
