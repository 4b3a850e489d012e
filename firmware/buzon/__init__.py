"""Buzón retrieves mail on microcontrollers. This is the part that runs on the board; see docs/ARCHITECTURE.md."""

__version__ = "0.1.0"
