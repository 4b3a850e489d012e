"""Draws the rows' series, as SVG and PNG."""

from collections.abc import Sequence
from pathlib import Path

from .rows import Row


def draw(rows: Sequence[Row], folder: Path) -> None:
    """Write the plots that these rows have points for into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
