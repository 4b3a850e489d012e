"""The campaign of odd servers: tests/unit/odd.py's maildrop and judge, on the real MicroPython, each oddity alone and in
mixtures chosen by a seed. Every run of polls is one "cut" of the table."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from buzon_host import paths
from buzon_host.virtual.interpreter import command

from .campaign import Tally
from .pool import Bench

_UNIT = Path(__file__).parents[1] / "unit"
_RUNS = 8  # in one interpreter
_MIXTURES = 2000
_FEW = 40
_COLUMN = {
    "lost": "lost",
    "deleted": "lost",
    "twice": "duplicated",
    "damaged": "corrupted",
}  # the others: orphaned

_SCRIPT = """\
import json, sys
from odd import campaign
from pipelined import CAPS
for seed, ways, keep, many in json.loads(sys.stdin.readline()):
    try:
        wrong = [each[1][0] for each in campaign(ways, seed, keep, caps=CAPS if many else None)]
    except Exception as err:
        wrong = ["lost: " + repr(err)]
    print(json.dumps(wrong))
"""

Run = tuple[int, tuple[str, ...], str, bool]


@dataclass(frozen=True)
class Polls:
    """A batch of runs. `campaign`: the row."""

    campaign: str
    runs: tuple[Run, ...]

    def run(self, bench: Bench) -> Tally:
        tally = Tally(self.campaign)
        for each in self._found(bench.folder):
            tally.cuts += 1
            for kind in each:
                column = _COLUMN.get(kind.partition(":")[0], "orphaned")
                setattr(tally, column, getattr(tally, column) + 1)
        return tally

    def _found(self, folder: Path) -> list[list[str]]:
        env = {**os.environ, "MICROPYPATH": f"{paths.firmware()}:{_UNIT}:.frozen"}
        done = subprocess.run(
            [*command(), "-X", "heapsize=8m", "-c", _SCRIPT],
            input=json.dumps(self.runs) + "\n",
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        if len(found) != len(self.runs):
            raise RuntimeError(done.stdout + done.stderr)
        return found


def _mixture(seed: int, ways: tuple[str, ...]) -> tuple[str, ...]:
    """Two to four of the ways."""
    x = seed * 2654435761 % 4294967296
    taken: list[str] = []
    for _ in range(2 + seed % 3):
        x = (x * 1103515245 + 12345) % 2147483648
        taken.append(ways[(x >> 8) % len(ways)])
    return tuple(sorted(set(taken)))


def _ways() -> tuple[str, ...]:
    """What tests/unit/odd.py can do: it is not imported here, where there is no firmware."""
    text = (_UNIT / "odd.py").read_text("utf-8")
    block = text[text.index("ODDITIES = (") : text.index("\n)\n")]
    return tuple(line.split('"')[1] for line in block.splitlines()[1:])


def batches(quick: bool) -> Iterator[Polls]:
    ways = _ways()
    alone: list[Run] = [
        (seed, (way,), keep, many)
        for seed in ((1,) if quick else (1, 2, 3))
        for way in ways
        for keep in ("delete", "forever")
        for many in (False, True)
    ]
    mixed: list[Run] = [
        (seed, _mixture(seed, ways), ("delete", "forever")[seed % 2], bool(seed % 3))
        for seed in range(1, (_FEW if quick else _MIXTURES) + 1)
    ]
    for name, runs in (("odd servers, each way alone", alone), ("odd servers, mixtures", mixed)):
        for at in range(0, len(runs), _RUNS):
            yield Polls(name, tuple(runs[at : at + _RUNS]))
