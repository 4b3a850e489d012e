"""sync.py where several things go wrong or happen at once: a person acts during a session, settings change, the room
is less than it seems, a server does not do what it says. On the model maildrop of test_sync_model.py."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

from buzon import errors
from buzon.store.incoming import Incoming
from buzon.store.journal import ARRIVED, DELETED, SEEN, STATE, WANTED
from buzon.store.leave import leave
from buzon.store.quota import Quota
from buzon.store.spool import key_of
from room import Flash
from test_sync_model import ADVICE, Board, Cut, Drop, bodies, cut_quit, numbered, stored
from test_sync_policies import DAY, START, aged, agree, big, mixed, parts, work


class Meanwhile(Drop):
    """`act(verb)`: what a person does on the board just before the server's answer to a command comes."""

    act = None

    def command(self, line):
        super().command(line)
        if self.act:
            self.act(line.split()[0])


def person_deletes(board, key):
    """As console.mailbox does it."""
    state = board.journal.state(key)
    assert state & STATE in (ARRIVED, SEEN)
    leave(board.journal, board.spool, key, DELETED, state)


def person_wants(board, key):
    was = board.journal.state(key)
    board.journal.change(was | WANTED, key, was)


class Keeps(Drop):
    """Says +OK to DELE and QUIT and deletes nothing, as some do that are told to keep everything."""

    def remove(self, gone):
        pass


# -- room


def test_evict_on_a_large_flash_takes_what_is_needed_and_no_more():
    """With half a megabyte free the room is not measured each time; what is removed counts all the same."""
    texts = big(8, 11000)
    board = Board()
    board.spool.full = "evict"
    with Flash(board, 560000 + 8 * 12288):
        work(board, Drop(numbered(texts)), piece=4000)
        large = Drop([(1, b"large", b"Subject: large\r\n\r\n")])
        large.sizes = {1: 575000}
        board.memory.update({"flight": ADVICE, "short": True})  # its sizes are wrong, as is known
        session = work(board, large)
    assert session.error is None
    assert sorted(stored(board.spool)) == sorted(texts[2:] + [b"Subject: large\r\n\r\n"])


def test_evict_removes_nothing_when_it_cannot_make_room():
    """Another account has more than the quota, which was lowered: all of this one's mail would not do."""
    texts = big(6)
    board = Board()
    work(board, Drop(numbered(texts)[:5]))
    other = Incoming("other", board.root)
    other.prepare()
    for i in range(5):
        other.begin()
        other.write(bytearray(9000), 0, 9000)
        other.commit(key_of(b"%d" % i))
    board.spool.full = "evict"
    board.spool.quota = Quota(20000, board.root)
    session = work(board, Drop(numbered(texts)[5:]))
    assert session.error.code == errors.E_FLASH_FULL
    assert sorted(stored(board.spool)) == sorted(texts[:5])


def test_what_comes_again_takes_no_quota_again():
    """A uid that two messages have: they are known by their content, and come at every poll."""
    texts = big(3)
    drop = Drop([(1, b"same", texts[0]), (2, b"same", texts[1]), (3, b"other", texts[2])])
    board = Board()
    board.spool.quota = Quota(10000, board.root)
    board.session(drop, keep="forever")
    room = board.spool.room()
    for _ in range(20):
        session, _ = board.session(drop, keep="forever")
        assert session.error is None
    assert board.spool.room() == room
    board.check(texts)


def test_what_is_deleted_for_its_age_in_this_session_is_not_evicted_in_it():
    texts = big(8)
    for order in ("newest", "oldest"):
        drop = Drop(numbered(texts[:5]))
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(5 * len(texts[0]), board.root)
        aged(board, drop, START, order=order)
        drop.mail += numbered(texts)[5:]
        for _ in range(3):  # the model asserts that what QUIT removes is stored
            session = aged(board, drop, START + 8 * DAY, order=order)
        assert session.error is None
        assert sorted(stored(board.spool)) == sorted(texts[3:])
        assert [m[2] for m in drop.mail] == texts[5:]
        agree(board)


def test_evict_where_messages_have_no_uid_and_quit_failed():
    texts = big(6)
    drop = Drop(numbered(texts))
    drop.has_uidl = False
    drop.caps = None
    drop.quit_ok = False
    board = Board()
    board.spool.full = "evict"
    board.spool.quota = Quota(6 * len(texts[0]), board.root)
    for _ in range(3):
        try:
            board.session(drop)
        except errors.ServerError:
            pass
    drop.quit_ok = True
    work(board, drop)
    assert drop.mail == []
    agree(board)


