"""`buzon merge`: firmware and image in one file."""

from .image import Board, Display, Firmware, Output
from .options import Json
from .output import Out


def run(
    board: Board,
    firmware: Firmware,
    output: Output,
    display: Display = None,
    json: Json = False,
) -> None:
    """Make one file of MicroPython and Buzón, for factories.

    For an ESP32 it is written from byte 0 of the flash on, and a manifest for ESP Web Tools is made beside it; for a
    Pico it is a UF2 file.
    """
    from .. import boards
    from ..build import firmware as files
    from ..build import image
    from ..flash import merge

    out = Out(json)
    target = boards.load(board).with_display(display)
    given = files.load(firmware, target)
    with out.progress() as bar:
        bar.say(f"Compiling for {target.arch}")
        made = image.build(target, given)
    paths = merge.write(given, made, output)
    out.document(
        {
            "ok": True,
            "board": target.name,
            "micropython": given.version_text,
            "files": [str(path) for path in paths],
            "size": paths[0].stat().st_size,
        }
    )
    out.say(
        f"{paths[0]}: MicroPython {given.version_text} and Buzón for {target.name}, {paths[0].stat().st_size} bytes."
    )
    for path in paths[1:]:
        out.say(f"{path}: for a web page with ESP Web Tools.")
