"""The last lines of the log, in memory: text for people. Never holds a secret; text from mail is escaped first."""

import time

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

_SIZE = const(768)  # bytes kept
_LINE = const(160)

_lines = bytearray(_SIZE)  # of fixed size, so that it stays where it is in the heap
_n = 0
echo: "Any" = None  # a function that takes each line as bytes, or None; the console sets it


def say(text: str) -> None:
    """Add a line with the time of day, cut at 160 bytes. Control characters become `?`."""
    now = time.gmtime()
    line = bytearray(("%02d:%02d:%02d %s" % (now[3], now[4], now[5], text)).encode()[:_LINE])
    for i in range(len(line)):  # bytes, as MicroPython keeps every single-character string for good
        if line[i] < 32 or line[i] == 127 or (line[i] == 0xC2 and line[i + 1 : i + 2] < b"\xa0"):
            line[i] = 63
    line.append(10)
    global _n
    over = _n + len(line) - _SIZE
    if over > 0:
        cut = _lines.find(b"\n", over - 1, _n) + 1
        _n -= cut
        _lines[:_n] = _lines[cut : cut + _n]
    _lines[_n : _n + len(line)] = line
    _n += len(line)
    if echo:
        echo(line)


def lines() -> memoryview:
    """The whole lines that are kept, oldest first."""
    return memoryview(_lines)[:_n]
