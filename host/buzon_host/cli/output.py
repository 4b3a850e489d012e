"""What the verbs print: results on stdout, errors and progress on stderr, one JSON document with `--json`.

Everything from outside is escaped here again; colour and bars are for terminals only.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from ..board.printable import escape, escape_lines
from ..errors import UsageError
from . import document as the_document
from .document import dump
from .fold import folded, longest

_FOLDED = 8  # the least width of a cropped column
_GAP = 2  # the space between two columns of a table


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
    """The progress of one piece of work; silent unless stderr is a terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None) if progress is not None else None

    def say(self, text: str) -> None:
        """What is being done now."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=escape(text))

    def pause(self, ask: Callable[[], bool]) -> bool:
        """Calls `ask` while the bar is off the screen."""
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
    """The two streams of one run. `as_json`: stdout gets only `document()`, once."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.stdout = _console(sys.stdout)
        self.stderr = _console(sys.stderr)

    @property
    def color(self) -> bool:
        return self.stdout.is_terminal and not os.environ.get("NO_COLOR")

    def say(self, text: str = "", style: str = "", indent: int = 0) -> None:
        """A line for a person on stdout; nothing with `--json`. A line end in `text` is escaped, so that a
        board cannot add lines. On a terminal the line is folded, with `indent` blanks before all lines but
        the first."""
        if not self.as_json:
            self._print(self.stdout, escape(text), indent, style)

    def lines(self, text: str) -> None:
        """Text of several lines, such as a message."""
        if not self.as_json:
            for line in escape_lines(text).split("\n"):
                self._print(self.stdout, line)

    def raw(self, text: str) -> None:
        """Text that we made ourselves and that may hold colour codes (the screen)."""
        if not self.as_json:
            self.stdout.file.write(text if text.endswith("\n") else text + "\n")
            self.stdout.file.flush()

    def note(self, text: str) -> None:
        """A sentence for a person on stderr."""
        self._print(self.stderr, escape(text))

    def prompt(self, text: str) -> None:
        """A question on stderr; the answer is typed after it."""
        self._print(self.stderr, escape(text), end="")

    @staticmethod
    def _print(console: Console, line: str, indent: int = 0, style: str = "", end: str = "\n") -> None:
        lines = folded(line, console.width, indent) if console.is_terminal else [line]
        console.print(Text("\n".join(lines), style=style), end=end)

    def document(self, document: object) -> None:
        """The JSON document; nothing without `--json`. It is ASCII, so that it cannot control a terminal."""
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
        """A plain table, without a header if all `heads` are empty; columns in `right` are right-aligned.
        Cells are escaped.

        On a terminal, the columns in `fold` are folded between words and those in `crop` are cut until the
        table fits; if it cannot fit, each row becomes a block with a line for each cell. In a file or a pipe
        every row is one complete line.
        """
        if self.as_json:
            return
        cells = [[escape(cell) for cell in row] for row in rows]
        room = self.stdout.width if self.stdout.is_terminal else None
        if room is not None:
            _crop([list(heads), *cells], list(crop), room)
        widths = _widths([list(heads), *cells], set(fold), room)
        if widths is None:
            self._blocks(heads, cells)
            return
        if any(heads):
            self._row(heads, widths, set(right), "bold")
        for row in cells:
            self._row(row, widths, set(right))

    def _row(self, row: Sequence[str], widths: list[int], right: set[int], style: str = "") -> None:
        columns = [folded(cell, width) for cell, width in zip(row, widths, strict=True)]
        for number in range(max(map(len, columns))):
            line = []
            for index, (lines, width) in enumerate(zip(columns, widths, strict=True)):
                text = lines[number] if number < len(lines) else ""
                pad = " " * (width - cell_len(text))
                line.append(pad + text if index in right else text + pad)
            self.stdout.print(Text((" " * _GAP).join(line).rstrip(), style=style))

    def _blocks(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        indent = max(cell_len(head) for head in heads) + _GAP
        for number, row in enumerate(rows):
            if number:
                self.say()
            for head, cell in zip(heads, row, strict=True):
                self.say(f"{head}{' ' * (indent - cell_len(head))}{cell}", indent=indent)

    @contextmanager
    def progress(self) -> Iterator[Bar]:
        if not self.stderr.is_terminal:
            yield Bar(None)
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(24))
        with Progress(*columns, TimeElapsedColumn(), console=self.stderr, transient=True) as progress:
            yield Bar(progress)

    def ask(self, question: str) -> bool:
        """Yes or no, from a terminal; without a terminal the answer is no."""
        if not sys.stdin.isatty():
            return False
        self.prompt(question + " [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def must_ask(self, question: str, yes: bool) -> bool:
        """As `ask`, but `yes` answers it; without a terminal it raises UsageError, which names `--yes`."""
        if yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("There is no terminal to ask on: add --yes if you are sure.")
        return self.ask(question)


def _crop(rows: list[list[str]], crop: list[int], width: int) -> None:
    """Cuts cells of the columns `crop`, widest first, until a row fits in `width`."""
    widths = [max(cell_len(row[number]) for row in rows) for number in range(len(rows[0]))]
    while crop and sum(widths) + _GAP * (len(widths) - 1) > width:
        widest = max(crop, key=lambda number: widths[number])
        if widths[widest] <= _FOLDED:
            break
        widths[widest] -= 1
    for row in rows:
        for number in crop:
            if cell_len(row[number]) > widths[number]:
                row[number] = set_cell_size(row[number], widths[number] - 1).rstrip() + "…"


def _widths(rows: list[list[str]], fold: set[int], room: int | None) -> list[int] | None:
    """The width of each column; those in `fold` are narrower than their content if `room` is too small. None
    if that would break words."""
    whole = [max(cell_len(row[number]) for row in rows) for number in range(len(rows[0]))]
    if room is None:
        return whole
    least = [
        max(longest(row[number]) for row in rows) if number in fold else w for number, w in enumerate(whole)
    ]
    gaps = _GAP * (len(whole) - 1)
    if sum(least) + gaps > room:
        return None if len(whole) > 1 else whole
    while sum(whole) + gaps > room:
        # widest first
        widest = max((n for n in fold if whole[n] > least[n]), key=lambda n: whole[n])
        whole[widest] -= 1
    return whole


def when(epoch: int | None, to: str = "seconds", zone: tzinfo | None = None) -> str:
    """An epoch as a time in `zone` (None: this PC's), to the second or the minute (`to`: as in `isoformat`),
    or `-`."""
    if not epoch:
        return "-"
    try:
        return datetime.fromtimestamp(epoch, UTC).astimezone(zone).replace(tzinfo=None).isoformat(" ", to)
    except (OverflowError, ValueError, OSError):
        return "-"


def plain(model: Any) -> dict[str, Any]:
    """A model of the client as a JSON object, with the protocol's names."""
    tree: dict[str, Any] = model.model_dump(mode="json", by_alias=True)
    return tree
