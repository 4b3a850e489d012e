"""Driver for SH1106 OLED displays on I2C, from the datasheet's command table (Sino Wealth, V2.3).

It inherits what it has in common with the SSD1306: control bytes, remaps, contrast, inverting.
"""

from micropython import const

from .ssd1306 import SSD1306

_DATA = const(0x40)
_WIDTH = const(128)
_FIRST = const(2)  # a module shows the middle 128 of the memory's 132 columns


class SH1106(SSD1306):
    """A display of 128x64 pixels: draw as on any framebuffer, then `show`. Errors: as for an SSD1306."""

    def start(self, turned: bool) -> None:
        """Set the chip up, and leave it off."""
        self.send(
            b"\xae"  # off while it is set up
            b"\xd5\x80"  # clock
            b"\xa8\x3f"  # 64 lines
            b"\xd3\x00"  # no display offset
            b"\x40"  # start at line 0
            b"\x32"  # pump voltage: 8 V
            b"\xda\x12"  # COM pins alternate
            b"\xd9\x22"  # precharge: its value after a reset
            b"\xdb\x35"  # VCOM deselect level: its value after a reset
            b"\xa4\xa6"  # show the memory, not inverted
        )
        self.send(b"\xa0\xc0" if turned else b"\xa1\xc8")

    def show(self) -> None:
        """Send the picture, page by page, as this chip has no other addressing: 27 ms at 400 kHz.

        Errors: DeviceError(E_DISPLAY).
        """
        # No private attributes here: shortened, their names would collide with those of the SSD1306.
        frame = self.frame
        view = memoryview(frame)
        for page in range(8):
            self.send(bytes((0xB0 + page, _FIRST & 15, 0x10 + (_FIRST >> 4))))
            at = page * _WIDTH
            # The page's control byte takes the place of the previous page's last byte.
            kept = frame[at]
            frame[at] = _DATA
            try:
                self.write(view[at : at + 1 + _WIDTH])
            finally:
                frame[at] = kept

    def power(self, on: bool) -> None:
        """Switch display and pump (DC-DC converter) on or off. The pump may switch only while the display is off."""
        self.send(b"\xad\x8b\xaf" if on else b"\xae\xad\x8a")


Plugin = SH1106
