"""Driver for SSD1306 OLED displays on I2C, from the datasheet's command table (Solomon Systech, rev 1.5)."""

import framebuf
from machine import I2C, Pin
from micropython import const

from ..errors import E_DISPLAY, DeviceError

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_COMMANDS = const(0x00)  # control byte: only commands follow (8.1.5.2: Co = 0, D/C# = 0)
_DATA = const(0x40)  # only data follow (Co = 0, D/C# = 1)
_FREQ = const(400000)  # Hz


class SSD1306(framebuf.FrameBuffer):
    """A display of 128x64, 128x32 or 72x40 pixels: draw as on any framebuffer, then `show`. `rest` gives back the
    memory of the picture, 1 KB, until the next `fill`, with which each page begins.

    `config`: `display` of the settings (docs/PROTOCOL.md). Errors: DeviceError(E_DISPLAY) if nothing answers
    on the bus. A chip of the same family overrides `start`, `show` and `power`.
    """

    API = 1

    def __init__(self, config: "dict[str, Any]") -> None:
        self.w: int = config.get("w", 128)
        self.h: int = config.get("h", 64)
        self.begin()
        self._addr: int = config.get("addr", 0x3C)
        pins = config.get("pins", {})
        try:
            self._i2c = I2C(
                config.get("bus", 0), scl=Pin(pins.get("scl", 22)), sda=Pin(pins.get("sda", 21)), freq=_FREQ
            )
        except (OSError, ValueError) as exc:
            raise DeviceError(E_DISPLAY, str(exc))
        self.start(config.get("rotate", 0) == 180)
        self.contrast(config.get("contrast", 0xCF))
        self.show()  # its memory holds noise until then
        self.power(True)

    def begin(self) -> None:
        """Take memory for a picture."""
        # One block goes over the bus: a control byte, then the picture.
        self.frame: "Any" = bytearray(1 + self.w * self.h // 8)
        self.frame[0] = _DATA
        self.buffer: "Any" = memoryview(self.frame)[1:]
        super().__init__(self.buffer, self.w, self.h, framebuf.MONO_VLSB)

    def rest(self) -> None:
        """Give it back. The display keeps what it shows."""
        self.frame = self.buffer = None
        super().__init__(bytearray(8), 8, 8, framebuf.MONO_VLSB)

    def fill(self, color: int) -> None:
        if self.frame is None:
            self.begin()
        super().fill(color)

    def start(self, turned: bool) -> None:
        """Set the chip up, and leave it off."""
        self.send(
            b"\xae"  # off while it is set up
            b"\xd5\x80"  # clock
            b"\xd3\x00"  # no display offset
            b"\x40"  # start at line 0
            b"\x20\x00"  # horizontal addressing
            b"\xd9\xf1"  # precharge, as for the charge pump
            b"\xdb\x30"  # VCOMH deselect level
            b"\xa4\xa6"  # show the memory, not inverted
        )
        # Multiplex ratio; COM pins: sequential on 32 lines, else alternating; then the orientation. A module is
        # mounted so that both remaps (A1, C8) give an upright picture.
        com_pins = 0x02 if self.h == 32 else 0x12
        self.send(
            bytes((0xA8, self.h - 1, 0xDA, com_pins, 0xA0 if turned else 0xA1, 0xC0 if turned else 0xC8))
        )
        if self.w < 128:
            self.send(b"\xad\x30")  # the chip's own current reference: such a module has no resistor for it
        # Where a frame goes: columns, pages. A narrow module shows the middle of the memory.
        first = (128 - self.w) // 2
        self._window = bytes((_COMMANDS, 0x21, first, first + self.w - 1, 0x22, 0, self.h // 8 - 1))

    def show(self) -> None:
        """Send the picture: 1 KB, 25 ms at 400 kHz. Errors: DeviceError(E_DISPLAY)."""
        self.write(self._window)
        self.write(self.frame)

    def power(self, on: bool) -> None:
        """Switch display and charge pump on or off. Off, the module draws microamperes and keeps the picture."""
        self.send(b"\x8d\x14\xaf" if on else b"\xae\x8d\x10")

    def contrast(self, n: int) -> None:
        """Set the brightness, 0 to 255."""
        self.send(bytes((0x81, n & 0xFF)))

    def invert(self, on: bool) -> None:
        """Show dark on light, or light on dark again."""
        self.send(b"\xa7" if on else b"\xa6")

    def send(self, commands: bytes) -> None:
        """Send command bytes. Errors: DeviceError(E_DISPLAY)."""
        self.write(b"\x00" + commands)

    def write(self, data: "bytes | bytearray | memoryview") -> None:
        """Send one transaction: a control byte and what follows it. Errors: DeviceError(E_DISPLAY)."""
        try:
            self._i2c.writeto(self._addr, data)
        except OSError as exc:
            raise DeviceError(E_DISPLAY, "address 0x%02x, %s" % (self._addr, exc))


Plugin = SSD1306
