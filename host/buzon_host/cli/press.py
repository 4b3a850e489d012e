"""`buzon press`: presses a button of a virtual board."""

from typing import Annotated

import typer

from ..board.find import find, virtual_at
from ..errors import UsageError
from .options import Json, Port
from .output import Out

Button = Annotated[
    int | None, typer.Argument(min=0, max=63, help="The button's pin (default: the board's button).")
]
Hold = Annotated[float, typer.Option("--hold", min=0.02, max=60, help="Seconds to hold it.")]


def run(button: Button = None, hold: Hold = 0.15, port: Port = None, json: Json = False) -> None:
    """Press a button of a virtual board."""
    out = Out(json)
    where = find(port)
    control = virtual_at(where)
    if control is None:
        raise UsageError(f"{where} is no virtual board: press the button on the board itself.")
    with control:
        control.press(button, hold)
    out.document({"ok": True, "pressed": button})
    out.say("Pressed.")
