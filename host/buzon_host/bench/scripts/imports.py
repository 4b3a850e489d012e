"""What importing modules takes of the heap, from `.mpy` files. Arguments: `a,b`, and then each module before them.

`boot` instead of `a,b`: all that the app loads at its start. Prints the bytes, then the modules that are loaded.
"""

import gc
import sys


class Chip:
    """Stands for what a board has in its ROM; nothing of it is used."""

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
else:
    for name in what.split(","):
        __import__(name)
        gc.collect()
gc.collect()
print(gc.mem_alloc() - start)
print(*[name for name in sys.modules if name.startswith("buzon")])
