import gc

gc.threshold(4096)  # before the imports: collected early, a small heap stays whole

from buzon.errors import MailError
from buzon.mailbox import Mailbox
from buzon.net.blocking import BlockingLink

settings = {
    "host": "pop.example.org",
    "port": 995,
    "user": "me@example.org",
    "password": "secret",
    "ca": "ca.der",
    "keep": "forever",
}

box = Mailbox(settings, "mail")
box.open()
try:
    box.collect(BlockingLink())
    print("new:", box.fetched, "on the server:", box.listed)
    if box.error:
        print("Left out:", box.error)
except MailError as err:
    print("Failed:", err)

for name, time, seen in box.messages():
    print(box.spool.folder + "/" + name)
