"""`buzon flash` with the real esptool, against an emulated chip in its ROM loader; Picos, against an emulated drive."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
import serial
from buzon_host import boards, paths
from buzon_host.board.find import Found
from buzon_host.build import firmware, image, uf2
from buzon_host.build.image import file_system
from buzon_host.errors import BuzonError, NoBoard, UsageError
from buzon_host.flash import attached, esp, merge, plan
from buzon_host.flash import drive as drives
from buzon_host.virtual.rom_loader import MAC, RomLoader
from firmware_files import ESP32, ESP8266, VFS, esp32_file, needs_firmware, uf2_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulated chip is on a pty")
MB = 1 << 20
AGAIN = "run the same command again"
ESP32_FILE = (
    "ESP32_GENERIC-20*-v1.2[5-9]*.bin (such as ESP32_GENERIC-20250415-v1.25.0.bin) or a later version from "
    "https://micropython.org/download/ESP32_GENERIC/"
)
ESP32_WANTED = f"take --board ESP32_GENERIC with {ESP32_FILE}"
THEN = "and name the file with --firmware."
WRITES = {0x02, 0x03, 0x04, 0x10, 0x11}  # FLASH_BEGIN, _DATA and _END, and those of compressed data
Run = Callable[..., tuple[int, str, dict[str, Any]]]


def own_board(folder: Path, name: str) -> Path:
    """The board as a person's own file, for a chip that is always in its loader and knows no stub."""
    text = (paths.boards() / name / "board.toml").read_text()
    text = text.replace("stub = true", "stub = false").replace('reset = "dtr-rts"', 'reset = "none"')
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


@pytest.fixture
def c3(tmp_path: Path) -> Path:
    """A blank flash of 4 MB; beside it the board's file and a small firmware."""
    own_board(tmp_path, "ESP32_GENERIC_C3")
    (tmp_path / "c3.bin").write_bytes(esp32_file(VFS))
    flash = tmp_path / "flash"
    flash.write_bytes(b"\xff" * 4 * MB)
    return flash


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """esptool tries to connect once, not seven times, and leaves alone the lines for a reset, which a pty has not."""
    (tmp_path / "esptool.cfg").write_text(
        "[esptool]\nconnect_attempts = 1\ncustom_reset_sequence = W0\ncustom_hard_reset_sequence = W0\n"
    )
    return {
        **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")},
        "ESPTOOL_CFGFILE": str(tmp_path / "esptool.cfg"),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "PYTHONPATH": str(Path(boards.__file__).parents[1]),
    }


