"""Draws the rows' series as SVG and PNG: the same rows give the same files, byte for byte."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

Documents = Sequence[Mapping[str, Any]]

# Okabe and Ito's colours, which people with any colour vision can tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_MARKERS = "osD^vPX*"
_SIZE_INCHES = (7.0, 4.2)
_DPI = 110


@dataclass(frozen=True)
class Plot:
    """`group`: whose points it shows. `y`: a final colon adds the rows' unit. `bytes`: x is a size."""

    group: str
    title: str
    x: str
    y: str
    bytes: bool = False
    log_x: bool = True
    log_y: bool = False


PLOTS = {
    "speed": Plot(
        "retr", "RETR: speed against message size", "Size of the message", "Speed:", bytes=True, log_y=True
    ),
    "latency": Plot(
        "link",
        "Time to collect a mailbox against latency",
        "Latency added each way (ms)",
        "Time:",
        log_x=False,
        log_y=True,
    ),
    "heap-size": Plot("heap", "Least heap against message size", "Size of the message", "Heap:", bytes=True),
    "heap-messages": Plot(
        "heap", "Least heap against the number of messages", "Messages in the mailbox", "Heap:"
    ),
    "poll": Plot(
        "poll", "Heap in use after a poll without new mail", "Messages on the server, all known", "Heap:"
    ),
    "flash": Plot(
        "flash",
        "Flash programmed for a byte of mail",
        "Size of the message",
        "Bytes programmed / bytes of mail",
        bytes=True,
    ),
}
# The plot for rows that do not name one: their group's only plot, or its first.
_OF_GROUP = {plot.group: name for name, plot in reversed(PLOTS.items())}


def names(rows: Documents) -> list[str]:
    """The plots that these rows (`report.document`) have points for."""
    return [name for name in PLOTS if curves(rows, name)[0]]


def draw(rows: Documents, folder: Path) -> list[str]:
    """Write the plots that these rows have points for; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = names(rows)
    for name in drawn:
        _draw(PLOTS[name], *curves(rows, name), folder / name)
    return drawn


def curves(rows: Documents, name: str) -> tuple[dict[str, list[list[float]]], str]:
    """The curves of a plot, assembled from all rows that have some of its points, and their unit."""
    found: dict[str, dict[float, float]] = {}
    unit = ""
    for row in rows:
        if (row.get("plot") or _OF_GROUP.get(row["group"])) == name:
            for curve, points in row.get("series", {}).items():
                found.setdefault(_label(curve), {}).update(dict(points))
                unit = row["unit"]
    return {curve: [[x, y] for x, y in sorted(points.items())] for curve, points in found.items()}, unit


def _label(curve: str) -> str:
    """The name after `plot: `; a curve that is named after its plot alone, or `ours`, is Buzón's."""
    name = curve.rpartition(": ")[2]
    return "Buzón" if name == "ours" or " against " in name else name


def _draw(plot: Plot, lines: Mapping[str, list[list[float]]], unit: str, path: Path) -> None:
    with matplotlib.rc_context({"svg.hashsalt": "buzon", "font.size": 10, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        for number, (name, points) in enumerate(lines.items()):
            shown = [(x, y) for x, y in points if x > 0 or not plot.log_x]
            axes.plot(
                [x for x, _ in shown],
                [y for _, y in shown],
                label=name,
                color=_COLOURS[number % len(_COLOURS)],
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=5,
                linewidth=2.4 if number == 0 else 1.6,
            )
        _axes(axes, plot, lines, unit)
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
        figure.savefig(path.with_suffix(".png"), dpi=_DPI, metadata={"Software": None})


def _axes(axes: Axes, plot: Plot, lines: Mapping[str, list[list[float]]], unit: str) -> None:
    axes.set_title(plot.title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(plot.x)
    axes.set_ylabel(f"{plot.y[:-1]} ({unit})" if plot.y.endswith(":") else plot.y)
    if plot.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(_size if plot.bytes else _number))
    else:
        axes.set_xticks(sorted({x for points in lines.values() for x, _ in points}))
    if plot.log_y:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0, top=1.15 * max(y for points in lines.values() for _, y in points))
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    axes.grid(True, which="major", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _size(value: float, _: object = None) -> str:
    for unit in ("bytes", "KB", "MB"):
        if value < 1000 or unit == "MB":
            break
        value /= 1000
    return f"{value:g} {unit}"


def _number(value: float, _: object = None) -> str:
    return f"{value:,g}" if value < 1e6 else f"{value:,.0f}"
