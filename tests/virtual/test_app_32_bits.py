"""A whole board on a MicroPython whose words are as long as a board's: provisioned, it collects and shows."""

from collections import Counter
from pathlib import Path

import narrow
import pytest
from app_board import ACCOUNT, Rig, mail_on
from buzon_host import boards
from buzon_host.bench import run, start
from buzon_host.bench.rows import Bench
from buzon_host.build import image

# Less than any board has; 128 were enough when this was written.
_HEAP_KIB = 144


@pytest.mark.parametrize("place", ["rom", "flash"])
def test_a_board_with_32_bits_collects_and_shows(
    boot, serve, tmp_path: Path, monkeypatch, place: str
) -> None:
    """The code runs in place, as from a ROMFS, or it is loaded from the file system, as on most boards."""
    monkeypatch.setenv("BUZON_MICROPYTHON", narrow.program())
    options = {}
    if place == "flash":
        flash = tmp_path / "flash.img"
        flash.write_bytes(image.build(boards.load("virtual")).filesystem.data)
        options = {"flash": flash, "bare": True, "heap_kib": _HEAP_KIB}
    server = serve()
    sent = list(server.expected().values())
    rig: Rig = boot(**options)
    assert rig.client.hello().micropython == "1.25.0"
    rig.provision(server)
    account = rig.settled()
    assert (account.error, account.fetched, account.new, server.left()) == (None, len(sent), len(sent), 0)
    assert mail_on(rig.board.flash_file) == Counter(sent)
    rig.page("alert")
    rig.shows("New", "mail", "Íñigo")
    items = list(rig.client.list_all(ACCOUNT))
    shown = [b"".join(rig.client.read_message(ACCOUNT, item.id)) for item in items]
    assert shown == sent[::-1]


def test_what_only_the_display_or_the_console_needs_is_gone_before_a_handshake(tmp_path: Path) -> None:
    """Loaded from the file system of an ESP32, as on most boards; with both in memory it is 8 KB more."""
    narrow.program()
    bounds = run.bounds()[start.GROUP]
    rows = {row.name: row for row in start.rows(Bench(1, tmp_path, check=True))}
    assert set(rows) == set(bounds)
    for name, row in rows.items():
        assert row.ours is not None, row.missing
        assert row.ours <= bounds[name]["high"], name
    assert rows["heap at a TLS handshake, 32 bits"].ours > 32 * 1024
