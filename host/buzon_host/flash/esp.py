"""Writes an ESP32's flash with esptool, run as its own program, and says in one sentence what goes wrong.

Three steps: look (which chip it is, whether there is a file system), write what differs, and have esptool
compare each piece with what it sent. A second run recognizes what the first one wrote.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..board.find import boards, only_named
from ..board.printable import escape
from ..boards import CHIPS, Board, Serial
from ..build.firmware import for_chip
from ..errors import BuzonError, NoBoard
from ..wiring import loader_hint
from .plan import Piece

Progress = Callable[[str, int, int], None]
"""What is being done; how many bytes are done, and of how many."""
_LOOK = 2 * 4096
_LITTLEFS = b"littlefs"
_CHIP = re.compile(r"^Connected to (\S+) on ", re.M)
_MAC = re.compile(r"^MAC:\s+([0-9a-f:]+)", re.M)
_SKIPPED = re.compile(r" at 0x[0-9a-f]+ already in flash")
_TAIL = 20  # how many of esptool's last lines are looked at


@dataclass(frozen=True)
class Seen:
    """The chip at a port. `start`: the first blocks of what is now in the file system's place."""

    chip: str
    mac: str
    start: bytes

    def has_other_files(self, ours: bytes) -> bool:
        """Whether there is a file system that is neither `ours` nor the beginning of it, from an interrupted run."""
        return _LITTLEFS in self.start and not ours.startswith(self.start.rstrip(b"\xff"))


@dataclass(frozen=True)
class Written:
    """How many bytes were written, and how many were there already."""

    written: int
    skipped: int


def port_of(board: Board, port: str | None) -> str:
    """`port`, or the one in BUZON_PORTS, or the only serial port that the board may be on. Raises NoBoard if
    there is none, or several."""
    port = port or only_named()
    if port:
        return port
    found = [one for one in boards() if not one.virtual]
    likely = [one for one in found if one.usb in board.serial.usb] or found
    if len(likely) == 1:
        return likely[0].port
    if not likely:
        raise NoBoard(
            "No board was found: plug it in with a USB cable that carries data, or name its port with --port."
        )
    raise NoBoard(
        f"There are {len(likely)} boards: choose one with --port",
        [f"{one.port} ({one.what})" for one in likely],
    )


def chip_at(board: Board | None, port: str, stay: bool) -> str:
    """The title of the chip at `port`; nothing is written. Raises BuzonError. `stay`: it stays in its loader."""
    after = "no-reset" if stay else "hard-reset"
    text = _esptool(
        board, port, "auto", ["read-mac"], after=after, baud=(board.serial if board else Serial()).baud
    )
    found = _CHIP.search(text)
    if found is None:
        raise trouble(text, board, port)
    return found[1]


def look(board: Board, port: str, offset: int) -> Seen:
    """Which chip it is, and what is at `offset`. Raises BuzonError if it is not the board's chip."""
    with tempfile.TemporaryDirectory(prefix="buzon-") as folder:
        start = Path(folder, "start")
        arguments = ["read-flash", hex(offset), hex(_LOOK), str(start)]
        # At the loader's initial speed: a board whose reset lines are not wired keeps it for the next run.
        text = _esptool(board, port, "auto", arguments, after="no-reset", baud=board.serial.baud)
        chip = _CHIP.search(text)
        mac = _MAC.search(text)
        seen = Seen(chip[1] if chip else "", mac[1] if mac else "", start.read_bytes())
    if seen.chip != board.soc.title:
        raise BuzonError(
            f"The chip at {port} is an {escape(seen.chip)}, and {board.name} has an {board.soc.title}: "
            f"{for_chip(seen.chip)}."
        )
    return seen


def write(board: Board, port: str, todo: list[Piece], progress: Progress) -> Written:
    """Writes what differs and verifies it. Raises BuzonError; a second call continues where it ended."""
    total = sum(len(piece.data) for piece in todo)
    done = skipped = at = 0
    with tempfile.TemporaryDirectory(prefix="buzon-") as folder:
        arguments = ["write-flash", "--skip-flashed", "--no-progress"]
        for piece in todo:
            path = Path(folder, f"{piece.offset:08x}")
            path.write_bytes(piece.data)
            arguments += [hex(piece.offset), str(path)]
        progress("Comparing", 0, total)

        def line(text: str) -> None:
            nonlocal done, skipped, at
            if at < len(todo) and (_SKIPPED.search(text) or text.startswith("Hash of data verified")):
                size = len(todo[at].data)
                skipped += 0 if text.startswith("Hash") else size
                done += size
                at += 1
            elif text.startswith("Flash will be erased") and at < len(todo):
                progress(f"Writing {todo[at].what}", done, total)
            progress("", done, total)

        _esptool(board, port, board.chip, arguments, after="hard-reset", line=line)
    if at != len(todo):
        raise BuzonError(
            "esptool ended without an error, and not all was verified: run the same command again."
        )
    return Written(total - skipped, skipped)


