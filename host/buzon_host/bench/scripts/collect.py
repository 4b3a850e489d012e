"""Runs on MicroPython: sessions of a `Mailbox` as in docs/library.md. The first line on stdin is JSON with
`driver` (blocking or asyncio), `rx` (bytes), `settings`, and either `root` (a folder of this computer) or
`flash` (its bytes; then `fakes` is the folder with the virtual board's fakes, and BUZON_MAPS names the chip).

Each further line on stdin is a job: an object whose `settings` are set before the session. Its answer is a
line: what the mailbox says, the heap in use afterwards, and with a flash the bytes programmed in it.
"""

import gc
import json
import os
import sys

import vfs

gc.threshold(4096)  # as docs/library.md says

first = json.loads(sys.stdin.readline())


class Durable:
    """A folder of this computer in which a file is synced before it gets its name, as with the peers:
    MicroPython's own `close` syncs on littlefs, but not here."""

    def __init__(self, root):
        fs = vfs.VfsPosix(root)
        self._root = root
        for name in dir(fs):
            if name != "rename":
                setattr(self, name, getattr(fs, name))

    def rename(self, old, new):
        with open(self._root + old, "ab") as file:
            file.flush()  # fsync
        os.rename(self._root + old, self._root + new)  # VfsPosix's own mixes up the two when it has a root


def programmed():
    return 0


if "flash" in first:

    class Wire:
        def send(self, letter):
            pass

    sys.modules["_hw"] = Wire()
    sys.path.insert(0, first["fakes"])  # only briefly: it also has fakes of `time` and `socket`
    from _flash import MappedFlash

    sys.path.pop(0)
    maps = os.getenv("BUZON_MAPS").split()
    flash = MappedFlash(int(maps[0]), int(maps[1]), first["flash"], 0, 0)
    vfs.mount(vfs.VfsLfs2(flash), "/bench")

    def programmed():
        return flash._n[3]

else:
    vfs.mount(Durable(first["root"]), "/bench")

from buzon.core.wire import RxBuffer
from buzon.errors import MailError
from buzon.mailbox import Mailbox

if first["driver"] == "asyncio":
    import asyncio

    from buzon.net.link import Link as Driver
else:
    from buzon.net.blocking import BlockingLink as Driver

settings = first["settings"]
box = Mailbox(settings, "/bench/mail")
box.open()
link = Driver(RxBuffer(bytearray(first["rx"])))
while True:
    line = sys.stdin.readline()
    if not line:
        break
    settings.update(json.loads(line)["settings"])
    line = ""
    before = programmed()
    error = ""
    try:
        if first["driver"] == "asyncio":
            asyncio.run(box.acollect(link))
        else:
            box.collect(link)
    except MailError as err:
        error = str(err)
    gc.collect()
    heap = gc.mem_alloc()
    answer = {
        "error": error or (str(box.error) if box.error else ""),
        "fetched": box.fetched,
        "deleted": box.deleted,
        "listed": box.listed,
        "heap": heap,
        "programmed": programmed() - before,
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    answer = None
