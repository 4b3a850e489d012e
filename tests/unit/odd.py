"""A maildrop that is odd in ways that real servers were seen to be, and a judge of what a board made of it.

`ODDITIES` names the ways; a mixture is any set of them. The judge knows nothing of the engine: only what was served,
what is stored, and what the server removed. Runs on MicroPython too.
"""

import test_sync_model as model
from chance import chance

ODDITIES = (
    "uid-reused",  # what was deleted leaves its id to the next message: of another size, or of the same
    "uid-reused-same-size",
    "uid-repeated",  # two messages of one listing have one id
    "uid-number",  # it is the message's number
    "uids-changed",  # the mailbox was moved: all ids are new, once
    "uid-blank",  # lines without an id
    "uid-with-blanks",
    "uid-left-out",  # no line for a message
    "no-uidl",
    "order",  # listings in other order, another each time
    "size-lf",  # LIST counts LF for CRLF
    "size-larger",
    "size-smaller",
    "size-some",  # only some are wrong
    "retr-empty-once",  # +OK and no line of the message
    "retr-empty",  # always
    "retr-short-once",  # ends in the middle
    "retr-body-only-once",  # without its header
    "retr-perm",  # [SYS/PERM] for one message
    "dot-lone",  # a lone dot is not stuffed: the rest of the message is the next "reply"
    "dot-start",  # dots at the start of lines are not
    "renumbers",  # after DELE all that follow have one less
    "dele-nothing",  # +OK at DELE and QUIT, and nothing is deleted
    "dele-perm",
    "quit-some",  # -ERR at QUIT, half of them deleted
    "quit-hangs-up",  # nothing deleted
    "quit-hangs-up-after",  # all deleted
    "hangs-up",  # with several in flight
    "top-all",
    "no-top",
    "top-altered",
    "list-refused",
    "stat-wrong",
    "status-added",  # a Status field between sessions
    "other-deletes",
    "other-adds",
)

NAMELESS = {
    "uid-blank",
    "uid-with-blanks",
    "uid-left-out",
    "list-refused",
    "retr-perm",
    "retr-empty",
    "dele-nothing",
}


class Message:
    def __init__(self, uid, body):
        self.uid = uid
        self.body = body
        self.forms = [body]  # what it was: a server may add a field to it
        self.served = {}  # content as a client reads it: how often it was sent whole
        self.sessions = 0  # that listed it
        self.taken = False  # somebody else has deleted it
        self.troubled = False  # a session that listed it ended with an error


def as_read(wire):
    """What a client takes for the message in these bytes; RFC 1939 section 3."""
    out = []
    for line in wire.split(b"\r\n"):
        if line == b".":
            break
        out.append(line[1:] if line[:1] == b"." else line)
    return b"".join(line + b"\r\n" for line in out)


