"""`buzon flash`: MicroPython and Buzón onto a board, in one go."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .image import Display
from .options import Json, Port, Yes
from .output import Bar, Out

if TYPE_CHECKING:
    from .. import boards
    from ..build import firmware as files
    from ..build.image import Image
    from ..flash import attached

Board = Annotated[
    str | None,
    typer.Option(
        "--board",
        help="A board's name (see: buzon boards), or a board.toml (default: the board that has the attached chip).",
    ),
]
Firmware = Annotated[
    Path | None,
    typer.Option(
        "--firmware",
        help="MicroPython for the board: a file from micropython.org (.bin; for a Pico .uf2). Without it, you are told "
        "which one to take.",
    ),
]
Drive = Annotated[
    Path | None,
    typer.Option("--drive", help="The folder that is a Pico's drive (default: the only one there is)."),
]
NoFiles = Annotated[
    bool,
    typer.Option(
        "--no-files", help="MicroPython alone: files, settings and mail on the board stay as they are."
    ),
]


def run(
    board: Board = None,
    firmware: Firmware = None,
    port: Port = None,
    drive: Drive = None,
    display: Display = None,
    no_files: NoFiles = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put MicroPython and Buzón onto a new board.

    What is the same on the board already is not written again, so that a second run finishes what the first
    started.
    """
    from .. import boards
    from ..build import firmware as files
    from ..build import image

    out = Out(json)
    target = boards.load(board).with_display(display) if board is not None else None
    if firmware is None:
        raise UsageError(_which(out, target, port, drive))
    if target is None:
        seen = _look(out, None, port, drive, stay=True)
        target = seen.only().with_display(display)
        out.note(f"{seen.text}: this is taken for --board {target.name}.")
        port, drive = (None, Path(seen.where)) if target.soc.uf2_family is not None else (seen.where, None)
    given = files.load(firmware, target)
    with out.progress() as bar:
        made = None
        if not no_files:
            bar.say(f"Compiling for {target.arch}")
            made = image.build(target, given)
        begun = time.monotonic()
        write = _uf2 if target.soc.uf2_family is not None else _esp32
        result = write(
            out, bar, target, given, made, drive if target.soc.uf2_family is not None else port, yes
        )
    if result is None:
        out.document({"ok": True, "done": False})
        out.say("Nothing was written.")
        return
    seconds = time.monotonic() - begun
    out.document(
        {
            "ok": True,
            "done": True,
            "board": target.name,
            "micropython": given.version_text,
            "seconds": round(seconds, 1),
            **result,
        }
    )
    same = f"; {result['skipped']} were there already" if result.get("skipped") else ""
    out.say(f"{target.name}: {result['written']} bytes written{same}. {seconds:.0f} s")
    out.say("Next: buzon " + ("install" if no_files else "provision"))


def _look(
    out: Out, board: "boards.Board | None", port: str | None, drive: Path | None, stay: bool
) -> "attached.Attached":
    from ..flash import attached

    with out.progress() as bar:
        bar.say("Looking for the chip")
        return attached.look(board, port, drive, stay)


def _which(out: Out, board: "boards.Board | None", port: str | None, drive: Path | None) -> str:
    """Which firmware file to take: for `board`, which is compared with the chip if that was named; without a board, for
    the chip that is attached."""
    from ..build import firmware as files

    then = "and name the file with --firmware."
    take = f"take {files.wanted(board)}" if board is not None else ""
    if board is not None and not port and not drive:
        return f"For {board.name}, {take}, {then}"
    seen = _look(out, board, port, drive, stay=False)
    if board is None:
        seen.check()
        return f"{seen.text}: {files.for_chip(seen.chip)}, {then}"
    if seen.chip != board.soc.title:
        return f"{seen.text}, and {board.name} has an {board.soc.title}: {files.for_chip(seen.chip)}."
    return f"{seen.text}, as {board.name} has: {take}, {then}"


def _esp32(
    out: Out,
    bar: Bar,
    board: "boards.Board",
    firmware: "files.Firmware",
    image: "Image | None",
    port: "Path | str | None",
    yes: bool,
) -> "dict[str, object] | None":
    from ..flash import esp, plan

    where = esp.port_of(board, str(port) if port else None)
    todo = plan.pieces(firmware, image)
    bar.say(f"Looking for the chip at {where}")
    fs = image.filesystem if image is not None else None
    seen = esp.look(board, where, fs.offset if fs else todo[0].offset)
    if fs is not None and seen.has_other_files(fs.data):
        question = "The board has files on it, settings and mail perhaps: they will all be replaced. Go on?"
        if not bar.pause(lambda: out.must_ask(question, yes)):
            return None
    estimate = plan.estimate_s(todo, board.serial.flash_baud, board.serial.stub)
    out.note(
        f"{seen.chip} at {where}. If all of it is new to the board, this takes about {_about(estimate)}."
    )
    what = ""
    begun = time.monotonic()

    def progress(text: str, done: int, total: int) -> None:
        nonlocal what
        what = text or what
        left = ""
        if done > total // 20:
            left = f", about {_about((time.monotonic() - begun) / done * (total - done))} left"
        bar.say(what + left)
        bar.at(done, total)

    result = esp.write(board, where, todo, progress)
    return {
        "port": where,
        "chip": seen.chip,
        "mac": seen.mac,
        "written": result.written,
        "skipped": result.skipped,
    }


def _uf2(
    out: Out,
    bar: Bar,
    board: "boards.Board",
    firmware: "files.Firmware",
    image: "Image | None",
    drive: "Path | str | None",
    yes: bool,
) -> "dict[str, object] | None":
    from ..flash import drive as drives
    from ..flash import plan

    where = drives.find(board, Path(drive) if drive else None)
    if image is not None:
        question = f"All files on the board at {where} will be replaced, settings and mail too. Go on?"
        if not bar.pause(lambda: out.must_ask(question, yes)):
            return None
    data = plan.uf2_file(firmware, image)
    bar.say(f"Copying to {where}")
    drives.copy(data, where, bar.at)
    return {"drive": str(where), "written": len(data)}


def _about(seconds: float) -> str:
    return f"{max(5, round(seconds / 5) * 5)} s" if seconds < 90 else f"{round(seconds / 60)} min"
