"""Runs on MicroPython: counts the bytes of heap that collecting a message allocates, with the collector off.

A job is a line of JSON on stdin, its result one on stdout. `what`: `chunks` ({"bytes", "chunks", "locked"}:
while data is there; `locked` tells whether it worked with the heap locked), `waits` ({"bytes", "waits"}) or
`messages` ({"bytes", "messages"}). `driver`: `blocking` or `asyncio`. `sink`: `file` or `spool`, in the
folder `path`, which becomes the current one, so that names are as long as on a board.
"""

import asyncio
import gc
import json
import os
import sys
import time

import micropython
from buzon.core.pop3 import Pop3
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.net.blocking import BlockingLink
from buzon.net.link import Link
from buzon.store.incoming import Incoming
from buzon.store.journal import Journal
from buzon.sync import Session

NAMED = b"bench-id"  # eight bytes


class Counting:
    """A sink that counts from its third chunk to its last one. It may lock the heap meanwhile.

    The first chunk shares the buffer with the reply, and the part of it that does not fill a block is written
    with the second: that takes a slice, which belongs to what is allocated around a message.
    """

    def __init__(self, sink, octets, lock):
        self.sink = sink
        self.left = octets
        self.lock = lock
        self.chunks = 0
        self.start = 0
        self.end = 0

    def write(self, buf, off, n):
        if self.chunks == 2:
            gc.disable()
            self.start = gc.mem_alloc()
            if self.lock:
                micropython.heap_lock()
        self.sink.write(buf, off, n)
        self.chunks += 1
        self.left -= n
        if not self.left:
            if self.lock:
                micropython.heap_unlock()
            self.end = gc.mem_alloc()
            gc.enable()


class Driver:
    """Either driver, used the same way."""

    def __init__(self, job):
        rx = RxBuffer(bytearray(1024))
        tx = TxBuffer(bytearray(256))
        self.asyncio = job["driver"] == "asyncio"
        self.link = (Link if self.asyncio else BlockingLink)(rx, tx)
        self.pop = Pop3(rx, tx)

    async def open(self, job):
        opened = self.link.open("127.0.0.1", job["port"], None)
        if self.asyncio:
            await opened

    async def run(self, dialogue):
        done = self.link.run(dialogue)
        return (await done) if self.asyncio else done


def spool_of(job):
    spool = Incoming("main", "mail")
    spool.prepare()
    return spool


async def retr(job, lock):
    """Fetch one message into a counting sink; returns the sink."""
    driver = Driver(job)
    await driver.open(job)
    spool = spool_of(job)
    session = Session(driver.pop, account(job), spool, Journal(spool.folder), nothing, epoch)
    await driver.run(session.login())
    if job["sink"] == "spool":
        place = session.spool
        place.begin(job["octets"])
    else:
        place = open("stored", "wb")
    sink = Counting(place, job["octets"], lock)
    await driver.run(driver.pop.post("RETR ", 1))
    await driver.run(driver.pop.reply())
    if job["what"] == "chunks":
        time.sleep_ms(50)  # then the kernel holds all of it
    gc.collect()
    try:
        await driver.run(driver.pop.content(sink))
    finally:
        if sink.left and sink.lock and sink.chunks > 2:
            micropython.heap_unlock()
        gc.enable()
        driver.link.close()
    if job["sink"] == "spool":
        place.commit(NAMED)
    else:
        place.close()
    return sink


async def chunks(job):
    sink = await retr(job, False)
    try:
        await retr(job, True)
        locked = True
    except MemoryError:
        locked = False
    return {"bytes": sink.end - sink.start, "chunks": sink.chunks - 3, "locked": locked}


async def waits(job):
    sink = await retr(job, False)
    return {"bytes": sink.end - sink.start, "waits": sink.chunks - 3}


async def messages(job):
    driver = Driver(job)
    spool = spool_of(job)
    journal = Journal(spool.folder)
    journal.open(spool)
    at = []

    def arrived(key):
        if not at:
            gc.collect()
            gc.disable()
        at.append(gc.mem_alloc())

    session = Session(driver.pop, account(job), spool, journal, arrived, epoch)
    await driver.open(job)
    await driver.run(session.run())
    gc.enable()
    driver.link.close()
    if session.error:
        raise session.error
    return {"bytes": at[-1] - at[0], "messages": len(at) - 1}


def account(job):
    return {"user": job["box"], "password": "x", "tls": "none", "auth": "user", "delete_confirmed": True}


def nothing(key):
    pass


def epoch():
    return 1000


WHAT = {"chunks": chunks, "waits": waits, "messages": messages}

while True:
    line = sys.stdin.readline()
    if not line:
        break
    job = json.loads(line)
    os.chdir(job["path"])
    gc.collect()
    sys.stdout.write(json.dumps(asyncio.run(WHAT[job["what"]](job))) + "\n")
