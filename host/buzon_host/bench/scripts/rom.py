import os
import sys

import uctypes
import vfs

rom = uctypes.bytearray_at(int(os.getenv("BUZON_MAPS")), int(os.getenv("BUZON_ROM_SIZE")))
vfs.mount(vfs.VfsRom(rom), "/rom")
sys.path[:] = ["/rom", ".frozen"]
del os, sys, uctypes, vfs, rom
