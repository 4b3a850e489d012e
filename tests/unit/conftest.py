"""Unit tests run twice: here under CPython, and each file again under the real MicroPython.

A file that can run on one of them only says so at its top: `ONLY = "micropython"` or `ONLY = "cpython"`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import on_micropython
import pytest
from buzon_host.paths import use_firmware

use_firmware()

from buzon import plugins

plugins._ours = lambda name: False  # nothing is unloaded: what a test has changed in a module stays


def _ilistdir(path: str = ".") -> Iterator[tuple[str, int]]:
    """MicroPython's `os.ilistdir`, which CPython lacks."""
    for entry in os.scandir(path):
        yield entry.name, 0x4000 if entry.is_dir() else 0x8000


if not hasattr(os, "ilistdir"):
    os.ilistdir = _ilistdir  # type: ignore[attr-defined]

collect_ignore = [p.name for p in on_micropython.files() if on_micropython.only(p) == "micropython"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may write to its current folder: it is empty and its own (MicroPython's: the file's own)."""
    monkeypatch.chdir(tmp_path)
