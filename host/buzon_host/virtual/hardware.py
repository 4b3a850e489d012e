"""What is around the virtual board's chip: display, pins, Wi-Fi, watchdog. It handles the board's packets.

Its callers pass the time; it owns no descriptors and no processes.
"""

import json
import struct
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from enum import Enum
from heapq import heappop, heappush
from itertools import count

from PIL import Image

from ..boards import Board
from .chips import Ssd1306Chip, chip
from .profile import Profile

STAT_NO_ADDRESS = 1002
STAT_GOT_IP = 1010
STAT_BEACON_TIMEOUT = 200
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202

CAUSE_POWER_ON, CAUSE_HARD, CAUSE_WATCHDOG, CAUSE_DEEPSLEEP, CAUSE_SOFT = range(1, 6)
_JOIN_S = 0.05  # how long a Wi-Fi network takes to answer
_BEACON_S = (
    6.0  # an ESP32 gives up an access point that it has not heard for so long (esp_wifi_set_inactive_time)
)
_RP2_CLOCK_NS = 662_774_400 * 10**9  # an RP2's clock starts in 2021 (ports/rp2/main.c), an ESP32's in 2000


class Event(Enum):
    """What a packet asks the runner to do with the interpreter."""

    NONE = 0
    UP = 1
    RESET = 2
    SOFT_RESET = 3
    SLEEP = 4
    CUT = 5
    INTERRUPT = 6


