"""sync.py where much is in flight and a server or the flash does not bear it. On the model of test_sync_model.py, each
against a maildrop that takes several commands at once and one that does not."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

import test_sync_model as model
from buzon import errors
from buzon.store import fs
from buzon.store.incoming import Incoming
from buzon.store.quota import Quota
from buzon.store.spool import size_of
from pipelined import CAPS
from room import Flash
from test_sync_model import ADVICE, Board, Cut, Drop, bodies, numbered, stored
from test_sync_policies import big, head, parts, work


def both(mail, kind=Drop):
    """The same maildrop at a server with PIPELINING and at one without."""
    for caps in (CAPS, model.CAPS):
        drop = kind(mail[:])
        drop.caps = caps
        yield drop


def polls(board, drop, n, **account):
    """So many sessions, whatever becomes of each; the last one's error."""
    code = 0
    for _ in range(n):
        try:
            session, _ = board.session(drop, **account)
            code = session.error.code if session.error else 0
        except (Cut, errors.RemoteProtocolError):
            board.last.cut_off()
            code = errors.E_CLOSED
        except errors.MailError as err:
            code = err.code
    return code


class OneOnly(Drop):
    """Says that it takes several commands at once, and forgets all but the first of what came."""

    def __init__(self, mail):
        super().__init__(mail)
        self.no_end = (-1,)  # then it is silent

    def next(self, lines):
        super().next(lines)
        return b""


def test_a_server_that_forgets_what_came_along_gets_one_at_a_time():
    for account in ({}, {"keep": "forever"}):
        for n in (1, 2, 9):
            texts = bodies(n)
            drop = OneOnly(numbered(texts))
            drop.caps = CAPS
            board = Board()
            assert polls(board, drop, 6, **account) == 0, (account, n)
            assert len(drop.mail) == (n if account else 0)
            board.check(texts)


def test_deletions_that_are_refused_do_not_keep_new_mail_from_evicting():
    texts = big(8)
    for drop in both(numbered(texts)[:5]):
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(5 * len(texts[0]), board.root)
        drop.no_dele = range(1, 9)
        board.session(drop)
        drop.mail = numbered(texts)
        for _ in range(4):
            board.session(drop)
        assert sorted(stored(board.spool)) == sorted(texts[3:])


class Dropping(Incoming):
    """A spool in which the message that holds `what` does not fit, and it is longer than what is read of such a one."""

    what = b"~"

    def write(self, buf, off, n):
        if self.what in bytes(buf[off : off + n]):
            self.failed = errors.StoreError(errors.E_FLASH_FULL, "0 KB left for mail")
            self.written += 1 << 26
        super().write(buf, off, n)


def test_what_follows_in_a_message_that_is_given_up_is_no_reply():
    """Its sender may have put replies there."""
    texts = bodies(6)
    texts[1] = b"+OK\r\n" * 100 + b"~\r\n" + b"+OK\r\n" * 400
    for drop in both(numbered(texts)):
        drop.sizes = {2: 100}
        board = Board()
        board.spool = Dropping("acc", board.root)
        assert polls(board, drop, 6) in (errors.E_FLASH_FULL, errors.E_CLOSED)
        assert [m[2] for m in drop.mail] == [texts[1]]
        board.check([text for i, text in enumerate(texts) if i != 1])


