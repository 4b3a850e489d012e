"""Puts MicroPython and Buzón onto an empty board: onto ESP32s with esptool, onto RP2s as a UF2 file."""
