"""The image that `buzon image` makes boots: the whole app from the file system, as on a board without a ROMFS."""

from pathlib import Path

import pytest
from app_board import until
from buzon_host import boards
from buzon_host.board.client import Client
from buzon_host.board.link import Link
from buzon_host.build import image
from buzon_host.virtual.board import VirtualBoard


@pytest.mark.parametrize("name", ["ESP32_GENERIC", "ESP32_GENERIC_C3"])
def test_it_boots(tmp_path: Path, name: str) -> None:
    flash = tmp_path / "flash.img"
    flash.write_bytes(image.build(boards.load(name)).filesystem.data)
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
