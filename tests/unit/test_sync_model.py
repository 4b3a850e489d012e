"""sync.py against a model of a maildrop, spoken to as a driver does, with a real spool and journal in a folder.

The model checks what must never break, at the moment a QUIT removes messages: each is stored byte for byte, or
was deleted by the person. Sessions are cut at every step, and a next one ends the work.
"""

import os
from binascii import hexlify

from buzon import errors
from buzon.core.pop3 import Pop3
from buzon.core.wire import READ, WRITE, RxBuffer, TxBuffer
from buzon.store import fs
from buzon.store.incoming import Incoming
from buzon.store.journal import ARRIVED, DELETED, SEEN, Journal
from buzon.store.leave import leave
from buzon.store.spool import key_of
from buzon.sync import Session
from chance import chance

ACCOUNT = {"user": "u", "password": "p", "tls": "none", "keep": "delete", "delete_confirmed": True}
CAPS = b"UIDL\r\nTOP\r\n"  # test_sync_pipelined.py runs all of this with one more
FLIGHT = 1  # commands in flight at most
ADVICE = 3  # `memory["flight"]` of a server whose sizes are known to be wrong
PASSES = 40  # listings in one session; more is a session without an end


class Cut(Exception):
    pass


def bodies(n):
    """Messages of many sizes around the block size, with dots, and each another."""
    out = []
    for i in range(n):
        size = (0, 1, 511, 512, 513, 1023, 1025, 40)[i % 8]
        out.append(b"Subject: %d\r\n\r\n.%d\r\n..\r\n" % (i, i) + b"x" * size + b"\r\n")
    return out


def stored(spool):
    out = []
    for name in fs.names(spool.folder):
        if name.endswith(".eml"):
            with open(spool.folder + "/" + name, "rb") as f:
                out.append(f.read())
    return out


class Drop:
    """A maildrop. `mail`: [number, uid, body]. The flags are the ways in which real servers are odd."""

    def __init__(self, mail):
        self.mail = mail
        self.order = None  # the order in which listings name the messages: a function of the list
        self.still_lists = False  # deleted ones stay in the listings until QUIT
        self.again = False  # DELE of a deleted one is +OK
        self.caps = CAPS
        self.has_uidl = True
        self.extra = []  # lines of UIDL that stand for nothing
        self.sizes = {}  # what LIST says instead
        self.no_retr = ()
        self.no_dele = ()
        self.stat = None
        self.quit_ok = True
        self.spool = None
        self.person = ()  # bodies that the person deleted on the board
        self.retrieved = []
        self.listings = 0
        self.refuse = b""  # a command
        self.passes = PASSES
        self.bursts = None  # a list: of the verbs that came at once, before the client read on
        self.no_end = ()  # numbers of messages that the server sends without their last line end

    def begin(self, spool):
        self.spool = spool
        self.gone = []
        self.in_session = []
        self.flight = 0  # most commands that came at once
        self.reading = True
        self.out = b"+OK ready\r\n"
        self.commands = []
        self.listings = 0

    def held(self):
        """The bytes of every stored message."""
        return stored(self.spool)

    def listed(self):
        mail = [m for m in self.mail if self.still_lists or m not in self.gone]
        return self.order(mail) if self.order else mail

    def remove(self, gone):
        held = self.held()
        for m in gone:
            assert m[2] in held or m[2] in self.person, ("lost", m[0], m[1])
        self.mail = [m for m in self.mail if m not in gone]

    def came(self, lines):
        """What is there, not done yet: the replies to much of it would take much memory."""
        self.flight = max(self.flight, lines.count(b"\r\n"))
        if self.bursts is not None:
            verbs = [line.split()[0] for line in lines.split(b"\r\n") if line]
            if self.reading:
                self.bursts.append(verbs)
            else:
                self.bursts[-1] = verbs
            self.reading = False

    def next(self, lines):
        """Do the first of the commands; the others."""
        at = lines.find(b"\r\n")
        self.command(lines[:at])
        return lines[at + 2 :]

    def command(self, line):
        words = line.split()
        verb = words[0]
        self.commands.append(verb)
        if verb == self.refuse:
            self.out += b"-ERR no\r\n"
            return
        arg = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        found = [m for m in self.mail if m[0] == arg and m not in self.gone]
        if verb == b"CAPA":
            self.out += b"-ERR\r\n" if self.caps is None else b"+OK\r\n" + self.caps + b".\r\n"
        elif verb == b"STAT":
            listed = self.listed()
            octets = sum(self.sizes.get(m[0], len(m[2])) for m in listed)
            self.out += self.stat or b"+OK %d %d\r\n" % (len(listed), octets)
        elif verb == b"UIDL" and not self.has_uidl:
            self.out += b"-ERR what\r\n"
        elif verb in (b"UIDL", b"LIST"):
            self.listings += 1
            if self.listings > self.passes:
                raise AssertionError("a session without an end")
            lines = []
            for m in self.listed():
                lines.append(b"%d " % m[0])
                lines[-1] += m[1] if verb == b"UIDL" else b"%d" % self.sizes.get(m[0], len(m[2]))
            if verb == b"UIDL":
                lines += self.extra
            self.out += b"+OK\r\n" + b"".join(each + b"\r\n" for each in lines) + b".\r\n"
        elif verb == b"RETR":
            if arg in self.no_retr or not found:
                self.out += b"-ERR no\r\n"
            else:
                body = found[0][2]
                self.retrieved.append(body)
                self.in_session.append(found[0])
                stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:]
                self.out += b"+OK\r\n" + (stuffed[:-2] if arg in self.no_end else stuffed) + b".\r\n"
        elif verb == b"TOP":
            if not found:
                self.out += b"-ERR no\r\n"
            else:
                body = found[0][2]
                at = body.find(b"\r\n\r\n") + 4
                head = body[:at] if at > 3 else body
                head += b"".join(line + b"\r\n" for line in body[len(head) :].split(b"\r\n")[: int(words[2])])
                head = head[: len(body)]
                self.out += b"+OK\r\n" + (b"\r\n" + head).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
        elif verb == b"DELE":
            again = self.again and [m for m in self.gone if m[0] == arg]
            if again:
                self.out += b"+OK again\r\n"
            elif arg in self.no_dele or not found:
                self.out += b"-ERR no\r\n"
            else:
                self.gone.append(found[0])
                self.out += b"+OK\r\n"
        elif verb == b"QUIT":
            if self.caps and b"EXPIRE 0" in self.caps:
                self.gone += [m for m in self.in_session if m not in self.gone]
            if self.quit_ok:
                self.remove(self.gone)
                self.out += b"+OK bye\r\n"
            else:
                self.remove(self.gone[::2])  # -ERR: some or none are gone
                self.out += b"-ERR some not deleted\r\n"
        else:
            self.out += b"+OK\r\n"


