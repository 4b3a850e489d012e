"""`buzon screen`: the board's display, drawn in the terminal."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import BuzonError
from .options import Json, Port, connect
from .output import Out

Png = Annotated[Path | None, typer.Option("--png", help="Write the picture to this file too.")]
Scale = Annotated[
    int, typer.Option("--scale", min=1, max=16, help="Pixels of the PNG for one of the display.")
]


def run(port: Port = None, png: Png = None, scale: Scale = 4, json: Json = False) -> None:
    """Show what is on the board's display."""
    from .. import picture

    out = Out(json)
    with connect(port, out) as client:
        screen = client.screen()
    pixels = picture.from_mono_vlsb(screen.pixels, screen.w, screen.h)
    if png is not None:
        try:
            picture.to_image(pixels, scale).save(png)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise BuzonError(
                f"The picture cannot be written to {png} ({why}): name a file that ends in .png, in a folder of "
                "yours."
            ) from None
    out.document(
        {
            "ok": True,
            "w": screen.w,
            "h": screen.h,
            "page": screen.page,
            "png": str(png) if png is not None else None,
            "rows": ["".join("#" if on else "." for on in row) for row in pixels],
        }
    )
    out.raw(picture.to_terminal(pixels, out.color, out.stdout.width))
