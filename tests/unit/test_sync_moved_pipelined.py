"""All of test_sync_moved.py again, against a maildrop that takes several commands at once."""

import os
import sys

ONLY = "cpython"  # the real MicroPython runs the first file, and test_sync_pipelined.py

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

import test_sync_moved as moved
from pipelined import again

for _name in dir(moved):
    if _name.startswith("test_"):
        globals()[_name] = again(getattr(moved, _name))
