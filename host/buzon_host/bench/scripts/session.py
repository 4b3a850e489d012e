"""Runs on MicroPython, `run` on CPython too: one session up to STAT, for `buzon_host.provision.mbedtls`.

A job is a line of JSON on stdin: host, port, tls (implicit, starttls, none), ca (DER as hex, or ""), verify,
wait_ms, and for a login: login (an account's settings) and nonce. The result is a line on stdout: `count`, or
code, text, detail.
"""

import json
import sys

from buzon.core.learn import failed
from buzon.core.login import enter
from buzon.core.pop3 import Pop3
from buzon.core.wire import RxBuffer, TxBuffer
from buzon.errors import E_TIMEOUT, MailError
from buzon.net.blocking import BlockingLink
from buzon.net.tls import Tls

TRIES = 5  # sessions with one server
SILENT_MS = 90000  # the second time, for a server that has not greeted
SLOW_MS = 300000  # and for one that has: as long as a board waits


def run(job, tls):
    """What STAT counts, or [] without a login. `tls`: a Tls or None. What is learned is tried at once."""
    memory = {}
    wait_ms = job["wait_ms"]
    for left in range(TRIES, 0, -1):
        link = BlockingLink(RxBuffer(bytearray(1024)), TxBuffer(bytearray(1024)), wait_ms)
        pop = Pop3(link.rx, link.tx)
        try:
            return session(job, tls, link, pop, memory)
        except MailError as err:
            error, again = failed(memory, err)
            if left == 1 or not again or (err.code == E_TIMEOUT and wait_ms != job["wait_ms"]):
                raise error
            if err.code == E_TIMEOUT:
                wait_ms = SLOW_MS if pop.state else SILENT_MS
        finally:
            link.close()


def session(job, tls, link, pop, memory):
    link.open(job["host"], job["port"], tls, job["tls"] == "implicit")
    count = []
    if "login" in job:
        link.run(enter(pop, job["login"], job["nonce"].encode(), memory))
        count = list(link.run(pop.stat()))
    else:
        link.run(pop.greeting())
        if job["tls"] == "starttls":
            link.run(pop.stls())
    try:
        link.wait_ms = job["wait_ms"]
        link.run(pop.quit())
    except MailError:  # the answer is known already
        pass
    return count


if __name__ == "__main__":
    job = json.loads(sys.stdin.readline())
    try:
        tls = None if job["tls"] == "none" else Tls(bytes.fromhex(job["ca"]), job["verify"])
        result = {"count": run(job, tls)}
    except MailError as err:
        result = {"code": err.code, "text": str(err), "detail": err.detail}
    sys.stdout.write(json.dumps(result) + "\n")
