"""A server made of recorded or made-up replies, a session against it, and what must hold after any session.

Helps the fuzz tests; runs on CPython and on MicroPython. `board` is one folder that is emptied before each session.
"""

import os
from binascii import crc32

from buzon.core.pop3 import Pop3
from buzon.core.wire import READ, STARTTLS, WRITE, RxBuffer, TxBuffer
from buzon.errors import E_CLOSED, E_INJECTION, LinkError, MailError
from buzon.store import fs
from buzon.store.incoming import Incoming
from buzon.store.journal import Journal
from buzon.sync import Session

SECRET = "pencil"  # the password; no error may say it
STEPS = 60000  # of a dialogue; a session with more has no end
ROOT = "fuzz"
NONCE = b"fyko+d2lbbFgONRv9qkxdawL"  # the one of RFC 5802's example


class Script:
    """Answers each command with what `replies` holds for its place; what has no place gets +OK.

    A place is `greeting`, a whole command (`RETR 1`), a verb (`RETR`), or `after` for each line that answers an AUTH
    challenge. A list's replies are given one after another, the last one again and again.
    `cut`: (place, n): after so many bytes of that reply nothing comes any more. `split`: (place, n): the rest of that
    reply comes apart from its first n bytes.
    """

    def __init__(self, replies, cut=None, split=None):
        self.replies = replies
        self.cut = cut
        self.dead = False
        self.split = split
        self.given = 0  # bytes in all
        self.stop = -1  # after which a piece ends
        self.turn = {}
        self.out = b""
        self.commands = []
        self.challenged = False
        self.give("greeting")

    def give(self, *places):
        for place in places:
            if place in self.replies:
                reply = self.replies[place]
                if isinstance(reply, (list, tuple)):
                    at = self.turn.get(place, 0)
                    self.turn[place] = at + 1
                    reply = reply[min(at, len(reply) - 1)]
                break
        else:
            reply = b"+OK\r\n"
        if self.cut and self.cut[0] == place:
            self.out += reply[: self.cut[1]]
            self.dead = True
        elif not self.dead:
            if self.split and self.split[0] == place:
                self.stop = self.given + self.split[1]
            self.out += reply
            self.given += len(reply)
        return reply

    def command(self, line):
        text = "".join(chr(c) for c in line)
        self.commands.append(text)
        verb = text.split(" ")[0]
        if self.challenged:
            reply = self.give("after")
        else:
            reply = self.give(text, verb)
        self.challenged = (self.challenged or verb == "AUTH") and reply[:1] == b"+" and reply[:3] != b"+OK"


def clean():
    """Leave nothing of earlier sessions."""
    for folder in (ROOT + "/acc/tmp", ROOT + "/acc", ROOT):
        try:
            names = [entry[0] for entry in os.ilistdir(folder)]
        except OSError:
            continue
        for name in names:
            os.remove(folder + "/" + name)
        os.rmdir(folder)


def boot():
    spool = Incoming("acc", ROOT)
    spool.prepare()
    journal = Journal(spool.folder)
    journal.open(spool)
    return spool, journal


def session(replies, pieces, size=128, memory=None, cut=None, split=None, **account):
    """One session against these replies, fed in `pieces` (sizes, again and again). It ends with success or with a
    MailError, else this raises. Returns (error code or 0, commands, names of the files)."""
    settings = {"user": "user", "password": SECRET, "tls": "none", "host": "mail.example.org"}
    settings.update({"keep": "delete", "delete_confirmed": True})
    settings.update(account)
    spool, journal = boot()
    before = contents(spool.folder)
    script = Script(replies, cut, split)
    rx = RxBuffer(bytearray(size))
    tx = TxBuffer(bytearray(256))
    one = Session(
        Pop3(rx, tx),
        settings,
        spool,
        journal,
        lambda key: None,
        lambda: 1000,
        {} if memory is None else memory,
        NONCE,
    )
    code = 0
    try:
        _drive(one.run(), script, rx, tx, pieces)
    except MailError as err:
        code = err.code
        assert SECRET not in str(err).lower(), str(err)
    if one.error:
        assert SECRET not in str(one.error).lower(), str(one.error)
    check(spool, journal, script, before)
    return code, script.commands, sorted(fs.names(spool.folder))


