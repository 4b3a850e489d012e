"""`buzon image`: the file system for a board's flash, in a file."""

from pathlib import Path
from typing import Annotated

import typer

from .options import Json
from .output import Out

Board = Annotated[str, typer.Option("--board", help="A board's name (see: buzon boards), or a board.toml.")]
Firmware = Annotated[
    Path, typer.Option("--firmware", help="The MicroPython firmware file for the board (.bin or .uf2).")
]
Display = Annotated[
    str | None,
    typer.Option(
        "--display", help="The display, when it is not the board's usual one (buzon boards NAME lists them)."
    ),
]
FirmwareOrNone = Annotated[
    Path | None,
    typer.Option(
        "--firmware", help="The firmware file it is for: its partition table says how large the image is."
    ),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="The file to write.")]


def run(
    board: Board,
    output: Output,
    firmware: FirmwareOrNone = None,
    display: Display = None,
    json: Json = False,
) -> None:
    """Make the file system image of a board, with Buzón in it. `buzon flash` does that by itself."""
    from .. import boards
    from .. import files as whole
    from ..build import firmware as files
    from ..build import image

    out = Out(json)
    target = boards.load(board).with_display(display)
    given = files.load(firmware, target) if firmware is not None else None
    with out.progress() as bar:
        bar.say(f"Compiling for {target.arch}")
        made = image.build(target, given)
    written = []
    for part in made.parts:
        path = output if part is made.filesystem else output.with_name(output.name + ".romfs")
        whole.write(path, part.data)
        written.append({"file": str(path), "label": part.label, "offset": part.offset, "size": part.size})
    out.document(
        {
            "ok": True,
            "board": target.name,
            "arch": target.arch,
            "micropython": given.version_text if given is not None else None,
            "parts": written,
            "free": made.free,
            "files": made.files,
        }
    )
    for part, where in zip(made.parts, written, strict=True):
        out.say(f"{where['file']}: for {part.label}, {part.size} bytes from {part.offset:#x} of the flash.")
    out.say(f"{len(made.files)} files; {made.free // 1024} KB are free for settings and mail.")