class Board:
    """A spool and a journal, the sessions over them, and what a power cut leaves of both. `beside`: another one, on the
    same flash."""

    def __init__(self, beside=None):
        n = 0
        while fs.exists("mail%d" % n):
            n += 1
        self.root = beside.root if beside else "mail%d" % n
        self.name = "beside" if beside else "acc"
        self.arrived = []
        self.memory = {}
        self.now = 1000
        self.sure = True
        self.hurry = False
        self.spool = None
        self.boot()

    def boot(self):
        before = self.spool
        self.spool = Incoming(self.name, self.root)
        if before:
            self.spool.quota, self.spool.full = before.quota, before.full
        self.spool.prepare()
        self.journal = Journal(self.spool.folder)
        self.journal.open(self.spool)

    def session(self, drop, cut_at=0, piece=700, **account):
        """Run one. `cut_at`: the connection ends at that step. Returns (session, steps)."""
        settings = dict(ACCOUNT)
        settings.update(account)
        rx = RxBuffer(bytearray(128))
        tx = TxBuffer(bytearray(256))
        drop.begin(self.spool)
        pop = Pop3(rx, tx)
        session = Session(
            pop,
            settings,
            self.spool,
            self.journal,
            self.arrived.append,
            lambda: self.now,
            self.memory,
            b"nonce",
            lambda: self.sure,
            lambda: self.hurry,
        )
        self.last = session
        dialogue = session.run()
        step = 0
        line = b""
        try:
            while True:
                try:
                    need = dialogue.send(None)
                except StopIteration:
                    break
                step += 1
                if step == cut_at:
                    raise Cut
                if need == READ:
                    while not drop.out and b"\r\n" in line:
                        line = drop.next(line)
                    drop.reading = True
                    if drop.no_end and not drop.out:
                        raise Cut
                    assert drop.out, "both wait"
                    space = rx.space()
                    n = min(len(space), len(drop.out), piece)
                    space[:n] = drop.out[:n]
                    drop.out = drop.out[n:]
                    rx.w += n
                elif need == WRITE:
                    line += bytes(tx.buf[: tx.n])
                    tx.clear()
                    drop.came(line)
        finally:
            dialogue.close()
            while b"\r\n" in line:  # what was sent before a cut is done all the same
                drop.out = b""
                line = drop.next(line)
        return session, step

    def check(self, bodies):
        """Exactly these are stored, once each, and the journal agrees; after a restart too."""
        for _ in range(2):
            held = stored(self.spool)
            assert sorted(held) == sorted(bodies), (len(held), len(bodies))
            keys = [key for key, _, _ in self.journal.newest()]
            names = [name for name in fs.names(self.spool.folder) if name.endswith(".eml")]
            assert sorted(name[:16] for name in names) == sorted(str(hexlify(key), "utf-8") for key in keys)
            assert self.journal.stored == len(bodies)
            for name in fs.names(self.spool.folder):
                assert not name.endswith((".part", ".tmp")), name
            self.boot()