def _esptool(
    board: Board | None,
    port: str,
    chip: str,
    arguments: list[str],
    after: str,
    line: Callable[[str], None] = lambda text: None,
    baud: int = 0,
) -> str:
    """Runs esptool to its end; `line` gets each line of output. Raises what `trouble` makes of its error.

    Without a board: as all of them can be reached, without a stub.
    """
    serial = board.serial if board is not None else Serial(stub=False)
    manual = serial.reset == "none"
    command = [sys.executable, "-P", "-m", "esptool", "--chip", chip, "--port", port]
    command += ["--baud", str(baud or serial.flash_baud)]
    command += [
        "--before",
        "no-reset" if manual else "default-reset",
        "--after",
        "no-reset" if manual else after,
    ]
    if not serial.stub:
        command.append("--no-stub")
    # Whole lines without colours, as they are parsed here. esptool does not get our passwords.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BUZON_")}
    env = {**ours, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "1000", "PYTHONUNBUFFERED": "1"}
    said: list[str] = []
    with subprocess.Popen(
        [*command, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            for text in _lines(process):
                said.append(text)
                line(text)
        except BaseException:
            process.kill()
            raise
    text = "\n".join(said)
    if process.returncode:
        raise trouble(text, board, port)
    return text


def _lines(process: "subprocess.Popen[bytes]") -> Iterator[str]:
    assert process.stdout is not None
    for raw in process.stdout:
        yield raw.decode("utf-8", "replace").strip()


def trouble(text: str, board: Board | None, port: str) -> BuzonError:
    """What esptool's last words mean for a person."""
    hint = loader_hint(board.soc if board is not None else CHIPS["esp32"])
    again = "run the same command again: what is written already is kept."
    last = "\n".join(text.splitlines()[-_TAIL:])
    wrong = re.search(r"This chip is (\S+), not (\S+)\.", last)
    if wrong:
        return BuzonError(f"The chip at {port} is an {escape(wrong[1])}: {for_chip(wrong[1])}.")
    if "Could not open" in last:
        if re.search(r"Permission denied|Errno 13", last):
            return NoBoard(
                f"The port {port} may not be opened: add yourself to its group (Debian: 'sudo usermod -aG dialout "
                "$USER', then log out and log in again)."
            )
        if re.search(r"busy|lock|Errno 11|Access is denied", last) and not re.search(r"Errno 2\b", last):
            return NoBoard(
                f"The port {port} is in use: close the program that has it open (another buzon, such as screen --watch "
                "or log --follow; Thonny, a terminal)."
            )
        return NoBoard(f"There is no port {port}: plug the board in (buzon boards lists the ports).")
    if "Failed to connect" in last and "Wrong boot mode" in last:
        return NoBoard(f"The chip at {port} did not go to its loader: {hint}")
    if "Failed to connect" in last:
        return NoBoard(f"No chip answers at {port}: {hint}")
    if board is not None and ("will not fit in" in last or "larger than detected flash size" in last):
        found = re.search(r"fit in (\d+) bytes|goes past (\S+) by", last)
        size = f"{int(found[1]) // 1024} KB" if found and found[1] else found[2] if found else "less"
        return BuzonError(
            f"The chip's flash has {size}, and {board.name} has {board.flash.kib} KB: take a firmware for the smaller "
            "flash, and a board.toml of your own with its sizes."
        )
    if "MD5 of file does not match" in last or "Write failed" in last:
        return BuzonError(
            "What was written does not read back as it was sent: try another cable or USB port, then " + again
        )
    if re.search(r"Secure [Bb]oot|encrypt", last) and "fatal" in last:
        return BuzonError("The chip is locked (secure boot or flash encryption): it takes no other firmware.")
    if re.search(r"Failed to (write|enter|leave)", last):
        return BuzonError("The chip could not write its flash: try another cable or USB port, then " + again)
    if re.search(
        r"serial exception|Lost connection|stopped responding|No more data|[Tt]imed out|No serial data", last
    ):
        return NoBoard(f"The connection to the board was lost: plug it in again and {again}")
    final = next(
        (one for one in reversed(text.splitlines()) if one and "troubleshooting" not in one), "no reason"
    )
    return BuzonError(f"esptool gave up ({escape(final)}): {again}")
