"""What went from the board does not come again, and neither hides nor deletes anything on the server: by `wipe`, by
making room, by moving it to a PC."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

from buzon import errors
from buzon.store.clear import clear
from buzon.store.journal import ABSENT, ARRIVED, DELETED, LEFT, STATE, WANTED, Journal
from buzon.store.leave import leave
from buzon.store.quota import Quota
from buzon.store.spool import key_of
from test_sync_model import Board, Cut, Drop, bodies, cut_quit, numbered, stored

MANY = 200 if sys.implementation.name == "cpython" else 40


def text(i, size=40):
    return b"Subject: %02d\r\n\r\n" % i + b"x" * size + b"\r\n"


def wipe(board, deletes, most=16):
    """As the console does it; how many requests it took."""
    n = 0
    while clear(board.journal, board.spool, most, deletes):
        n += 1
    assert stored(board.spool) == []
    return n


def polls(board, drop, n=3, **account):
    """Sessions, with a restart between; how many messages came."""
    came = 0
    for _ in range(n):
        session, _ = board.session(drop, **account)
        assert session.error is None, session.error
        came += session.fetched
        board.boot()
    return came


def test_what_was_wiped_does_not_come_again_and_what_is_new_does():
    for account in (
        {"keep": "forever"},
        {"keep": "forever", "order": "newest"},
        {"keep": 30},
        {"start": "now"},
    ):
        board = Board()
        account = dict(account)
        account["delete_confirmed"] = account.get("start") == "now"
        drop = Drop([])
        board.session(drop, **account)
        drop.mail = numbered([text(i) for i in range(MANY)])
        board.session(drop, **account)
        if drop.mail:
            assert polls(board, drop, **account) + len(board.arrived) >= MANY
        mail = drop.mail[:]
        retrieved = len(drop.retrieved)
        assert wipe(board, account.get("keep") != "forever") == -(-MANY // 16)
        assert (board.journal.stored, board.journal.new) == (0, 0)
        board.boot()
        assert polls(board, drop, **account) == 0
        assert (drop.mail, len(drop.retrieved)) == (mail, retrieved), account
        drop.mail.append((MANY + 1, b"new-one", text(1, 99)))
        assert polls(board, drop, **account) == 1
        assert stored(board.spool) == [text(1, 99)]


def test_what_was_wiped_is_never_deleted_on_the_server_whatever_is_agreed_to_later():
    """Neither where deleting waits for the person's yes, nor where QUIT was not answered."""
    texts = [text(i) for i in range(6)]
    drop = Drop(numbered(texts))
    board = Board()
    board.session(drop, delete_confirmed=False)
    wipe(board, True)
    assert polls(board, drop, delete_confirmed=False) == 0
    assert polls(board, drop) == 0  # and now the person says yes
    assert [each[2] for each in drop.mail] == texts

    drop = Drop(numbered(texts))
    board = Board()
    cut_quit(board, drop)
    left = drop.mail[:]
    assert len(left) == 3
    wipe(board, True)
    board.boot()
    assert polls(board, drop) == 0
    assert drop.mail == left
    assert len(drop.retrieved) == 6  # ten lines were enough to know them


def test_an_id_of_what_was_wiped_may_name_another_message():
    """Of the same size, so that nothing but its content tells."""
    for cut in (False, True):
        board = Board()
        drop = Drop([(1, b"always-the-same", text(0))])
        if cut:
            cut_quit(board, drop)
        else:
            board.session(drop)
        for i in range(1, 5):
            wipe(board, True)
            board.boot()
            drop = Drop([(1, b"always-the-same", text(i))])
            session, _ = board.session(drop)
            assert (session.error, session.fetched, drop.mail) == (None, 1, []), i
            assert stored(board.spool) == [text(i)]


def test_what_made_room_may_leave_its_id_to_another_message():
    """Its maildrop is emptied, so that it was no longer listed when it went from here."""
    board = Board()
    board.spool.full = "evict"
    board.spool.quota = Quota(5 * len(text(0, 900)), board.root)
    for i in range(20):
        drop = Drop([(1, b"id-%d" % (i % 7), text(i, 900))])
        for _ in range(3):
            session, _ = board.session(drop)
            if not session.more:
                break
        assert (session.error, drop.mail) == (None, []), i
    assert sorted(stored(board.spool)) == [text(i, 900) for i in range(15, 20)]


