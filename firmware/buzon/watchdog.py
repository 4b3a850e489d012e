"""The hardware watchdog: it resets a board whose event loop hangs.

Only for chips where a new WDT replaces the last one, as on an ESP32: a WDT cannot be stopped, so leaving the
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
    """From now on the watchdog must be fed within `seconds`. 0: there is none."""
    global running
    if seconds:
        running = WDT(timeout=seconds * 1000)


def rest() -> None:
    """Call it before the REPL, where nobody feeds the watchdog. Withstands a second Ctrl-C."""
    global running
    while running:
        try:
            WDT(timeout=_LONGEST_MS)
            running = None
        except KeyboardInterrupt:
            pass
