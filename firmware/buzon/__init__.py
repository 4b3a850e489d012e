"""Buzón: retrieves mail on microcontrollers. What runs on the board; see docs/ARCHITECTURE.md."""

__version__ = "0.1.0"
