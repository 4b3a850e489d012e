"""What all campaigns share: which points are tried, what is counted, and the report.

`make faults` runs every campaign whole; `make faults QUICK=1` samples the points.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from buzon_host.server.run import LocalServer


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
        self, sent: Sequence[bytes], stored: Iterable[bytes], left: Iterable[bytes], delete: bool
    ) -> None:
        """One cut point, when all sessions after it have ended. `left`: what the server still has."""
        on_board = Counter(stored)
        on_server = Counter(left)
        self.cuts += 1
        for message in sent:
            self.lost += not on_board[message]
            self.duplicated += max(0, on_board[message] - 1)
            if delete:
                self.orphaned += on_server[message]
            else:
                self.lost += not on_server[message]  # it had to be kept there
        self.corrupted += sum(n for message, n in on_board.items() if message not in sent)

    @property
    def good(self) -> bool:
        return bool(self.cuts) and not (self.lost or self.duplicated or self.orphaned or self.corrupted)


def empty(server: LocalServer) -> None:
    """Take all mail from a server that was to keep it."""
    for path in server.maildir.glob("*/*"):
        if path.parent.name in ("new", "cur"):
            path.unlink()


def points(first: int, last: int, samples: int, quick: bool) -> list[int]:
    """Every point from `first` to `last`, or about so many of them, both ends included."""
    if not quick or last - first < samples:
        return list(range(first, last + 1))
    return sorted({first + (last - first) * i // (samples - 1) for i in range(samples)})


def report(tallies: Sequence[Tally], path: Path) -> None:
    """Print the table and write the same as JSON."""
    print(f"{'campaign':<34}{'cuts':>7}{'lost':>7}{'duplicated':>12}{'orphaned':>10}{'corrupted':>11}")
    for one in tallies:
        print(
            f"{one.campaign:<34}{one.cuts:>7}{one.lost:>7}{one.duplicated:>12}{one.orphaned:>10}{one.corrupted:>11}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in tallies], indent=1) + "\n", "utf-8")


def wanted_quick() -> bool:
    return os.environ.get("QUICK", "") not in ("", "0")
