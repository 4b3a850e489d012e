"""For scripts on MicroPython: the virtual board's flash as a block device whose power can go.

The folder `fakes` has the virtual board's own driver, which knows the chip and its counters by BUZON_MAPS.
"""

import os
import sys

import uctypes


class PowerCut(BaseException):
    pass


class Wire:
    """What _flash needs of the virtual board's hardware."""

    def __init__(self):
        self.off = False

    def send(self, letter):
        pass

    def halt(self):
        self.off = True
        raise PowerCut


def chip_in(fakes):
    """The class Chip; `fakes` is the folder of the virtual board's; `Chip(size, cut, torn)` is a block device.

    The folder is on the path no longer than needed: there are fakes of `time` and `socket` in it.
    """
    wire = Wire()
    sys.modules["_hw"] = wire
    sys.path.insert(0, fakes)
    from _flash import MappedFlash

    try:
        from _copy_native import load
    except (ImportError, ValueError):
        from _copy import load

    sys.path.pop(0)
    chip, stats = (int(number) for number in os.getenv("BUZON_MAPS").split()[:2])

    class Chip(MappedFlash):
        """After the cut nothing reaches the flash, and whoever tries goes no further. `mounted[0]`: the one in use.

        Reads are not counted: they are most of what it does.
        """

        mounted = [None]

        def __init__(self, size, cut=0, torn=0):
            super().__init__(chip, stats, size, cut, torn)
            wire.off = False
            self.memory = uctypes.bytearray_at(chip, size)
            self.mounted[0] = self

        def readblocks(self, block, buf, off=0):
            load(self.memory, block * 4096 + off, buf, len(buf))

        def writeblocks(self, block, buf, off=0):
            return -5 if self.off() else super().writeblocks(block, buf, off)

        def ioctl(self, op, arg):
            return -5 if op == 6 and self.off() else super().ioctl(op, arg)

        def off(self):
            if self.mounted[0] is not self:  # the collector closes what a cut left open
                return True
            if wire.off:
                raise PowerCut
            return False

    return Chip