def _drive(dialogue, script, rx, tx, pieces):
    at = turn = 0
    line = b""
    try:
        for _ in range(STEPS):
            try:
                need = dialogue.send(None)
            except StopIteration:
                return
            if need == READ:
                left = len(script.out) - at
                if not left:
                    raise LinkError(E_CLOSED, "reply")
                space = rx.space()
                n = min(len(space), left, pieces[turn % len(pieces)])
                begin = script.given - left
                if begin < script.stop < begin + n:
                    n = script.stop - begin
                turn += 1
                space[:n] = script.out[at : at + n]
                at += n
                rx.w += n
            elif need == WRITE:
                script.out = script.out[at:]
                at = 0
                line += bytes(tx.buf[: tx.n])
                tx.clear()
                while b"\r\n" in line:
                    end = line.find(b"\r\n")
                    script.command(line[:end])
                    line = line[end + 2 :]
            elif need == STARTTLS and script.out[at:]:
                raise LinkError(E_INJECTION)  # not TLS: the handshake fails
    finally:
        dialogue.close()
    raise AssertionError("a session without an end")


def contents(folder):
    """The bytes of each stored message, by its name."""
    texts = {}
    for name in fs.names(folder):
        if name.endswith(".eml"):
            with open(folder + "/" + name, "rb") as f:
                texts[name] = f.read()
    return texts


def check(spool, journal, script, before):
    """What holds after every session, however it ended. `before`: `contents` when it began."""
    assert not journal.pending
    names = set(fs.names(spool.folder))
    for name in names:
        if name == "journal":
            continue
        parts = name[: -len(".eml")].split("-")
        assert name.endswith(".eml") and len(parts) == 3 and len(parts[0]) == 16, name
        with open(spool.folder + "/" + name, "rb") as f:
            content = f.read()
        assert (len(content), crc32(content)) == (int(parts[1], 16), int(parts[2], 16)), name
    now = contents(spool.folder)
    for name in before:  # it is here still, or that of which it was the beginning came whole
        assert name in now or [each for each in now if now[each].startswith(before[name])], name
    asked = [line[5:] for line in script.commands if line.startswith("RETR ")]
    for line in script.commands:  # nothing is deleted that was not fetched now or before
        if line.startswith("DELE "):
            assert line[5:] in asked or before, line
    count = len([name for name in names if name != "journal"])
    deleted = len([line for line in script.commands if line.startswith("DELE ")])
    assert count or not deleted
    assert journal.stored == count, (journal.stored, count)
    again = Journal(spool.folder)
    again.open(spool)
    assert again.stored == count, (again.stored, count)


def content_of(reply):
    """The message in the reply to a RETR, as RFC 1939 section 3 says it, written apart from the firmware."""
    at = reply.find(b"\n") + 1
    out = b""
    while True:
        end = reply.find(b"\r\n", at)
        if end < 0:
            return None
        line = reply[at:end]
        at = end + 2
        if line == b".":
            return out
        out += (line[1:] if line[:1] == b"." else line) + b"\r\n"


# What is put into replies: what parsers stumble over.
NASTY = (
    b"",
    b"\r\n",
    b"\n",
    b"\r",
    b".",
    b".\r\n",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"..",
    b"\0",
    b"\x7f",
    b"\xff\xfe",
    b"\xc3",
    b" ",
    b"\t",
    b"0",
    b"-1",
    b"9223372036854775808",
    b"4294967297",
    b"2147483647",
    b"+OK\r\n",
    b"-ERR\r\n",
    b"-ERR [AUTH] no\r\n",
    b"+ \r\n",
    b"+ !\r\n",
    b"[",
    b"]",
    b"<",
    b">",
    b"1 a\r\n",
    b"1 100\r\n",
    b"2 b\r\n",
    b"PIPELINING\r\n",
    b"SASL CRAM-MD5 \xff\r\n",
    b"x" * 300,
    b"y" * 1100,
)


def mutated(data, at, cut, nasty):
    """`data` with `cut` bytes replaced by `nasty` at a place."""
    at %= len(data) + 1
    return data[:at] + nasty + data[at + cut :]


def changed(replies, place, change):
    """The table with one place's replies changed."""
    out = dict(replies)
    reply = out[place]
    if isinstance(reply, (list, tuple)):
        out[place] = [change(each) for each in reply]
    else:
        out[place] = change(reply)
    return out


