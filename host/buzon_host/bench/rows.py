"""A row of the benchmark: our figure, the reference's, and the goal."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Goal:
    """What a row's value must be: at least `low` and at most `high`. The value is the row's ratio if it has
    one and `of` is "ratio", else our own figure."""

    low: float | None = None
    high: float | None = None
    of: str = "ratio"

    def __str__(self) -> str:
        parts = []
        if self.low is not None:
            parts.append(f">= {self.low:g}")
        if self.high is not None:
            parts.append(f"<= {self.high:g}")
        return " ".join(parts)


@dataclass
class Row:
    """`runs`: how many; `spread`: (largest - smallest) / median of the values behind `ours` or the ratio.

    `ours`, `reference`: in `unit`; `ratio`: ours to the reference, the median of the pairs' ratios. None: not
    measured, and `missing` says why. `series`: points for the plots: {name: [[x, y], ...]}; `plot`: which
    plot (plots.py), if it is not the group's only one.
    """

    group: str
    name: str
    ours: float | None
    unit: str
    reference: float | None = None
    ratio: float | None = None
    runs: int = 1
    spread: float = 0.0
    goal: Goal | None = None
    missing: str = ""
    series: dict[str, list[list[float]]] = field(default_factory=dict)
    plot: str = ""

    @property
    def value(self) -> float | None:
        """What is judged: the ratio if there is one."""
        by_ratio = self.ratio is not None and (self.goal is None or self.goal.of == "ratio")
        return self.ratio if by_ratio else self.ours

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal or a figure."""
        if self.goal is None or self.value is None:
            return None
        goal, value = self.goal, self.value
        return (goal.low is None or value >= goal.low) and (goal.high is None or value <= goal.high)

    def document(self) -> dict[str, object]:
        found = asdict(self)
        found.pop("series")
        found.pop("plot")
        if not found["missing"]:
            found.pop("missing")
        return {**found, "goal": str(self.goal) if self.goal else None, "met": self.met}


@dataclass
class Bench:
    """What a group's `rows` gets: how often to run, a folder on the disk, and where to report progress.

    `check`: the rows are only compared with their bounds, so slow ones without a bound may be left out.
    """

    runs: int
    folder: Path
    say: Callable[[str], None] = lambda text: None
    check: bool = False


def paired(
    runs: int, ours: Callable[[], float], reference: Callable[[], float]
) -> tuple[float, float, float, float]:
    """Measures both in turn, so that other load on the machine affects both. Each returns a speed or a time.

    Returns (median of ours, median of the reference's, median of the ratios, spread of the ratios).
    """
    pairs = []
    for number in range(runs):
        # Which one comes first alternates.
        if number % 2:
            theirs = reference()
            pairs.append((ours(), theirs))
        else:
            mine = ours()
            pairs.append((mine, reference()))
    ratios = [a / b for a, b in pairs]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(ratios),
        spread(ratios),
    )


def spread(values: Sequence[float]) -> float:
    """(largest - smallest) / median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def timed(work: Callable[[], object]) -> float:
    """The seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
