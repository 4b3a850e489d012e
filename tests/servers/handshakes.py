"""Runs on MicroPython: connections of the board's driver, as far as the greeting, for tests. Argument: firmware folder.

A job is a line of JSON on stdin: host, port, ca (path), tls (`implicit` or `starttls`), times. The result, one on
stdout: the errors and how often each came, the least heap in use around the 10th and the last connection, and the
memory of the process then (KB).
"""

import asyncio
import gc
import json
import sys

sys.path.append(sys.argv[1])
from buzon.core.pop3 import Pop3
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.errors import MailError
from buzon.net.link import Link
from buzon.net.tls import Tls
from buzon.plugins import unload

link = Link(RxBuffer(bytearray(1024)), TxBuffer(bytearray(256)), (0, 0), 1000, 5000)


def resident():
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith("VmRSS"):
                return int(line.split()[1])


def scrub(n):
    """Overwrite what calls have left on the stack: the collector takes it for pointers."""
    return n and scrub(n - 1)


async def once(job, ca):
    tls = Tls(ca)
    try:
        await link.open(job["host"], job["port"], tls, job["tls"] == "implicit")
        pop = Pop3(link.rx, link.tx)
        await link.run(pop.greeting())
        if job["tls"] == "starttls":
            await link.run(pop.stls())
            await link.run(pop.capa())  # with it the handshake comes
        return "ok"
    except MailError as err:
        return str(err.code) + " " + str(err)
    finally:
        link.close()


async def work(job):
    with open(job["ca"], "rb") as f:
        ca = f.read()
    errors = {}
    memory = [[1 << 30, 0], [1 << 30, 0]]
    for i in range(job["times"]):
        said = await once(job, ca)
        errors[said] = errors.get(said, 0) + 1
        unload()  # as the app does
        for k, end in enumerate((20, job["times"])):
            if end - 20 <= i < end:  # the least of some: the collector may take a number for a pointer
                await asyncio.sleep_ms(50)
                scrub(40)
                gc.collect()
                memory[k][0] = min(memory[k][0], gc.mem_alloc())
                memory[k][1] = resident()
    return {"errors": errors, "memory": memory}


while True:
    line = sys.stdin.readline()
    if not line:
        break
    sys.stdout.write(json.dumps(asyncio.run(work(json.loads(line)))) + "\n")