def test_of_more_mail_than_fits_the_newest_stays_and_is_not_fetched_twice():
    """With the newest first, what is older never makes what is newer go."""
    size = len(text(0, 900))
    tell = {"keep": "forever", "order": "newest"}
    for backlog, batch in ((20, 3), (3, 1), (90, 7), (6, 8), (0, 2)):
        texts = [b"Subject: %05d\r\n\r\n" % i + b"x" * 897 + b"\r\n" for i in range(backlog + 8 * batch)]
        assert len(texts[0]) == size
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(6 * size, board.root)
        drop = Drop(numbered(texts[:backlog]))
        n = backlog
        while True:
            for _ in range(4):
                session, _ = board.session(drop, **tell)
                assert session.error is None, session.error
                if not session.more:
                    break
            assert not session.more
            assert sorted(stored(board.spool)) == texts[max(0, n - 6) : n], (backlog, batch, n)
            assert len(drop.mail) == n
            fetched = len(drop.retrieved)
            board.boot()
            board.session(drop, **tell)
            assert len(drop.retrieved) == fetched  # nothing is left to do
            if n == len(texts):
                break
            n += batch
            drop.mail = numbered(texts)[:n]
        assert len(drop.retrieved) == len(set(drop.retrieved))


def test_the_newest_stays_wherever_the_sessions_are_cut():
    size = len(text(0, 900))
    tell = {"keep": "forever", "order": "newest"}
    texts = [text(i, 900) for i in range(20)]

    def fresh():
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(6 * size, board.root)
        board.session(Drop(numbered(texts)[:3]), **tell)
        return board, Drop(numbered(texts))

    board, drop = fresh()
    _, steps = board.session(drop, **tell)
    for cut in range(1, steps, 1 if sys.implementation.name == "cpython" else 17):
        board, drop = fresh()
        try:
            board.session(drop, cut, **tell)
        except Cut:
            board.last.cut_off()
        board.boot()
        polls(board, drop, **tell)
        assert sorted(stored(board.spool)) == texts[14:], cut
        assert len(drop.mail) == 20


