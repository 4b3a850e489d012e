"""What the verbs print: results on stdout, errors and progress on stderr, one JSON document with `--json`.

Everything from outside is escaped here once more; colour and bars are for terminals only.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..board.printable import escape, escape_lines
from ..errors import UsageError
from . import document as the_document
from .document import dump

_FOLDED = 8  # columns that a folded column keeps at least
_NO_FOLD = 10_000


def _console(stream: TextIO) -> Console:
    terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=terminal,
        no_color=not terminal or bool(os.environ.get("NO_COLOR")),
        color_system="auto" if terminal and not os.environ.get("NO_COLOR") else None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


class Bar:
    """Progress of one piece of work; silent unless stderr is a terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None) if progress is not None else None

    def say(self, text: str) -> None:
        """What is being done now."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=escape(text))

    def pause(self, ask: Callable[[], bool]) -> bool:
        """Asks while the bar is off the screen."""
        if self._progress is None:
            return ask()
        self._progress.stop()
        try:
            return ask()
        finally:
            self._progress.start()

    def at(self, done: int, total: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=max(total, 1))


class Out:
    """The two streams of one run. `as_json`: stdout gets `document()` alone, once."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.stdout = _console(sys.stdout)
        self.stderr = _console(sys.stderr)

    @property
    def color(self) -> bool:
        return self.stdout.is_terminal and not os.environ.get("NO_COLOR")

    def say(self, text: str = "", style: str = "") -> None:
        """A line for a person on stdout; nothing with `--json`. A line end in `text` is escaped: a board
        cannot add lines of its own."""
        if not self.as_json:
            self.stdout.print(Text(escape(text), style=style))

    def lines(self, text: str) -> None:
        """Text of several lines, such as a message."""
        if not self.as_json:
            self.stdout.print(Text(escape_lines(text)))

    def raw(self, text: str) -> None:
        """Text that we made ourselves and that may hold colour codes (the screen)."""
        if not self.as_json:
            self.stdout.file.write(text if text.endswith("\n") else text + "\n")
            self.stdout.file.flush()

    def note(self, text: str) -> None:
        """A sentence for a person on stderr."""
        self.stderr.print(Text(escape(text)))

    def document(self, document: object) -> None:
        """The JSON document; nothing without `--json`. ASCII, so that no terminal is moved by it."""
        if self.as_json:
            the_document.printed = True
            sys.stdout.write(dump(document) + "\n")
            sys.stdout.flush()

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[str]],
        right: Iterable[int] = (),
        fold: Iterable[int] = (),
        crop: Iterable[int] = (),
    ) -> None:
        """A plain table, without a head when all `heads` are empty; columns in `right` are aligned right. Cells are
        escaped.

        On a terminal too narrow for it the columns in `fold` are folded, those in `crop` cut off; what goes
        to a file or a pipe has one line for each row, and all of it.
        """
        if self.as_json:
            return
        cells = [[escape(cell) for cell in row] for row in rows]
        if self.stdout.is_terminal:
            _crop([list(heads), *cells], list(crop), self.stdout.width)
        table = Table(
            box=None, show_header=any(heads), pad_edge=False, padding=(0, 2, 0, 0), header_style="bold"
        )
        for number, head in enumerate(heads):
            whole = max(cell_len(text) for text in (head, *(row[number] for row in cells)))
            table.add_column(
                head,
                justify="right" if number in right else "left",
                overflow="fold",
                min_width=min(whole, _FOLDED) if number in fold else whole,
            )
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        width = self.stdout.width
        if not self.stdout.is_terminal:
            self.stdout.width = _NO_FOLD
        self.stdout.print(table, soft_wrap=False, crop=False)
        self.stdout.width = width

    @contextmanager
    def progress(self) -> Iterator[Bar]:
        if not self.stderr.is_terminal:
            yield Bar(None)
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(24))
        with Progress(*columns, TimeElapsedColumn(), console=self.stderr, transient=True) as progress:
            yield Bar(progress)

    def ask(self, question: str) -> bool:
        """Yes or no, from a terminal; without one the answer is no."""
        if not sys.stdin.isatty():
            return False
        self.stderr.print(Text(escape(question) + " [y/N] "), end="")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def must_ask(self, question: str, yes: bool) -> bool:
        """As `ask`, but without a terminal it is an error that names `--yes`."""
        if yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("There is no terminal to ask on: add --yes if you are sure.")
        return self.ask(question)


def _crop(rows: list[list[str]], crop: list[int], width: int) -> None:
    """Cuts cells of the columns `crop`, the widest first, until a row fits in `width`."""
    widths = [max(cell_len(row[number]) for row in rows) for number in range(len(rows[0]))]
    while crop and sum(widths) + 2 * len(widths) > width:
        widest = max(crop, key=lambda number: widths[number])
        if widths[widest] <= _FOLDED:
            break
        widths[widest] -= 1
    for row in rows:
        for number in crop:
            if cell_len(row[number]) > widths[number]:
                row[number] = set_cell_size(row[number], widths[number] - 1).rstrip() + "…"


def when(epoch: int | None, to: str = "seconds") -> str:
    """An epoch as local time, to the second or to the minute (`to`: what `isoformat` takes), or `-`."""
    if not epoch:
        return "-"
    try:
        return datetime.fromtimestamp(epoch, UTC).astimezone().replace(tzinfo=None).isoformat(" ", to)
    except (OverflowError, ValueError, OSError):
        return "-"


def plain(model: Any) -> dict[str, Any]:
    """A model of the client as a JSON object, with the names of the protocol."""
    tree: dict[str, Any] = model.model_dump(mode="json", by_alias=True)
    return tree
