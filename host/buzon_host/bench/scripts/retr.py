"""Runs on MicroPython: fetches one message and stores it, in one of the ways that are compared.

A job is a line of JSON on stdin, its result one on stdout: {"s": seconds from the command to the closed
file}. `how`: `raw` and `readline` are what others write; `ours` stores into a bare file, `sync` is a whole
session. `path`: the new file, or the folder of the session's spool. `clock`: `cpu`, the processor time of
this process (it counts milliseconds), or `wall`. `hash`: also return the SHA-256 of what is stored
({"hashes": [...]}).
"""

import gc
import json
import os
import socket
import sys
import time
from binascii import hexlify
from hashlib import sha256

from buzon.core.client import Pop3Client
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.net.blocking import BlockingLink


def mount():
    """New file systems: littlefs in memory at /ram, and on the virtual board's flash at /flash."""
    import uctypes
    import vfs
    from ramdisk import RamBlockDevice

    sys.path.append(os.getenv("BUZON_FAKES"))
    import _flash
    import _hw

    sys.path.pop()  # the other fakes are not wanted
    size = _hw.config["size"]
    maps = os.getenv("BUZON_MAPS")
    memory = uctypes.bytearray_at(int(maps.split()[2]), size) if maps else bytearray(size)
    for chip, path in ((RamBlockDevice(4096, memory), "/ram"), (_flash.flash(_hw.config), "/flash")):
        vfs.VfsLfs2.mkfs(chip)
        vfs.mount(vfs.VfsLfs2(chip), path)


def talk(job):
    """A plain socket that has logged in."""
    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", job["port"])[0][-1])
    sock.readline()
    sock.write(b"USER %s\r\n" % job["box"].encode())
    sock.readline()
    return sock


def raw(job):
    """The limit: what arrives is written, whatever it is."""
    sock = talk(job)
    buf = bytearray(job["buffer"])
    start = clock()
    sock.write(b"RAW 1\r\n")
    f = open(job["path"], "wb")
    while True:
        n = sock.readinto(buf)
        if not n:
            break
        f.write(buf, 0, n)
    f.close()
    took = clock() - start
    sock.close()
    return took


def readline(job):
    """The usual loop."""
    sock = talk(job)
    start = clock()
    sock.write(b"RETR 1\r\n")
    sock.readline()
    f = open(job["path"], "wb")
    while True:
        line = sock.readline()
        if line == b".\r\n":
            break
        if not line:
            raise OSError("the connection ended")
        if line.startswith(b"."):
            line = line[1:]
        f.write(line)
    f.close()
    took = clock() - start
    sock.close()
    return took


def ours(job):
    """RETR into a bare file, over the blocking driver."""
    link = BlockingLink(RxBuffer(bytearray(job["buffer"])), TxBuffer(bytearray(256)))
    link.open("127.0.0.1", job["port"], None)
    pop = Pop3Client(link.rx, link.tx)
    link.run(pop.greeting())
    link.run(pop.login(job["box"], "x"))
    start = clock()
    f = open(job["path"], "wb")
    link.run(pop.retr(1, f))
    f.close()
    took = clock() - start
    link.close()
    return took


def ours_asyncio(job):
    """The same over the driver that boards use."""
    import asyncio

    from buzon.net.link import Link

    link = Link(RxBuffer(bytearray(job["buffer"])), TxBuffer(bytearray(256)))
    pop = Pop3Client(link.rx, link.tx)

    async def go():
        await link.open("127.0.0.1", job["port"], None)
        await link.run(pop.greeting())
        await link.run(pop.login(job["box"], "x"))
        start = clock()
        f = open(job["path"], "wb")
        await link.run(pop.retr(1, f))
        f.close()
        took = clock() - start
        link.close()
        return took

    return asyncio.run(go())


def sync(job):
    """Everything, as on a board: a session that finds messages, stores them in the spool and deletes them."""
    import asyncio

    from buzon.core.pop3 import Pop3
    from buzon.net.link import Link
    from buzon.store.incoming import Incoming
    from buzon.store.journal import Journal
    from buzon.sync import Session

    link = Link(RxBuffer(bytearray(job["buffer"])), TxBuffer(bytearray(256)))
    spool = Incoming("bench", job["path"])
    spool.prepare()
    journal = Journal(spool.folder)
    journal.open(spool)
    account = {"user": job["box"], "password": "x", "tls": "none", "auth": "user", "delete_confirmed": True}
    session = Session(Pop3(link.rx, link.tx), account, spool, journal, nothing, lambda: 1000)

    async def go():
        await link.open("127.0.0.1", job["port"], None)
        await link.run(session.login())
        start = clock()
        await link.run(session.work())
        took = clock() - start
        link.close()
        return took

    took = asyncio.run(go())
    if session.error:
        raise session.error
    return took


def nothing(key):
    pass


def files(path):
    """The stored messages: the file, or those in the folders below."""
    try:
        names = sorted(entry[0] for entry in os.ilistdir(path))
    except OSError:
        return [path]
    return [each for name in names for each in files(path + "/" + name) if name != "journal"]


def remove(path):
    try:
        for entry in list(os.ilistdir(path)):
            remove(path + "/" + entry[0])
        os.rmdir(path)
    except OSError:
        try:
            os.remove(path)
        except OSError:
            pass


def hashes(path):
    """SHA-256 of each stored message."""
    found = []
    block = bytearray(4096)
    for each in files(path):
        sha = sha256()
        with open(each, "rb") as f:
            n = f.readinto(block)
            while n:
                sha.update(memoryview(block)[:n])
                n = f.readinto(block)
        found.append(str(hexlify(sha.digest()), "utf-8"))
    return found


CLOCKS = {"cpu": time.clock, "wall": lambda: time.time_ns() / 1e9}
WAYS = {"raw": raw, "readline": readline, "ours": ours, "ours, asyncio": ours_asyncio, "sync": sync}


def work(job):
    global clock
    clock = CLOCKS[job["clock"]]
    remove(job["path"])
    # Not just before the start: an allocation (the block devices make some) would then search all of the heap.
    gc.collect()
    result = {"s": WAYS[job["how"]](job)}
    if job.get("hash"):
        result["hashes"] = hashes(job["path"])
    remove(job["path"])
    return result


if os.getenv("BUZON_HW"):
    mount()
while True:
    line = sys.stdin.readline()
    if not line:
        break
    sys.stdout.write(json.dumps(work(json.loads(line))) + "\n")
