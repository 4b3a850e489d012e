"""The boards' descriptions: those that come with the tool, and what is said of a wrong one."""

from pathlib import Path

import pytest
from buzon_host import boards, paths


def test_every_board_that_comes_with_the_tool_loads() -> None:
    assert {"virtual", "ESP32_GENERIC"} <= set(boards.names())
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
        schema.Display.model_validate(boards.load(name).display.model_dump())


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
    ],
)
def test_an_error_names_the_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (paths.boards() / "ESP32_GENERIC" / "board.toml").read_text()
    assert old in text
    (tmp_path / "board.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(boards.BoardError) as error:
        boards.load(tmp_path)
    assert said in str(error.value)


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
