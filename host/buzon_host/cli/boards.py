"""`buzon boards`: what is connected or running, and which boards are supported; for one board, its wiring."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ..board.find import Found, boards, named
from .options import Json
from .output import Out

if TYPE_CHECKING:
    from ..boards import Board

Name = Annotated[str | None, typer.Argument(help="Show this board, or the one in this board.toml.")]


def run(name: Name = None, json: Json = False) -> None:
    """List the boards: connected, virtual, and supported ones. With a name: how that board is wired."""
    from .. import boards as supported

    out = Out(json)
    if name is not None:
        _one(out, supported.load(name))
        return
    found = boards()
    there = {os.path.realpath(one.port) for one in found}
    found += [Found(port, "named in BUZON_PORTS") for port in named() if os.path.realpath(port) not in there]
    known = [supported.load(each) for each in supported.names()]
    out.document(
        {
            "ok": True,
            "boards": [{"port": one.port, "what": one.what, "virtual": one.virtual} for one in found],
            "supported": [board.name for board in known],
        }
    )
    if found:
        out.table(("port", "board"), [(one.port, one.what) for one in found], fold=(1,))
    else:
        out.say("No board is connected, and no virtual one runs.")
    out.say()
    out.table(
        ("supported", "what", "display"),
        [(board.name, board.description, board.display.label) for board in known],
        fold=(1, 2),
    )
    out.say("How one is wired: buzon boards NAME")


def _one(out: Out, board: "Board") -> None:
    from .. import wiring

    shown = {"": board.display, **board.displays}
    out.document(
        {
            "ok": True,
            "board": board.model_dump(mode="json"),
            "wiring": {
                name or "default": [list(wire) for wire in wiring.wires(board, display)]
                for name, display in shown.items()
            },
        }
    )
    out.say(f"{board.name}: {board.description}")
    out.say()
    out.table(("", ""), wiring.facts(board), fold=(1,))
    for name, display in shown.items():
        out.say()
        out.say(display.label + (f" (--display {name})" if name else ""), style="bold")
        rows = wiring.wires(board, display)
        if display.built_in:
            out.say("It is on the board: there is nothing to wire.")
        if rows:
            out.table(("part", "board"), rows)
