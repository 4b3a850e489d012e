"""`buzon press`: presses a button of a virtual board."""

from typing import Annotated

import typer

from ..board.find import find, virtual_at
from ..errors import UsageError
from .options import Json, Port
from .output import Out

Button = Annotated[str, typer.Argument(help="The button's name.")]


def run(button: Button = "a", port: Port = None, json: Json = False) -> None:
    """Press a button of a virtual board."""
    out = Out(json)
    where = find(port)
    control = virtual_at(where)
    if control is None:
        raise UsageError(f"{where} is no virtual board: press the button on the board itself.")
    control.press(button)
    out.document({"ok": True, "pressed": button})
    out.say(f"Pressed {button}.")