# -- made-up servers: (name, replies, account settings)

_ONE = b"+OK 61 octets\r\nSubject: one\r\n\r\n..dot\r\nbody \x00\xff\r end\r\n.\r\n"
_TWO = b"+OK\r\nSubject: two\r\n\r\n\r\n.\r\n"
_LISTS = {
    "CAPA": b"-ERR\r\n",
    "UIDL": b"+OK\r\n1 uid~one\r\n2 uid~two\r\n.\r\n",
    "LIST": b"+OK 2 messages\r\n1 36\r\n2 18\r\n.\r\n",
    "STAT": b"+OK 2 54\r\n",
    "RETR 1": _ONE,
    "RETR 2": _TWO,
    "QUIT": b"+OK bye\r\n",
}


def _with(**replies):
    out = dict(_LISTS)
    for place in replies:
        out[place] = replies[place]
    return out


SERVERS = (
    (
        "plain",
        _with(
            greeting=b"+OK POP3 ready\r\n",
            CAPA=b"-ERR what\r\n",
            USER=b"+OK send PASS\r\n",
            PASS=b"+OK logged in\r\n",
            DELE=b"+OK marked\r\n",
        ),
        {},
    ),
    (
        "pipelining",
        _with(
            greeting=b"+OK ready\r\n",
            CAPA=b"+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nEXPIRE 30\r\nSASL PLAIN\r\n.\r\n",
            AUTH=b"+OK in\r\n",
        ),
        {},
    ),
    (
        "kept",
        _with(CAPA=[b"+OK\r\nUSER\r\nUIDL\r\n.\r\n", b"+OK\r\nUIDL\r\nPIPELINING\r\n.\r\n"]),
        {"keep": "forever"},
    ),
    (
        "apop",
        _with(greeting=b"+OK <1896.697170952@example.org>\r\n", CAPA=b"-ERR\r\n", APOP=b"+OK\r\n"),
        {},
    ),
    (
        "login",
        _with(
            CAPA=b"+OK\r\nUIDL\r\nSASL LOGIN\r\n.\r\n",
            AUTH=b"+ VXNlcm5hbWU6\r\n",
            after=[b"+ UGFzc3dvcmQ6\r\n", b"+OK\r\n"],
        ),
        {},
    ),
    (
        "cram",
        _with(CAPA=b"+OK\r\nUIDL\r\nSASL CRAM-MD5\r\n.\r\n", AUTH=b"+ PDEuMkB4Pg==\r\n", after=b"+OK\r\n"),
        {},
    ),
    (
        "scram",
        _with(
            CAPA=b"+OK\r\nUIDL\r\nSASL SCRAM-SHA-1\r\n.\r\n",
            AUTH=b"+ cj1meWtvK2QybGJiRmdPTlJ2OXFreGRhd0wzcmZjTkhZSlkxWlZ2V1ZzN2oscz1RU1hDUitRNnNlazhiZjkyLGk9NDA5Ng==\r\n",
            after=[b"+ dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9\r\n", b"+OK\r\n"],
        ),
        {},
    ),
    (
        "token",
        _with(
            CAPA=b"+OK\r\nUIDL\r\nSASL PLAIN XOAUTH2\r\n.\r\n",
            AUTH=b"+ \r\n",
            after=[b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n", b"-ERR [AUTH] expired\r\n"],
        ),
        {"oauth": SECRET},
    ),
    ("no uidl", _with(CAPA=b"+OK\r\n.\r\n", UIDL=b"-ERR\r\n"), {}),
    ("one uid", _with(UIDL=b"+OK\r\n1 same\r\n2 same\r\n.\r\n"), {}),
    ("one uid kept", _with(UIDL=b"+OK\r\n1 same\r\n2 same\r\n.\r\n"), {"keep": "forever"}),
    ("refuses", _with(DELE=b"-ERR no\r\n", QUIT=b"-ERR some left\r\n"), {}),
    ("expires", _with(CAPA=b"+OK\r\nUIDL\r\nEXPIRE 0\r\n.\r\n"), {"keep": "forever"}),
    ("stls", _with(STLS=b"+OK begin\r\n", greeting=b"+OK\r\n"), {"tls": "starttls"}),
)
