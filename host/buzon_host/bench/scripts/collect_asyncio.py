import gc

gc.threshold(4096)

import asyncio

from buzon.errors import MailError
from buzon.mailbox import Mailbox
from buzon.net.link import Link

settings = {
    "host": "pop.example.org",
    "port": 995,
    "user": "me@example.org",
    "password": "secret",
    "ca": "ca.der",
    "keep": "forever",
}


def arrived(key):
    print("Stored:", box.spool.name(key))


async def main():
    try:
        await box.acollect(link, arrived)
        print("new:", box.fetched, "on the server:", box.listed)
    except MailError as err:
        print("Failed:", err)


box = Mailbox(settings, "mail")
box.open()
link = Link()
asyncio.run(main())
