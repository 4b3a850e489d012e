"""The usual loop over Python's poplib, made durable: list, retr, write, fsync, rename."""

import json
import os
import poplib
import sys
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
folder = Path(job["folder"])
client = poplib.POP3("127.0.0.1", job["port"], timeout=300)
client.user(job["user"])
client.pass_(job["password"])
for line in client.list()[1]:
    number = int(line.split()[0])
    message = b"".join(line + b"\r\n" for line in client.retr(number)[1])
    aside = folder / "tmp" / str(number)
    with aside.open("wb") as file:
        file.write(message)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(folder / "new" / str(number))
    if job["delete"]:
        client.dele(number)
client.quit()