class Hardware:
    """`send` hands a record to the board. `now` is in seconds of a clock that never goes back."""

    def __init__(
        self,
        board: Board,
        profile: Profile,
        wifi: Sequence[tuple[str, str]],
        send: Callable[[bytes], None],
    ) -> None:
        self.board = board
        self.profile = profile
        self.wifi = list(wifi)
        self.wifi_on = True
        self.dhcp = True
        self.idf_least: int | None = None  # the least IDF memory that was free, in bytes
        self.changed = False  # the display was written to
        self.gap = 0.0  # the longest time between two feeds of the watchdog, in seconds
        self.raw_repl = True  # the interpreter has one of its own
        self._send = send
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self.power_on()

    def power_on(self) -> None:
        """The state after the power came on: nothing is remembered."""
        self.memory = b""
        self.heap = 0
        self.sleep_ms = 0
        self.hard_reset()
        display = self.board.display
        self.chip: Ssd1306Chip = chip(display.driver, display.w, display.h)
        self.changed = True

    def hard_reset(self) -> None:
        """The chip starts again, and so does its clock; `clock` is the board's time minus ours, in ns."""
        self.clock = (_RP2_CLOCK_NS if self.profile.port == "rp2" else 0) - time.time_ns()
        self.deadline: float | None = None  # of the watchdog, which only a reset of the chip stops
        self.timeout = 0.0
        self.fed = 0.0
        self.reset()

    def reset(self) -> None:
        """Resets what every start of the interpreter resets."""
        self.pins: dict[int, int] = {}
        self._wanted: tuple[int, str, str] | None = None
        self._status = 0
        self._timers.clear()

    def config(self) -> dict[str, object]:
        """What the board's fakes must know at boot."""
        display = self.board.display
        chips = []
        if display.driver != "null":
            chips.append([display.pins.scl, display.pins.sda, display.addr])
        return {"i2c": chips, "memory": b64encode(self.memory).decode(), "clock": self.clock}

    def packet(self, data: bytes, now: float) -> Event:
        """Handles one packet from the board: a letter, a byte, and its data."""
        letter, a, body = data[:1], data[1], data[2:]
        if letter == b"I":
            if a == self.board.display.addr:
                self.chip.write(body)
                self.changed = True
        elif letter == b"F":
            if self.deadline is not None:
                self.gap = max(self.gap, now - self.fed)
                self.fed = now
                self.deadline = now + self.timeout
        elif letter == b"T":
            self.timeout = struct.unpack("<I", body)[0] / 1000
            self.fed = now
            self.deadline = now + self.timeout
        elif letter == b"P":
            self.pins[a] = body[0]
        elif letter == b"W":
            ssid, key = json.loads(body)
            self._wanted = (a, ssid, key)
            self.after(now + _JOIN_S, self._join)
        elif letter == b"X":
            self._wanted = None
            self._status = 0
        elif letter == b"N":
            self._scan()
        elif letter == b"t":
            self.clock = struct.unpack("<q", body)[0]
        elif letter == b"M":
            self.memory = body
        elif letter == b"Q":
            self.raw_repl = False
        elif letter == b"H":
            self.heap = struct.unpack("<I", body)[0]
            return Event.UP
        elif letter == b"L":
            self.idf_least = struct.unpack("<i", body)[0]
        elif letter == b"D":
            self.sleep_ms = struct.unpack("<I", body)[0]
            return Event.SLEEP
        return {b"R": Event.RESET, b"S": Event.SOFT_RESET, b"C": Event.CUT, b"K": Event.INTERRUPT}.get(
            letter, Event.NONE
        )

    def after(self, when: float, what: Callable[[float], None]) -> None:
        heappush(self._timers, (when, next(self._order), what))

    def run_timers(self, now: float) -> float | None:
        """Do what is due; returns when the next thing is due, including the watchdog's deadline."""
        while self._timers and self._timers[0][0] <= now:
            heappop(self._timers)[2](now)
        times = [self._timers[0][0]] if self._timers else []
        if self.deadline is not None:
            times.append(self.deadline)
        return min(times, default=None)

    def press(self, pin: int, now: float, hold_s: float) -> None:
        """A button pulls its pin to ground for `hold_s` seconds."""
        self._record(b"B", pin, 0)
        self.after(now + hold_s, lambda _: self._record(b"B", pin, 1))

    def switch_wifi(self, on: bool, now: float) -> None:
        self.wifi_on = on
        if not on and self._joined():
            self._tell(STAT_BEACON_TIMEOUT)
        elif on and not self._joined():
            self._again(now)

    def kill_wifi(self) -> None:
        """The link stays up, and nothing goes through it until the board leaves it."""
        self._record(b"D", 0, 0)

    def deauthenticate(self, now: float) -> None:
        """The access point throws the board out, and would let it in again."""
        if self._joined():
            self._tell(STAT_BEACON_TIMEOUT)
            self._again(now)

    def change_channel(self, now: float) -> None:
        """The access point goes on elsewhere: nothing goes through the link from now on, and the board notices when
        it has missed its beacons for 6 s."""
        if self._joined():
            self.kill_wifi()
            self.after(now + _BEACON_S, self.deauthenticate)

    def switch_dhcp(self, on: bool, now: float) -> None:
        """Without it the board gets into the network and never gets an address."""
        self.dhcp = on
        if on and self._wanted and self._status == STAT_NO_ADDRESS:
            self.after(now + _JOIN_S, self._join)

    def hang_dns(self, seconds: int) -> None:
        """A name is answered for after so many seconds, with a failure; 0: at once, and rightly."""
        self._record(b"Q", 0, seconds)

    def take_memory(self, kib: int) -> None:
        """So much memory beside the heap is taken, until the interpreter is started again."""
        self._record(b"M", 0, kib)

    def _joined(self) -> bool:
        return self._wanted is not None and self._status == STAT_GOT_IP

    def _again(self, now: float) -> None:
        """An ESP32's driver tries until it is told otherwise; with an RP2 the program has to connect anew."""
        if self._wanted and self.profile.port != "rp2":
            self.after(now + _JOIN_S, self._join)

    def picture(self) -> Image.Image:
        """The display as a person sees it, white on black."""
        rows = self.chip.pixels()
        image = Image.new("1", (len(rows[0]), len(rows)))
        image.putdata([255 if pixel else 0 for row in rows for pixel in row])
        return image

    def _join(self, now: float) -> None:
        if not self._wanted:
            return
        _, ssid, key = self._wanted
        keys = [k for name, k in self.wifi if name == ssid] if self.wifi_on else []
        if not keys:
            self._tell(STAT_NO_AP_FOUND)
        elif key not in keys:
            self._tell(STAT_WRONG_PASSWORD)
        elif not self.dhcp:
            self._tell(STAT_NO_ADDRESS)
        else:
            self._tell(STAT_GOT_IP)

    def _tell(self, status: int) -> None:
        if self._wanted:
            self._status = status
            self._record(b"W", self._wanted[0], status)

    def _scan(self) -> None:
        found = [[ssid, -51 - 7 * i, 3 if key else 0] for i, (ssid, key) in enumerate(self.wifi)]
        data = json.dumps(found if self.wifi_on else []).encode()
        self._send(b"N\0" + struct.pack("<H", len(data)) + data)

    def _record(self, letter: bytes, a: int, b: int) -> None:
        self._send(letter + struct.pack("<BH", a, b))