class Odd(model.Drop):
    """`ways`: of `ODDITIES`; `heal()` ends them. `wrong`: what the judge found."""

    def __init__(self, ways, seed=1):
        super().__init__([])
        self.ways = set(ways)
        self.was = set(ways)  # before it healed
        self.below = chance(seed)
        self.seed = seed
        self.count = 0
        self.free = []  # ids of what was deleted
        self.later = []
        self.ever = []
        self.gone = []
        self.keep = "delete"
        self.wrong = []
        self.retrieved_bytes = 0
        self.passes = 400
        self.once = set()

    def heal(self):
        self.ways &= {"uid-reused", "uid-reused-same-size", "order"}  # these are no lies

    def add(self, n=1):
        for _ in range(n):
            self.count += 1
            i = self.count
            size = 40 if "uid-reused-same-size" in self.ways else (0, 40, 600, 1500)[self.below(4)]
            if "uid-number" in self.ways:  # of one size, nothing could tell it from the one before
                size = 40 + i
            body = b"Subject: no %04d\r\nFrom: a@example.org\r\n\r\n.dot\r\n.\r\nafter %04d\r\n" % (i, i)
            body += b"x" * size + b"\r\n"
            uid = b"uid-%d-%d" % (self.seed, i)
            if self.free and ("uid-reused" in self.ways or "uid-reused-same-size" in self.ways):
                uid = self.free.pop(0)
            elif "uid-repeated" in self.ways and self.mail and not self.below(3):
                uid = self.mail[-1].uid
            one = Message(uid, body)
            self.mail.append(one)
            self.ever.append(one)

    def between(self):
        """What happens before the next session. An id that another client has freed is used again after a session that
        did not list it: else nothing could tell a message of the same size from the one before."""
        self.free += self.later
        self.later = []
        if "uids-changed" in self.ways and "moved" not in self.once and self.ever and self.ever[0].sessions:
            self.once.add("moved")
            for one in self.mail:
                one.uid = b"moved-" + one.uid
        if "status-added" in self.ways and "status" not in self.once and self.ever and self.ever[0].sessions:
            self.once.add("status")
            for one in self.mail:
                one.body = b"Status: RO\r\n" + one.body
                one.forms.append(one.body)
        if "other-deletes" in self.ways and self.mail:
            one = self.mail[self.below(len(self.mail))]
            if one.sessions > 2:
                self.mail.remove(one)
                one.taken = True
                self.later.append(one.uid)
        if "other-adds" in self.ways and self.count < 40:
            self.add()

    def begin(self, spool):
        self.no_end = ()
        super().begin(spool)
        self.session_mail = list(self.mail)
        self.retrieved_bytes = 0
        for one in self.mail:
            one.sessions += 1

    def odd(self, way, one=None, once=False):
        """Whether it is odd in that way now: to every third message, or once to each of these."""
        if way not in self.ways:
            return False
        if one is not None:
            if self.ever.index(one) % 3 != 1:
                return False
            if once:
                if (way, id(one)) in self.once:
                    return False
                self.once.add((way, id(one)))
        return True

    def here(self):
        """[(number, message)] of this session, without what is marked."""
        if "renumbers" in self.ways:
            return list(enumerate([m for m in self.session_mail if m not in self.gone], 1))
        return [(n, m) for n, m in enumerate(self.session_mail, 1) if m not in self.gone]

    def hang_up(self):
        self.out = b""
        self.no_end = (0,)  # the driver takes it for a connection that ended

    def remove(self, gone):
        held = self.held()
        for m in gone:
            # What the server sends the same twice is the message as far as anybody can know.
            if not [f for f in m.forms if f in held] and not self.agreed(m, held):
                self.wrong.append(("lost", m.uid, m.body[:16]))
            if self.keep == "forever":
                self.wrong.append(("deleted", m.uid))
            self.free.append(m.uid)
        self.mail = [m for m in self.mail if m not in gone]

    def agreed(self, m, held):
        """What is stored of it came the same twice (nothing at all is no message); or once, of a server that tells no
        sizes, or is known to tell larger ones, or to stuff no dots."""
        if "list-refused" in self.was and [f for f in m.served if f and f in held]:
            return True
        if [f for f in m.served if f and m.served[f] > 1 and f in held]:
            return True
        larger = self.was & {"size-larger", "size-some"}
        known = [1 for o in self.ever for f in o.served if o.served[f] > 1 and (larger or f not in o.forms)]
        return (larger or "dot-start" in self.was) and known and [f for f in m.served if f in held]

    def nameless(self):
        """Whether ids name nothing: they are numbers, and some are missing, or messages that cannot be compared."""
        return "uid-number" in self.was and self.was & NAMELESS

    def listing(self, verb):
        lines = []
        here = self.here()
        if "order" in self.ways:
            at = self.below(len(here)) if here else 0
            here = here[at:] + here[:at]
        for n, m in here:
            if verb == b"UIDL":
                if self.odd("uid-left-out", m):
                    continue
                uid = b"%d" % n if "uid-number" in self.was else m.uid
                if self.odd("uid-blank", m):
                    uid = b""
                elif self.odd("uid-with-blanks", m):
                    uid = b"id with " + uid
                lines.append(b"%d " % n + uid)
            else:
                lines.append(b"%d %d" % (n, self.size(m)))
        return b"+OK\r\n" + b"".join(each + b"\r\n" for each in lines) + b".\r\n"

    def size(self, m):
        size = len(m.body)
        if "size-lf" in self.ways:
            return size - m.body.count(b"\n")
        if "size-larger" in self.ways or self.odd("size-some", m):
            return size + 77
        return size - 7 if "size-smaller" in self.ways else size

    def wire(self, m, body):
        if "dot-start" in self.ways:
            lines = body.split(b"\r\n")
            return b"\r\n".join(b".." if line == b"." else line for line in lines) + b".\r\n"
        stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:]
        if self.odd("dot-lone", m):
            stuffed = stuffed.replace(b"\r\n..\r\n", b"\r\n.\r\n")
        return stuffed + b".\r\n"

    def retr(self, m):
        body = m.body
        if self.odd("retr-empty", m) or self.odd("retr-empty-once", m, True):
            body = b""
        elif self.odd("retr-short-once", m, True):
            body = body[: body.index(b"after")]
        elif self.odd("retr-body-only-once", m, True):
            body = body[body.index(b"\r\n\r\n") + 4 :]
        wire = self.wire(m, body)
        read = as_read(wire)
        m.served[read] = m.served.get(read, 0) + 1
        self.retrieved_bytes += len(wire)
        self.out += b"+OK\r\n" + wire

    def command(self, line):
        if self.no_end:
            return
        words = line.split()
        verb = words[0]
        arg = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        found = [m for n, m in self.here() if n == arg]
        one = found[0] if found else None
        if verb in (b"UIDL", b"LIST"):
            self.commands.append(verb)
            self.listings += 1
            if self.listings > self.passes:
                raise AssertionError("a session without an end")
            refused = ("list-refused" if verb == b"LIST" else "no-uidl") in self.ways
            self.out += b"-ERR no\r\n" if refused else self.listing(verb)
        elif verb == b"STAT":
            n = 0 if "stat-wrong" in self.ways else len(self.session_mail)
            octets = sum(self.size(m) for m in self.session_mail) if "no-uidl" in self.ways else 1
            self.out += b"+OK %d %d\r\n" % (n, octets)
        elif verb in (b"RETR", b"TOP", b"DELE") and one is None:
            self.out += b"-ERR no\r\n"
        elif verb == b"RETR":
            if self.odd("hangs-up") and self.flight > 1 and len(self.session_mail) > 2 and arg == 3:
                self.hang_up()
            elif self.odd("retr-perm", one):
                self.out += b"-ERR [SYS/PERM] it cannot be opened\r\n"
            else:
                self.retr(one)
        elif verb == b"TOP":
            if "no-top" in self.ways:
                self.out += b"-ERR unknown command\r\n"
                return
            lines = int(words[2]) if len(words) > 2 else 0
            head, _, body = one.body.partition(b"\r\n\r\n")
            if "top-altered" in self.ways:
                head = b"X-Seen: yes\r\n" + head
            if "top-all" not in self.ways:
                body = b"".join(each + b"\r\n" for each in body.split(b"\r\n")[:-1][:lines])
            wire = self.wire(one, head + b"\r\n\r\n" + body)
            self.retrieved_bytes += len(wire)
            self.out += b"+OK\r\n" + wire
        elif verb == b"DELE":
            if self.odd("dele-perm", one):
                self.out += b"-ERR [SYS/PERM] read only\r\n"
            else:
                self.gone.append(one)
                self.out += b"+OK\r\n"
        elif verb == b"QUIT":
            if "dele-nothing" in self.ways:
                self.out += b"+OK\r\n"
            elif "quit-hangs-up" in self.ways:
                self.hang_up()
            elif "quit-some" in self.ways and self.gone:
                self.remove(self.gone[::2])
                self.out += b"-ERR some not deleted\r\n"
            else:
                self.remove(self.gone)
                self.out += b"+OK\r\n"
                if "quit-hangs-up-after" in self.ways:
                    self.hang_up()
        elif verb == b"CAPA":
            self.out += b"+OK\r\n" + self.caps + b".\r\n"
        else:
            self.out += b"+OK\r\n"

    def judge(self, session_error, said=False, quiet=False):
        """After a session. `said`: what does not come must be spoken of by now. `quiet`: the server is not odd any
        more, and all should be dealt with."""
        held = self.held()
        for m in self.mail:
            m.troubled = m.troubled or session_error is not None
        for m in self.ever:
            for f in m.forms:
                # Whoever says that it deleted, and then lists the same under other ids, gets it fetched again.
                if (
                    held.count(f) > 1
                    and not {"dele-nothing", "uids-changed"} <= self.was
                    and not self.nameless()
                ):
                    self.wrong.append(("twice", m.uid))
        known = {f for m in self.ever for f in m.forms} | {f for m in self.ever for f in m.served}
        for each in held:
            if each not in known:
                self.wrong.append(("damaged", each[:30]))
        blind = {"list-refused", "uid-number"} <= self.was or (
            {"list-refused", "stat-wrong"} <= self.was and self.was & {"uid-left-out", "no-uidl"}
        )  # nothing says that it is there
        if said and not session_error and not blind:
            for m in self.mail:
                if m.sessions > 2 and not [f for f in list(m.served) + m.forms if f in held]:
                    self.wrong.append(("unsaid", m.uid, m.body[:16]))
        if not quiet:
            return
        for m in self.ever:
            forms = [f for f in m.forms if f in held]
            if not forms and not self.agreed(m, held) and not (m in self.mail and session_error):
                if m in self.mail:
                    self.wrong.append(("ignored", m.uid, m.body[:16]))
                elif m.sessions > 2 and not (m.taken and m.troubled):
                    self.wrong.append(("lost", m.uid, m.body[:16]))
            if len(forms) > 1 and "status" not in self.once and not self.nameless():
                self.wrong.append(("twice", m.uid))
        if self.keep == "delete" and self.mail and not session_error:
            self.wrong.append(("left", len(self.mail)))
        uids = [m.uid for m in self.mail]
        again = [m for m in self.mail if uids.count(m.uid) > 1]  # known by nothing but their content
        if (
            self.keep in ("delete", "forever")
            and self.retrieved_bytes > sum(len(self.wire(m, m.body)) for m in again)
            and not session_error
        ):
            self.wrong.append(("without an end", self.retrieved_bytes))


def campaign(ways, seed=1, keep="delete", polls=6, start=7, caps=None, batch=1, order="oldest"):
    """Polls of a maildrop that is odd, a day apart, then of one that is so no more; what was wrong: [] is right."""
    from buzon import errors

    drop = Odd(ways, seed)
    drop.keep = keep
    drop.caps = caps or model.CAPS
    if "no-uidl" in ways:
        drop.caps = drop.caps.replace(b"UIDL\r\n", b"")
    board = model.Board()
    board.now = 1000000
    drop.add(start)
    error = None
    for poll in range(polls + 6):
        if poll == polls:
            drop.heal()
        drop.between()
        board.now += 86400
        if poll < polls and poll:
            drop.add(batch)
        error = None
        try:
            session, _ = board.session(drop, keep=keep, order=order)
            error = session.error
        except model.Cut as err:
            board.last.cut_off()
            error = err
        except errors.MailError as err:
            if isinstance(err, (errors.LinkError, errors.RemoteProtocolError)):
                board.last.cut_off()
            error = err
        drop.judge(error, poll == polls - 1 and not board.last.alone, poll == polls + 5)
        if drop.wrong:
            break
    return [(poll, each) for each in drop.wrong]
