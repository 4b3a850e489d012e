"""The result file of a fleet: a CSV without secrets, one row per board, rewritten whenever one is done."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import files, paths
from ..board.printable import escape
from ..errors import UsageError

HEAD = ("id", "name", "port", "result", "code", "message", "messages", "bytes", "time")

DONE = ("done", "kept", "earlier")
"""The results of boards that have their settings; the next run tries all other boards again."""


@dataclass
class Line:
    """What became of one board in this run. `result`: done, kept (it was checked, and has its settings),
    earlier (done in an earlier run, but not seen in this one), failed, absent (in the table, but not
    connected), unknown (connected, but not in the table), silent (no board answers there), stopped, or ""
    while in progress; `text`: a sentence, or what is being done; `time`: when it was done, or failed; `row`:
    its row in the table, or 0."""

    id: str = ""
    name: str = ""
    port: str = ""
    result: str = ""
    code: int = 0
    text: str = ""
    messages: int | None = None
    bytes: int | None = None
    time: str = ""
    row: int = 0


def beside(table: Path) -> Path:
    """Where the results of a table go by default."""
    return table.with_name(f"{table.stem}.result.csv")


def write(path: Path, lines: Iterable[Line]) -> None:
    """Writes the file completely, or leaves the old one."""
    text = io.StringIO(newline="")
    out = csv.writer(text)
    out.writerow(HEAD)
    for line in lines:
        cells = (line.id, line.name, line.port, line.result, line.code or "", line.text)
        counts = ("" if number is None else number for number in (line.messages, line.bytes))
        out.writerow([_cell(cell) for cell in (*cells, *counts, line.time)])
    files.write(path, text.getvalue().encode())


def read(path: Path) -> dict[str, Line]:
    """The lines of an earlier run by board; empty if there is no file. Raises UsageError."""
    try:
        text = paths.read_small(path, 16 << 20).decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"The result file {path} cannot be read: remove it, or name another one.") from None
    found: dict[str, Line] = {}
    rows = csv.DictReader(text.splitlines())
    wrong = UsageError(f"{path} is no result file of a fleet: remove it, or name another one.")
    try:
        if text and tuple(rows.fieldnames or ()) != HEAD:
            raise wrong
        lines = list(rows)
    except csv.Error:
        raise wrong from None
    for row in lines:
        if row["id"]:
            found[row["id"]] = Line(
                id=row["id"],
                name=row["name"] or "",
                port=row["port"] or "",
                result=row["result"] or "",
                time=row["time"] or "",
                text=row["message"] or "",
                code=_whole(row["code"]) or 0,
                messages=_whole(row["messages"]),
                bytes=_whole(row["bytes"]),
            )
    return found


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 20 else None


def _cell(value: object) -> str:
    """The value as text that no spreadsheet takes for a formula, and no terminal for a command."""
    text = escape(str(value))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
