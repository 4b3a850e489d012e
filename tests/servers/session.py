"""Runs on MicroPython: sessions of sync.py over the blocking driver, for tests. Argument: firmware folder.

A job is a line of JSON on stdin, its result one on stdout. What is known of the server is kept while the jobs are
for the same folder; `memory` in the first of them is known before. `now`: the time that the session goes by.
"""

import builtins
import gc
import json
import os
import sys
from binascii import hexlify

sys.path.append(sys.argv[1])
from buzon.core.pop3 import Pop3
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.errors import LinkError, MailError, RemoteProtocolError
from buzon.net.blocking import BlockingLink
from buzon.net.tls import Tls
from buzon.store.incoming import Incoming
from buzon.store.journal import Journal
from buzon.sync import Session

_open = builtins.open
written = set()  # files that were opened to be written


def _noting(path, mode="r"):
    if mode[0] != "r":
        written.add(path)
    return _open(path, mode)


builtins.open = _noting


def judge(account, spool, journal, came):
    from buzon.policy.sift import sift  # only then: some tests leave little heap

    return sift(account, spool, journal, came)


def work(job, memory):
    rx = RxBuffer(bytearray(job.get("rx", 1024)))
    tx = TxBuffer(bytearray(256))
    if job.get("asyncio"):
        import asyncio

        from buzon.net.link import Link

        link = Link(rx, tx, (0, 0), job.get("wait_ms", 5000), job.get("whole_ms", 60000))
    else:
        link = BlockingLink(rx, tx, job.get("wait_ms", 5000))
    quota = None
    if job.get("quota"):
        from buzon.store.quota import Quota

        quota = Quota(job["quota"], job["mail"])
    spool = Incoming("test", job["mail"], None, quota, job.get("full", "stop"))
    spool.prepare()
    journal = Journal(spool.folder)
    journal.open(spool)
    arrived = [0]  # a count: a list of them would grow with the mail

    def came(key):
        arrived[0] += 1

    result = {"error": None}
    session = None
    more = False
    sift = judge if job["account"].get("filter") else None
    if sift:
        sift(job["account"], spool, journal, came)  # what a cut left to be judged
    try:
        tls = None
        if job["account"]["tls"] != "none":
            with open(job["ca"], "rb") as f:
                tls = Tls(f.read())
        gc.collect()
        where = (job["host"], job["port"], tls, job["account"]["tls"] == "implicit")
        if not job.get("asyncio"):
            link.open(*where)
        session = Session(
            Pop3(link.rx, link.tx),
            job["account"],
            spool,
            journal,
            came,
            lambda: job.get("now", 1000),
            memory,
            hexlify(os.urandom(12)),
        )
        if job.get("asyncio"):
            ticks = [0]

            async def count():
                while True:
                    await asyncio.sleep_ms(10)
                    ticks[0] += 1

            async def go():
                counter = asyncio.create_task(count())
                try:
                    await link.open(*where)
                    await link.run(session.run())
                finally:
                    counter.cancel()
                    link.close()

            asyncio.run(go())
        else:
            link.run(session.run())
    except MailError as err:
        result["error"] = [err.code, str(err)]
        if session and isinstance(err, (LinkError, RemoteProtocolError)):
            session.cut_off()
    finally:
        link.close()
    if job.get("asyncio"):
        result["ticks"] = ticks[0]  # what other tasks did meanwhile
    result["left"] = [entry[0] for entry in os.ilistdir(spool.folder) if not entry[0].endswith(".eml")]
    result["pending"] = len(journal.pending)
    if sift:
        more = sift(job["account"], spool, journal, came)
    if not result["error"]:
        spool.close()
    result["more"] = more or bool(session and session.more)
    result["written"] = sorted(written)
    written.clear()
    gc.collect()
    result["heap"] = gc.mem_alloc()
    if session:
        result.update(
            {
                "listed": session.listed,
                "fetched": session.fetched,
                "deleted": session.deleted,
                "held": session.held,
                "skipped": session.error.code if session.error else None,
            }
        )
    result.update({"stored": journal.stored, "new": journal.new, "arrived": arrived[0]})
    return result


def serve(work):
    """Do jobs until there is none."""
    memory = {}
    folder = ""
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        job = json.loads(line)
        if job["mail"] != folder:
            folder = job["mail"]
            memory = job.get("memory", {})
        gc.collect()
        sys.stdout.write(json.dumps(work(job, memory)) + "\n")


if __name__ == "__main__":
    serve(work)