def numbered(texts, uid=b"uid-%d"):
    return [(i + 1, uid % i, texts[i]) for i in range(len(texts))]


def cut_quit(board, drop, **account):
    """A session whose QUIT is refused: half of what was deleted is gone."""
    drop.quit_ok = False
    try:
        board.session(drop, **account)
    except errors.ServerError:
        pass
    drop.quit_ok = True


def test_everything_is_stored_once_and_deleted():
    for n in (0, 1, 2, 63, 64, 65, 128, 150):
        texts = bodies(n)
        drop = Drop(numbered(texts))
        board = Board()
        session, _ = board.session(drop)
        assert session.error is None
        assert (session.listed, session.todo, session.fetched, session.deleted) == (n, n, n, n)
        assert drop.mail == []
        assert len(board.arrived) == n
        board.check(texts)


def test_keep_forever_fetches_once_and_deletes_nothing():
    texts = bodies(150)
    drop = Drop(numbered(texts))
    board = Board()
    board.session(drop, keep="forever")
    session, _ = board.session(drop, keep="forever")
    assert (session.fetched, session.deleted, len(drop.mail)) == (0, 0, 150)
    assert len(drop.retrieved) == 150
    drop.mail.append((151, b"one-more", b"new\r\n"))
    session, _ = board.session(drop, keep="forever")
    assert session.fetched == 1
    session, _ = board.session(drop)  # now it may delete
    assert (session.fetched, session.deleted, drop.mail) == (0, 151, [])
    board.check(texts + [b"new\r\n"])


def test_a_connection_cut_at_every_step_then_a_session_that_ends_the_work():
    texts = bodies(5)
    _, steps = Board().session(Drop(numbered(texts)))
    assert steps > 25
    for power in (False, True):
        for cut_at in range(1, steps + 1):
            drop = Drop(numbered(texts))
            board = Board()
            try:
                board.session(drop, cut_at)
            except Cut:
                pass
            if power:
                board.boot()
            session, _ = board.session(drop)
            assert session.error is None
            assert drop.mail == []
            board.check(texts)
            assert len(board.arrived) == 5
            assert len(drop.retrieved) <= 5 + FLIGHT  # at most what was coming in is fetched again


def test_a_message_without_an_end_does_not_keep_the_others_away():
    """Its end never comes, in no session: the driver's deadline ends each. Every other session does without it."""
    for keep in ("delete", "forever"):
        texts = bodies(9)
        drop = Drop(numbered(texts))
        drop.no_end = (4,)
        board = Board()
        ends = []
        for _ in range(7):
            try:
                session, _ = board.session(drop, keep=keep)
                ends.append(session.error.code)
            except (Cut, errors.RemoteProtocolError):
                board.last.cut_off()
                ends.append(0)
        assert ends[3:] in ([errors.E_CLOSED, 0] * 2, [0, errors.E_CLOSED] * 2), ends
        left = [m[2] for m in drop.mail]
        assert left == ([texts[3]] if keep == "delete" else texts)
        drop.no_end = ()
        for _ in range(2):
            session, _ = board.session(drop, keep=keep)
        assert session.error is None
        board.check(texts)