@pytest.fixture
def run(env: dict[str, str]) -> Run:
    """run(*arguments) of `buzon --json`: exit code, stderr, document."""

    def made(*arguments: object) -> tuple[int, str, dict[str, Any]]:
        command = [sys.executable, "-m", "buzon_host", *map(str, arguments), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
        return done.returncode, done.stderr, json.loads(done.stdout)

    return made


def arguments(flash: Path, port: str, *more: object) -> list[object]:
    folder = flash.parent
    board = folder / "ESP32_GENERIC_C3.toml"
    return ["flash", "--board", board, "--firmware", folder / "c3.bin", "--port", port, *more]


_expected: list[bytes] = []


def expected(flash: Path) -> bytes:
    """What is to be on the flash; the same in all tests."""
    if not _expected:
        board = boards.load(flash.parent / "ESP32_GENERIC_C3.toml")
        given = firmware.load(flash.parent / "c3.bin", board)
        _expected.append(plan.flat(plan.pieces(given, image.build(board, given))))
    return _expected[0]


@needs_firmware
def test_a_real_firmware_and_the_files_are_on_the_flash(tmp_path: Path, run: Run) -> None:
    flash = tmp_path / "flash"
    flash.write_bytes(b"\xff" * 4 * MB)
    board = own_board(tmp_path, "ESP32_GENERIC")
    command = ["flash", "--board", board, "--firmware", ESP32]
    with RomLoader("esp32", flash) as chip:
        code, said, document = run(*command, "--port", chip.port)
    assert (code, document["chip"], document["mac"], document["micropython"]) == (0, "ESP32", MAC, "1.25"), (
        said
    )
    assert "about 2 min" in said
    data = flash.read_bytes()
    assert ESP32 is not None
    real = ESP32.read_bytes()
    assert data[0x1000 : 0x1000 + len(real)] == real
    loaded = boards.load(board)
    fs = file_system(loaded, loaded.filesystem.size)
    fs.context.buffer[:] = data[0x200000:]
    fs.mount()
    assert {"main.py", "board.cbor", "lib"} == set(fs.listdir("/"))
    # A second run has nothing to do; what changed is all that is written.
    with RomLoader("esp32", flash) as chip:
        code, _, document = run(*command, "--port", chip.port)
    assert (code, document["written"], chip.blocks) == (0, 0, 0)
    damaged = bytearray(data)
    damaged[0x150000] ^= 1
    flash.write_bytes(damaged)
    with RomLoader("esp32", flash) as chip:
        code, _, document = run(*command, "--port", chip.port)
    assert (code, document["written"]) == (0, plan.PIECE)
    assert flash.read_bytes() == data


@pytest.mark.parametrize(("chip", "name", "number", "size"), [("esp32s3", "ESP32_GENERIC_S3", 9, 8)])
def test_an_s3_with_a_romfs(tmp_path: Path, run: Run, chip: str, name: str, number: int, size: int) -> None:
    board, flash = own_board(tmp_path, name), tmp_path / "flash"
    flash.write_bytes(b"\xff" * size * MB)
    (tmp_path / "s3.bin").write_bytes(esp32_file(("romfs", 1, 0x8F, 0x1E0000, 0x20000), VFS, chip=number))
    with RomLoader(chip, flash) as loader:
        code, said, document = run(
            "flash",
            "--board",
            board,
            "--firmware",
            tmp_path / "s3.bin",
            "--port",
            loader.port,
            "--display",
            "sh1106",
        )
    assert (code, document["chip"]) == (0, "ESP32-S3"), said
    loaded = boards.load(board).with_display("sh1106")
    made = image.build(loaded, firmware.load(tmp_path / "s3.bin", loaded))
    data = flash.read_bytes()
    for part in made.parts:
        assert data[part.offset : part.offset + len(part.data)] == part.data


@pytest.mark.parametrize(
    ("chip", "title", "name"),
    [
        ("esp32", "ESP32", "ESP32_GENERIC"),
        ("esp32s3", "ESP32-S3", "ESP32_GENERIC_S3"),
        ("esp32c3", "ESP32-C3", "ESP32_GENERIC_C3"),
    ],
)
def test_the_chip_is_asked_which_board_and_firmware_fit(
    c3: Path, run: Run, chip: str, title: str, name: str
) -> None:
    with RomLoader(chip, c3) as rom:
        code, said, document = run("flash", "--port", rom.port)
    assert (code, WRITES & set(rom.commands)) == (2, set())
    page = f"https://micropython.org/download/{name}/"
    assert said == (
        f"The chip at {rom.port} is an {title}: take --board {name} with {name}-20*-v1.2[5-9]*.bin "
        f"(such as {name}-20250415-v1.25.0.bin) or a later version from {page}, {THEN}\n"
    )
    assert document["error"] == said.strip()


def test_a_named_board_is_compared_with_the_chip_at_a_named_port(c3: Path, run: Run, tmp_path: Path) -> None:
    own = own_board(tmp_path, "ESP32_GENERIC")
    with RomLoader("esp32", c3) as rom:
        code, said, _ = run("flash", "--board", own, "--port", rom.port)
        assert (code, said) == (
            2,
            f"The chip at {rom.port} is an ESP32, as ESP32_GENERIC has: take {ESP32_FILE}, {THEN}\n",
        )
        code, said, _ = run("flash", "--board", tmp_path / "ESP32_GENERIC_C3.toml", "--port", rom.port)
    assert (code, WRITES & set(rom.commands)) == (2, set())
    assert said == (
        f"The chip at {rom.port} is an ESP32, and ESP32_GENERIC_C3 has an ESP32-C3: {ESP32_WANTED}.\n"
    )


def test_a_chip_that_no_board_has(c3: Path, run: Run) -> None:
    with RomLoader("esp32c6", c3) as rom:
        code, said, _ = run("flash", "--port", rom.port)
        assert (code, said) == (
            1,
            f"The chip at {rom.port} is an ESP32-C6: take a board with an ESP32, ESP32-C3, ESP32-S3, RP2040 or RP2350, "
            "as Buzón has none for this one.\n",
        )
        assert run("flash", "--port", rom.port, "--firmware", c3.parent / "c3.bin")[:2] == (code, said)
    assert not WRITES & set(rom.commands)


def test_a_chip_that_does_not_say_what_it_is(c3: Path, run: Run) -> None:
    with RomLoader("esp32", c3, silent=True) as rom:
        code, said, _ = run("flash", "--port", rom.port)
    assert code == 3
    assert said.startswith(f"No chip answers at {rom.port}: hold its BOOT button")


def test_a_file_for_another_chip_is_refused_and_the_right_one_named(c3: Path, run: Run) -> None:
    with RomLoader("esp32", c3) as rom:
        code, said, _ = run("flash", "--port", rom.port, "--firmware", c3.parent / "c3.bin")
    assert (code, WRITES & set(rom.commands)) == (1, set())
    assert said.splitlines() == [
        f"The chip at {rom.port} is an ESP32: this is taken for --board ESP32_GENERIC.",
        f"{c3.parent / 'c3.bin'} is for an ESP32-C3 (--board ESP32_GENERIC_C3), and ESP32_GENERIC has an ESP32: "
        f"take {ESP32_FILE}.",
    ]
    assert c3.read_bytes() == b"\xff" * 4 * MB


@needs_firmware
def test_a_real_firmware_of_another_chip_is_refused(c3: Path, run: Run) -> None:
    for board, file, said in (
        (
            "ESP32_GENERIC_C3",
            ESP32,
            "is for an ESP32 (--board ESP32_GENERIC), and ESP32_GENERIC_C3 has an ESP32-C3: take ESP32_GENERIC_C3-20*",
        ),
        (
            "ESP32_GENERIC",
            ESP8266,
            f"is for another chip, and ESP32_GENERIC has an ESP32: take {ESP32_FILE}.",
        ),
    ):
        code, stderr, _ = run("flash", "--board", board, "--firmware", file)
        assert code == 1
        assert stderr.startswith(f"{file} {said}")


def test_without_a_board_the_one_with_that_chip_is_written(
    tmp_path: Path, c3: Path, env: dict[str, str]
) -> None:
    """The boards that the tool knows are, here, for a chip that is always in its loader."""
    for name in boards.names():
        (tmp_path / "boards" / name).mkdir(parents=True)
        own_board(tmp_path, name).rename(tmp_path / "boards" / name / "board.toml")
    script = (
        "import pathlib, sys; from buzon_host import paths; from buzon_host.__main__ import main\n"
        f"paths.boards = lambda: pathlib.Path({str(tmp_path / 'boards')!r})\nsys.exit(main())"
    )
    (tmp_path / "ESP32_GENERIC_C3.toml").write_text(
        (tmp_path / "boards" / "ESP32_GENERIC_C3" / "board.toml").read_text()
    )
    with RomLoader("esp32c3", c3) as rom:
        command = [sys.executable, "-c", script, "flash", "--firmware", str(tmp_path / "c3.bin"), "--json"]
        command += ["--port", rom.port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["board"] == "ESP32_GENERIC_C3"
    assert c3.read_bytes() == expected(c3)


def test_the_firmware_is_not_merged_over_itself(tmp_path) -> None:
    board = boards.load("ESP32_GENERIC_C3")
    path = tmp_path / "firmware.bin"
    path.write_bytes(data := esp32_file(VFS))
    given = firmware.load(path, board)
    link = tmp_path / "link.bin"
    link.symlink_to(path)
    for output in (path, link):
        with pytest.raises(UsageError, match="firmware itself"):
            merge.write(given, image.build(board, given), output)
    assert path.read_bytes() == data


def test_esptool_is_told_no_password(tmp_path, monkeypatch) -> None:
    """Whatever stands for esptool gets the environment, as any program of the same name would."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nenv > "{tmp_path}/env"\necho "$@" >> "{tmp_path}/env"\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr(esp.sys, "executable", str(program))
    monkeypatch.setenv("BUZON_PASSWORD_MAIN", "mail-SECRET-0815")
    monkeypatch.setenv("BUZON_WIFI_PASSWORD", "ap-SECRET-4711")
    with pytest.raises(BuzonError):
        esp.look(boards.load("ESP32_GENERIC"), "/dev/none", 0x200000)
    seen = (tmp_path / "env").read_text()
    assert "read-flash" in seen
    assert "SECRET" not in seen


def test_what_the_radio_keeps_stays_and_old_files_are_gone(c3: Path, run: Run) -> None:
    blank = bytearray(b"\xff" * 4 * MB)
    blank[0x9000:0xB000] = b"nvs!" * 0x800
    blank[0x390000:0x391000] = b"an old mail " * 341 + b"...."
    c3.write_bytes(blank)
    with RomLoader("esp32c3", c3) as chip:
        code, said, _ = run(*arguments(c3, chip.port))
    assert code == 0, said
    data = bytearray(c3.read_bytes())
    assert data[0x9000:0xB000] == b"nvs!" * 0x800
    data[0x9000:0xB000] = b"\xff" * 0x2000
    assert data == expected(c3)


def test_another_chip_is_not_written_to(c3: Path, run: Run) -> None:
    with RomLoader("esp32", c3) as chip:
        code, said, document = run(*arguments(c3, chip.port))
    assert (code, chip.blocks) == (1, 0)
    assert said.strip() == document["error"]
    assert f"is an ESP32, and ESP32_GENERIC_C3 has an ESP32-C3: {ESP32_WANTED}.\n" in said


# In the bootloader, the application, the first block of the file system, its middle and its end.
@pytest.mark.parametrize(
    ("part", "block"), [("MicroPython", 1), ("MicroPython", 40), ("files", 3), ("files", 100), ("files", 440)]
)
def test_a_cable_that_is_pulled(c3: Path, run: Run, tmp_path: Path, part: str, block: int) -> None:
    board = boards.load(tmp_path / "ESP32_GENERIC_C3.toml")
    given = firmware.load(tmp_path / "c3.bin", board)
    first = sum(len(piece.data) for piece in plan.pieces(given, None)) // 1024
    assert 45 < first < 70
    block += first if part == "files" else 0
    port = tmp_path / "port"
    with RomLoader("esp32c3", c3, link=port, pull_at=block) as chip:
        code, said, document = run(*arguments(c3, chip.port))
    assert (code, chip.blocks, document["ok"]) == (3, block, False), said
    assert document["error"].startswith("The connection to the board was lost: plug it in again")
    assert AGAIN in document["error"]
    assert said.strip().splitlines()[-1] == document["error"]
    with RomLoader("esp32c3", c3, link=port) as chip:
        code, said, document = run(*arguments(c3, chip.port))
    assert code == 0, said
    assert c3.read_bytes() == expected(c3)
    assert document["skipped"] >= (block // 64 - 2) * plan.PIECE


@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        ({"fail_at": 40}, 1, "The chip could not write its flash: try another cable or USB port, then"),
        ({"stuck": 0x100}, 1, "What was written does not read back as it was sent"),
        ({"silent": True}, 3, "No chip answers at"),
    ],
)
def test_a_chip_that_fails(c3: Path, run: Run, trouble: dict[str, Any], code: int, said: str) -> None:
    with RomLoader("esp32c3", c3, **trouble) as chip:
        got, stderr, document = run(*arguments(c3, chip.port))
    assert (got, document["error"].startswith(said)) == (code, True), stderr
    if code == 3:
        assert document["error"].endswith(
            ": hold its BOOT button, press RESET (or EN) once, let BOOT go, and run the command again."
        )
        assert document["error"].count("answer") == 1
        return
    with RomLoader("esp32c3", c3) as chip:
        assert run(*arguments(c3, chip.port))[0] == 0
    assert c3.read_bytes() == expected(c3)


def test_a_flash_that_is_too_small(c3: Path, run: Run) -> None:
    c3.write_bytes(b"\xff" * 2 * MB)
    with RomLoader("esp32c3", c3) as chip:
        code, said, _ = run(*arguments(c3, chip.port))
    assert (code, chip.blocks) == (1, 0)
    assert "The chip's flash has 2MB, and ESP32_GENERIC_C3 has 4096 KB" in said


def test_no_port_and_no_firmware(c3: Path, run: Run) -> None:
    code, said, _ = run(*arguments(c3, "/dev/no-such-port"))
    assert (code, said.strip()) == (
        3,
        "There is no port /dev/no-such-port: plug the board in (buzon boards lists the ports).",
    )
    with RomLoader("esp32c3", c3) as chip, serial.Serial(chip.port, exclusive=True):
        code, said, _ = run(*arguments(c3, chip.port))
    assert (code, "is in use: close the program that has it open" in said) == (3, True), said
    # What is connected, if anything, is not asked where the board is named and the port is not.
    code, said, _ = run("flash", "--board", "ESP32_GENERIC")
    assert (code, said) == (2, f"For ESP32_GENERIC, take {ESP32_FILE}, {THEN}\n")
    code, said, _ = run("flash", "--board", "virtual")
    assert (code, said) == (1, "virtual has no flash to write a firmware to: take another --board.\n")


def used_board(c3: Path) -> bytes:
    """Puts a file system with somebody's settings on the flash."""
    board = boards.load(c3.parent / "ESP32_GENERIC_C3.toml")
    fs = file_system(board, 0x200000)
    fs.format()
    fs.mount()
    with fs.open("settings.cbor", "wb") as file:
        file.write(b"mine")
    data = b"\xff" * 0x200000 + bytes(fs.context.buffer)
    c3.write_bytes(data)
    return data


def test_files_on_the_board_are_replaced_only_after_a_yes(c3: Path, run: Run) -> None:
    before = used_board(c3)
    with RomLoader("esp32c3", c3) as chip:
        code, said, _ = run(*arguments(c3, chip.port))
    assert (code, chip.blocks) == (2, 0)
    assert "add --yes" in said
    assert c3.read_bytes() == before
    # Without the files MicroPython is written, and the settings stay.
    with RomLoader("esp32c3", c3) as chip:
        assert run(*arguments(c3, chip.port, "--no-files"))[0] == 0
    data = c3.read_bytes()
    assert data[0x200000:] == before[0x200000:]
    assert data[:0x200000] == expected(c3)[:0x200000]
    with RomLoader("esp32c3", c3) as chip:
        assert run(*arguments(c3, chip.port, "--yes"))[0] == 0
    assert c3.read_bytes() == expected(c3)


def terminal(env: dict[str, str], *command: object) -> "pexpect.spawn[str]":
    size = (24, 160)
    return pexpect.spawn(
        sys.executable,
        ["-m", "buzon_host", *map(str, command)],
        env=env,
        dimensions=size,
        timeout=30,
        encoding="utf-8",
    )


def test_the_question_in_a_terminal(c3: Path, env: dict[str, str]) -> None:
    before = used_board(c3)
    with RomLoader("esp32c3", c3) as chip:
        child = terminal(env, *arguments(c3, chip.port))
        child.expect(r"they will all be replaced\.\s+Go\s+on\? \[y/N\] ")
        child.sendline("n")
        child.expect_exact("Nothing was written.")
        child.expect(pexpect.EOF)
        child.close()
    assert (child.exitstatus, chip.blocks) == (0, 0)
    assert c3.read_bytes() == before


def test_ctrl_c_leaves_nothing_running_and_a_second_run_ends_it(
    c3: Path, run: Run, env: dict[str, str]
) -> None:
    with RomLoader("esp32c3", c3) as chip:
        child = terminal(env, *arguments(c3, chip.port))
        child.expect("Writing")
        end = time.monotonic() + 20
        while chip.blocks < 10 and time.monotonic() < end:
            time.sleep(0.01)
        child.sendintr()
        child.expect_exact("Interrupted.")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 130
        done = chip.blocks
        assert 10 <= done < 500
        time.sleep(0.3)
        assert chip.blocks == done
    with RomLoader("esp32c3", c3) as chip:
        assert run(*arguments(c3, chip.port))[0] == 0
    assert c3.read_bytes() == expected(c3)


# -- one file


def test_merged_it_is_what_flash_writes(c3: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "all.bin"
    code, said, document = run(
        "merge", "--board", tmp_path / "ESP32_GENERIC_C3.toml", "--firmware", tmp_path / "c3.bin", "-o", out
    )
    assert code == 0, said
    assert document["files"] == [str(out), str(tmp_path / "all.manifest.json")]
    assert out.read_bytes() == expected(c3)
    manifest = json.loads((tmp_path / "all.manifest.json").read_text("utf-8"))
    assert manifest == {
        "name": "Buzón",
        "version": manifest["version"],
        "new_install_prompt_erase": True,
        "builds": [{"chipFamily": "ESP32-C3", "parts": [{"path": "all.bin", "offset": 0}]}],
    }
    # It is a firmware file again, of which the file system is not taken.
    board = boards.load("ESP32_GENERIC_C3")
    again = firmware.load(out, board)
    assert plan.flat(plan.pieces(again, image.build(board, again))) == expected(c3)
    assert max(piece.offset for piece in plan.pieces(again, None)) < 0x200000


@needs_firmware
def test_merged_for_an_esp32_it_begins_before_the_bootloader(tmp_path: Path) -> None:
    assert ESP32 is not None
    board = boards.load("ESP32_GENERIC")
    given = firmware.load(ESP32, board)
    made = image.build(board, given)
    first, _ = merge.write(given, made, tmp_path / "all.bin")
    data = first.read_bytes()
    assert data[:0x1000] == b"\xff" * 0x1000
    assert data[0x1000 : 0x1000 + len(given.data)] == given.data
    assert firmware.load(first, board).data[: len(given.data)] == given.data


# -- Picos


class PicoDrive:
    """A folder that takes a UF2 file as an RP2's drive does: each block goes into the flash when it is whole, and the
    drive is gone after the last one. `pull_at`: it is gone after that many blocks."""

    def __init__(self, folder: Path, name: str, family: int, flash: int, pull_at: int = 0) -> None:
        folder.mkdir()
        (folder / "INFO_UF2.TXT").write_text(
            f"UF2 Bootloader v3.0\r\nModel: Raspberry Pi\r\nBoard-ID: {name}\r\n"
        )
        self.folder, self.family, self.pull_at = folder, family, pull_at
        self.flash = bytearray(b"\xa5" * flash)  # somebody else's
        self.taken: set[int] = set()
        self.started = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PicoDrive":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        at = 0
        while not self._stop.wait(0.02):
            for path in self.folder.glob("*.UF2"):
                data = path.read_bytes()
                for start in range(at, len(data) - 511, 512):
                    self._take(data[start : start + 512])
                    at = start + 512
                    if self.started or (self.pull_at and len(self.taken) >= self.pull_at):
                        self._gone()
                        return

    def _gone(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()

    def _take(self, block: bytes) -> None:
        """As in the RP2040's datasheet, 2.8.4.2: a sector is erased with the first of its pages."""
        words = [int.from_bytes(block[at : at + 4], "little") for at in range(0, 32, 4)]
        assert (words[0], words[1], words[4]) == (0x0A324655, 0x9E5D5157, 256)
        if words[7] != self.family:
            return
        at = words[3] - 0x10000000
        assert at % 256 == 0 <= at < len(self.flash)
        sector = at // 4096 * 4096
        if not any(sector <= page < sector + 4096 for page in self.pages):
            self.flash[sector : sector + 4096] = b"\xff" * 4096
        self.flash[at : at + 256] = block[32:288]
        assert words[5] not in self.taken
        self.taken.add(words[5])
        self.pages.add(at)
        self.started = len(self.taken) == words[6]

    @property
    def pages(self) -> set[int]:
        self._pages: set[int] = getattr(self, "_pages", set())
        return self._pages


@pytest.fixture
def pico(tmp_path: Path) -> Callable[..., PicoDrive]:
    def made(chip: str = "rp2040", **options: Any) -> PicoDrive:
        name, family, size = {"rp2040": ("RPI-RP2", 0xE48BFF56, 2), "rp2350": ("RP2350", 0xE48BFF59, 4)}[chip]
        (tmp_path / "pico.uf2").write_bytes(uf2_file(family))
        return PicoDrive(tmp_path / "drive", name, family, size * MB, **options)

    return made


@pytest.mark.parametrize(("chip", "name"), [("rp2040", "RPI_PICO_W"), ("rp2350", "RPI_PICO2_W")])
def test_a_pico_gets_one_file(
    tmp_path: Path, run: Run, pico: Callable[..., PicoDrive], chip: str, name: str
) -> None:
    command = ["flash", "--board", name, "--firmware", tmp_path / "pico.uf2", "--drive", tmp_path / "drive"]
    with pico(chip) as drive:
        code, said, _ = run(*command)
        assert (code, drive.taken) == (2, set())
        assert "add --yes" in said
        code, said, _ = run(*command, "--yes")
        assert code == 0, said
        assert drive.started
    board = boards.load(name)
    made = image.build(board)
    assert drive.flash[board.filesystem.offset :] == made.filesystem.data
    assert drive.flash[:40].startswith(b"MicroPython v1.26.0")
    merge.write(firmware.load(tmp_path / "pico.uf2", board), made, tmp_path / "all.uf2")
    blocks = uf2.of_family(uf2.parse((tmp_path / "all.uf2").read_bytes()), drive.family)
    assert len(blocks) == len(drive.taken)


def test_a_pico_that_is_unplugged_or_does_not_start(tmp_path: Path, pico: Callable[..., PicoDrive]) -> None:
    board = boards.load("RPI_PICO_W")

    def copy(data: bytes) -> None:
        # A step gives the emulated drive the time to take what came.
        drives.copy(
            data, drives.find(board, tmp_path / "drive"), lambda done, total: time.sleep(0.05), gone_s=0.5
        )

    with pico(pull_at=100):
        given = firmware.load(tmp_path / "pico.uf2", board)
        data = plan.uf2_file(given, image.build(board, given))
        with pytest.raises(
            BuzonError, match=r"drive went away while it was written .* plug it in once more, and run"
        ):
            copy(data)
    with pico() as drive:
        with pytest.raises(BuzonError, match="did not start with the new firmware"):
            copy(data[:-512])
        assert not drive.started
    shutil.rmtree(tmp_path / "drive")
    with pico() as drive:
        copy(data)
        assert drive.started


def test_no_drive_or_another_chips(tmp_path: Path, run: Run, pico: Callable[..., PicoDrive]) -> None:
    with pico("rp2350"):
        (tmp_path / "pico.uf2").write_bytes(uf2_file(0xE48BFF56))
        command = ["flash", "--board", "RPI_PICO_W", "--firmware", tmp_path / "pico.uf2", "--yes", "--drive"]
        code, said, _ = run(*command, tmp_path / "drive")
        assert (code, "is an RP2350, and RPI_PICO_W is an RPI-RP2" in said) == (1, True)
        code, said, _ = run(*command, tmp_path)
        assert (code, "hold the BOOTSEL button while you plug the cable in" in said) == (3, True)


def test_the_only_drive_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pico: Callable[..., PicoDrive]
) -> None:
    board = boards.load("RPI_PICO_W")
    monkeypatch.setattr(drives, "_mounted", lambda: sorted(tmp_path.glob("media/*")))
    (tmp_path / "media" / "STICK").mkdir(parents=True)
    with pytest.raises(NoBoard, match="hold the BOOTSEL button"):
        drives.find(board)
    pico()
    (tmp_path / "drive").rename(tmp_path / "media" / "RPI-RP2")
    assert drives.find(board) == tmp_path / "media" / "RPI-RP2"
    with pytest.raises(BuzonError, match=r"There is no RP2350, but .*RPI-RP2"):
        drives.find(boards.load("RPI_PICO2_W"))
    shutil.copytree(tmp_path / "media" / "RPI-RP2", tmp_path / "media" / "RPI-RP21")
    with pytest.raises(NoBoard, match="There are 2 boards: choose one with --drive"):
        drives.find(board)


def test_a_pico_is_asked_too(tmp_path: Path, run: Run, pico: Callable[..., PicoDrive]) -> None:
    file = (
        "RPI_PICO_W-20*-v1.2[5-9]*.uf2 (such as RPI_PICO_W-20250415-v1.25.0.uf2) or a later version from "
        "https://micropython.org/download/RPI_PICO_W/"
    )
    with pico() as drive:
        place = tmp_path / "drive"
        code, said, _ = run("flash", "--drive", place)
        assert (code, said) == (
            2,
            f"The chip at {place} is an RP2040: take --board RPI_PICO_W with {file}, {THEN}\n",
        )
        (tmp_path / "pico2.uf2").write_bytes(uf2_file(0xE48BFF59))
        code, said, _ = run("flash", "--drive", place, "--firmware", tmp_path / "pico2.uf2")
        assert code == 1
        assert said.endswith(f"is for another chip than the RP2040 of RPI_PICO_W: take {file}.\n")
        assert not drive.started
        (tmp_path / "pico.uf2").write_bytes(uf2_file(0xE48BFF56))
        code, said, document = run("flash", "--drive", place, "--firmware", tmp_path / "pico.uf2", "--yes")
        assert (code, document["board"], drive.started) == (0, "RPI_PICO_W", True), said
    code, said, _ = run("flash", "--drive", tmp_path)
    assert (code, "is no drive of a board" in said) == (3, True)


def test_the_only_board_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pico: Callable[..., PicoDrive]
) -> None:
    monkeypatch.delenv("BUZON_PORTS", raising=False)
    monkeypatch.setattr(drives, "_mounted", lambda: sorted(tmp_path.glob("media/*")))
    virtual = Found("/dev/pts/9", "virtual board", virtual=True)
    running = Found("/dev/ttyACM0", "Pico", usb="2e8a:0005")
    bridge = Found("/dev/ttyUSB0", "CP2102", usb="10c4:ea60")
    found = [virtual, running]
    monkeypatch.setattr(attached, "ports", lambda: found)
    # Nothing but a Pico that runs its program: only a person can bring it into its loader.
    with pytest.raises(NoBoard, match=r"No board was found: plug it in .* \(a Pico: hold its BOOTSEL button"):
        attached.look()
    (tmp_path / "flash").write_bytes(b"\xff" * MB)
    monkeypatch.setenv("ESPTOOL_CFGFILE", str(tmp_path / "esptool.cfg"))
    (tmp_path / "esptool.cfg").write_text(
        "[esptool]\ncustom_reset_sequence = W0\ncustom_hard_reset_sequence = W0\n"
    )
    with RomLoader("esp32s3", tmp_path / "flash") as rom:
        found.append(Found(rom.port, "USB JTAG", usb="303a:1001"))
        seen = attached.look()
    assert (seen.where, seen.chip, seen.only().name) == (rom.port, "ESP32-S3", "ESP32_GENERIC_S3")
    found[2:] = [bridge]
    pico()
    (tmp_path / "media").mkdir()
    (tmp_path / "drive").rename(tmp_path / "media" / "RPI-RP2")
    place = tmp_path / "media" / "RPI-RP2"
    with pytest.raises(NoBoard) as error:
        attached.look()
    assert str(error.value) == (
        f"There are 2 boards: choose one with --port /dev/ttyUSB0 (CP2102), --drive {place} (RPI-RP2)."
    )
    found[2:] = []
    seen = attached.look()
    assert (seen.where, seen.chip, seen.only().name) == (str(place), "RP2040", "RPI_PICO_W")
    # Where several boards have the chip, a person chooses.
    monkeypatch.setattr(
        boards, "fitting", lambda chip: [boards.load("RPI_PICO_W"), boards.load("RPI_PICO2_W")]
    )
    monkeypatch.setattr(firmware, "fitting", boards.fitting)
    with pytest.raises(UsageError, match=r"take --board RPI_PICO_W with .*, or --board RPI_PICO2_W with "):
        attached.look().only()


def test_the_only_port_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    board = boards.load("ESP32_GENERIC")

    def port(*found: Found) -> str:
        monkeypatch.setattr(esp, "boards", lambda: list(found))
        return esp.port_of(board, None)

    running = Found("/dev/pts/9", "virtual board", virtual=True)
    pico, bridge = (
        Found("/dev/ttyACM0", "Pico", usb="2e8a:0005"),
        Found("/dev/ttyUSB0", "CP2102", usb="10c4:ea60"),
    )
    assert port(running, pico, bridge) == "/dev/ttyUSB0"
    assert port(running, Found("COM3", "?", usb="1234:5678")) == "COM3"
    with pytest.raises(NoBoard, match="plug it in with a USB cable that carries data"):
        port(running)
    with pytest.raises(NoBoard, match=r"There are 2 boards: .*/dev/ttyUSB0 \(CP2102\), /dev/ttyUSB1"):
        port(bridge, Found("/dev/ttyUSB1", "CH340", usb="1a86:7523"))
    assert esp.port_of(board, "/dev/any") == "/dev/any"
    monkeypatch.setenv("BUZON_PORTS", "/dev/mine")
    assert port(bridge) == "/dev/mine"
    monkeypatch.setenv("BUZON_PORTS", "/dev/mine /dev/other")
    with pytest.raises(NoBoard, match="BUZON_PORTS names 2 ports"):
        port(bridge)


def test_sigterm_ends_esptool_too(c3: Path, env: dict[str, str]) -> None:
    with RomLoader("esp32c3", c3) as chip:
        child = terminal(env, *arguments(c3, chip.port))
        child.expect("Writing")
        child.kill(signal.SIGTERM)
        child.expect(pexpect.EOF)
        child.close()
        done = chip.blocks
        time.sleep(0.3)
        assert chip.blocks == done < 500
