"""The emulated SSD1306 and SH1106 against the datasheet's tables, with bytes written here by hand."""

import pytest
from buzon_host.virtual.chips import Sh1106Chip, Ssd1306Chip

CLEAR = b"\x00\x20\x00\x21\x00\x7f\x22\x00\x07"


def chip(height: int = 64, commands: bytes = b"") -> Ssd1306Chip:
    """A chip that is on, with an empty memory, horizontal addressing, upright (A1, C8)."""
    made = Ssd1306Chip(128, height)
    made.write(b"\x00\x8d\x14\xaf\xa1\xc8" + (b"" if height == 64 else b"\xa8\x1f\xda\x02"))
    made.write(CLEAR)
    made.write(b"\x40" + bytes(1024))
    made.write(b"\x00" + commands)
    assert made.errors == []
    return made


def sh1106(commands: bytes = b"") -> Sh1106Chip:
    """A chip that is on, upright, with an empty memory."""
    made = Sh1106Chip()
    made.write(b"\x00\xad\x8b\xaf\xa1\xc8")
    for page in range(8):
        made.write(bytes((0, 0xB0 + page, 0x00, 0x10)))
        made.write(b"\x40" + bytes(132))
    made.write(b"\x00" + commands)
    assert made.errors == []
    return made


def lit(made: Ssd1306Chip) -> set[tuple[int, int]]:
    """x, y of what is lit."""
    return {(x, y) for y, row in enumerate(made.pixels()) for x, on in enumerate(row) if on}


def test_dark_until_on_and_pumped_and_full_of_noise_then() -> None:
    made = Ssd1306Chip()
    assert lit(made) == set()
    made.write(b"\x00\xaf")
    assert made.on
    assert lit(made) == set()  # no charge pump, no light
    made.write(b"\x00\x8d\x14")
    assert 1000 < len(lit(made)) < 7000  # nobody cleared the memory
    made.write(b"\x00\xae")
    assert lit(made) == set()


def test_the_first_pixels_are_on_the_upper_left() -> None:
    made = chip()
    made.write(b"\x40\x03\x80")
    assert lit(made) == {(0, 0), (0, 1), (1, 7)}


def test_control_bytes() -> None:
    made = chip()
    made.write(b"\x80\x81\x80\x12\xc0\x01\x40\x02\x04")  # single commands, one data byte, then data only
    assert made.contrast == 0x12
    assert lit(made) == {(0, 0), (1, 1), (2, 2)}
    made.write(b"\x80\x81")  # a command may go on in the next transaction
    made.write(b"\x80\x34")
    assert made.contrast == 0x34
    assert made.errors == []
    made.write(b"\x01\xaf")
    assert len(made.errors) == 1


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0, [(2, 0), (3, 0), (4, 0), (2, 8), (3, 8)]),
        (1, [(2, 0), (2, 8), (3, 0), (3, 8), (4, 0)]),
    ],
)
def test_horizontal_and_vertical_addressing(mode: int, expected: list[tuple[int, int]]) -> None:
    made = chip()
    made.write(bytes((0, 0x20, mode, 0x21, 2, 4, 0x22, 0, 1)))
    for n in range(1, 6):
        made.write(b"\x40\x01")
        assert lit(made) == set(expected[:n])
    made.write(b"\x40\x01" + b"\x02")  # the window ends: around to its start
    assert lit(made) >= {(2, 1)}


def test_page_addressing_wraps_within_the_page() -> None:
    made = chip(commands=b"\x20\x02\xb3\x0e\x17")  # page 3, column 0x7e
    made.write(b"\x40\x01\x01\x01")
    assert lit(made) == {(126, 24), (127, 24), (0, 24)}
    made.write(b"\x00\x20\x00\xb1")
    assert "page addressing" in made.errors[0]


def test_segment_remap_acts_on_what_is_written_later() -> None:
    made = chip()
    made.write(b"\x40\x01")
    made.write(b"\x00\xa0\x21\x00\x7f\x22\x00\x07")
    assert lit(made) == {(0, 0)}
    made.write(b"\x40\x02")
    assert lit(made) == {(0, 0), (127, 1)}


def test_scan_direction_turns_the_picture_at_once() -> None:
    made = chip()
    made.write(b"\x40\x01")
    made.write(b"\x00\xc0")
    assert lit(made) == {(0, 63)}


def test_start_line_and_offset() -> None:
    made = chip()
    made.write(b"\x40\x00\x01")  # column 1, line 0
    made.write(b"\x00\x48")  # the memory's line 8 is shown first: line 0 is 8 from the end
    assert lit(made) == {(1, 56)}
    made.write(b"\x00\x40\xc0")
    assert lit(made) == {(1, 63)}
    made.write(b"\x00\xd3\x08")  # table 10-1: COM56 shows row 0, and COM63 is on top
    assert lit(made) == {(1, 63 - 56)}
    made.write(b"\x00\xc8")  # table 10-2: COM7 shows row 0
    assert lit(made) == {(1, 63 - 7)}


def test_multiplex_ratio_leaves_lines_dark() -> None:
    made = chip(commands=b"\xa5\xc0\xa8\x37")  # all on, COM0 to COM55
    assert {y for _, y in lit(made)} == set(range(8, 64))
    made.write(b"\x00\xa8\x0e")
    assert "multiplex" in made.errors[0]


