"""`buzon log`: the board's last log lines, and the next ones as they come."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from ..errors import UsageError
from .options import Json, Port, connect
from .output import Out

Follow = Annotated[
    bool,
    typer.Option(
        "--follow", "-f", help="Then show new lines as they come, until Ctrl-C; it holds the port meanwhile."
    ),
]

_EVERY_S = 1.0


def run(port: Port = None, follow: Follow = False, json: Json = False) -> None:
    """Show the board's last log lines, oldest first.

    With --follow no other command can use the board's port until it ends.
    """
    if follow and json:
        raise UsageError("--json gives one document, and --follow never ends: leave one of them out.")
    out = Out(json)
    with connect(port, out) as client:
        lines = client.log().splitlines()
        out.document({"ok": True, "lines": lines})
        if not lines and not follow:
            out.say("The board's log is empty: it holds the errors since the last start.")
        for line in lines:
            out.say(line)
        while follow:
            time.sleep(_EVERY_S)
            before, lines = lines, client.log().splitlines()
            for line in added(before, lines):
                out.say(line)


def added(before: Sequence[str], now: Sequence[str]) -> Sequence[str]:
    """The lines of `now` that were not yet in `before`: the board drops old lines when it adds new ones."""
    same = next(n for n in range(min(len(before), len(now)), -1, -1) if not n or before[-n:] == now[:n])
    return now[same:]
