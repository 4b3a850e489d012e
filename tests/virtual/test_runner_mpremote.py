"""The real mpremote on a virtual board, as on any other."""

import os
import subprocess
import sys
import time
from pathlib import Path

import narrow
import pytest
from buzon_host import paths
from buzon_host.build import library
from buzon_host.virtual.board import VirtualBoard

MAIN = "import time\nprint('main runs')\nwhile True: time.sleep_ms(50)\n"


def mpremote(board: VirtualBoard, *args: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", board.port, *args]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout.decode()


@pytest.fixture(params=["64 bits", "32 bits"])
def board(make_board, request, monkeypatch) -> VirtualBoard:
    """The second one's MicroPython has no raw REPL of its own."""
    if request.param == "32 bits":
        monkeypatch.setenv("BUZON_MICROPYTHON", narrow.program())
    running: VirtualBoard = make_board(MAIN)
    return running


def test_ls_exec_and_df(board: VirtualBoard) -> None:
    assert "board.cbor" in mpremote(board, "ls")
    assert mpremote(board, "exec", "print(6 * 7)").strip() == "42"
    assert "/rom" in mpremote(board, "df")


def test_cp_both_ways(board: VirtualBoard, tmp_path: Path) -> None:
    data = os.urandom(9000) + bytes(range(256)) + b"\x03\x04\r\n" * 50
    (tmp_path / "to").write_bytes(data)
    mpremote(board, "cp", str(tmp_path / "to"), ":there")
    mpremote(board, "cp", ":there", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data
    assert board.stats()["serial_lost"] == 0


def test_soft_reset_runs_boot_and_not_main(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "boot.py").write_text("booted = True\n")
    mpremote(board, "cp", str(tmp_path / "boot.py"), ":")
    boots = board.stats()["boots"]
    said = mpremote(board, "soft-reset", "exec", "print('booted' in dir(), 'time' in dir())")
    assert said.strip() == "True False"
    assert board.stats()["boots"] > boots


def test_reset_runs_main_again(board: VirtualBoard, console) -> None:
    mpremote(board, "exec", "print(1)")
    port = console(board)
    mpremote(board, "reset")
    port.expect(rb"rst:0x2.*main runs")


def test_mount_and_run(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("print('from the PC')\n")
    assert "from the PC" in mpremote(board, "mount", str(tmp_path), "exec", "import there")
    assert "from the PC" in mpremote(board, "run", str(tmp_path / "there.py"))


def test_an_endless_program_is_interrupted_fast(make_board) -> None:
    board = make_board("while True: pass\n")
    start = time.monotonic()
    assert mpremote(board, "exec", "print(2)").strip() == "2"
    assert time.monotonic() - start < 5


def test_mip_installs_the_library(board: VirtualBoard, tmp_path: Path) -> None:
    """As docs/library.md says: the compiled one, from a folder on the PC."""
    library.build(paths.firmware(), tmp_path)
    assert mpremote(board, "mip", "install", "--target", "/lib", f"{tmp_path}/package.json").endswith(
        "Done\n"
    )
    script = "import sys; sys.path[:] = ['/lib', '.frozen']; import buzon.mailbox as m; print(m.Mailbox, m.__file__)"
    assert "/lib/buzon/mailbox.mpy" in mpremote(board, "exec", script)
