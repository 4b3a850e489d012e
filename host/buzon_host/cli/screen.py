"""`buzon screen`: the board's display, drawn in the terminal; with `--watch`, redrawn whenever it changes."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from ..board.client import Client, Screen
from ..errors import BuzonError, UsageError
from .options import Json, Port, connect
from .output import Out

Png = Annotated[Path | None, typer.Option("--png", help="Write the picture to this file too.")]
Scale = Annotated[
    int, typer.Option("--scale", min=1, max=16, help="Pixels of the PNG for one of the display.")
]


Watch = Annotated[
    bool,
    typer.Option(
        "--watch", "-w", help="Draw it again whenever it changes, until Ctrl-C; it holds the port meanwhile."
    ),
]

_EVERY_S = 0.5
# Switch to the terminal's alternate screen, without a cursor, and back.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _BELOW = "\x1b[H", "\x1b[K\n", "\x1b[J"


def run(
    port: Port = None, png: Png = None, scale: Scale = 4, watch: Watch = False, json: Json = False
) -> None:
    """Show what is on the board's display.

    With --watch no other command can use the board's port until it ends.
    """
    if watch and json:
        raise UsageError("--json gives one document, and --watch never ends: leave one of them out.")
    out = Out(json)
    with connect(port, out) as client:
        screen = client.screen()
        if watch:
            _watch(client, screen, png, scale, out)
    _save(screen, png, scale)
    out.document(
        {
            "ok": True,
            "w": screen.w,
            "h": screen.h,
            "page": screen.page,
            "png": str(png) if png is not None else None,
            "rows": ["".join("#" if on else "." for on in row) for row in _rows(screen)],
        }
    )
    out.raw(_drawn(screen, out))


def _watch(client: Client, screen: Screen, png: Path | None, scale: int, out: Out) -> None:
    """Runs until Ctrl-C. A terminal is redrawn in place, then restored; else one picture follows another."""
    terminal = out.stdout.is_terminal and os.environ.get("TERM") != "dumb"
    file = out.stdout.file
    shown = None
    try:
        if terminal:
            file.write(_ENTER)
        while True:
            # The terminal may have been resized.
            now = (screen.w, screen.pixels, out.stdout.size if terminal else None)
            if now != shown:
                _save(screen, png, scale)
                picture = _drawn(screen, out)
                if terminal:
                    lines = [*picture.split("\n"), "Ctrl-C ends this."][: max(1, out.stdout.height - 1)]
                    picture = _HOME + "".join(line + _END_OF_LINE for line in lines) + _BELOW
                else:
                    picture += "\n"
                file.write(picture)
                file.flush()
                shown = now
            time.sleep(_EVERY_S)
            screen = client.screen()
    finally:
        if terminal:
            file.write(_LEAVE)
            file.flush()


def _rows(screen: Screen) -> list[list[int]]:
    from .. import picture

    return picture.from_mono_vlsb(screen.pixels, screen.w, screen.h)


def _drawn(screen: Screen, out: Out) -> str:
    from .. import picture

    return picture.to_terminal(_rows(screen), out.color, out.stdout.width)


def _save(screen: Screen, png: Path | None, scale: int) -> None:
    """Writes the picture to a file, if one is wanted. Raises BuzonError."""
    if png is None:
        return
    from .. import picture

    try:
        picture.to_image(_rows(screen), scale).save(png)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BuzonError(
            f"The picture cannot be written to {png} ({why}): name a file that ends in .png, in a folder of "
            "yours."
        ) from None