def test_a_size_that_is_wrong_does_not_keep_the_others_away():
    """LIST says little, the message fills the flash: in this session nothing else comes, but in the next."""
    texts = bodies(6)
    drop = Drop(numbered(texts))
    drop.mail[2] = (3, b"uid-2", b"Subject: huge\r\n\r\n" + b"h" * 90000 + b"\r\n")
    drop.sizes = {3: 100}
    board = Board()
    board.memory["flight"] = ADVICE
    board.spool.quota = Quota(20000, board.root)
    for _ in range(4):
        session, _ = board.session(drop)
        assert session.error.code == errors.E_FLASH_FULL
    assert [m[0] for m in drop.mail] == [3]
    board.check([text for i, text in enumerate(texts) if i != 2])


def test_what_the_server_does_not_delete_does_not_keep_new_mail_from_evicting():
    texts = big(8)
    drop = Keeps(numbered(texts)[:5])
    board = Board()
    board.spool.full = "evict"
    board.spool.quota = Quota(5 * len(texts[0]), board.root)
    work(board, drop)
    drop.mail = numbered(texts)
    session = work(board, drop)
    assert session.error is None
    assert sorted(stored(board.spool)) == sorted(texts[3:])


# -- a person acts during a session


def wanted(keep="delete"):
    texts = mixed(4)
    drop = Meanwhile(numbered(texts))
    board = Board()
    work(board, drop, fetch="headers", keep=keep)
    person_wants(board, key_of(b"uid-1"))
    return board, drop, texts


def test_headers_are_deleted_while_all_of_it_comes():
    for keep in ("delete", "forever"):
        board, drop, texts = wanted(keep)
        drop.person = [texts[1]]

        def act(verb):
            if verb == b"RETR":
                person_deletes(board, key_of(b"uid-1"))

        drop.act = act
        session, _ = board.session(drop, fetch="headers", keep=keep)
        assert session.error is None
        assert stored(board.spool) == []
        assert board.journal.stored == 3
        assert len(drop.mail) == (3 if keep == "delete" else 4)
        agree(board)


def test_what_is_read_while_all_of_it_comes_stays_read():
    board, drop, _ = wanted()

    def act(verb):
        if verb == b"RETR":
            key = key_of(b"uid-1")
            was = board.journal.state(key)
            board.journal.change(was & ~STATE | SEEN, key, was)

    drop.act = act
    session, _ = board.session(drop, fetch="headers")
    assert session.error is None
    assert board.journal.state(key_of(b"uid-1")) == SEEN
    agree(board)


def test_a_message_is_deleted_while_it_is_to_be_evicted():
    texts = big(7)
    for keep in ("delete", "forever"):
        drop = Meanwhile(numbered(texts[:6]))
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(6 * len(texts[0]), board.root)
        work(board, drop, keep=keep)
        drop.mail = numbered(texts) if keep == "forever" else numbered(texts)[6:]
        drop.person = [texts[0]]
        state = {"uidls": 0}

        def act(verb):
            state["uidls"] += verb == b"UIDL"
            if verb == b"UIDL" and board.journal.state(key_of(b"uid-0")) == ARRIVED and drop.listings > 2:
                person_deletes(board, key_of(b"uid-0"))

        drop.act = act
        session = work(board, drop, keep=keep)
        assert session.error is None
        assert board.journal.state(key_of(b"uid-0")) == DELETED
        assert texts[6] in stored(board.spool)
        agree(board)


def test_what_the_person_wants_is_not_evicted_to_make_room_for_itself():
    texts = big(4, 2000)
    drop = Drop(numbered(texts))
    board = Board()
    work(board, drop, fetch="headers")
    for i in range(2):
        person_wants(board, key_of(b"uid-%d" % i))
    board.spool.full = "evict"
    board.spool.quota = Quota(sum(len(part) for part in parts(board.spool)) + len(texts[0]) - 30, board.root)
    for _ in range(4):
        work(board, drop, fetch="headers")
    agree(board)
    assert board.journal.state(key_of(b"uid-0")) & WANTED or texts[0] in stored(board.spool)


