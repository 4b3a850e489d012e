"""The heap of the default app once it is loaded from files, as on a board: they are in /lib. Argument: their folder.

Prints the bytes, then what MicroPython says of its names.
"""

import gc
import ssl  # noqa: F401  (a board has it in its ROM)
import sys

import micropython
import vfs


class Chip:
    """Stands for the modules that a board has in its ROM; nothing of them is used."""

    WDT = I2C = Pin = None


for name in ("machine", "network"):
    sys.modules[name] = Chip
vfs.mount(vfs.VfsPosix(sys.argv[1]), "/lib")
sys.path[:] = ["", "/lib", ".frozen"]
gc.collect()
start = gc.mem_alloc()
import asyncio  # noqa: F401

import buzon.boot

buzon.boot.load()
for name in ("draws", "answers", "display.ssd1306"):
    __import__("buzon." + name)
gc.collect()
print(gc.mem_alloc() - start)
micropython.qstr_info()
