"""What was found on a board: its checks, and the report file, which names no network, address or person."""

import itertools
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import __version__, files, paths
from ..errors import UsageError

Result = Literal["ok", "warn", "failed", "skipped"]


class Check(BaseModel):
    """`warn`: it works, but the figure is worse than `bound`, the project's own. `skipped`: nobody knows, as
    nobody looked, the board has no such part, or what it needs has failed. `text` is one sentence."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    result: Result
    figure: float | None = None
    unit: str = ""
    bound: float | None = None
    text: str = ""


def told(check: Check) -> str:
    """What a line says of it, after its name."""
    figure = "" if check.figure is None else f"{check.figure:g} {check.unit}. "
    late = check.result == "warn" and check.bound is not None
    return (figure + (f"It should be {check.bound:g} {check.unit}. " if late else "") + check.text).strip()


class Report(BaseModel):
    """`firmware`: the MicroPython that is on it; `version`: Buzón's; `virtual`: it was no real board."""

    model_config = ConfigDict(extra="ignore")

    board: str = ""
    firmware: str = ""
    version: str = __version__
    date: str = Field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d}")
    virtual: bool = False
    quick: bool = False
    checks: list[Check] = Field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing failed. What was skipped has not failed."""
        return bool(self.checks) and all(check.result != "failed" for check in self.checks)

    def document(self) -> dict[str, object]:
        """What `--json` prints and the report file holds."""
        return {"ok": self.ok, **self.model_dump(mode="json")}

    def count(self, result: str) -> int:
        """How many checks ended so."""
        return sum(check.result == result for check in self.checks)


def at_most(name: str, figure: float, unit: str, bound: float | None, text: str = "") -> Check:
    """A figure that should be `bound` or less; more is a `warn`."""
    result: Result = "ok" if bound is None or figure <= bound else "warn"
    return Check(name=name, result=result, figure=round(figure, 3), unit=unit, bound=bound, text=text)


def at_least(name: str, figure: float, unit: str, bound: float | None, text: str = "") -> Check:
    """A figure that should be `bound` or more; less is a `warn`."""
    result: Result = "ok" if bound is None or figure >= bound else "warn"
    return Check(name=name, result=result, figure=round(figure, 3), unit=unit, bound=bound, text=text)


def ok(name: str, text: str = "") -> Check:
    return Check(name=name, result="ok", text=text)


def failed(name: str, text: str) -> Check:
    return Check(name=name, result="failed", text=text)


def skipped(name: str, text: str) -> Check:
    return Check(name=name, result="skipped", text=text)


def found(name: str, wrong: str, text: str = "") -> Check:
    """Passed if `wrong`, the sentence that says what is wrong, is empty."""
    return failed(name, wrong) if wrong else ok(name, text)


# -- the file


def new_name(board: str, now: datetime) -> Path:
    """An unused name in this folder, such as `buzon-qualify-RPI_PICO_W-20261128-001542.json`."""
    stem = f"buzon-qualify-{board or 'board'}-{now:%Y%m%d-%H%M%S}"
    numbered = (Path(f"{stem}-{number}.json") for number in itertools.count(2))
    return next(
        path for path in itertools.chain([Path(f"{stem}.json")], numbered) if not os.path.lexists(path)
    )


def check_new(path: Path) -> None:
    """Raises UsageError if no new file can be written there."""
    if os.path.lexists(path):
        raise UsageError(f"There is a file {path} already: give another name.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}: make it, or give another name.")


def write(path: Path, report: Report) -> None:
    """Writes a new file. Raises OSError."""
    files.write(path, (json.dumps(report.document(), indent=1) + "\n").encode("ascii"), new=True)


def of_board(name: str) -> list[Report]:
    """The reports that lie in boards/<name>, newest first. What is no report raises ValueError."""
    return sorted(_read(paths.boards() / name), key=lambda report: report.date, reverse=True)


def _read(folder: Path) -> Iterator[Report]:
    for path in sorted(folder.glob("buzon-qualify-*.json")):
        try:
            yield Report.model_validate_json(path.read_bytes())
        except ValidationError:
            raise ValueError(f"{path} is no report of buzon qualify") from None
