"""`buzon flash`: MicroPython and Buzón onto a board, in one go."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .image import AnyVersion, Board, Display
from .options import Json, Port, Yes
from .output import Bar, Out

if TYPE_CHECKING:
    from .. import boards
    from ..build import firmware as files
    from ..build.image import Image

Firmware = Annotated[
    Path | None,
    typer.Option(
        "--firmware",
        help="MicroPython for the board (required): a file from micropython.org (.bin; for a Pico .uf2).",
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
    board: Board,
    firmware: Firmware = None,
    port: Port = None,
    drive: Drive = None,
    display: Display = None,
    no_files: NoFiles = False,
    yes: Yes = False,
    any_version: AnyVersion = False,
    json: Json = False,
) -> None:
    """Put MicroPython and Buzón onto a new board.

    What is the same on the board already is not written again, so that a second run ends what the first began.
    """
    from .. import boards
    from ..build import firmware as files
    from ..build import image

    out = Out(json)
    target = boards.load(board).with_display(display)
    if firmware is None:
        raise UsageError(
            f"Name a MicroPython firmware with --firmware: https://micropython.org/download/{target.name}/ has them."
        )
    given = files.load(firmware, target, any_version)
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
        question = "The board has files on it, settings and mail perhaps: they are all replaced. Go on?"
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
        question = f"All files on the board at {where} are replaced, settings and mail too. Go on?"
        if not bar.pause(lambda: out.must_ask(question, yes)):
            return None
    data = plan.uf2_file(firmware, image)
    bar.say(f"Copying to {where}")
    drives.copy(data, where, bar.at)
    return {"drive": str(where), "written": len(data)}


def _about(seconds: float) -> str:
    return f"{max(5, round(seconds / 5) * 5)} s" if seconds < 90 else f"{round(seconds / 60)} min"
