"""Runs on MicroPython: one session of sync.py over the blocking driver, for tests. Argument: firmware folder; the job comes as JSON on stdin."""

import gc
import json
import sys

sys.path.append(sys.argv[1])
from buzon.core.pop3 import Pop3
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.errors import MailError
from buzon.net.blocking import BlockingLink
from buzon.net.tls import Tls
from buzon.store.journal import Journal
from buzon.store.spool import Spool
from buzon.sync import Session

job = json.load(sys.stdin)
link = BlockingLink(
    RxBuffer(bytearray(job.get("rx", 1024))), TxBuffer(bytearray(256)), job.get("wait_ms", 5000)
)
spool = Spool("test", job["mail"])
spool.prepare()
journal = Journal(spool.folder)
journal.open(spool)
arrived = []
result = {"error": None}
session = None
try:
    tls = None
    if job["account"]["tls"] != "none":
        with open(job["ca"], "rb") as f:
            tls = Tls(f.read())
    gc.collect()
    link.open(job["host"], job["port"], tls, job["account"]["tls"] == "implicit")
    session = Session(
        Pop3(link.rx, link.tx),
        job["account"],
        spool,
        journal,
        arrived.append,
        lambda: 1000,
    )
    link.run(session.run())
except MailError as err:
    result["error"] = [err.code, str(err)]
link.close()
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
result.update({"stored": journal.stored, "new": journal.new, "arrived": len(arrived)})
print(json.dumps(result))
