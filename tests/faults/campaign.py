"""What all campaigns share: which points are tried, what is counted, and the report.

`make faults` runs every campaign whole; `make faults QUICK=1` samples the points.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Tally:
    """One campaign: cut points tried, and messages that were lost, doubled, left behind or damaged."""

    campaign: str
    cuts: int = 0
    lost: int = 0
    duplicated: int = 0
    orphaned: int = 0
    corrupted: int = 0

    def add(
        self, board: Iterable[bytes], server: Iterable[bytes], stored: Iterable[bytes], left: Iterable[bytes]
    ) -> None:
        """One cut point, when all sessions after it have ended. `board`, `server`: what must be there; `stored`,
        `left`: what is."""
        want, there = Counter(board), Counter(stored)
        keep, kept = Counter(server), Counter(left)
        self.cuts += 1
        self.lost += (want - there).total() + (keep - kept).total()
        self.orphaned += (kept - keep).total()
        for message, extra in (there - want).items():
            if message in want:
                self.duplicated += extra
            else:
                self.corrupted += extra

    def __iadd__(self, other: "Tally") -> "Tally":
        self.cuts += other.cuts
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.orphaned += other.orphaned
        self.corrupted += other.corrupted
        return self

    @property
    def wrong(self) -> int:
        return self.lost + self.duplicated + self.orphaned + self.corrupted

    @property
    def good(self) -> bool:
        return bool(self.cuts) and not self.wrong


def points(first: int, last: int, samples: int, quick: bool) -> list[int]:
    """Every point from `first` to `last`, or about so many of them, both ends included."""
    if not quick or last - first < samples:
        return list(range(first, last + 1))
    return sorted({first + (last - first) * i // (samples - 1) for i in range(samples)})


def report(tallies: Sequence[Tally], path: Path) -> None:
    """Print the table and write the same as JSON."""
    print(f"{'campaign':<60}{'cuts':>7}{'lost':>7}{'duplicated':>12}{'orphaned':>10}{'corrupted':>11}")
    for one in tallies:
        print(
            f"{one.campaign:<60}{one.cuts:>7}{one.lost:>7}{one.duplicated:>12}{one.orphaned:>10}{one.corrupted:>11}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in tallies], indent=1) + "\n", "utf-8")


def wanted_quick() -> bool:
    return os.environ.get("QUICK", "") not in ("", "0")
