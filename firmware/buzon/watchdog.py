"""The hardware watchdog: it resets a board whose event loop hangs.

Only for chips where a new WDT takes the place of the last, as on an ESP32: none can be stopped, so who leaves the
app gives it the longest time there is.
"""

from machine import WDT
from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_LONGEST_MS = const(2000000000)  # 23 days; the chip counts half milliseconds in 32 bits

running: "Any" = None  # the WDT, to be fed


def start(seconds: int) -> None:
    """From now on it must be fed within that time. 0: there is none."""
    global running
    if seconds:
        running = WDT(timeout=seconds * 1000)


def rest() -> None:
    """Before the REPL: a person there feeds nothing. Whoever leaves by Ctrl-C may press it twice."""
    global running
    while running:
        try:
            WDT(timeout=_LONGEST_MS)
            running = None
        except KeyboardInterrupt:
            pass
