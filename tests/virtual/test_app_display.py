"""A whole board with each of the displays that boards come with: it collects, in the same heap, and shows who wrote."""

from pathlib import Path

import pytest
from app_board import pixels, until
from buzon_host import boards, paths


@pytest.mark.parametrize(("driver", "w", "h"), [("sh1106", 128, 64), ("ssd1306", 72, 40)])
def test_mail_is_shown(boot, serve, tmp_path: Path, driver: str, w: int, h: int) -> None:
    text = (paths.boards() / "virtual" / "board.toml").read_text()
    text = text.replace('driver = "ssd1306"', f'driver = "{driver}"')
    text = text.replace("w = 128", f"w = {w}").replace("h = 64", f"h = {h}")
    (tmp_path / "own.toml").write_text(text)
    assert boards.load(tmp_path / "own.toml").display.driver == driver
    server = serve()
    rig = boot(board=tmp_path / "own.toml")
    rig.provision(server)
    account = rig.settled()
    assert (account.state, account.error, account.new > 0) == ("idle", None, True)
    rig.page("alert")
    screen = rig.client.screen()
    assert (screen.w, screen.h) == (w, h)
    until(lambda: pixels(rig.board.screen()) == screen.pixels, what="the display as the board means it")
    rig.shows("Íñigo", "+11")