def test_what_changes_while_old_records_are_purged():
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(300)]
    board = Board()
    board.now = START
    drop = Meanwhile(numbered(texts))
    work(board, drop, start="now", keep="forever")
    drop.mail += [(500 + i, b"new-%d" % i, b"new %d\r\n\r\n" % i) for i in range(4)]
    board.now = START + DAY
    done = []

    def act(verb):
        if verb == b"UIDL" and drop.listings >= 4 and board.journal.stored == 4 and not done:
            done.append(1)
            person_deletes(board, key_of(b"new-0"))
            board.journal.change(SEEN, key_of(b"new-1"), ARRIVED)

    board.now = START + DAY
    work(board, drop, start="now", keep="forever")
    assert board.journal.stored == 4
    drop.act = act
    for day in range(2, 8):
        board.now = START + day * DAY
        work(board, drop, start="now", keep="forever")
    assert done
    board.journal.recount()
    assert (board.journal.stored, board.journal.new) == (3, 2)
    assert len([key for key, _, _ in board.journal.newest()]) == 3
    agree(board)


# -- purge


def deleted_by_the_person(n, board):
    for i in range(n):
        person_deletes(board, key_of(b"uid-%d" % i))


def test_what_quit_does_not_delete_is_not_forgotten():
    """Marked in a session, it is not listed; still it is not gone."""
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(256)]
    drop = Drop(numbered(texts))
    board = Board()
    board.now = START
    work(board, drop, keep="forever")
    deleted_by_the_person(256, board)
    drop.person = texts
    drop.mail = drop.mail[:20]
    mail = drop.mail[:]
    drop.quit_ok = False
    for day in range(1, 9):
        board.now = START + day * DAY
        drop.mail = mail[:]  # none were removed
        try:
            board.session(drop)
        except errors.ServerError:
            pass
    assert drop.retrieved == texts
    assert stored(board.spool) == []


def test_what_has_no_uid_of_its_own_is_not_forgotten():
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(300)]
    drop = Drop(numbered(texts[:298]) + [(501, b"same", texts[298]), (502, b"same", texts[299])])
    board = Board()
    board.now = START
    work(board, drop, keep="forever")
    for key, _ in list(board.spool.files()):
        person_deletes(board, key)
    for day in range(1, 9):
        for _ in range(2):
            board.now = START + day * DAY
            work(board, drop, keep="forever")
        assert stored(board.spool) == [], day


def test_purging_goes_on_when_the_clock_was_ahead():
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(300)]
    drop = Drop(numbered(texts))
    board = Board()
    board.now = START + 3650 * DAY
    work(board, drop, start="now", keep="forever")
    drop.mail = []
    drop.mail = [(1, b"one", b"one\r\n\r\n")]
    work(board, drop, start="now", keep="forever")
    before = os.stat(board.journal.path)[6]
    for day in range(8):
        board.now = START + day * DAY
        work(board, drop, start="now", keep="forever")
    assert os.stat(board.journal.path)[6] < before // 2


# -- settings that change


def test_what_a_filter_did_not_judge_before_it_went():
    from buzon.account import Account

    texts = mixed(3)
    drop = Drop(numbered(texts))
    board = Board()
    board.session(drop, filter=[{"subject": "s", "fetch": "full"}])  # the power goes before they are judged
    account = Account({"id": "acc"})
    account.spool = board.spool
    account.journal = board.journal
    account.open()
    account._sift(board.arrived.append)
    assert account.more
    work(board, drop)
    assert sorted(stored(board.spool)) == sorted(texts)
    assert drop.mail == []
    agree(board)


def test_what_was_there_before_stays_though_its_uid_is_not_unique():
    texts = bodies(60)
    mail = [(i + 1, b"uid-%d" % (i % 20), texts[i]) for i in range(60)]
    drop = Drop(mail[:])
    drop.passes = 200
    board = Board()
    board.session(drop, start="now")
    for order in (
        lambda mail: mail[::-1],
        lambda mail: mail[::2] + mail[1::2],
        lambda mail: mail[::7] + [m for i, m in enumerate(mail) if i % 7],
        lambda mail: sorted(mail, key=lambda m: m[0] * 37 % 61),
    ):
        drop.order = order
        for _ in range(2):
            work(board, drop, start="now")
            assert len(drop.mail) == 60


# -- odd servers


def test_a_server_that_deletes_nothing_does_not_keep_new_mail_away():
    for account in ({}, {"max_bytes": 100000}):
        texts = [b"Subject: %d\r\n\r\n" % i for i in range(400)]
        drop = Keeps(numbered(texts))
        board = Board()
        for _ in range(6):
            session, _ = board.session(drop, piece=4000, **account)
        board.check(texts)
        assert len(drop.retrieved) == 400
        mores = []
        for _ in range(6):
            session, _ = board.session(drop, piece=4000, **account)
            mores.append(session.more)
        assert mores.count(False) >= 3, mores  # then it waits