def test_cut_after_cut_the_work_still_ends():
    texts = bodies(70)
    drop = Drop(numbered(texts))
    board = Board()
    for cut_at in (15, 90, 91, 92, 200, 301, 402, 550):
        try:
            board.session(drop, cut_at)
        except Cut:
            pass
    board.session(drop)
    assert drop.mail == []
    board.check(texts)


def test_quit_that_fails_is_repeated_without_fetching():
    texts = bodies(9)
    drop = Drop(numbered(texts))
    drop.quit_ok = False
    board = Board()
    try:
        board.session(drop)
    except errors.ServerError as err:
        assert err.code == errors.E_REFUSED
    else:
        raise AssertionError
    assert len(drop.mail) == 4
    drop.quit_ok = True
    session, _ = board.session(drop)
    assert (session.fetched, session.deleted, drop.mail) == (0, 4, [])
    board.check(texts)


def test_listings_in_any_order():
    texts = bodies(150)
    for order in (
        lambda mail: mail[::-1],
        lambda mail: mail[len(mail) // 2 :] + mail[: len(mail) // 2],
        lambda mail: mail[::2] + mail[1::2],
    ):
        drop = Drop(numbered(texts))
        drop.order = order
        board = Board()
        session, _ = board.session(drop)
        assert session.error is None
        assert drop.mail == []
        board.check(texts)


def test_a_server_that_lists_what_was_deleted():
    texts = bodies(150)
    for again in (False, True):
        drop = Drop(numbered(texts))
        drop.still_lists = True
        drop.again = again
        board = Board()
        session, _ = board.session(drop)
        assert session.error is None
        assert (session.fetched, session.deleted) == (150, 150)
        assert drop.mail == []
        board.check(texts)


def test_a_uid_that_two_messages_have_deletes_neither_unseen():
    # One of them is stored from a time when it was alone.
    for at in (0, 1):
        mail = [(1, b"same", b"first\r\n"), (2, b"other", b"other\r\n")]
        drop = Drop(mail[:])
        board = Board()
        board.session(drop, keep="forever")
        drop.mail.insert(at, (9, b"same", b"second\r\n"))
        for _ in range(2):  # what is here by its uid goes when it alone has that
            board.session(drop)
        assert drop.mail == []
        assert b"first\r\n" in drop.held() and b"second\r\n" in drop.held()


def test_a_uid_that_many_messages_have_over_all_windows():
    texts = bodies(200)
    for every in (3, 70, 199):
        mail = [(i + 1, b"same" if i % every == 0 else b"uid-%d" % i, texts[i]) for i in range(200)]
        drop = Drop(mail)
        board = Board()
        session, _ = board.session(drop, keep="forever")
        assert session.fetched == 200
        board.session(drop, keep="forever")
        board.session(drop)
        assert drop.mail == []
        board.check(texts)


def test_more_uids_that_are_not_unique_than_are_remembered():
    texts = bodies(200)
    mail = [(i + 1, b"uid-%d" % (i % 100), texts[i]) for i in range(200)]
    drop = Drop(mail)
    board = Board()
    board.session(drop)
    assert drop.mail == []
    board.check(texts)


def test_a_message_that_is_not_alone_any_more_is_not_stored_again():
    drop = Drop([(1, b"same", b"first\r\n")])
    board = Board()
    board.session(drop, keep="forever")
    drop.mail.append((2, b"same", b"second\r\n"))
    for _ in range(2):
        board.session(drop, keep="forever")
        board.check([b"first\r\n", b"second\r\n"])


def test_a_number_that_stands_twice_deletes_nothing_unseen():
    for lines in ((b"2 uid-0",), (b"1 uid-1", b"3 uid-1"), (b"2 nobody",), (b"1 uid-0",)):
        texts = bodies(3)
        drop = Drop(numbered(texts))
        board = Board()
        board.session(drop, keep="forever")
        drop.mail = drop.mail[:1] + [(2, b"uid-new", b"new\r\n")] + drop.mail[2:]
        drop.extra = list(lines)
        board.session(drop)
        drop.extra = []
        board.session(drop)
        assert drop.mail == []
        assert b"new\r\n" in drop.held()


def test_lines_that_mean_nothing():
    texts = bodies(5)
    drop = Drop(numbered(texts))
    drop.extra = [
        b"0 zero",
        b"-1 minus",
        b"9223372036854775808 far",
        b"99 nobody",
        b"1",
        b"",
        b"x y",
        b"6 \x01",
    ]
    board = Board()
    session, _ = board.session(drop)
    assert session.fetched == 5
    assert drop.mail == []
    board.check(texts)


def test_refusals_of_single_messages():
    texts = bodies(100)
    drop = Drop(numbered(texts))
    drop.no_retr = (1, 64, 65, 100)
    drop.no_dele = (2, 63, 66)
    board = Board()
    session, _ = board.session(drop)
    assert session.error.code == errors.E_REFUSED
    assert (session.fetched, session.deleted) == (96, 93)
    drop.no_retr = drop.no_dele = ()
    session, _ = board.session(drop)
    assert (session.error, session.fetched, session.deleted) == (None, 4, 7)
    board.check(texts)


def test_without_uidl_what_is_stored_is_known_by_its_content():
    texts = bodies(100)
    drop = Drop(numbered(texts))
    drop.has_uidl = False
    drop.caps = None
    drop.no_dele = (7, 70)
    board = Board()
    session, _ = board.session(drop)
    assert (session.fetched, session.deleted) == (100, 98)
    drop.no_dele = ()
    session, _ = board.session(drop)
    assert (session.fetched, session.deleted, drop.mail) == (0, 2, [])
    board.check(texts)


def test_without_uidl_nothing_is_fetched_that_may_not_be_deleted():
    for account, code in (
        ({"keep": "forever"}, errors.E_NO_UIDL),
        ({"delete_confirmed": False}, errors.E_NOT_CONFIRMED),
    ):
        drop = Drop(numbered(bodies(3)))
        drop.has_uidl = False
        drop.caps = None
        board = Board()
        try:
            board.session(drop, **account)
        except errors.MailError as err:
            assert err.code == code
        else:
            raise AssertionError
        assert drop.retrieved == []


def test_uidl_that_fails_although_it_is_there_fetches_nothing():
    drop = Drop(numbered(bodies(3)))
    drop.has_uidl = False
    board = Board()
    try:
        board.session(drop)
    except errors.ServerError as err:
        assert err.code == errors.E_REFUSED
    else:
        raise AssertionError
    assert drop.retrieved == []


def test_what_the_person_deleted_is_deleted_on_the_server_and_never_comes_back():
    texts = bodies(70)
    drop = Drop(numbered(texts))
    board = Board()
    board.session(drop, keep="forever")
    for i in (0, 5, 69):
        key = key_of(b"uid-%d" % i)
        leave(board.journal, board.spool, key, DELETED, ARRIVED)
    left = [texts[i] for i in range(70) if i not in (0, 5, 69)]
    session, _ = board.session(drop, keep="forever")
    assert (session.fetched, len(drop.mail)) == (0, 70)
    board.check(left)
    drop.person = [texts[i] for i in (0, 5, 69)]
    session, _ = board.session(drop)
    assert (session.fetched, session.deleted, drop.mail) == (0, 70, [])
    board.check(left)


def test_nothing_is_deleted_without_confirmation():
    texts = bodies(70)
    drop = Drop(numbered(texts))
    board = Board()
    session, _ = board.session(drop, delete_confirmed=False)
    assert (session.held, session.deleted, len(drop.mail)) == (True, 0, 70)
    board.session(drop)
    assert drop.mail == []
    board.check(texts)


class FullSpool(Incoming):
    """A spool whose flash fails: at `fail_at` `begin`, `write` or `commit`, for messages that hold `what`."""

    fail_at = ""
    what = b""

    def begin(self, octets=0, by_content=False):
        super().begin(octets, by_content)
        self.seen = b""

    def _may(self, where):
        if self.fail_at == where and self.what in self.seen:
            raise errors.StoreError(errors.E_FLASH_FULL, "0 KB free")

    def write(self, buf, off, n):
        self.seen += bytes(buf[off : off + n])
        try:
            self._may("write")
        except errors.StoreError as err:
            self.failed = err
        super().write(buf, off, n)

    def commit(self, key, twin=None, kind=".eml", look=None):
        self._may("commit")
        return super().commit(key, twin, kind, look)


def test_a_full_flash_deletes_nothing_and_a_server_that_expires_is_left_without_quit():
    texts = bodies(4)
    for caps in (b"UIDL\r\n", b"UIDL\r\nEXPIRE 0\r\n"):
        for where in ("write", "commit"):
            drop = Drop(numbered(texts))
            drop.caps = caps
            board = Board()
            board.spool = FullSpool("acc", board.root)
            board.spool.fail_at = where
            board.spool.what = b"Subject: 2"
            code = 0
            try:
                session, _ = board.session(drop)
                code = session.error.code
            except errors.StoreError as err:
                code = err.code
            assert code == errors.E_FLASH_FULL
            assert texts[2] in [m[2] for m in drop.mail]
            board.boot()
            board.session(drop)
            assert drop.mail == []
            board.check(texts)


def test_a_message_too_large_for_the_flash_does_not_keep_the_others_away():
    texts = bodies(4)
    drop = Drop(numbered(texts))
    if hasattr(os, "statvfs"):
        drop.sizes = {1: 2000000000, 3: 2147483647}
    room = fs.room
    fs.room = lambda path="/", least=0: (1000000, 2000000)
    try:
        board = Board()
        session, _ = board.session(drop)
    finally:
        fs.room = room
    assert session.error.code == errors.E_FLASH_FULL
    assert (session.fetched, [m[0] for m in drop.mail]) == (2, [1, 3])
    drop.sizes = {}
    board.session(drop)
    board.check(texts)


def test_a_cut_leaves_nothing_of_the_session_in_memory():
    """The connection breaks inside a message: its file is gone and the journal is written, at once."""
    texts = [b"a" * 3000 + b"\r\n"] * 1 + [b"b" * 3000 + b"\r\n"]
    drop = Drop(numbered(texts))
    board = Board()
    _, steps = board.session(Drop(numbered(texts)))
    board = Board()
    for cut_at in range(1, steps):
        try:
            board.session(drop, cut_at)
        except Cut:
            pass
        assert not fs.exists(board.spool.folder + "/tmp/in.part")
        assert not board.journal.pending


def test_seen_is_not_forgotten_by_later_sessions():
    drop = Drop(numbered(bodies(3)))
    board = Board()
    board.session(drop, keep="forever")
    board.journal.change(SEEN, key_of(b"uid-1"), ARRIVED)
    board.session(drop, keep="forever")
    assert board.journal.new == 2
    assert [seen for _, _, seen in board.journal.newest()] == [False, True, False]


def test_a_kept_maildrop_costs_one_listing_and_no_write():
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(400)]
    drop = Drop(numbered(texts))
    board = Board()
    board.session(drop, keep="forever", piece=4000)
    windows = (2, 7)  # of 64 or, with much heap, 256
    assert drop.listings in [2 * n for n in windows]  # UIDL and LIST for each
    before = os.stat(board.journal.path)[6]
    session, _ = board.session(drop, keep="forever", piece=4000)
    assert (session.listed, session.todo, session.fetched) == (400, 0, 0)
    assert (drop.listings, os.stat(board.journal.path)[6]) == (1, before)
    drop.mail = drop.mail[:90] + drop.mail[300:]  # another program deleted more than are near
    session, _ = board.session(drop, keep="forever", piece=4000)
    assert (session.fetched, drop.listings) == (0, 1)


