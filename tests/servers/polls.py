"""Runs on MicroPython: polls of one account, or the trial of its settings, with the board's driver, for tests. Argument:
firmware folder.

The job is a line of JSON on stdin: account (settings), mail (a folder), wait_ms, and times (how many polls; 0: the
trial). The result is one on stdout: a list of what is known after each poll, or the trial's report.
"""

import asyncio
import json
import sys

sys.path.append(sys.argv[1])
from buzon.account import Account
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.net.link import Link
from buzon.store.journal import Journal
from buzon.store.spool import Spool
from buzon.trial import Trial


class Wifi:
    """It is up."""

    async def join(self, networks):
        pass


def in_folder(account, folder):
    account.spool = Spool(account.id, folder)
    account.journal = Journal(account.spool.folder)
    account.open()
    return account


async def polls(job, link):
    account = in_folder(Account(job["account"]), job["mail"])
    said = []
    for _ in range(job["times"]):
        await account.poll(link, [], lambda long: False)
        account.settle(1000)
        error = account.error
        said.append(
            {
                "error": error and error.code,
                "text": error and str(error),
                "fails": account.fails,
                "wait": account.due - 1000,
                "listed": account.listed,
                "fetched": account.fetched,
                "slow": account.memory.get("slow", 0),
            }
        )
    return said


async def trial(job, link):
    one = Trial({"account": [job["account"]], "wifi": []})
    await one.run(Wifi(), link)
    return one.report()


job = json.loads(sys.stdin.readline())
link = Link(RxBuffer(bytearray(1024)), TxBuffer(bytearray(256)), (0, 0), job["wait_ms"])
sys.stdout.write(json.dumps(asyncio.run((polls if job["times"] else trial)(job, link))) + "\n")
