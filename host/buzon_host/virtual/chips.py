"""Emulated display controllers: they decode the bus's bytes, as the datasheet says, into what a person sees.

They know nothing about our drivers: what a driver gets wrong is wrong in the picture too.
"""

import random

# SSD1306 commands longer than one byte (datasheet rev 1.5, table 9-1), and how many arguments each has.
_ARGUMENTS = {
    0x20: 1,
    0x21: 2,
    0x22: 2,
    0x26: 6,
    0x27: 6,
    0x29: 5,
    0x2A: 5,
    0x81: 1,
    0x8D: 1,
    0xA3: 2,
    0xA8: 1,
    0xD3: 1,
    0xD5: 1,
    0xD9: 1,
    0xDA: 1,
    0xDB: 1,
}
_COLUMNS, _ROWS = 128, 64
_PAGES = _ROWS // 8
_HORIZONTAL, _VERTICAL, _PAGE = 0, 1, 2


class Ssd1306Chip:
    """An SSD1306 with the glass of a common module: 128x64, 72x40 (COM lines alternate) or 128x32 (in
    sequence).

    The small glass is connected to the middle 72 segments and to COM0 to COM39, and its module omits the
    resistor for the segment current: it stays dark until the chip's own reference is on. As on those modules,
    the glass is mounted so that segment 127 is on the left and the highest COM on top: the picture is upright
    with both remaps (A1, C8). `write` takes one I2C write transaction; `pixels` is what a person sees.
    `errors` names everything that the datasheet does not allow.
    """

    def __init__(self, width: int = 128, height: int = 64) -> None:
        if (width, height) not in ((128, 64), (128, 32), (72, 40)):
            raise ValueError("An SSD1306 module is 128x64, 128x32 or 72x40.")
        self.width = width
        self.height = height
        self.errors: list[str] = []
        noise = random.Random(1306)  # nothing clears the memory at power-on
        self.ram = [bytearray(noise.randbytes(_COLUMNS)) for _ in range(_PAGES)]  # [page][segment]
        self.writes = 0  # bytes of picture data received
        self._command: list[int] = []
        # Reset state (section 8.5 and table 9-1).
        self.on = False
        self.contrast = 0x7F
        self.all_on = False
        self.inverted = False
        self.pump = False
        self.start_line = 0
        self.offset = 0
        self.multiplex = 63
        self.remap = False
        self.com_down = False  # C8: scanned from the highest COM to COM0
        self.com_pins = 0x12
        self.mode = _PAGE
        self.columns = (0, _COLUMNS - 1)
        self.pages = (0, _PAGES - 1)
        self.column = 0
        self.page = 0
        self.scrolling = False
        self.reference = width == _COLUMNS

    def write(self, data: bytes) -> None:
        """One write transaction to the chip, without the address byte (section 8.1.5.2)."""
        i = 0
        while i < len(data):
            control = data[i]
            i += 1
            if control & 0x3F:
                self.errors.append(f"control byte 0x{control:02x}: the lower six bits must be 0")
            if control & 0x80:  # Co: one byte follows, then another control byte
                part = data[i : i + 1]
            else:
                part = data[i:]
            i += len(part)
            if control & 0x40:
                self._data(part)
            else:
                for byte in part:
                    self._byte(byte)

    def pixels(self) -> list[list[int]]:
        """Rows from the top, each pixel 1 (lit) or 0. All dark if the chip or its charge pump is off."""
        dark = [[0] * self.width for _ in range(self.height)]
        if not self._powered():
            return dark
        for y in range(self.height):
            row = self._row(self._com(self.height - 1 - y))
            if row is None:
                continue
            line = (row + self.start_line) % _ROWS
            page, bit = self.ram[line // 8], line % 8
            for x in range(self.width):
                lit = self.all_on or (page[self._column(x)] >> bit & 1) != self.inverted
                dark[y][x] = int(lit)
        return dark

    def _powered(self) -> bool:
        """Whether it can show anything."""
        return self.on and self.pump and self.reference

    def _column(self, x: int) -> int:
        """The memory column that is shown at x."""
        return _COLUMNS - 1 - (_COLUMNS - self.width) // 2 - x

    def _com(self, line: int) -> int:
        """The COM signal that reaches a line of the glass (0: lowest), given how the COM pins are configured.

        The glass is wired for its correct configuration (table 10-3); the chip drives the pins as configured.
        """
        alternate = self.height != 32
        pin = line // 2 + 32 * (line % 2) if alternate else line
        if self.com_pins & 0x20:  # left and right half swapped
            pin = (pin + 32) % _ROWS
        if self.com_pins & 0x10:
            return 2 * (pin % 32) + pin // 32
        return pin

    def _row(self, com: int) -> int | None:
        """The display row a COM signal shows (tables 10-1 and 10-2), or None beyond the multiplex ratio."""
        row = (self.multiplex - com if self.com_down else com) + self.offset
        row %= _ROWS
        return row if row <= self.multiplex else None

    def _data(self, part: bytes) -> None:
        if self._command:
            self.errors.append(f"data inside of command 0x{self._command[0]:02x}")
            self._command = []
        for byte in part:
            self.writes += 1
            # The remap affects what is written, not what is already there (section 10.1.8).
            self.ram[self.page][_COLUMNS - 1 - self.column if self.remap else self.column] = byte
            if self.mode == _VERTICAL:
                if self._next_page():
                    self._next_column()
            elif self._next_column() and self.mode == _HORIZONTAL:
                self._next_page()

    def _next_column(self) -> bool:
        """Advance the column; True if it wrapped around."""
        first, last = self.columns
        wrapped = self.column == last
        self.column = first if wrapped else (self.column + 1) % _COLUMNS
        return wrapped

    def _next_page(self) -> bool:
        first, last = self.pages
        wrapped = self.page == last
        self.page = first if wrapped else (self.page + 1) % _PAGES
        return wrapped

    def _byte(self, byte: int) -> None:
        """One command byte. A command may continue in a later transaction."""
        self._command.append(byte)
        code, *args = self._command
        if len(args) < (1 if code == 0xAD and self.width < _COLUMNS else _ARGUMENTS.get(code, 0)):
            return
        self._command = []
        if code < 0x20 or 0xB0 <= code <= 0xB7:
            self._page_addressing(code)
        elif 0x40 <= code <= 0x7F:
            self.start_line = code & 0x3F
        elif args:
            self._long(code, args)
        elif code in (0xA0, 0xA1):
            self.remap = bool(code & 1)
        elif code in (0xA4, 0xA5):
            self.all_on = bool(code & 1)
        elif code in (0xA6, 0xA7):
            self.inverted = bool(code & 1)
        elif code in (0xAE, 0xAF):
            self.on = bool(code & 1)
        elif 0xC0 <= code <= 0xCF:
            self.com_down = bool(code & 8)
        elif code in (0x2E, 0x2F):
            self.scrolling = bool(code & 1)
            if self.scrolling:
                self.errors.append("scrolling is not emulated")
        elif code != 0xE3:  # NOP
            self.errors.append(f"unknown command 0x{code:02x}")

    def _page_addressing(self, code: int) -> None:
        if self.mode != _PAGE:
            self.errors.append(f"command 0x{code:02x} is only for page addressing mode")
        elif code >= 0xB0:
            self.page = code & 7
        elif code < 0x10:
            self.column = self.column & 0x70 | code & 0x0F
        else:
            self.column = (code & 0x07) << 4 | self.column & 0x0F

    def _long(self, code: int, args: list[int]) -> None:
        arg = args[0]
        if code == 0x20:
            if arg & 3 == 3:
                self.errors.append("addressing mode 3 is invalid")
            else:
                self.mode = arg & 3
        elif code in (0x21, 0x22):
            mask = _COLUMNS - 1 if code == 0x21 else _PAGES - 1
            first, last = args[0] & mask, args[1] & mask
            if first > last or [first, last] != args:
                self.errors.append(f"command 0x{code:02x}: range {args[0]} to {args[1]}")
            elif code == 0x21:
                self.columns, self.column = (first, last), first
            else:
                self.pages, self.page = (first, last), first
        elif code == 0x81:
            self.contrast = arg
        elif code == 0x8D:
            self.pump = bool(arg & 0x04)
            if arg & 0x3B != 0x10:
                self.errors.append(f"charge pump setting 0x{arg:02x}")
        elif code == 0xAD:  # only on the SSD1306B, which is on the small modules
            self.reference = arg & 0x10 != 0
        elif code == 0xA8:
            if arg & 0x3F < 15:
                self.errors.append(f"multiplex ratio {arg & 0x3F} is invalid")
            else:
                self.multiplex = arg & 0x3F
        elif code == 0xD3:
            self.offset = arg & 0x3F
        elif code == 0xDA:
            self.com_pins = arg
            if arg & 0xCF != 0x02:
                self.errors.append(f"COM pins setting 0x{arg:02x}")
        # D5, D9, DB (clock, precharge, VCOMH) and the scroll setups change nothing visible.


_SH1106_COLUMNS = 132
_SH1106_ARGUMENTS = {0x81: 1, 0xA8: 1, 0xAD: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1}


class Sh1106Chip(Ssd1306Chip):
    """An SH1106 with the glass of a common 1.3-inch module (datasheet V2.3): 128x64, on segments 2 to 129.

    Bus, COM lines and glass are as with an SSD1306. Its memory has 132 columns and is addressed by pages only: the
    column counter stops at the end. Instead of a charge pump command it has a DC-DC converter, which is on after a
    reset and may be switched while the display is off.
    """

    def __init__(self, width: int = 128, height: int = 64) -> None:
        if (width, height) != (128, 64):
            raise ValueError("An SH1106 module is 128x64.")
        super().__init__(width, height)
        noise = random.Random(1106)
        self.ram = [bytearray(noise.randbytes(_SH1106_COLUMNS)) for _ in range(_PAGES)]
        self.contrast = 0x80
        self.pump = True

    def _powered(self) -> bool:
        return self.on and self.pump

    def _column(self, x: int) -> int:
        # The segment remap applies here, when the picture is shown: as the datasheet says, it reverses the
        # relation between column address and segment.
        segment = _SH1106_COLUMNS - 1 - 2 - x
        return _SH1106_COLUMNS - 1 - segment if self.remap else segment

    def _data(self, part: bytes) -> None:
        if self._command:
            self.errors.append(f"data inside of command 0x{self._command[0]:02x}")
            self._command = []
        for byte in part:
            self.writes += 1
            if self.column >= _SH1106_COLUMNS:
                self.errors.append("data behind the last column")
                return
            self.ram[self.page][self.column] = byte
            self.column += 1

    def _byte(self, byte: int) -> None:
        self._command.append(byte)
        code, *args = self._command
        if len(args) < _SH1106_ARGUMENTS.get(code, 0):
            return
        self._command = []
        if code < 0x10:
            self.column = self.column & 0xF0 | code & 0x0F
        elif code < 0x20:
            self.column = (code & 0x0F) << 4 | self.column & 0x0F
        elif 0xB0 <= code <= 0xB7:
            self.page = code & 7
        elif code == 0xAD:
            if args[0] not in (0x8A, 0x8B):
                self.errors.append(f"DC-DC setting 0x{args[0]:02x}")
            elif self.on:
                self.errors.append("the DC-DC converter is switched while the display is on")
            else:
                self.pump = bool(args[0] & 1)
        elif 0x30 <= code <= 0x33 or code == 0xE3:  # pump voltage, NOP
            pass
        elif 0x20 <= code < 0x40 or code in (0x8D, 0xA3, 0x2E, 0x2F):
            self.errors.append(f"unknown command 0x{code:02x}")
        else:
            self._command = [code, *args[:-1]] if args else []
            super()._byte(args[-1] if args else code)


def chip(driver: str, width: int, height: int) -> Ssd1306Chip:
    """The chip that belongs to a driver."""
    return Sh1106Chip(width, height) if driver == "sh1106" else Ssd1306Chip(width, height)
