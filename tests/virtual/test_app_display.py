"""A whole board with each of the displays that boards come with: it collects, in the same heap, and shows who wrote."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from app_board import account_of, message, pixels, readable, tree_of, until
from buzon_host import boards, paths
from buzon_host.virtual.profile import Timing


def with_display(folder: Path, driver: str, w: int, h: int) -> Path:
    """The virtual board with another display."""
    text = (paths.boards() / "virtual" / "board.toml").read_text()
    text = text.replace('driver = "ssd1306"', f'driver = "{driver}"')
    text = text.replace("w = 128", f"w = {w}").replace("h = 64", f"h = {h}")
    (folder / "own.toml").write_text(text)
    display = boards.load(folder / "own.toml").display
    assert (display.driver, display.w, display.h) == (driver, w, h)
    return folder / "own.toml"


@pytest.mark.parametrize(("driver", "w", "h"), [("sh1106", 128, 64), ("ssd1306", 72, 40)])
def test_mail_is_shown(boot, serve, tmp_path: Path, driver: str, w: int, h: int) -> None:
    server = serve()
    rig = boot(board=with_display(tmp_path, driver, w, h))
    rig.provision(server)
    account = rig.settled()
    assert (account.state, account.error, account.new > 0) == ("idle", None, True)
    rig.page("alert")
    screen = rig.client.screen()
    assert (screen.w, screen.h) == (w, h)
    until(lambda: pixels(rig.board.screen()) == screen.pixels, what="the display as the board means it")
    rig.shows("Íñigo", "+11")


def test_a_small_display_says_briefly_what_it_is_about(boot, serve, tmp_path: Path) -> None:
    server = serve(samples=False)
    rig = boot(
        board=with_display(tmp_path, "ssd1306", 72, 40),
        flash_size=4 << 20,
        timing=Timing(program_ns=12000),
        real_time=True,
    )
    rig.client.hello()
    rig.shows("Type: buzon", "provision")
    for number in range(150):
        server.deliver(message(number))
    rig.provision(server, id="main")
    counts = []

    def counted() -> bool:
        account = rig.status()["accounts"][0]
        if account["state"] == "sync" and account["todo"]:
            # Against all that the session is to bring, from its first window on.
            counts.append(readable(rig.board.screen(), "of 150"))
            assert not readable(rig.board.screen(), "main")
        return account["stored"] == 150

    until(counted, 90, "all mail")
    assert counts
    assert counts.count(True) > len(counts) // 2, counts
    rig.page("alert")
    rig.board.press()
    rig.page("idle")
    rig.shows("0 new", "Next check")
    rig.board.wifi_up(False)
    rig.shows("Wi-Fi not", "found")


@pytest.mark.parametrize(
    "zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham"]
)
def test_the_clock_is_that_of_the_zone_with_its_summer_time(boot, serve, tmp_path: Path, zone: str) -> None:
    """No two of them are a whole hour apart; three have summer time, half of the world each."""
    text = (paths.boards() / "virtual" / "board.toml").read_text()
    (tmp_path / "own.toml").write_text(
        text.replace("h = 64", "h = 32")
    )  # the clock is in the small font there
    server = serve(samples=False)
    rig = boot(board=tmp_path / "own.toml")
    rig.provision(server, tree_of(account_of(server), time={"ntp": "127.0.0.1", "zone": zone}))
    rig.settled()
    rig.page("idle")
    until(
        lambda: readable(rig.board.screen(), datetime.now(ZoneInfo(zone)).strftime("%H:%M")), what="its clock"
    )