class Blocks(Flash):
    """The same where each message takes whole blocks and one more."""

    def __init__(self, board, blocks):
        super().__init__(board, blocks * 4096)

    def room(self, path="/", least=0):
        used = sum((size_of(name) + 8191) // 4096 * 4096 for _, name in self.board.spool.files())
        return self.octets - used, self.octets


def test_what_small_messages_take_beside_their_bytes_is_counted_in_flight():
    """Each takes blocks of the flash: as many as seem to fit by their bytes do not."""
    texts = big(60)
    for keep in ("delete", "forever"):
        for drop in both(numbered(texts)):
            board = Board()
            board.spool.full = "evict"
            with Blocks(board, 41):
                session = work(board, drop, keep=keep)
            assert session.error is None, session.error
            assert len(stored(board.spool)) >= 12
            assert stored(board.spool).count(texts[59]) == 1
            assert len(drop.mail) == (0 if keep == "delete" else 60)


def test_headers_that_came_leave_what_is_in_flight_counted():
    """The headers of a large message take little: their reply frees no more than they took."""
    large = b"Subject: large\r\n\r\n" + b"l" * 50000 + b"\r\n"
    texts = [large] + big(12, 8000)
    for drop in both(numbered(texts)):
        board = Board()
        board.spool.full = "evict"
        board.spool.quota = Quota(30000, board.root)
        session = work(board, drop, max_bytes=20000)
        assert session.error is None, session.error
        assert texts[12] in stored(board.spool)
        assert parts(board.spool) in ([], [head(large)])


def test_several_messages_without_an_end_do_not_keep_the_others_away():
    texts = bodies(9)
    for drop in both(numbered(texts)):
        drop.no_end = (2, 4, 7)
        board = Board()
        polls(board, drop, 14)
        assert [m[0] for m in drop.mail] == [2, 4, 7]
        drop.no_end = ()
        assert polls(board, drop, 2) == 0
        assert drop.mail == []
        board.check(texts)


def test_several_sizes_that_are_wrong_do_not_keep_the_others_away():
    texts = bodies(9)
    huge = (2, 5)
    for i in huge:
        texts[i] = b"Subject: huge %d\r\n\r\n" % i + b"h" * 60000 + b"\r\n"
    for drop in both(numbered(texts)):
        drop.sizes = {i + 1: 100 for i in huge}
        board = Board()
        board.spool.quota = Quota(20000, board.root)
        assert polls(board, drop, 6) == errors.E_FLASH_FULL
        assert [m[0] - 1 for m in drop.mail] == list(huge)
        board.check([text for i, text in enumerate(texts) if i not in huge])


def test_who_waits_does_not_wait_for_all_of_a_large_window():
    texts = bodies(20)
    drop = Drop(numbered(texts))
    drop.caps = CAPS
    drop.sizes = {i + 1: 300000 for i in range(20)}
    drop.bursts = []
    board = Board()
    board.memory.update({"flight": ADVICE, "short": True})
    room = fs.room
    fs.room = lambda path="/", least=0: (100000000, 200000000)
    try:
        session, _ = board.session(drop)
    finally:
        fs.room = room
    assert session.error is None and drop.mail == []
    assert max(burst.count(b"RETR") for burst in drop.bursts) <= 4
    board.check(texts)


class Forgets(Drop):
    """Advertises PIPELINING, and drops the RETR of the messages `loses` where it is not the only command."""

    loses = ()

    def command(self, line):
        if self.flight < 2 or line not in [b"RETR %d" % n for n in self.loses]:
            super().command(line)


def test_a_server_that_drops_commands_in_flight_has_no_message_taken_for_another():
    for loses in ((1,), (2,), (4, 5), (2, 3, 6), (5,)):
        texts = [b"Subject: %d\r\n\r\n" % i + b"x" * i + b"\r\n" for i in range(6)]
        drop = Forgets(numbered(texts))
        drop.caps = CAPS
        drop.loses = loses
        board = Board()
        for _ in range(4):
            try:
                board.session(drop)
            except errors.RemoteProtocolError:
                board.last.cut_off()
            except AssertionError as err:
                assert "both wait" in str(err), err
                board.last.cut_off()
        assert drop.mail == [], loses
        board.check(texts)


def test_sizes_that_are_always_wrong_cost_one_message_a_second_time_and_no_more():
    texts = bodies(9)
    drop = Drop(numbered(texts))
    drop.caps = CAPS
    drop.sizes = {i + 1: 7 for i in range(9)}
    board = Board()
    assert polls(board, drop, 1, keep="forever") == errors.E_CLOSED
    assert polls(board, drop, 1, keep="forever") == errors.E_DOUBT  # the first one: is it longer, or another?
    assert polls(board, drop, 1, keep="forever") == 0
    assert (board.memory["flight"], board.last.pipelined, len(stored(board.spool))) == (ADVICE, False, 1)
    assert polls(board, drop, 1, keep="forever") == 0
    assert board.last.pipelined
    drop.mail = [(m[0] + 9, m[1] + b"n", m[2] + b"again\r\n") for m in drop.mail]
    drop.sizes = {i + 10: 7 for i in range(9)}
    assert polls(board, drop, 1) == 0
    assert board.last.pipelined
    assert drop.flight > 8
    assert drop.mail == []
    board.check(texts + [text + b"again\r\n" for text in texts])
