"""What `buzon provision --fleet` and `buzon status --all` show: one line per board, live on a terminal."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cbor2
import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..board.client import Client
from ..board.find import find_all
from ..board.printable import escape
from ..errors import FAILED, BuzonError, UsageError
from ..fleet import results as result_file
from ..fleet import run as fleet
from ..fleet import table
from ..fleet.results import Line
from ..provision import ca as certificates
from ..remedies import here
from .output import Out, plain

_STYLES = {"done": "green", "kept": "green", "earlier": "dim", "": "cyan"}
_HOW = {"done": "done now", "kept": "looked at and kept", "earlier": "of an earlier run and not seen now"}


def provision_fleet(
    path: Path,
    template: Path | None,
    results: Path | None,
    ports: list[str],
    ca: Path | None,
    yes: bool,
    again: bool,
    out: Out,
) -> None:
    rows = table.load(path, template)
    results = results or result_file.beside(path)
    if not results.parent.is_dir():
        raise UsageError(f"There is no folder {results.parent}: make it, or give --results another name.")
    before = result_file.read(results)
    der = certificates.read(ca) if ca is not None else None
    where, named = find_all(ports)
    options = fleet.Options(ca=der, yes=yes, again=again, named=named)
    with _live(out) as show:
        written: list[Line] = []

        def changed(lines: list[Line]) -> None:
            nonlocal written
            ended = [line for line in lines if line.result]
            if ended != written:
                written = ended
                result_file.write(results, ended)
            show(lines)

        lines = fleet.run(rows, where, options, before=before, changed=changed)
    wrong = [line for line in lines if fleet.failed(line, options)]
    out.document(
        {
            "ok": not wrong,
            "results": str(results),
            "boards": [vars(line) for line in lines],
        }
    )
    out.table(
        ("row", "board", "name", "port", "result", "what"),
        [
            (str(line.row or "-"), line.id or "-", line.name, line.port, line.result, line.text)
            for line in lines
        ],
        right=(0,),
        fold=(5,),
    )
    count = Counter(line.result for line in lines)
    done = sum(count[result] for result in result_file.DONE)
    how = ", ".join(f"{count[result]} {what}" for result, what in _HOW.items() if count[result])
    in_all = f" ({how})" if how else ""
    out.say(f"{done} of {len(rows)} boards have their settings{in_all}. The results are in {results}.")
    if wrong:
        out.note(
            "Not all is done: mend what the table says, and run the same again; it does only what is missing."
        )
        raise typer.Exit(FAILED)


@contextmanager
def _live(out: Out) -> Iterator[Any]:
    """A function that shows all lines: a table that changes in place, or a line for each finished board."""
    if out.stderr.is_terminal:
        with Live(console=out.stderr, refresh_per_second=5, transient=True, vertical_overflow="crop") as live:
            yield lambda lines: live.update(_table(lines))
        return
    said: dict[str, Line] = {}

    def say(lines: list[Line]) -> None:
        for line in lines:
            if line.result and line.port and said.get(line.port) != line:
                said[line.port] = line
                out.note(f"{line.name or line.port}: {line.result}. {line.text}")

    yield say


def _table(lines: list[Line]) -> Table:
    """Boards in progress come first, as a small terminal shows only the first lines."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("board", "name", "port", "result", "what"):
        made.add_column(head, overflow="ellipsis", no_wrap=True)
    for line in sorted(lines, key=lambda line: (bool(line.result), line.result == "earlier")):
        cells = (line.id, line.name, line.port, line.result or "...", line.text)
        made.add_row(*(Text(escape(cell)) for cell in cells), style=_STYLES.get(line.result, "red"))
    return made


def status_of_all(ports: list[str], out: Out) -> None:
    where, _ = find_all(ports)
    with out.progress() as bar, ThreadPoolExecutor(len(where)) as pool:
        bar.say(f"Asking {len(where)} boards")
        found = list(pool.map(_status, where))
    ok = all("error" not in one for one in found)
    out.document({"ok": ok, "boards": found})
    out.table(
        ("port", "board", "id", "name", "state", "Wi-Fi", "stored", "new", "error"),
        [_cells(one) for one in found],
        right=(6, 7),
        fold=(8,),
    )
    if not ok:
        out.note("Not every port has a board that answers: look at the column error.")
        raise typer.Exit(FAILED)


def _status(port: str) -> dict[str, Any]:
    """One board's status as the JSON document has it, or `error` if there is none."""
    try:
        with Client.connect(port) as client:
            status, info = client.status(), client.info
            name = _name(client) if info is not None and info.configured else ""
            board, id = (info.board, info.id) if info is not None else ("", "")
            return {"port": port, "board": board, "id": id, "name": name, "status": plain(status)}
    except BuzonError as error:
        return {"port": port, "error": str(error)}


def _name(client: Client) -> str:
    tree = cbor2.loads(client.settings())
    return str(tree.get("device", {}).get("name", "")) if isinstance(tree, dict) else ""


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    if "error" in one:
        return (one["port"], "-", "-", "-", "-", "-", "-", "-", one["error"])
    status = one["status"]
    wifi = status["wifi"]
    signal = (
        f"{wifi['rssi']} dBm" if wifi["up"] and wifi["rssi"] is not None else "up" if wifi["up"] else "down"
    )
    stored, new = (str(sum(each[what] for each in status["accounts"])) for what in ("stored", "new"))
    found = [each["error"] for each in status["accounts"] if each["error"]]
    if status["error"] and not (found or (status["accounts"] and wifi["up"])):
        found = [status["error"]]
    errors = [here(each["code"], each["message"]) for each in found]
    return (
        *(one["port"], one["board"], one["id"], one["name"], status["state"], signal, stored, new),
        " ".join(errors) or "-",
    )
