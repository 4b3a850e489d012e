"""Runs on MicroPython: sessions whose mail lands on the virtual board's flash, in littlefs. Arguments: firmware
folder, folder of tests/servers, folder of the virtual board's fakes, size of the flash.

A job as in session.py; `cut`: number of the flash operation in whose middle the power goes (0: never), counted from
its start, and `torn`: how much of it is done, of 256. Its result then says {"cut": true}, and nothing that was in memory
goes on. Each job mounts the flash anew, as a start does.
"""

import gc
import os
import sys

import vfs


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


wire = Wire()
sys.modules["_hw"] = wire
SIZE = int(sys.argv[4])
sys.path.insert(0, sys.argv[3])  # no longer than needed: there are fakes of `time` and `socket` in it
from _flash import MappedFlash

sys.path.pop(0)
sys.path.append(sys.argv[2])
import session

CHIP, STATS = (int(number) for number in os.getenv("BUZON_MAPS").split()[:2])


class Chip(MappedFlash):
    """After the cut nothing reaches the flash, and whoever tries goes no further."""

    def writeblocks(self, block, buf, off=0):
        return -5 if self.off() else super().writeblocks(block, buf, off)

    def ioctl(self, op, arg):
        return -5 if op == 6 and self.off() else super().ioctl(op, arg)

    def off(self):
        if chip[0] is not self:  # the collector closes what a cut left open
            return True
        if wire.off:
            raise PowerCut
        return False


chip = [None]


def work(job, memory):
    wire.off = False
    chip[0] = Chip(CHIP, STATS, SIZE, job.get("cut", 0), job.get("torn", 0), 0, 0)
    try:
        vfs.mount(vfs.VfsLfs2(chip[0]), "/flash")
        return session.work(job, memory)
    except PowerCut:
        return {"cut": True}
    finally:
        vfs.umount("/flash")
        chip[0] = None
        gc.collect()


session.serve(work)
