"""Pictures of one-bit displays: from a framebuffer's bytes, as an image, in a terminal.

    python -m buzon_host.picture docs/images

draws the display pages for the documentation: the real MicroPython draws them, the emulated display shows
them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from .paths import firmware
from .virtual.chips import Ssd1306Chip, chip
from .virtual.interpreter import command

Pixels = list[list[int]]

_BEZEL = (18, 20, 24)
_EDGE = (38, 42, 50)
_GLASS = (4, 6, 12)
_UNLIT = (9, 13, 22)
_LIT = (150, 215, 255)


def from_mono_vlsb(data: bytes, w: int, h: int) -> Pixels:
    """Rows of 0 and 1 from a framebuffer in MicroPython's MONO_VLSB. Raises ValueError if it is too short."""
    if h % 8 or len(data) < w * h // 8:
        raise ValueError(f"{len(data)} bytes are no picture of {w}x{h}")
    return [[data[y // 8 * w + x] >> (y % 8) & 1 for x in range(w)] for y in range(h)]


def to_image(pixels: Pixels, scale: int = 6) -> Image.Image:
    """The picture as it looks on an OLED behind a dark bezel; `scale`: image pixels per display pixel."""
    w, h = len(pixels[0]) * scale, len(pixels) * scale
    margin, rim = 3 * scale, 3 * scale
    image = Image.new("RGB", (w + 2 * (margin + rim), h + 2 * (margin + rim)), _BEZEL)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, image.width - 1, image.height - 1), outline=_EDGE, width=max(1, scale // 3))
    draw.rectangle((rim, rim, rim + w + 2 * margin - 1, rim + h + 2 * margin - 1), fill=_GLASS)
    gap = 1 if scale >= 4 else 0  # between the pixels of the glass
    for y, row in enumerate(pixels):
        for x, lit in enumerate(row):
            left, top = margin + rim + x * scale, margin + rim + y * scale
            box = (left, top, left + scale - 1 - gap, top + scale - 1 - gap)
            draw.rectangle(box, fill=_LIT if lit else _UNLIT)
    return image


def to_terminal(pixels: Pixels, color: bool = False, columns: int = 80) -> str:
    """The picture in a frame: half blocks if the terminal has room (130 columns), else quarter blocks (66).

    `color`: in the display's light blue, with ANSI escapes; `columns`: the terminal's width.
    """
    h, w = len(pixels), len(pixels[0])
    # The pixels that a character shows, as offsets, and the character for each sum of 2**index.
    if columns >= w + 2:
        cells, chars = [(0, 0), (0, 1)], " ▀▄█"
    else:
        cells, chars = [(0, 0), (1, 0), (0, 1), (1, 1)], " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
    step_x, step_y = cells[-1][0] + 1, cells[-1][1] + 1
    before, after = ("\x1b[38;2;150;215;255m", "\x1b[0m") if color else ("", "")
    line = "─" * (w // step_x)
    rows = [f"╭{line}╮"]
    for y in range(0, h, step_y):
        sums = [
            sum(pixels[y + dy][x + dx] << i for i, (dx, dy) in enumerate(cells)) for x in range(0, w, step_x)
        ]
        rows.append("│" + before + "".join(chars[n] for n in sums) + after + "│")
    return "\n".join([*rows, f"╰{line}╯"])


_MACHINE = """
class Pin:
    def __init__(self, number):
        self.number = number

class I2C:
    def __init__(self, bus, scl, sda, freq):
        self.wire = open("i2c", "wb")

    def writeto(self, addr, data):
        self.wire.write(bytes((addr, len(data) >> 8, len(data) & 255)))
        self.wire.write(data)
        self.wire.flush()
"""
_SCRIPT = """
from buzon.display.{driver} import Plugin
from buzon.notify import pages

d = Plugin({config!r})
{code}
with open("frame", "wb") as out:
    out.write(d.buffer)
"""
PAGES = {
    "alert": "pages.alert(d, 'Lucía Ibáñez', '¿Comemos mañana? He reservado mesa a las 14:30', 3)",
    "idle": "pages.idle(d, '12:34', 128, 0, 'Next check in 4 min')",
    "notice": "pages.notice(d, 'Problem', 'home', 'retry soon', 201)",
    "progress": "pages.progress(d, 17, 42)",
}


def drawn(
    code: str, height: int = 64, rotate: int = 0, driver: str = "ssd1306", width: int = 128
) -> tuple[Ssd1306Chip, Pixels]:
    """Run `code` on the real MicroPython, where `d` is the display's driver and `pages` the firmware's pages.

    Returns the emulated display after everything that came over its bus, and the content of the driver's
    framebuffer. Raises RuntimeError with MicroPython's own words if the code fails, VirtualBoardError if
    there is no MicroPython.
    """
    config = {"w": width, "h": height, "rotate": rotate}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "machine.py").write_text(_MACHINE)
        (folder / "draw.py").write_text(
            _SCRIPT.format(config=config, code=code, driver=driver), encoding="utf-8"
        )
        env = {**os.environ, "MICROPYPATH": f"{folder}:{firmware()}:.frozen"}
        done = subprocess.run(
            [*command(), "draw.py"], cwd=folder, env=env, capture_output=True, text=True, timeout=60
        )
        if not (folder / "frame").exists():
            raise RuntimeError(done.stdout + done.stderr)
        wire = (folder / "i2c").read_bytes()
        frame = from_mono_vlsb((folder / "frame").read_bytes(), width, height)
    display = chip(driver, width, height)
    while wire:
        size = int.from_bytes(wire[1:3], "big")
        display.write(wire[3 : 3 + size])
        wire = wire[3 + size :]
    return display, frame


def main(folder: str = "docs/images") -> None:
    """Draw the display pages for the documentation as PNG files."""
    for name, code in PAGES.items():
        display, _ = drawn(code)
        path = Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        to_image(display.pixels()).save(path, optimize=True)
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
