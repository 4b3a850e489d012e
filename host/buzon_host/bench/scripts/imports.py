"""The heap that importing modules from `.mpy` files takes. Arguments: `a,b`, then what to load before them.

`boot` instead of `a,b`: all that the default app has in memory while it waits. Prints the bytes, then the loaded
modules.
"""

import gc
import sys


class Chip:
    """Stands for the modules that a board has in its ROM; nothing of them is used."""

    WDT = I2C = Pin = None


for name in ("machine", "network"):
    sys.modules[name] = Chip
what = sys.argv[1]
for name in sys.argv[2:]:
    __import__(name)
gc.collect()
start = gc.mem_alloc()
if what == "boot":
    import asyncio  # noqa: F401

    import buzon.boot

    buzon.boot.load()
    for name in ("draws", "answers", "display.ssd1306"):
        __import__("buzon." + name)
else:
    for name in what.split(","):
        __import__(name)
        gc.collect()
gc.collect()
print(gc.mem_alloc() - start)
print(*[name for name in sys.modules if name.startswith("buzon")])
