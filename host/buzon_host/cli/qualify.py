"""`buzon qualify`: everything measured on the board itself, and a report of it."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ..board.client import Screen
from ..board.find import find
from ..errors import FAILED, UsageError
from .install import Board
from .options import Json, Port
from .output import Bar, Out

File = Annotated[
    Path | None,
    typer.Argument(
        help="The report, a new file (default: buzon-qualify-BOARD-DATE-TIME.json in this folder).",
        metavar="FILE",
    ),
]
Wifi = Annotated[
    str | None,
    typer.Option("--wifi", help="The Wi-Fi to use, by its name (default: the one in the board's settings)."),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        help="The address under which the board reaches this PC, for an emulator or a PC in several networks "
        "(default: the one in the board's network).",
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer messages, resets and polls: a few minutes.")]
Yes = Annotated[
    bool,
    typer.Option(
        "--yes", "-y", help="Do not ask what only a person can see or do: it is reported as skipped."
    ),
]
Restore = Annotated[
    bool,
    typer.Option("--restore", help="Only put back the settings and mail that an interrupted run has saved."),
]

_STYLES = {"ok": "green", "warn": "yellow", "failed": "bold red", "skipped": "dim"}
_NAME = 38  # columns for a check's name


class _Person:
    """Asks on the terminal, while the bar is off the screen."""

    def __init__(self, out: Out, bar: Bar) -> None:
        self._out, self._bar = out, bar

    def sees(self, question: str, screen: Screen | None = None) -> bool | None:
        def ask() -> bool:
            if screen is not None:
                from .. import picture

                rows = picture.from_mono_vlsb(screen.pixels, screen.w, screen.h)
                drawn = picture.to_terminal(rows, False, self._out.stderr.width)
                for line in drawn.split("\n"):
                    self._out.note(line)
            return self._out.ask(question)

        return self._bar.pause(ask)

    def does(self, request: str) -> bool:
        return self._bar.pause(lambda: self._out.ask(f"{request} Ready?"))


class _Nobody:
    """With --yes."""

    def sees(self, question: str, screen: Screen | None = None) -> bool | None:
        return None

    def does(self, request: str) -> bool:
        return False


def run(
    file: File = None,
    port: Port = None,
    board: Board = None,
    wifi: Wifi = None,
    host: Host = None,
    quick: Quick = False,
    yes: Yes = False,
    restore: Restore = False,
    json: Json = False,
) -> None:
    """Install, run and measure everything on a board, and write a report of it.

    It takes half an hour, and needs a board with MicroPython and a Wi-Fi. The settings and mail that it has are saved
    first and put back at the end.
    """
    from ..demo import sentences
    from ..qualify import report as reports
    from ..qualify import run as whole

    out = Out(json)
    where = find(port)
    if restore:
        with out.progress() as bar:
            written = whole.restore(where, _both(bar))
        out.document({"ok": True, "port": where, "written": written})
        out.say("The board has the settings and mail that it had before.")
        return
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "There is no terminal to ask on: add --yes, and what only a person can see is skipped."
        )
    if file is not None:
        reports.check_new(file)

    def line(check: reports.Check) -> None:
        text = f"{check.result:<9}{check.name:<{_NAME}}{reports.told(check)}"
        out.say(text, style=_STYLES[check.result], indent=_NAME + 9)

    with sentences(), out.progress() as bar:

        def show(check: reports.Check) -> None:
            def once() -> bool:
                line(check)
                return True

            bar.pause(once)

        def kept(path: Path) -> None:
            out.note(f"The board's settings and mail are saved in {path} until they are back on it.")

        report = whole.qualify(
            where,
            eyes=_Nobody() if yes else _Person(out, bar),
            board=board,
            wifi=wifi,
            host=host,
            quick=quick,
            show=show,
            say=_both(bar),
            kept=kept,
        )
    file = file or reports.new_name(report.board, datetime.now())
    reports.write(file, report)
    out.document({**report.document(), "port": where, "report": str(file)})
    failed, short, skipped = map(report.count, ("failed", "warn", "skipped"))
    out.say(
        f"{report.count('ok')} passed, {short} slow or short of memory, {failed} failed, {skipped} skipped."
    )
    out.say(f"The report is in {file}: docs/boards says how to send it.")
    if not report.ok:
        if json:
            first = next(check for check in report.checks if check.result == "failed")
            out.note(f"{first.name}: {first.text}")
        raise typer.Exit(FAILED)


def _both(bar: Bar) -> Callable[[str, int, int], None]:
    """A progress function for the bar."""

    def progress(text: str, done: int, total: int) -> None:
        bar.say(text)
        bar.at(done, total)

    return progress
