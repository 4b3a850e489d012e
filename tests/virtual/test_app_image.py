"""What `buzon image` makes and `buzon flash` writes boots: the whole app from the file system, as on a board without a ROMFS."""

from pathlib import Path

import pytest
from app_board import until
from buzon_host import boards, paths
from buzon_host.board.client import Client
from buzon_host.board.link import Link
from buzon_host.build import firmware, image, partitions
from buzon_host.flash import esp, plan
from buzon_host.virtual.board import VirtualBoard
from buzon_host.virtual.rom_loader import RomLoader
from host.firmware_files import ESP32, VFS, esp32_file


def flashed(folder: Path, name: str, chip: str) -> bytes:
    """The flash of an emulated chip after `buzon flash`, with a real firmware where there is one."""
    text = (paths.boards() / name / "board.toml").read_text()
    text = text.replace("stub = true", "stub = false").replace('reset = "dtr-rts"', 'reset = "none"')
    (folder / "board.toml").write_text(text)
    board = boards.load(folder / "board.toml")
    assert board.soc.image_id is not None
    file = folder / "firmware.bin"
    real = ESP32 is not None and chip == "esp32"
    file.write_bytes(ESP32.read_bytes() if ESP32 and real else esp32_file(VFS, chip=board.soc.image_id))
    given = firmware.load(file, board)
    made = image.build(board, given)
    (folder / "chip").write_bytes(b"\xff" * (board.flash.kib * 1024))
    with RomLoader(chip, folder / "chip") as rom:
        esp.write(board, rom.port, plan.pieces(given, made), lambda text, done, total: None)
    return (folder / "chip").read_bytes()


@pytest.mark.parametrize(("name", "chip"), [("ESP32_GENERIC", "esp32"), ("ESP32_GENERIC_C3", "esp32c3")])
def test_what_was_flashed_boots(tmp_path: Path, name: str, chip: str) -> None:
    data = flashed(tmp_path, name, chip)
    vfs = next(one for one in partitions.parse(data[0x8000:0x9000]) if one.label == "vfs")
    flash = tmp_path / "flash.img"
    flash.write_bytes(data[vfs.offset : vfs.end])
    (tmp_path / "nothing").mkdir()
    log = tmp_path / "log"
    # The code is loaded into the heap here, and words are twice a board's.
    with VirtualBoard(name, flash=flash, firmware=tmp_path / "nothing", heap_kib=512, log=log) as board:
        client = Client(Link(board.port))
        try:
            hello = until(client.hello, what="hello")
            assert hello.board == name
            screen = client.screen()
            assert (screen.w, screen.h) == (board.board.display.w, board.board.display.h)
            assert any(screen.pixels)
        finally:
            client.close()
