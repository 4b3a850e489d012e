"""What `make bench` leaves in the repository: results.json, and everything that is made from it.

results.md has all rows, the plots are drawn from their series, and the table of headlines goes between two
markers into the folder's README.md, and into other pages that quote it. Nobody types a figure.

`python -m buzon_host.bench.report FOLDER [PAGE ...]` makes them again from FOLDER/results.json, without
measuring.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .rows import Row
from .run import GROUPS

RESULTS = "results.json"
TABLES = "results.md"
BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- end of figures -->"

Document = Mapping[str, Any]

_TITLES = {
    "retr": "RETR to a sink",
    "allocations": "Allocations",
    "heap": "Least heap",
    "link": "A slow link",
    "poll": "A poll without new mail",
    "flash": "Flash",
    "code": "Code size",
    "chip": "On the chips",
    "alert": "From delivery to alert",
}
# What pages quote: group, row, and the wording. A row that was not measured is left out.
HEADLINES: tuple[tuple[str, str, str], ...] = (
    ("retr", "text, 1 KiB, file, against readline()", "RETR of text, beside the `readline()` loop"),
    ("retr", "text, 1 KiB, file", "RETR of text, beside the raw loop"),
    ("retr", "text, 1 KiB, littlefs", "RETR of text into littlefs, beside the raw loop"),
    ("link", "time, 50 ms, kept, against mpop", "200 messages, 54 MB, 50 ms away, beside mpop"),
    ("link", "time, 50 ms, kept, against poplib", "The same, beside Python's poplib"),
    ("link", "round trips, 50 ms, kept, first", "Round trips that this takes"),
    ("poll", "round trips, 10,000 messages", "Round trips of a poll, 10,000 old messages on the server"),
    ("poll", "bytes programmed, 10,000 messages", "Bytes of flash that this programs"),
    ("allocations", "per chunk, text, file", "Heap allocated for each chunk received"),
    ("allocations", "around a message of 10 MB", "Heap allocated around a message of 10 MB"),
    ("heap", "library, blocking: 200 messages", "Heap in which the library collects 200 messages over TLS"),
    ("heap", "library, blocking: one of 20 MB", "The same for one message of 20 MB"),
    ("heap", "library in ROMFS, blocking: 200 messages", "Heap in which it does so with its code in a ROMFS"),
    ("heap", "library in ROMFS, blocking: one of 20 MB", "The same for one message of 20 MB"),
    ("heap", "app: 200 messages", "Heap in which the app does so, with display and the memory of TLS"),
    ("heap", "app: one of 20 MB", "The same for one message of 20 MB"),
    ("code", "library (core, net, store), blocking", "Compiled code of the POP3 library"),
    ("code", "app, what stays loaded", "Compiled code of the app that stays loaded"),
    ("flash", "64 KB: bytes programmed a message", "Flash programmed for a message of 64 KB"),
    ("flash", "2 KB, one a session: blocks erased a message", "Flash blocks erased for a message of 2 KB"),
    ("alert", "from the poll's start to alert", "From a poll's start to the alert on the display"),
)
_MODULE = "module "


def document(row: Row) -> dict[str, Any]:
    """A row as results.json keeps it, with its points."""
    return {**row.document(), "plot": row.plot, "series": row.series}


def write(folder: Path, machine: str, rows: Sequence[Row], pages: Iterable[Path] = ()) -> None:
    """Write results.json, results.md and plots into `folder`, and headlines into its README.md and `pages`.

    Groups that were not measured this time stay as they were, if the machine is the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measured = {row.group for row in rows}
    old = read(folder)
    kept = [row for row in old["rows"] if row["group"] not in measured and old["machine"] == machine]
    found = [*kept, *map(document, rows)]
    found.sort(key=lambda row: GROUPS.index(row["group"]))
    results = {"machine": machine, "rows": found}
    (folder / RESULTS).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    render(folder, pages)


def render(folder: Path, pages: Iterable[Path] = ()) -> None:
    """Make everything that is made from results.json."""
    from .plots import draw

    results = read(folder)
    (folder / TABLES).write_text(tables(results), "utf-8")
    draw(results["rows"], folder)
    own = folder / "README.md"
    for page in (*([own] if own.exists() else []), *pages):
        page.write_text(quoted(page, results), "utf-8")


