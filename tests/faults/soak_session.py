"""Runs on MicroPython: polls of one account as the board makes them, with its own driver. Arguments: firmware folder,
folder for the mail, the settings as JSON.

A job is a line of JSON, {"port": where}; what came of it is one too.
"""

import asyncio
import gc
import json
import sys

sys.path.append(sys.argv[1])
from buzon.account import Account
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.net.link import Link
from buzon.plugins import unload
from buzon.store.journal import Journal
from buzon.store.spool import Spool

gc.threshold(4096)  # as the app has it

LATE = (
    "sync server core.auth core.learn core.login core.sasl net.cert net.trouble policy.again policy.compare "
    "policy.prove store.alike store.rewrite store.twin"
)


def names():
    """Put the names of the modules into memory that the polls load, as a board does at its start (`boot`): those
    that come late would look like growth."""
    for name in LATE.split():
        __import__("buzon." + name)
        unload()
        gc.collect()


async def serve():
    settings = json.loads(sys.argv[3])
    account = Account(settings)
    account.spool = Spool(account.id, sys.argv[2])
    account.journal = Journal(account.spool.folder)
    account.open()
    link = Link(RxBuffer(bytearray(1024)), TxBuffer(bytearray(256)), (0, 0), 3000)
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        settings["port"] = json.loads(line)["port"]
        line = None
        await account.poll(link, [], lambda long: False)
        account.settle(0)
        error = account.error
        gc.collect()
        print(
            json.dumps(
                {"error": error and error.code, "heap": gc.mem_alloc(), "stored": account.journal.stored}
            )
        )


names()
asyncio.run(serve())
