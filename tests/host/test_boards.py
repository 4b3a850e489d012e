"""The boards' descriptions: those that come with the tool, and what is said of a wrong one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from buzon_host import boards, paths, wiring

ROOT = Path(__file__).resolve().parents[2]


def test_every_board_that_comes_with_the_tool_loads() -> None:
    upstream = {"ESP32_GENERIC", "ESP32_GENERIC_S3", "ESP32_GENERIC_C3", "RPI_PICO_W", "RPI_PICO2_W"}
    assert set(boards.names()) == {"virtual"} | upstream
    for name in boards.names():
        assert boards.load(name).name == name


def test_the_esp32_is_wired_as_its_description_says() -> None:
    board = boards.load("ESP32_GENERIC")
    assert (board.display.pins.scl, board.display.pins.sda, board.display.addr) == (22, 21, 0x3C)
    assert (board.pins.led, board.pins.button) == (2, 0)
    assert board.cbor_map() == {
        "name": "ESP32_GENERIC",
        "led": 2,
        "button": 0,
        "tls_heap": [0, 0],
        "watchdog_s": 30,
        "display": {
            "driver": "ssd1306",
            "bus": 0,
            "addr": 0x3C,
            "w": 128,
            "h": 64,
            "pins": {"scl": 22, "sda": 21},
            "rotate": 0,
            "contrast": 127,
        },
    }


def test_the_default_display_passes_the_settings_schema() -> None:
    from buzon_host.provision import schema

    for name in boards.names():
        board = boards.load(name)
        for display in (board.display, *board.displays.values()):
            schema.Display.model_validate(display.settings())
    with pytest.raises(ValueError, match="no size of a display"):
        schema.Display.model_validate({"driver": "sh1106", "w": 72, "h": 40})


def test_pins_of_the_pico_are_those_of_its_bus(tmp_path: Path) -> None:
    text = (paths.boards() / "RPI_PICO_W" / "board.toml").read_text()
    for old, new, said in (
        (
            "scl = 5, sda = 4",
            "scl = 4, sda = 5",
            "display.pins.sda: pin 5 of this chip cannot be SDA of an I2C bus",
        ),
        (
            "scl = 5, sda = 4",
            "scl = 7, sda = 6",
            "display.pins.sda: pin 6 of this chip cannot be SDA of I2C bus 0",
        ),
    ):
        (tmp_path / "board.toml").write_text(text.replace(old, new, 1))
        with pytest.raises(boards.BoardError) as error:
            boards.load(tmp_path / "board.toml")
        assert said in str(error.value)


def test_a_display_is_chosen_by_name() -> None:
    board = boards.load("ESP32_GENERIC")
    assert board.with_display(None) is board
    assert board.with_display("sh1106").cbor_map()["display"]["driver"] == "sh1106"
    with pytest.raises(boards.BoardError, match="sh1106, ssd1306-042"):
        board.with_display("big")


def test_the_pages_are_those_of_the_boards() -> None:
    there = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs" / "boards").glob("*.md")}
    assert there == {name: wiring.page(boards.load(name)) for name in boards.names() if name != "virtual"}
    assert "| SCL (SCK) of the display | GP5 (pin 7) |" in there["RPI_PICO_W"]
    assert "nothing to wire" in there["ESP32_GENERIC_C3"]


def test_a_board_of_ones_own_is_one_file(tmp_path: Path) -> None:
    own = tmp_path / "my.toml"
    text = (paths.boards() / "ESP32_GENERIC" / "board.toml").read_text()
    own.write_text(text.replace('"ESP32_GENERIC"', '"HALL"').replace("scl = 22", "scl = 23"))
    done = subprocess.run(
        [sys.executable, "-m", "buzon_host", "boards", str(own), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "host")},
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["board"]["name"] == "HALL"
    assert ["SCL (SCK) of the display", "GPIO23"] in document["wiring"]["default"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scl = 22", "scl = 99", "display.pins.scl: "),
        ("scl = 22, ", "", "display.pins.scl: is missing"),
        ("led = 2", "led = 2\nbuzzer = 4", "pins.buzzer: is not a known key"),
        ('chip = "esp32"', "chip = 32", "chip: "),
        ("kib = 4096", "kib = 2048", "filesystem: the partition ends behind"),
        ("size = 0x200000", "size = 0x1fff00", "filesystem: offset and size must be multiples"),
        ("[pins]", "[pins", "is not valid TOML"),
        ("h = 64", "h = 65", "display.h: 128x65 is no size of a display with driver ssd1306"),
        ('"sh1106"\n', '"sh1106"\nw = 72\nh = 40\n', "displays.sh1106.h: 72x40 is no size"),
        ("scl = 22", "scl = 35", "display.pins.scl: pin 35 of this chip cannot be SCL of an I2C bus"),
        ("scl = 22", "scl = 21", "display.pins: scl and sda are the same pin"),
        ('"xtensawin"', '"armv6m"', 'arch: must be "xtensawin" for chip "esp32"'),
        ('"10c4:ea60"', '"10C4"', "serial.usb.0: "),
    ],
)
def test_an_error_names_the_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (paths.boards() / "ESP32_GENERIC" / "board.toml").read_text()
    assert old in text
    (tmp_path / "board.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(boards.BoardError) as error:
        boards.load(tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["esp32_generic", "Esp32_Generic", "ESP32_GENERIC"])
def test_a_name_is_found_in_capitals_or_not(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert boards.load(name).name == boards.known(name) == "ESP32_GENERIC"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(boards.BoardError, match=r"ESP32_GENERIC.*virtual"):
        boards.load("no_such_board")
    with pytest.raises(boards.BoardError):
        boards.load("../boards/virtual")


def test_a_folder_that_has_a_boards_name_is_not_the_board(tmp_path, monkeypatch) -> None:
    (tmp_path / "virtual").mkdir()
    monkeypatch.chdir(tmp_path)
    assert boards.load("virtual").name == "virtual"
    with pytest.raises(boards.BoardError, match="cannot be read"):
        boards.load("./virtual")


def test_a_table_without_a_head_has_no_line_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "buzon_host", "boards", "virtual"],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[1:3] == ["", "Chip                    virtual"]
