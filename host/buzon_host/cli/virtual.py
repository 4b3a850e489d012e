"""`buzon virtual`: runs a virtual board until stopped."""

import time
from pathlib import Path
from typing import Annotated

import typer

from .. import boards
from ..demo import sentences
from ..errors import INTERRUPTED, BuzonError
from ..paths import cache
from .options import Json
from .output import Out

Board = Annotated[str, typer.Option("--board", help="The board to imitate: a name, or a board.toml.")]
Flash = Annotated[Path | None, typer.Option("--flash", help="The file that is its flash (made if missing).")]
FlashSize = Annotated[int | None, typer.Option("--flash-size", min=65536, help="Bytes of a new flash file.")]
Heap = Annotated[
    int | None,
    typer.Option(
        "--heap",
        min=32,
        max=65536,
        help="Heap in KiB (default: the chip's; of the board virtual 136, with --bare 384, for the code too).",
    ),
]
Link = Annotated[
    Path | None, typer.Option("--link", help="Make this a link to its serial port, for a stable name.")
]
Bare = Annotated[
    bool,
    typer.Option(
        "--bare",
        help="MicroPython alone, as on a new board, for buzon install. A flash file made this way is "
        "recognized.",
    ),
]
RealTime = Annotated[
    bool,
    typer.Option(
        "--real-time", help="Its flash takes as long as the chip's does; otherwise that is only counted."
    ),
]
CutAt = Annotated[
    int | None,
    typer.Option(
        "--cut-at",
        min=1,
        help="Cut its power in the middle of this flash operation: a test of what is left then.",
    ),
]


def run(
    board: Board = "virtual",
    flash: Flash = None,
    flash_size: FlashSize = None,
    heap: Heap = None,
    link: Link = None,
    cut_at: CutAt = None,
    bare: Bare = False,
    real_time: RealTime = False,
    json: Json = False,
) -> None:
    """Run a virtual board until Ctrl-C.

    It is the real MicroPython on a pty, its flash in a file. With the name of a real board it is like that one: its
    memory, its flash and how long that takes, its Wi-Fi.
    """
    out = Out(json)
    board = boards.known(board) or board
    again = f" --flash {flash}" if flash is not None else " --bare"
    if flash is None:
        flash = cache() / f"{boards.load(board).name}{'-bare' if bare else ''}.flash"
    with sentences():
        from ..virtual.board import VirtualBoard
        from ..virtual.flash import is_bare

        bare = bare or is_bare(flash, boards.load(board))
        if heap is None and bare and board == "virtual":
            heap = 384  # it has the code in the heap then; else it runs in place
        with VirtualBoard(
            board,
            flash=flash,
            flash_size=flash_size,
            heap_kib=heap,
            link=link,
            cut_at=cut_at,
            bare=bare,
            real_time=real_time,
        ) as running:
            out.document(
                {
                    "ok": True,
                    "board": board,
                    "port": running.port,
                    "link": str(link) if link is not None else None,
                    "flash": str(flash),
                    "heap": running.heap_kib * 1024,
                    "bare": bare,
                }
            )
            out.say(f"Virtual board {board}")
            out.say(f"Port   {running.port}" + (f", linked at {link}" if link is not None else ""))
            out.say(f"Flash  {flash}")
            if bare:
                out.say("MicroPython alone, and what is on its flash: buzon install puts Buzón there.")
                name = f" --board {board}" if board != "virtual" else ""
                out.say(f"The same board another time: buzon virtual{name}{again}")
            out.say("Ctrl-C stops it.")
            try:
                while not (running.wait_exit(0.5) and cut_at is not None):
                    time.sleep(0.1)
            except KeyboardInterrupt:
                raise BuzonError("Stopped.", INTERRUPTED) from None
            out.say(f"The power was cut at flash operation {cut_at}.")
