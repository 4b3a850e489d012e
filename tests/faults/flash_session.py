"""Runs on MicroPython: sessions whose mail lands on the virtual board's flash, in littlefs. Arguments: firmware
folder, folder of tests/servers, folder of the virtual board's fakes, size of the flash.

A job as in session.py; `cut`: number of the flash operation in whose middle the power goes (0: never), counted from
its start, and `torn`: how much of it is done, of 256. Its result then says {"cut": true}, and nothing that was in memory
goes on. Each job mounts the flash anew, as a start does.
"""

import gc
import sys

import vfs

SIZE = int(sys.argv[4])
sys.path.append(__file__.rpartition("/")[0])
from chip import PowerCut, chip_in

Chip = chip_in(sys.argv[3])
sys.path.append(sys.argv[2])
import session


def work(job, memory):
    chip = Chip(SIZE, job.get("cut", 0), job.get("torn", 0))
    try:
        vfs.mount(vfs.VfsLfs2(chip), "/flash")
        return session.work(job, memory)
    except PowerCut:
        return {"cut": True}
    finally:
        vfs.umount("/flash")
        Chip.mounted[0] = None
        gc.collect()


session.serve(work)
