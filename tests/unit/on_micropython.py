"""For pytest's side: finds the real MicroPython and runs a unit test file on it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from buzon_host.paths import firmware

HERE = Path(__file__).parent
_LONG = {"test_display_fits", "test_fuzz", "test_sync_pipelined", "test_sync_policies"}
_ONLY = re.compile(r'^ONLY = "(\w+)"', re.MULTILINE)


def only(path: Path) -> str:
    """What the file says it runs on; empty: both."""
    found = _ONLY.search(path.read_text(encoding="utf-8"))
    return found[1] if found else ""


def files() -> list[Path]:
    """The test files that MicroPython runs."""
    return [path for path in sorted(HERE.glob("test_*.py")) if only(path) != "cpython"]


def narrow_files() -> list[Path]:
    """Those of them that run on the 32-bit MicroPython too: all but a few that take most of the time."""
    return [path for path in files() if path.stem not in _LONG]


def interpreter() -> str:
    """The interpreter: `BUZON_MICROPYTHON`, or the locked package's. Without one the test is skipped."""
    beside = Path(sys.executable).with_name("micropython")
    found = os.environ.get("BUZON_MICROPYTHON")
    found = found or (str(beside) if beside.exists() else shutil.which("micropython"))
    if not found:
        pytest.skip("there is no MicroPython for this computer; set BUZON_MICROPYTHON")
    return found


def run(path: Path, cwd: Path, program: str = "") -> subprocess.CompletedProcess[str]:
    """Run a test file with `mp.py`, in folder `cwd`, on `program` (default: `interpreter()`)."""
    env = {**os.environ, "MICROPYPATH": f"{firmware()}:{HERE}:.frozen"}
    command = [program or interpreter(), str(HERE / "mp.py"), str(path)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