def test_a_message_without_an_end_and_without_a_uid():
    texts = bodies(6)
    drop = Drop(numbered(texts))
    drop.has_uidl = False
    drop.caps = None
    drop.no_end = (3,)
    board = Board()
    for _ in range(6):
        try:
            board.session(drop)
        except (Cut, errors.RemoteProtocolError):
            board.last.cut_off()
    assert [m[2] for m in drop.mail] == [texts[2]]


def test_a_uid_that_is_not_unique_any_more_where_the_newest_are_listed_first():
    drop = Drop([(1, b"same", b"first\r\n"), (2, b"other", b"other\r\n")])
    board = Board()
    board.session(drop, keep="forever")
    drop.mail.insert(0, (3, b"same", b"second\r\n"))
    for _ in range(3):
        board.session(drop, keep="forever")
    board.check([b"first\r\n", b"other\r\n", b"second\r\n"])


def test_of_two_with_one_uid_neither_is_taken_for_the_other_when_it_is_alone():
    """One is here by its uid, the other cannot be fetched: if only that one were left, it would look stored."""
    drop = Drop([(1, b"same", b"first\r\n")])
    board = Board()
    board.session(drop, keep="forever")
    drop.mail.append((2, b"same", b"second\r\n"))
    drop.no_retr = (2,)
    for _ in range(3):
        board.session(drop)
    drop.no_retr = ()
    for _ in range(2):
        board.session(drop)
    assert drop.mail == []
    board.check([b"first\r\n", b"second\r\n"])


class Counts(Drop):
    """It, or the line, ends each connection after so many commands."""

    limit = 0

    def command(self, line):
        if len(self.commands) >= self.limit:
            self.out = b""
            self.no_end = (0,)
            return
        super().command(line)


def test_a_connection_that_ends_after_some_commands_is_used_for_less_at_a_time():
    """A whole window was compared before the first DELE, and nothing was kept of that."""
    for limit in (12, 25, 60):
        texts = bodies(100)
        drop = Counts(numbered(texts))
        drop.limit = limit
        board = Board()
        for _ in range(160):
            drop.no_end = ()
            try:
                board.session(drop)
            except (Cut, errors.MailError):
                board.last.cut_off()
            if not drop.mail:
                break
        assert drop.mail == []
        board.check(texts)


class Endless(Drop):
    """Its replies to TOP have no end."""

    def command(self, line):
        super().command(line)
        if line[:3] == b"TOP":
            self.out = self.out[:-3]
            self.no_end = (0,)


def test_comparing_by_top_without_an_end_does_not_keep_the_mail_away():
    """Each session ended there, for ever."""
    texts = [b"Subject: %d\r\nMessage-ID: <%d@x>\r\n\r\n" % (i, i) + b"x\r\n" * 20 for i in range(9)]
    drop = Endless(numbered(texts))
    board = Board()
    cut_quit(board, drop)
    assert drop.mail
    drop.mail = [(i + 1, m[1], m[2]) for i, m in enumerate(drop.mail)]
    for _ in range(8):
        drop.no_end = ()
        try:
            board.session(drop)
        except (Cut, errors.MailError):
            board.last.cut_off()
    assert drop.mail == []
    board.check(texts)


def test_one_refused_dele_says_nothing_of_the_others():
    """Messages that were never asked to be deleted were taken for ones that the server does not delete."""
    texts = bodies(8)
    drop = Drop(numbered(texts))
    board = Board()
    for refused in ((1,), (1,), ()):
        drop.no_dele = refused
        board.session(drop)
    for _ in range(2):
        session, _ = board.session(drop)
    assert session.error is None
    assert drop.mail == []
    board.check(texts)


def test_a_server_that_deletes_what_was_retrieved_is_remembered_as_such():
    """CAPA that is refused once, or not answered, makes it no other server."""
    drop = Drop(numbered(bodies(3)))
    drop.caps = b"UIDL\r\nEXPIRE 0\r\n"
    board = Board()
    board.session(drop)
    assert board.last.expires()
    drop = Drop(numbered(bodies(3), b"more-%d"))
    drop.caps = None
    board.memory.pop("caps", None)
    board.session(drop, fetch="headers")
    assert board.last.expires()
    board = Board()
    board.memory["bare"] = True  # the connection ended at CAPA
    board.session(Drop([]))
    assert board.last.expires()
