"""Runs on MicroPython: a board's account and console methods over a year, on littlefs on the virtual board's flash, at
`/` as on a board. Arguments: firmware folder, folder of the virtual board's fakes, size of the flash.

A job is a line of JSON with `do`, what came of it is one too; before it come the names of the stored files, each behind
a `+`. `cut`: the power goes in the so-manieth flash operation from then on, and `torn` of 256 of it is done; the result
is then {"cut": true}, and `start` has to follow. `now`: the time by the board's clock, `sure`: whether that is one.
"""

import asyncio
import gc
import json
import os
import sys
from binascii import crc32, unhexlify

import vfs


class Machine:
    WDT = None  # there is no watchdog


sys.modules["machine"] = Machine
SIZE = int(sys.argv[3])
sys.path.append(__file__.rpartition("/")[0])
from chip import PowerCut, chip_in

Chip = chip_in(sys.argv[2])
chip = [None]
vfs.umount("/")
vfs.mount(vfs.VfsPosix("/"), "/pc")
sys.path[:] = [".frozen", "/pc" + sys.argv[1]]
from buzon.account import Account
from buzon.console import change, config, files, mailbox
from buzon.core.cbor import Encoder
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.net import clock
from buzon.net.link import Link
from buzon.plugins import unload
from buzon.store import fs, settings

# A board's driver is no Python: here a collection would close what was left open in the middle of littlefs.
gc.disable()


class App:
    """What the console's methods need of the app."""

    def __init__(self):
        self.link = Link(RxBuffer(bytearray(1024)), TxBuffer(bytearray(256)), (0, 0), 20000)
        self.upload = ["", 0, 0]
        self.staged = bytearray()
        self.trial = None
        self.settings = None
        self.accounts = []

    def apply(self):
        """As `setup.apply`."""
        self.reload = False
        self.settings = settings.load()
        self.accounts = []
        if self.settings:
            full = self.settings.get("storage", {}).get("full", "stop")
            for each in self.settings["account"]:
                account = Account(each, None, full)
                self.accounts.append(account)
                account.open()
        unload()


app = App()
time = [0, False]
clock.now = lambda: time[0] if time[1] else 0
clock.sure = clock.trusted = lambda: time[1]
clock.recorded = clock.now


def start(job):
    chip[0] = Chip(SIZE)
    vfs.mount(vfs.VfsLfs2(chip[0]), "/")
    chip[0].cut_after(job.get("cut", 0), job.get("torn", 0))
    app.apply()
    return {}


def set(job):
    """Change the settings, in pieces as the PC tool sends them."""
    room = Encoder(bytearray(2048))
    room.put(job["settings"])
    data = bytes(room.buf[: room.n])
    for off in range(0, len(data), 120):
        end = off + 120 >= len(data)
        config.do_settings_stage(app, {"off": off, "data": data[off : off + 120], "end": end})
    change.do_settings_commit(app, {"untested": True})
    app.apply()
    return {}


def put(job):
    data = unhexlify(job["data"])
    for off in range(0, len(data), 120):
        end = off + 120 >= len(data)
        files.do_file_put(app, {"path": job["path"], "off": off, "data": data[off : off + 120], "end": end})
    return {}


def poll(job):
    account = app.accounts[0]
    asyncio.run(account.poll(app.link, [], lambda long: False))
    account.settle(0)
    error = account.error
    return {
        "error": error and error.code,
        "detail": error and error.detail,
        "fetched": account.fetched,
        "listed": account.listed,
        "more": account.more,
        "due": account.due,
    }


def move(job):
    """Read every message as `mail pull` does, and delete it: [name, its CRC-32] of each."""
    moved = []
    for name in fs.names(app.accounts[0].spool.folder):
        if not name.endswith(".eml"):
            continue
        params = {"account": "main", "id": name[:16], "peek": True, "off": 0}
        crc = 0
        while True:
            got = mailbox.do_mail_read(app, params)
            crc = crc32(got["data"], crc)
            params["off"] += len(got["data"])
            if got["end"]:
                break
        mailbox.do_mail_delete(app, params)
        moved.append([name, crc])
        gc.collect()  # hundreds of messages, and for each piece a pass over the journal
    return {"moved": moved}


def flag(job):
    mailbox.do_mail_flag(app, {"account": "main", "id": job["id"], "seen": job["seen"]})
    return {}


def delete(job):
    mailbox.do_mail_delete(app, {"account": "main", "id": job["id"]})
    return {}


DO = {"start": start, "set": set, "put": put, "poll": poll, "move": move, "flag": flag, "delete": delete}


def work(job):
    time[:] = [job["now"], job["sure"]]
    try:
        if job["do"] != "start":
            chip[0].cut_after(job.get("cut", 0), job.get("torn", 0))
        try:
            result = DO[job["do"]](job)
        except errors as err:
            result = {"error": err.code, "detail": err.detail}
        chip[0].cut_after(0, 0)
        unload()
        free = fs.room()[0]
        gc.collect()
        # For a file that was left open: littlefs keeps what may still be read.
        result["held"] = fs.room()[0] - free
        for account in app.accounts:
            for name in fs.names(account.spool.folder):
                sys.stdout.write("+" + name + "\n")
            result["stored"] = account.journal.stored
            result["gone"] = account.journal.gone
            try:
                result["journal"] = os.stat(account.journal.path)[6]
            except OSError:
                result["journal"] = 0
        gc.collect()
        result["heap"] = gc.mem_alloc()
        result["free"] = fs.room()[0]
        return result
    except PowerCut:
        return {"cut": True}


from buzon.errors import MailError as errors

while True:
    line = sys.stdin.readline()
    if not line:
        break
    sys.stdout.write(json.dumps(work(json.loads(line))) + "\n")