def test_headers_of_a_large_message_push_out_no_more_than_they_take():
    """Of what comes by its headers only these need room, however large it is."""
    small = [text(i, 900) for i in range(40)]
    size = len(small[0])
    for tell in (
        {"keep": "forever", "order": "newest", "max_bytes": 4000},
        {"keep": "forever", "order": "newest"},  # and what can never fit pushes out nothing either
    ):
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(20 * size, board.root)
        drop = Drop(numbered(small[:30]))
        polls(board, drop, **tell)
        assert sorted(stored(board.spool)) == small[10:30]
        large = text(99, 50000)
        drop.mail = numbered(small[:30] + [large] + small[30:31])
        for _ in range(3):
            session, _ = board.session(drop, **tell)
            board.boot()
        held = stored(board.spool)
        assert small[30] in held and large not in held
        assert len(held) >= 20 - 1 - (4096 // size + 1), len(held)
        if "max_bytes" in tell:
            assert (session.error, session.more, board.spool.count()) == (None, False, len(held) + 1)
        assert len(drop.mail) == 32


def test_headers_older_than_all_that_is_here_are_no_error_that_stands():
    size = len(text(0, 900))
    tell = {"keep": "forever", "order": "newest", "max_bytes": 4000}
    texts = [text(i, 50000 if i == 3 else 900) for i in range(20)]
    for room in range(6 * size, 20 * size, size // 3):
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(room, board.root)
        drop = Drop(numbered(texts))
        polls(board, drop, **tell)
        retrieved = len(drop.retrieved)
        assert polls(board, drop, **tell) == 0
        assert (len(drop.retrieved), len(drop.mail)) == (retrieved, 20)
        assert set(texts[-5:]) <= set(stored(board.spool)), room


def test_what_is_asked_for_and_gone_from_the_server_does_not_stop_others_from_making_room():
    """More of them than are looked at to make room."""
    for order in ("oldest", "newest"):
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(40 * len(text(0, 900)), board.root)
        old = numbered([text(i) for i in range(40)])
        board.session(Drop(old), keep="forever", order=order, fetch="headers")
        for key, _ in list(board.spool.files()):
            was = board.journal.state(key)
            board.journal.change(was | WANTED, key, was)
        for n in range(5, 80, 15):
            new = [text(i, 900) for i in range(n)]
            polls(board, Drop(numbered(new, b"later-%d")), keep="forever", order=order)
            assert new[-1] in stored(board.spool), n
        assert board.spool.count() - len(stored(board.spool)) == 40  # they are all here still


def test_headers_alone_are_wiped_too():
    drop = Drop(numbered([text(i, 3000) for i in range(3)]))
    board = Board()
    board.session(drop, keep="forever", max_bytes=1000)
    assert board.journal.stored == 3
    wipe(board, False)
    assert polls(board, drop, keep="forever", max_bytes=1000) == 0
    assert polls(board, drop, keep="forever") == 0
    assert len(drop.mail) == 3


def test_a_message_whose_record_a_cut_has_lost_is_recorded_then():
    drop = Drop(numbered([text(0)]))
    board = Board()
    board.session(drop, keep="forever")
    os.remove(board.journal.path)
    board.journal = Journal(board.spool.folder)  # not opened, which would mend it
    wipe(board, False)
    board.boot()
    assert board.journal.state(key_of(board.last.pop.realm + b"uid-0")) == LEFT
    assert polls(board, drop, keep="forever") == 0


class Off(Exception):
    """The power goes."""


def test_power_that_goes_at_any_step_loses_nothing_and_fetches_nothing_twice():
    """What is wiped in part is wiped by the next request; until then the rest is here."""
    texts = [text(i) for i in range(10)]
    steps = 0
    while True:
        board = Board()
        drop = Drop(numbered(texts))
        board.session(drop, keep="forever")
        left = [steps]

        def step(left=left):
            left[0] -= 1
            if left[0] < 0:
                raise Off

        class Cutting(Journal):
            def flush(self):
                if self.pending:
                    step()
                super().flush()

        remove = board.spool.remove

        def removing(name, remove=remove):
            step()
            remove(name)

        board.journal = Cutting(board.spool.folder)
        board.journal.open(board.spool)
        board.spool.remove = removing
        try:
            for _ in range(4):
                clear(board.journal, board.spool, 4, False)
            cut = False
        except Off:
            cut = True
        board.boot()
        held = stored(board.spool)
        assert board.journal.stored == len(held)
        assert polls(board, drop, keep="forever") == 0
        assert stored(board.spool) == held
        wipe(board, False)
        assert polls(board, drop, keep="forever") == 0
        assert len(drop.mail) == 10
        if not cut:
            break
        steps += 1
    assert steps == 13


class Full(Journal):
    """Nothing can be written as long as there are so many messages."""

    spool = None

    def flush(self):
        if self.pending and self.spool and self.spool.count() > 3:
            raise errors.StoreError(errors.E_FLASH_FULL, "0 KB free")
        super().flush()


def test_a_flash_that_is_full_to_the_last_block_is_wiped():
    drop = Drop(numbered([text(i) for i in range(9)]))
    board = Board()
    board.session(drop, keep="forever")
    board.journal = Full(board.spool.folder)
    board.journal.open(board.spool)
    board.journal.spool = board.spool
    wipe(board, False, most=8)
    board.boot()
    assert polls(board, drop, keep="forever") == 0


def test_what_was_moved_to_a_pc_may_be_deleted_on_the_server():
    """It was verified there; and it is that very message, or another one that has its id."""
    for other in (False, True):
        drop = Drop(numbered(bodies(4)))
        board = Board()
        cut_quit(board, drop)
        _, uid, body = drop.mail[0]
        key = key_of(board.last.pop.realm + uid)
        leave(board.journal, board.spool, key, DELETED, board.journal.state(key))
        again = b"Another: 1\r\n\r\n" if other else body
        held = stored(board.spool)
        drop = Drop([(1, uid, again)])
        drop.person = [body]
        polls(board, drop)
        assert drop.mail == []
        assert sorted(stored(board.spool)) == sorted(held + ([again] if other else []))


def test_the_kinds_of_record_are_what_they_were():
    """Of a message that is listed the record says so; where the maildrop is emptied, that its id is in doubt."""
    for deletes in (False, True):
        board = Board()
        board.session(Drop(numbered([text(0)])), keep="forever")
        key = key_of(board.last.pop.realm + b"uid-0")
        assert board.journal.state(key) & STATE == ARRIVED
        wipe(board, deletes)
        assert board.journal.state(key) == (LEFT | ABSENT if deletes else LEFT)
        size, crc = board.journal.known(key)
        assert size == len(text(0))
        assert crc
