"""The whole chain: the real MicroPython draws a page, the driver sends it, the emulated chip shows it."""

import re
from pathlib import Path

import pytest
from buzon_host import boards, picture
from buzon_host.virtual.interpreter import VirtualBoardError, command
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs" / "images"

try:
    command()
    reason = ""
except VirtualBoardError as missing:
    reason = str(missing)
needs_micropython = pytest.mark.skipif(bool(reason), reason=reason)


DISPLAYS = [("ssd1306", 128, 64), ("ssd1306", 128, 32), ("ssd1306", 72, 40), ("sh1106", 128, 64)]


def test_every_driver_and_size_is_drawn_on() -> None:
    assert {(driver, *size) for driver, sizes in boards.SIZES.items() for size in sizes} == set(DISPLAYS)


@needs_micropython
@pytest.mark.parametrize(("driver", "width", "height"), DISPLAYS)
@pytest.mark.parametrize("name", sorted(picture.PAGES))
def test_what_a_page_draws_is_what_the_display_shows(name: str, driver: str, width: int, height: int) -> None:
    chip, frame = picture.drawn(picture.PAGES[name], height, driver=driver, width=width)
    assert chip.errors == []
    assert chip.on
    assert chip.pixels() == frame
    assert sum(map(sum, frame)) > 100


@needs_micropython
def test_the_pictures_in_the_docs_are_what_the_firmware_draws(tmp_path: Path) -> None:
    """`python -m buzon_host.picture docs/images` makes them anew."""
    there = {path.stem: Image.open(path).convert("RGB") for path in DOCS.glob("*.png")}
    picture.main(str(tmp_path))
    for name in picture.PAGES:
        now = Image.open(tmp_path / f"{name}.png").convert("RGB")
        same = (now.size, now.tobytes()) == (there[name].size, there[name].tobytes())
        assert same, name  # the bytes would be too much to print
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS.parents[1].glob("README*.md"))
    for name in re.findall(r"docs/images/([^)\s]+)\.png", text):
        assert name in picture.PAGES


@needs_micropython
@pytest.mark.parametrize(("driver", "width", "height"), DISPLAYS)
def test_rotate_turns_the_picture(driver: str, width: int, height: int) -> None:
    chip, frame = picture.drawn(picture.PAGES["alert"], height, rotate=180, driver=driver, width=width)
    assert chip.errors == []
    assert chip.pixels() == [row[::-1] for row in frame[::-1]] != frame


@needs_micropython
@pytest.mark.parametrize("driver", ["ssd1306", "sh1106"])
def test_power_contrast_invert(driver: str) -> None:
    chip, _ = picture.drawn("d.power(False)", driver=driver)
    assert not chip.on
    assert not chip.pump
    code = "d.fill(1); d.show(); d.power(False); d.power(True); d.contrast(9)"
    chip, frame = picture.drawn(code, driver=driver)
    assert chip.errors == []
    assert chip.contrast == 9
    assert chip.pixels() == frame
    chip, frame = picture.drawn("d.pixel(3, 4, 1); d.show(); d.invert(True)", driver=driver)
    assert chip.pixels() == [[1 - bit for bit in row] for row in frame]


@needs_micropython
@pytest.mark.parametrize(("driver", "width", "height"), DISPLAYS)
def test_an_empty_display_is_dark_not_noise(driver: str, width: int, height: int) -> None:
    chip, _ = picture.drawn("", height, driver=driver, width=width)
    assert chip.on
    assert not any(map(any, chip.pixels()))


@needs_micropython
def test_a_show_that_fails_leaves_the_picture_as_it_was() -> None:
    code = """
from machine import I2C

def silent(self, addr, data):
    if len(data) > 100:
        raise OSError(19)

d.fill(1)
I2C.writeto = silent
try:
    d.show()
except Exception:
    pass
assert bytes(d.buffer) == b"\\xff" * 1024
"""
    picture.drawn(code, driver="sh1106")


@needs_micropython
def test_a_show_sends_a_kilobyte_and_allocates_nothing() -> None:
    code = """
import gc
d.show()
gc.collect()
gc.disable()
before = gc.mem_alloc()
d._i2c.writeto(60, d._window)
d._i2c.writeto(60, d.frame)
bus = gc.mem_alloc() - before
before = gc.mem_alloc()
d.show()
assert gc.mem_alloc() - before <= bus
"""
    chip, _ = picture.drawn(code)
    assert chip.writes == 4 * 1024  # the driver's own first picture, two shows and the one by hand


@needs_micropython
def test_a_display_that_does_not_answer() -> None:
    code = """
from machine import I2C
from buzon.errors import E_DISPLAY, DeviceError

def silent(self, addr, data):
    raise OSError(19)

I2C.writeto = silent
for call in (d.show, lambda: Plugin({})):
    try:
        call()
    except DeviceError as exc:
        assert exc.code == E_DISPLAY and "0x3c" in exc.detail
    else:
        raise AssertionError
"""
    picture.drawn(code)


@needs_micropython
def test_code_that_fails_says_so() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        picture.drawn("1 / 0")


def test_from_mono_vlsb() -> None:
    pixels = picture.from_mono_vlsb(b"\x01\x80\x00\x00\x02\x00", 3, 16)
    lit = [(x, y) for y, row in enumerate(pixels) for x, on in enumerate(row) if on]
    assert lit == [(0, 0), (1, 7), (1, 9)]
    with pytest.raises(ValueError, match="128x64"):
        picture.from_mono_vlsb(bytes(10), 128, 64)


def test_to_image() -> None:
    pixels = [[0] * 128 for _ in range(64)]
    pixels[63][0] = 1
    image = picture.to_image(pixels, 6)
    margin = 6 * 6
    assert image.size == (128 * 6 + 2 * margin, 64 * 6 + 2 * margin)
    lit = image.getpixel((margin + 2, margin + 63 * 6 + 2))
    unlit = image.getpixel((margin + 2, margin + 2))
    assert isinstance(lit, tuple)
    assert isinstance(unlit, tuple)
    assert sum(lit) > 500
    assert sum(unlit) < 100


def test_to_terminal() -> None:
    pixels = [[0] * 128 for _ in range(64)]
    pixels[0][0] = pixels[3][3] = pixels[63][127] = 1
    lines = picture.to_terminal(pixels).split("\n")
    assert {len(line) for line in lines} == {66}
    assert len(lines) == 34
    assert (lines[1][1], lines[2][2], lines[32][64]) == ("▘", "▗", "▗")
    wide = picture.to_terminal(pixels, columns=130).split("\n")
    assert {len(line) for line in wide} == {130}
    assert len(wide) == 34
    assert (wide[1][1], wide[2][4], wide[32][128], wide[1][2]) == ("▀", "▄", "▄", " ")
    colored = picture.to_terminal(pixels, color=True)
    assert "\x1b[" in colored
    assert "\x1b[" not in picture.to_terminal(pixels)
