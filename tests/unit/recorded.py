"""What real servers were recorded to say, where the recordings are at hand, and where in a session it belongs.

One reply a file, `<server>--<what>.txt`, with LF for CRLF; those of a command with a number end in it. For both
interpreters; never part of the project.
"""

import os

from replay import content_of

_HERE = __file__[: __file__.rindex("/")] if "/" in __file__ else os.getcwd()
FOLDER = _HERE + "/../../../shared/transcripts"

# What stands for what a server was not recorded to say.
_UIDL = b"+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n"
_RETR = b"+OK\r\nSubject: x\r\n\r\nbody\r\n.\r\n"

# Where a recorded reply belongs, by the second half of its name without what follows a number.
_PLACES = {
    "greeting": "greeting",
    "ok-greeting": "greeting",
    "err-greeting": "greeting",
    "capa1": "CAPA",
    "capa2": "CAPA",
    "auth": "AUTH",
    "plus": "AUTH",
    "stat": "STAT",
    "list": "LIST",
    "uidl": "UIDL",
    "retr1": "RETR",
    "retr123": "RETR 1",
    "dele": "DELE",
    "dele123": "DELE 1",
    "ok": "PASS",
    "err": "PASS",
    "quit": "QUIT",
}


def names():
    """The recordings there are, without `.txt`; none where they are not at hand."""
    try:
        return sorted(name[:-4] for name in os.listdir(FOLDER) if name.endswith(".txt"))
    except OSError:
        return []


def reply(name):
    """The bytes as they came over the wire."""
    with open(FOLDER + "/" + name + ".txt", "rb") as f:
        return f.read().replace(b"\n", b"\r\n")


def place(name):
    """Where it belongs in a session; "" when no session asks for it."""
    what = name.split("--")[1]
    if what == "retr1-parse-error":
        return "RETR"
    return _PLACES.get(what.split("-error")[0], "")


def server(name):
    """(replies, account) of a session in which this recording has its place."""
    where = place(name)
    pipelined = where in ("RETR 1", "DELE 1")
    size = len((where.startswith("RETR") and content_of(reply(name))) or content_of(_RETR))
    replies = {
        "greeting": b"+OK\r\n",
        "CAPA": b"+OK\r\nUIDL\r\nUSER\r\n" + (b"PIPELINING\r\n" if pipelined else b"") + b".\r\n",
        "UIDL": _UIDL,
        "LIST": b"+OK\r\n" + b"".join(b"%d %d\r\n" % (n, size) for n in (1, 2, 3)) + b".\r\n",
        "RETR": _RETR,
    }
    account = {}
    if where == "STAT":
        replies["UIDL"] = b"-ERR\r\n"
        replies["CAPA"] = b"-ERR\r\n"
    if where == "AUTH":
        account["auth"] = "login" if name.endswith("plus") else "plain"
        replies["after"] = [reply(name), b"+OK\r\n"]
    replies[where] = reply(name)
    if pipelined:  # the replies to three commands in one
        verb = where.split(" ")[0]
        replies[verb] = b""
    return replies, account


def servers(most=5000):
    """As in `replay.SERVERS`: one for each recording of at most so many bytes that has a place in a session."""
    found = []
    for name in names():
        if place(name) and len(reply(name)) <= most:
            replies, account = server(name)
            found.append((name, replies, account))
    return found
