# Freezes Buzón into a MicroPython firmware: make ... FROZEN_MANIFEST=<this file>
# ruff: noqa: F821
# Read by the freezing tool; never on a board.
metadata(version="0.1.0", description="Retrieves mail on microcontrollers", license="MIT")
package("buzon", opt=3)
module("main.py", opt=3)
