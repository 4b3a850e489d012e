"""`buzon demo`: a message's whole journey, from a server to a board's screen, without hardware."""

from pathlib import Path
from typing import Annotated

import typer

from .. import boards
from .. import demo as plain_demo
from ..provision.steps import human
from .options import Json
from .output import Out

Mail = Annotated[Path | None, typer.Option("--mail", help="Folder with messages (default: the samples).")]
Protocol = Annotated[str, typer.Option("--protocol", help="How the board collects: pop3.")]
Flash = Annotated[
    Path | None,
    typer.Option("--flash", help="The file that is the board's flash; it is left for inspection."),
]
FlashSize = Annotated[int | None, typer.Option("--flash-size", min=65536, help="Bytes of a new flash file.")]
Board = Annotated[str, typer.Option("--board", help="The board to imitate: a name, or a board.toml.")]


def run(
    mail: Mail = None,
    protocol: Protocol = "pop3",
    flash: Flash = None,
    flash_size: FlashSize = None,
    board: Board = "virtual",
    json: Json = False,
) -> None:
    """See it all work: a mail server, a virtual board, real mail."""
    if protocol != "pop3":
        raise typer.BadParameter("only pop3 is there so far", param_hint="--protocol")
    out = Out(json)
    board = boards.known(board) or board
    shown = ""
    with out.progress() as bar:

        def progress(text: str, done: int, total: int) -> None:
            nonlocal shown
            bar.say(text)
            if total:
                bar.at(done, total)
            elif text != shown and not out.stderr.is_terminal:
                out.say(text + "...")
            shown = text

        done = plain_demo.run(mail, flash=flash, flash_size=flash_size, board=board, progress=progress)
    out.document(done.document())
    if not done.ok:
        out.note(done.error)
        raise typer.Exit(done.exit_code or 1)
    _show(out, done)


def _show(out: Out, done: plain_demo.Demo) -> None:
    from .. import picture

    if done.picture is not None:
        screen = done.picture
        pixels = picture.from_mono_vlsb(screen.pixels, screen.w, screen.h)
        out.raw(picture.to_terminal(pixels, out.color, out.stdout.width))
    out.table(
        ("id", "from", "subject", "size"),
        [(item.id, item.from_, item.subject, human(item.size)) for item in done.items],
        right=(3,),
        crop=(1, 2),
    )
    out.say()
    out.say(
        f"{done.stored} of {done.messages} messages ({human(done.bytes)}) are on the board, byte for byte."
    )
    out.say(f"Screen  {done.screen}")
    out.say(f"Flash   {done.flash}")
    out.say(f"{done.seconds:.1f} s")