def test_whatever_the_order_each_message_is_fetched_once():
    for seed in range(1, 13):
        below = chance(seed)
        texts = [b"Subject: %d of %d\r\n\r\n" % (i, seed) for i in range(230)]
        waiting = numbered(texts)
        drop = Drop([])
        drop.passes = 200
        board = Board()
        while waiting or drop.mail:
            n = min(len(waiting), below(120))
            new, waiting = waiting[:n], waiting[n:]
            if seed % 3 == 1:
                drop.mail = new + drop.mail  # the newest first
            elif seed % 3 == 2:
                for each in new:
                    drop.mail.insert(below(len(drop.mail) + 1), each)
            else:
                drop.mail += new
            drop.no_retr = [m[0] for m in drop.mail if not below(15)]
            board.session(drop, keep="forever", piece=4000)
            refused = [m[2] for m in drop.mail if m[0] in drop.no_retr]
            held = stored(board.spool)
            assert len(held) == len(set(held))
            for m in drop.mail:
                assert m[2] in held or m[2] in refused, (seed, m[0])
            if not below(3):
                board.boot()
            if not waiting:
                drop.no_retr = ()
                board.session(drop, keep="forever", piece=4000)
                assert not [m for m in drop.mail if m[2] not in stored(board.spool)]
                drop.mail = []
        board.check(texts)
