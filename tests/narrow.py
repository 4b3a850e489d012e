"""The 32-bit MicroPython, for tests: words and heap blocks of a board's size."""

import os

import pytest
from buzon_host.virtual.interpreter import VirtualBoardError, narrow_program


def program() -> str:
    """Its path; without it the test is skipped, but fails where CI is set."""
    try:
        return str(narrow_program())
    except VirtualBoardError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
