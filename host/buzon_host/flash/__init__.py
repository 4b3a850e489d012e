"""Puts MicroPython and Buzón onto a board that has nothing on it: ESP32s with esptool, RP2s as a UF2 file."""