def test_invert_all_on_contrast() -> None:
    made = chip()
    made.write(b"\x40\x01")
    made.write(b"\x00\xa7")
    assert len(lit(made)) == 128 * 64 - 1
    made.write(b"\x00\xa5")
    assert len(lit(made)) == 128 * 64
    made.write(b"\x00\xa4\xa6\x81\x07")
    assert lit(made) == {(0, 0)}
    assert made.contrast == 7


def test_wrong_com_pins_spoil_the_picture() -> None:
    rows = b"\x40" + bytes((0x01,)) + bytes(127) + bytes((0x01,))  # lines 0 and 8 of column 0
    made = chip(64, b"\xda\x02")
    made.write(rows)
    right = chip(64)
    right.write(rows)
    assert lit(right) == {(0, 0), (0, 8)}
    assert lit(made) != lit(right)
    low = chip(32)
    low.write(rows)
    assert lit(low) == {(0, 0), (0, 8)}
    low.write(b"\x00\xda\x12")
    assert lit(low) != {(0, 0), (0, 8)}


def test_a_32_line_display_with_the_ratio_of_64_is_wrong() -> None:
    made = chip(32)
    made.write(b"\x40\x01")
    assert lit(made) == {(0, 0)}
    made.write(b"\x00\xa8\x3f")
    assert lit(made) != {(0, 0)}


def test_every_command_takes_its_length() -> None:
    made = chip()
    made.write(b"\x00\x26\x00\x00\x00\x01\x00\xff\x29\x00\x00\x00\x01\x01\xa3\x00\x40\x2e\xe3")
    made.write(b"\x00\xd5\x80\xd9\xf1\xdb\x30\xad\x81\x55")
    assert made.contrast == 0x55
    assert made.errors == ["unknown command 0xad"]


@pytest.mark.parametrize(
    "wrong", [b"\x20\x03", b"\x21\x05\x04", b"\x22\x00\x08", b"\x8d\x00", b"\xda\xff", b"\x2f", b"\xf0"]
)
def test_what_the_datasheet_does_not_allow_is_recorded(wrong: bytes) -> None:
    made = chip()
    made.write(b"\x00" + wrong)
    assert len(made.errors) == 1


def test_data_inside_of_a_command() -> None:
    made = chip()
    made.write(b"\x00\x81")
    made.write(b"\x40\xff")
    assert len(made.errors) == 1


def test_there_are_only_these_glasses() -> None:
    with pytest.raises(ValueError, match="128x64"):
        Ssd1306Chip(96, 64)
    with pytest.raises(ValueError, match="128x64"):
        Sh1106Chip(128, 32)


def test_the_small_glass_is_the_middle_of_the_memory() -> None:
    made = Ssd1306Chip(72, 40)
    made.write(b"\x00\x8d\x14\xaf\xa1\xc8\xa8\x27" + CLEAR)
    made.write(b"\x40" + bytes(1024))
    made.write(b"\x00\x21\x1c\x63\x22\x00\x04")
    made.write(b"\x40\x01" + bytes(72 * 4) + bytes(70) + b"\x80")
    assert lit(made) == set()  # no current without a reference
    made.write(b"\x00\xad\x30")
    assert lit(made) == {(0, 0), (71, 39)}
    assert made.errors == []
    made.write(b"\x00\xa8\x3f")  # the ratio of another module
    assert lit(made) != {(0, 0), (71, 39)}


def test_an_sh1106_shows_columns_2_to_129() -> None:
    made = sh1106(b"\xb0\x02\x10")
    made.write(b"\x40\x03")
    made.write(b"\x00\xb7\x01\x18")  # column 129
    made.write(b"\x40\x80")
    assert lit(made) == {(0, 0), (0, 1), (127, 63)}
    made.write(b"\x00\xb0\x01\x10")
    made.write(b"\x40\xff")  # column 1: beside the glass
    assert lit(made) == {(0, 0), (0, 1), (127, 63)}
    made.write(b"\x00\xa0")
    assert lit(made) == {(127, 0), (127, 1), (0, 63)}
    made.write(b"\x00\xc0")
    assert lit(made) == {(127, 63), (127, 62), (0, 0)}
    assert made.errors == []


def test_an_sh1106_stops_at_the_last_column() -> None:
    made = sh1106(b"\xb0\x03\x18")  # column 131
    made.write(b"\x40\x01")
    assert made.errors == []
    made.write(b"\x40\x01")
    assert made.errors == ["data behind the last column"]


@pytest.mark.parametrize("wrong", [b"\x21", b"\x20", b"\x8d", b"\xad\x14", b"\xad\x8a", b"\x2f", b"\xf0"])
def test_what_an_sh1106_does_not_know_is_recorded(wrong: bytes) -> None:
    made = sh1106()
    made.write(b"\x00" + wrong)
    assert len(made.errors) == 1


def test_an_ssd1306s_way_of_sending_a_picture_is_wrong_for_an_sh1106() -> None:
    made = sh1106()
    made.write(b"\x00\x21\x00\x7f\x22\x00\x07")
    made.write(b"\x40" + bytes(1024))
    assert made.errors
    assert made.contrast == 0x80


def test_an_sh1106_is_dark_without_its_converter() -> None:
    made = sh1106(b"\xb0\x02\x10")
    made.write(b"\x40\x01")
    made.write(b"\x00\xae\xad\x8a\xaf")
    assert made.on
    assert lit(made) == set()
    made.write(b"\x00\xae\xad\x8b\xaf\x81\x07")
    assert lit(made) == {(0, 0)}
    assert made.contrast == 7
    assert made.errors == []
