"""`buzon install`: Buzón onto a board that runs MicroPython, and updates of it."""

import time
from typing import Annotated

import typer

from .image import Display
from .options import Json, Port
from .output import Out

Board = Annotated[
    str | None,
    typer.Option("--board", help="A board's name or a board.toml (default: what the board says it is)."),
]


def run(board: Board = None, port: Port = None, display: Display = None, json: Json = False) -> None:
    """Put Buzón onto a board with MicroPython, or update it there.

    Only what changed is sent. Settings, mail and your own files stay. Whenever it is cut off, the board starts with
    the old version or the new one, and a second run finishes what the first started.
    """
    from ..board.find import find
    from ..install import steps

    out = Out(json)
    where = find(port)
    begun = sending = time.monotonic()
    with out.progress() as bar:

        def progress(text: str, done: int, total: int) -> None:
            nonlocal sending
            left = ""
            if not done:
                sending = time.monotonic()
            elif total // 10 < done < total:
                left = f", about {max(1, round((time.monotonic() - sending) / done * (total - done)))} s left"
            bar.say(text + left)
            bar.at(done, total)

        result = steps.install(where, progress, board, display)
    hello = result.hello
    out.document(
        {
            "ok": True,
            "port": where,
            "board": result.board,
            "version": hello.version,
            "micropython": hello.micropython,
            "files": result.files,
            "sent": result.sent,
            "removed": result.removed,
            "kept": result.kept,
            "configured": hello.configured,
            "seconds": round(time.monotonic() - begun, 1),
        }
    )
    removed = f", {len(result.removed)} removed" if result.removed else ""
    changed = f"{len(result.sent)} of {result.files} files sent{removed}"
    out.say(
        f"{result.board} at {where}: {changed if result.sent or result.removed else 'nothing to change'}."
    )
    if result.kept:
        out.say(f"The board had a /main.py of its own: it is now {result.kept}.")
    out.say(f"Buzón {hello.version} runs on the board.")
    if not hello.configured:
        out.say("Next: buzon provision")
