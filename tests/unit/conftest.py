"""Unit tests run twice: here under CPython, and each file again under the real MicroPython.

A file that can run on one of them only says so at its top: `ONLY = "micropython"` or `ONLY = "cpython"`.
"""

from pathlib import Path

import on_micropython
import pytest
from buzon_host.paths import use_firmware

use_firmware()

collect_ignore = [p.name for p in on_micropython.files() if on_micropython.only(p) == "micropython"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may write to its current folder: it is empty and its own (MicroPython's: the file's own)."""
    monkeypatch.chdir(tmp_path)
