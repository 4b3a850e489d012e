"""`buzon bench`: what the project claims, measured on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import FAILED, UsageError
from .options import Json
from .output import Out

Only = Annotated[list[str] | None, typer.Option("--only", help="Only this group (may be repeated).")]
Runs = Annotated[int, typer.Option("--runs", min=1, help="How often each is measured.")]
Plots = Annotated[
    Path | None,
    typer.Option("--plots", help="Write results and plots into this folder (needs matplotlib)."),
]
Pages = Annotated[
    list[Path] | None,
    typer.Option("--page", help="With --plots: a page that quotes figures, between its markers."),
]
Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="Where mail is stored meanwhile (default: the temporary folder)."),
]
Check = Annotated[
    bool, typer.Option("--check", help="Only what does not depend on the machine, compared with its bounds.")
]


def run(
    only: Only = None,
    runs: Runs = 5,
    plots: Plots = None,
    page: Pages = None,
    folder: Folder = None,
    check: Check = False,
    json: Json = False,
) -> None:
    """Measure speed, memory and flash, beside other programs.

    For developers: it takes minutes. The others are those that people would use instead.
    """
    from ..bench.report import figure, quoted, read, write
    from ..bench.run import CHECKED, machine, measure, worse

    out = Out(json)
    if plots is not None:
        try:
            import matplotlib  # noqa: F401  (before an hour of measuring)
        except ImportError:
            raise UsageError(
                "Plots need matplotlib: install it with 'pip install matplotlib', or leave --plots out."
            ) from None
        for each in page or ():
            quoted(each, read(plots))  # raises unless it has a place for the figures
    groups = tuple(only or ()) or (CHECKED if check else ())
    rows = []
    with out.progress() as bar:
        for row in measure(groups, runs=runs, folder=folder, say=bar.say, check=check):
            rows.append(row)
            value = "-" if row.value is None else f"{row.value:.4g}"
            out.say(f"{row.group:12} {row.name:60} {value:>10}")
    if plots is not None:
        write(plots, machine(), rows, page or ())
    out.document({"machine": machine(), "rows": [row.document() for row in rows]})
    out.table(
        ("group", "row", "ours", "reference", "unit", "ratio", "runs", "spread", "goal", "met"),
        [
            (
                row.group,
                row.name,
                figure(row.ours),
                figure(row.reference) or row.missing,
                row.unit,
                figure(row.ratio),
                str(row.runs),
                f"{row.spread:.0%}",
                str(row.goal or ""),
                {True: "yes", False: "NO", None: ""}[row.met],
            )
            for row in rows
        ],
        right=(2, 3, 5, 6, 7),
    )
    if check:
        sentences = worse(rows, groups)
        for sentence in sentences:
            out.note(sentence)
        if sentences:
            raise typer.Exit(FAILED)