def read(folder: Path) -> dict[str, Any]:
    """results.json in `folder`; no rows if the file does not exist."""
    path = folder / RESULTS
    if not path.exists():
        return {"machine": "", "rows": []}
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def quoted(page: Path, results: Mapping[str, Any]) -> str:
    """The page with these results' headlines between its markers. Raises UsageError if it has no markers."""
    text = page.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{page} has no place for the figures: put '{BEGIN}' and '{END}' into it.")
    return f"{before}{BEGIN}\n{headlines(results)}{END}{after}"


def headlines(results: Mapping[str, Any]) -> str:
    """The table that pages quote."""
    known = {(row["group"], row["name"]): row for row in results["rows"]}
    lines = []
    for group, name, text in HEADLINES:
        row = known.get((group, name))
        if row and row["ours"] is not None:
            beside = "" if row["reference"] is None else _with_unit(row["reference"], row["unit"])
            ours = _with_unit(row["ours"], row["unit"])
            lines.append(f"| {text} | {ours} | {beside} | {figure(row['ratio'])} | {_goal(row)} |")
    head = ["| | Buzón | beside | ratio | goal |", "|---|---:|---:|---:|---|"]
    return "\n".join([*head, *lines, "", f"Measured on {results['machine']}.", ""])


def tables(results: Mapping[str, Any]) -> str:
    """results.md: a table and the plots for each group; the firmware's modules have their own table."""
    from . import plots

    drawn = plots.names(results["rows"])
    rows = results["rows"]
    judged = [row for row in rows if row["met"] is not None]
    missed = [row for row in judged if not row["met"]]
    text = [
        "# Results",
        "",
        f"Made by `make bench` on {results['machine']}. [README.md](README.md) says how each is measured.",
        "",
        f"Goals met: {len(judged) - len(missed)} of {len(judged)}.",
    ]
    if missed:
        text += ["", "Not met:", "", *(f"- {row['group']}: {row['name']}" for row in missed)]
    for group in GROUPS:
        own = [row for row in rows if row["group"] == group]
        modules = [row for row in own if row["name"].startswith(_MODULE)]
        if own:
            text += ["", f"## {_TITLES[group]}", "", *_table([row for row in own if row not in modules])]
        for name in drawn:
            if plots.PLOTS[name].group == group:
                text += ["", f"![{plots.PLOTS[name].title}]({name}.svg)"]
        if modules:
            text += ["", "### Modules", "", *_modules(modules)]
    return "\n".join(text) + "\n"


def _table(rows: Iterable[Document]) -> list[str]:
    lines = [
        "| | Buzón | beside | ratio | runs | spread | goal | |",
        "|---|---:|---:|---:|---:|---:|---|---|",
    ]
    for row in rows:
        cells = (
            row["name"],
            row.get("missing") or _with_unit(row["ours"], row["unit"]),
            _with_unit(row["reference"], row["unit"]),
            figure(row["ratio"]),
            str(row["runs"]),
            f"{row['spread']:.0%}" if row["spread"] else "",
            _signs(row["goal"]),
            {True: "met", False: "**not met**", None: ""}[row["met"]],
        )
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return lines


def _modules(rows: Iterable[Document]) -> list[str]:
    """A table with `module X: .mpy` and `module X: heap` in one line."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        name, _, what = row["name"].removeprefix(_MODULE).partition(": ")
        found.setdefault(name, {})[what] = row["ours"]
    kinds = list(dict.fromkeys(kind for sizes in found.values() for kind in sizes))
    return [
        f"| bytes | {' | '.join(kinds)} |",
        f"|---|{'---:|' * len(kinds)}",
        *(
            f"| {name} | {' | '.join(figure(sizes.get(kind)) for kind in kinds)} |"
            for name, sizes in found.items()
        ),
    ]


def figure(value: float | None) -> str:
    """Three significant digits; from 1,000, a whole number with thousands separators."""
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _with_unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.1%}" if unit == "share" else f"{figure(value)} {unit}".rstrip()


def _goal(row: Document) -> str:
    if row["met"] is None:
        return ""
    return f"{_signs(row['goal'])}: {'met' if row['met'] else 'not met'}"


def _signs(goal: str | None) -> str:
    return (goal or "").replace("<=", "≤").replace(">=", "≥")


if __name__ == "__main__":
    render(Path(sys.argv[1]), map(Path, sys.argv[2:]))
