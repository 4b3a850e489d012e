"""Runs the groups, and compares the figures that do not depend on the machine with the committed bounds."""

import importlib
import os
import platform
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..errors import BuzonError, UsageError
from .rows import Bench, Row

GROUPS = ("retr", "allocations", "heap", "link", "poll", "flash", "code", "start", "chip", "alert")
# Ratios, bytes and counts: the same on any machine. The others depend on it.
CHECKED = ("retr", "allocations", "heap", "poll", "flash", "code", "start", "chip")
RUNS = 5
UNFINISHED = "the rest of this group"
BOUNDS = Path(__file__).with_name("bounds.toml")


def measure(
    only: Iterable[str] = (),
    *,
    runs: int = RUNS,
    folder: Path | None = None,
    say: Callable[[str], None] = print,
    check: bool = False,
) -> Iterator[Row]:
    """The rows of all groups, or of those named. `folder`: where files are made (all programs use the same
    disk). `check`: the rows are only compared with their bounds.

    Raises UsageError for an unknown group.
    """
    wanted = list(only) or list(GROUPS)
    for name in wanted:
        if name not in GROUPS:
            raise UsageError(f"There is no group '{name}' in the benchmark: take one of {', '.join(GROUPS)}.")
    with tempfile.TemporaryDirectory(prefix="buzon-bench-", dir=folder) as scratch:
        for name in GROUPS:
            if name in wanted:
                place = Path(scratch, name)
                place.mkdir()
                try:
                    yield from importlib.import_module(f".{name}", __package__).rows(
                        Bench(runs, place, say, check)
                    )
                except BuzonError as error:  # the others are measured all the same
                    yield Row(name, UNFINISHED, None, "", missing=str(error))


def bounds() -> dict[str, dict[str, dict[str, float]]]:
    """The committed bounds: group, row, `low`, `high`, `optional`."""
    return tomllib.loads(BOUNDS.read_text("utf-8"))


def worse(rows: Iterable[Row], groups: Iterable[str]) -> list[str]:
    """Compares rows with the committed bounds; returns a sentence for each that is worse or missing. One that is
    `optional` may be missing, except where CI is set."""
    committed = bounds()
    left = {(group, name) for group in groups for name in committed.get(group, {})}
    found = []
    for row in rows:
        if row.name == UNFINISHED:
            found.append(f"{row.group}: {row.missing}")
        bound = committed.get(row.group, {}).get(row.name)
        if bound is None:
            continue
        left.discard((row.group, row.name))
        if row.value is None:
            if bound.get("optional") and not os.environ.get("CI"):
                continue
            found.append(f"{row.group}, {row.name}: not measured ({row.missing}).")
        elif row.value < bound.get("low", row.value):
            found.append(f"{row.group}, {row.name}: {row.value:g} is below {bound['low']:g}.")
        elif row.value > bound.get("high", row.value):
            found.append(f"{row.group}, {row.name}: {row.value:g} is above {bound['high']:g}.")
    found += [
        f"{group}, {name}: it has a bound, but was not measured."
        for group, name in sorted(left)
        if os.environ.get("CI") or not committed[group][name].get("optional")
    ]
    return found


def machine() -> str:
    """The machine it was measured on, without names of hosts or people."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
