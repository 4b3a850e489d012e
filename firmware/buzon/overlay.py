"""Modules that are needed now and then: imported where they are used, dropped here, so that heap is free between."""

import sys


def forget(modules: str) -> None:
    """Drop modules, by their names below `buzon.`, with blanks between.

    Whoever still runs in one, or holds its objects, may go on.
    """
    for name in modules.split():
        name = "buzon." + name
        package, _, last = name.rpartition(".")
        if sys.modules.pop(name, None) and hasattr(sys.modules[package], last):
            delattr(sys.modules[package], last)
