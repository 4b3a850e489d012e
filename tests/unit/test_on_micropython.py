"""Every unit test file again, on the real MicroPython, and most of them on one whose words are a board's."""

import subprocess
from pathlib import Path

import narrow
import on_micropython
import pytest

ONLY = "cpython"

_BAD = {
    "failing": ("def test_a():\n    assert 1 == 2\n", "FAILED test_a"),
    "empty": ("X = 1\n", "0 passed"),
    "broken": ("1 / 0\n", "ZeroDivision"),
}


@pytest.mark.parametrize("path", on_micropython.files(), ids=lambda path: path.stem)
def test_file(path: Path, tmp_path: Path) -> None:
    passes(on_micropython.run(path, tmp_path))


@pytest.mark.parametrize("path", on_micropython.narrow_files(), ids=lambda path: path.stem)
def test_file_with_32_bits(path: Path, tmp_path: Path) -> None:
    passes(on_micropython.run(path, tmp_path, narrow.program()))


def passes(result: "subprocess.CompletedProcess[str]") -> None:
    assert result.returncode == 0, result.stdout + result.stderr
    assert "passed test_" in result.stdout


@pytest.mark.parametrize("kind", sorted(_BAD))
def test_what_fails_is_a_failure(kind: str, tmp_path: Path) -> None:
    source, said = _BAD[kind]
    path = tmp_path / "test_it.py"
    path.write_text(source)
    result = on_micropython.run(path, tmp_path)
    assert result.returncode != 0
    assert said in result.stdout + result.stderr
