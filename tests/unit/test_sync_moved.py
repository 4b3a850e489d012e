"""Ids that name other messages than before: a mailbox that was moved, and ids that are message numbers."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

from buzon import errors
from buzon.store import fs
from buzon.store.journal import DELETED, LEFT, WANTED
from buzon.store.leave import leave
from buzon.store.quota import Quota
from buzon.store.spool import key_of
from test_sync_model import Board, Cut, Drop, numbered, stored

MANY = 300 if sys.implementation.name == "cpython" else 150


def text(i, size=0):
    return b"Subject: %04d\r\n\r\n" % i + b"x" * size + b"\r\n"


def various(n):
    return [text(i, i) for i in range(n)]


def numbers(texts):
    """Their unique ids are their numbers."""
    return [(i + 1, b"%d" % (i + 1), texts[i]) for i in range(len(texts))]


def heads(board):
    return [name for name in fs.names(board.spool.folder) if name.endswith((".hdr", ".top"))]


def settle(board, drop, **account):
    """Sessions until nothing more is to be done; the last one's error."""
    for _ in range(12):
        session, _ = board.session(drop, **account)
        if not session.more and not board.memory.get("alone"):
            break
    assert not session.more
    return session.error


def test_ids_that_are_numbers_double_nothing_when_another_client_deletes():
    for n, gone in ((5, 0), (5, 2), (5, 4), (MANY, 0), (MANY, 100)):
        for keep in ("forever", 30):
            texts = various(n)
            board = Board()
            board.session(Drop(numbers(texts)), keep=keep)
            drop = Drop(numbers(texts[:gone] + texts[gone + 1 :] + [text(n, n)]))
            for _ in range(3):
                assert settle(board, drop, keep=keep) is None
            board.check(texts + [text(n, n)])
            assert len(drop.mail) == n
            drop.retrieved = []
            settle(board, drop, keep=keep)
            assert drop.retrieved == []


def test_ids_that_are_numbers_and_a_cut_anywhere():
    texts = various(5)
    for power in (False, True):
        cut = 0
        while True:
            cut += 1
            board = Board()
            board.session(Drop(numbers(texts)), keep="forever")
            drop = Drop(numbers(texts[1:]))
            try:
                board.session(drop, cut, keep="forever")
                break
            except Cut:
                board.last.cut_off()
            if power:
                board.memory = {}
                board.boot()
            for _ in range(2):
                assert settle(board, drop, keep="forever") is None
            board.check(texts)
        assert cut > 20


def test_ids_that_are_numbers_are_no_reason_to_delete_unseen_or_double():
    for gone in (0, 1, 3):
        texts = various(5)
        board = Board()
        drop = Drop(numbers(texts))
        drop.quit_ok = False
        try:
            board.session(drop)
        except errors.ServerError:
            pass
        drop = Drop(numbers(texts[:gone] + texts[gone + 1 :] + [text(9, 9)]))
        assert settle(board, drop) is None
        assert drop.mail == []
        board.check(texts + [text(9, 9)])


def test_headers_of_messages_whose_ids_changed_are_not_doubled():
    texts = various(20)
    for ids in (numbers, numbered):
        board = Board()
        board.session(Drop(ids(texts)), keep="forever", fetch="headers")
        assert len(heads(board)) == 20
        drop = Drop(numbers(texts[1:]) if ids is numbers else numbered(texts, b"moved-%d"))
        for _ in range(3):
            assert settle(board, drop, keep="forever", fetch="headers") is None
        assert (len(heads(board)), board.journal.stored, stored(board.spool)) == (20, 20, [])
        assert len(board.arrived) == 20


def test_a_moved_mailbox_and_a_cut_anywhere():
    texts = various(5)
    for power in (False, True):
        for fetch in ("full", "headers"):
            cut = 0
            while True:
                cut += 1
                board = Board()
                board.session(Drop(numbered(texts)), keep="forever", fetch=fetch)
                drop = Drop(numbered(texts + [text(9, 9)], b"moved-%d"))
                try:
                    board.session(drop, cut, keep="forever", fetch=fetch)
                    break
                except Cut:
                    board.last.cut_off()
                if power:
                    board.memory = {}
                    board.boot()
                for _ in range(2):
                    assert settle(board, drop, keep="forever", fetch=fetch) is None
                if fetch == "full":
                    board.check(texts + [text(9, 9)])
                assert board.journal.stored == 6
            assert cut > 20


def test_more_than_a_window_of_one_size_that_moved():
    texts = [text(i) for i in range(MANY)]
    for order in ("oldest", "newest"):
        for mixed in (False, True):
            board = Board()
            board.session(Drop(numbered(texts)), keep="forever", order=order)
            after = [texts[i * 7 % MANY] for i in range(MANY)] if mixed else texts
            drop = Drop(numbered(after, b"moved-%d"))
            drop.passes = 200
            for _ in range(2):
                assert settle(board, drop, keep="forever", order=order) is None
            board.check(texts)
            assert len(drop.mail) == MANY


def test_a_cut_and_more_than_a_window_of_one_size_that_moved():
    """All are here, none is known to be deleted, and all have other ids: none comes twice."""
    texts = [text(i) for i in range(100)]
    board = Board()
    board.session(Drop(numbered(texts)), keep="forever")
    drop = Drop(numbered(texts, b"moved-%d"))
    assert settle(board, drop) is None
    assert drop.mail == []
    board.check(texts)


def test_two_that_are_the_same_are_two_when_one_comes_later():
    for keep in ("forever", "delete"):
        board = Board()
        drop = Drop([(1, b"a", text(1))])
        drop.no_dele = (1,)
        board.session(drop, keep=keep)
        drop.mail.append((2, b"b", text(1)))
        for _ in range(3):
            board.session(drop, keep=keep)
        assert stored(board.spool) == [text(1), text(1)], keep


def test_an_id_that_is_used_again_is_a_new_message_for_the_settings_too():
    """The one that is here is set aside, the new one fetched as a new one is: its headers only."""
    for account in ({"max_bytes": 300}, {"filter": [{"from": "x", "fetch": "full"}], "fetch": "headers"}):
        for keep in ("delete", 30, "forever"):
            board = Board()
            board.session(Drop([(1, b"a", text(1, 20))]), keep="forever")
            drop = Drop([(1, b"a", text(2, 2000))])
            for _ in range(3):
                assert settle(board, drop, keep=keep, **account) is None
            assert stored(board.spool) == [text(1, 20)], (account, keep)
            assert len(heads(board)) == 1
            assert len(drop.mail) == 1


class Once(Drop):
    """RETR is answered once with another body."""

    instead = {}

    def command(self, line):
        n = int(line[5:]) if line[:5] == b"RETR " else 0
        real = self.mail
        body = self.instead.pop(n, None)
        if body:
            self.mail = [(m[0], m[1], body if m[0] == n else m[2]) for m in real]
        super().command(line)
        if body:
            self.mail = real


def test_a_wrong_answer_that_is_here_already_proves_nothing():
    one, other = text(1, 50), text(2, 400)
    for uids in ((b"a", b"b"), (b"a", b"")):
        board = Board()
        unconfirmed(board, Drop([(1, b"a", one)]))
        drop = Once([(1, b"a", one), (2, uids[1], other)])
        drop.instead = {2: one}
        for _ in range(6):
            try:
                board.session(drop)
            except errors.MailError:
                board.last.cut_off()
        assert drop.mail == []
        held = stored(board.spool)
        assert one in held and other in held
        assert not board.memory.get("short")


def unconfirmed(board, drop):
    """A session whose deletions do not take effect: QUIT is refused."""
    drop.quit_ok = False
    drop.remove = lambda gone: None
    try:
        board.session(drop)
    except errors.ServerError:
        pass


def test_equal_messages_with_other_ids_are_each_stored_whatever_the_window():
    alarm = b"Subject: alarm\r\n\r\nALARM\r\n"
    texts = [alarm] + various(MANY)[10:] + [alarm]
    for order in ("oldest", "newest"):
        board = Board()
        unconfirmed(board, Drop([(1, b"u0", text(999, 3))]))
        drop = Drop(numbered(texts))
        drop.passes = 1000
        drop.remove = lambda gone: setattr(drop, "mail", [m for m in drop.mail if m not in gone])
        assert settle(board, drop, order=order) is None
        assert drop.mail == []
        assert sorted(stored(board.spool)) == sorted(texts + [text(999, 3)])


def test_a_power_cut_before_the_records_does_not_blind_the_comparison_of_sizes():
    texts = [text(i, i * 10) for i in range(6)]
    for account in ({"fetch": "full"}, {"fetch": "headers"}):
        steps = Board().session(Drop(numbers(texts[:5])), keep="forever", **account)[1]
        board = Board()
        drop = Drop(numbers(texts[:5]))
        board.journal.flush = lambda: None
        try:
            board.session(drop, steps - 1, keep="forever", **account)
        except Cut:
            pass
        board.memory = {}
        board.boot()
        for _ in range(2):
            board.session(drop, keep="forever", **account)
        drop = Drop(numbers(texts[:1] + texts[2:]))
        for _ in range(3):
            assert settle(board, drop, keep="forever", **account) is None
        assert board.journal.stored == 6


def test_ids_that_are_numbers_and_many_that_are_gone():
    texts = various(MANY)
    for order in ("oldest", "newest"):
        for gone in (40, 63, 64, 66):
            board = Board()
            board.session(Drop(numbers(texts)), keep="forever", order=order)
            drop = Drop(numbers(texts[gone:]))
            drop.passes = 1000
            for _ in range(2):
                settle(board, drop, keep="forever", order=order)
            board.check(texts)


def test_a_cut_and_two_deletions_of_another_client():
    texts = various(7)
    for cut in range(1, 200):
        board = Board()
        try:
            board.session(Drop(numbers(texts)), cut, keep="forever", order="newest")
            break
        except Cut:
            board.last.cut_off()
        left = texts[:4] + texts[5:]
        for _ in range(2):
            settle(board, Drop(numbers(left)), keep="forever", order="newest")
        held = stored(board.spool)
        left = left[1:]
        for _ in range(3):
            settle(board, Drop(numbers(left)), keep="forever", order="newest")
        assert sorted(stored(board.spool)) == sorted(held), cut
    assert cut > 20


def test_a_field_that_the_server_adds_is_no_other_message():
    for account in ({}, {"max_bytes": 300}):
        board = Board()
        one = b"Message-ID: <1@example.org>\r\nSubject: s\r\n\r\n" + b"x" * 400 + b"\r\n"
        board.session(Drop([(1, b"a", one)]), keep="forever")
        drop = Drop([(1, b"a", b"Status: RO\r\n" + one)])
        for _ in range(3):
            assert settle(board, drop, keep="forever", **account) is None
        board.check([one])
        assert heads(board) == []


def test_one_id_that_is_used_again_in_a_large_mailbox_costs_a_few_listings():
    texts = various(MANY)
    for order in ("oldest", "newest"):
        board = Board()
        board.session(Drop(numbered(texts)), keep="forever", order=order)
        drop = Drop(numbered(texts))
        drop.mail[100] = (101, b"uid-100", text(9999, 999))
        for n in range(3):
            assert settle(board, drop, keep="forever", order=order) is None
            assert drop.listings < 12, (n, drop.listings)
        board.check(texts + [text(9999, 999)])
        assert drop.retrieved == [text(9999, 999)]


def test_what_was_removed_here_stays_away_when_the_mailbox_moves():
    """Wiped, evicted, or deleted by a person: as far as a header with something unique, and a size, tell."""
    texts = [b"Message-ID: <%d@x>\r\n" % i + text(i, 30) for i in range(60)]
    for kind in (DELETED, LEFT):
        for fetch in ("full", "headers"):
            board = Board()
            board.session(Drop(numbered(texts)), keep="forever", fetch=fetch)
            for i in range(0, 60, 2):
                leave(
                    board.journal,
                    board.spool,
                    key_of(b"uid-%d" % i),
                    kind,
                    board.journal.state(key_of(b"uid-%d" % i)),
                )
            new = b"Message-ID: <new@x>\r\n" + text(99, 28)
            drop = Drop(numbered(texts[30:] + texts[:30] + [new], b"moved-%d"))
            for _ in range(2):
                assert settle(board, drop, keep="forever", fetch=fetch) is None
            board.check(texts[1::2] + [new]) if fetch == "full" else None
            assert len(heads(board) or stored(board.spool)) == 31
            drop.retrieved = []
            settle(board, drop, keep="forever", fetch=fetch)
            assert drop.retrieved == []


def test_with_start_now_what_was_there_before_is_left_alone_when_its_ids_change():
    """All at once, or those after a message that another client deletes, where ids are numbers."""
    old = [text(i, 20 + 7 * i % 90) for i in range(150)]
    new = [text(500 + i, 200 + i) for i in range(3)]
    for keep in ("delete", "forever"):
        for cut in (0, 9, 14, 30):
            for gone in ((), (0,), (70, 71), (149,)):
                board = Board()
                board.session(Drop(numbers(old)), keep=keep, start="now")
                board.session(Drop(numbers(old + new[:1])), keep=keep, start="now")
                there = [each for i, each in enumerate(old) if i not in gone]
                kept = new[:1] if keep == "forever" else []
                texts = there + kept + new[1:]
                drop = Drop(numbers(texts) if gone else numbered(texts, b"moved-%d"))
                if cut:
                    try:
                        board.session(drop, cut, keep=keep, start="now")
                    except Cut:
                        board.last.cut_off()
                for _ in range(3):
                    assert settle(board, drop, keep=keep, start="now") is None
                board.check(new)
                assert [m[2] for m in drop.mail] == (texts if keep == "forever" else there)


def test_sizes_that_a_server_refuses_to_tell_once_are_compared_later():
    """Another client deletes, ids are numbers: LIST or UIDL is refused anywhere in the session that would find out."""

    class Refuses(Drop):
        at = count = 0

        def command(self, line):
            if line[:4] in (b"UIDL", b"LIST"):
                self.count += 1
                if self.count == self.at:
                    self.out += b"-ERR [SYS/TEMP] later\r\n"
                    return
            super().command(line)

    for at in range(1, 10):
        texts = various(5)
        board = Board()
        board.session(Drop(numbers(texts)), keep="forever")
        board.session(Drop(numbers(texts)), keep="forever")
        drop = Refuses(numbers(texts[:1] + texts[2:] + [text(77, 700)]))
        drop.at = at
        for _ in range(5):
            try:
                board.session(drop, keep="forever")
            except errors.MailError:
                board.last.cut_off()
        board.check(texts + [text(77, 700)])


def test_what_was_removed_here_stays_away_when_ids_are_numbers():
    texts = [b"Message-ID: <%d@x>\r\n" % i + text(i, 30 + i) for i in range(8)]
    for kind in (DELETED, LEFT):
        board = Board()
        board.session(Drop(numbers(texts)), keep="forever")
        for i in (1, 2, 5, 7):
            key = key_of(b"%d" % (i + 1))
            leave(board.journal, board.spool, key, kind, board.journal.state(key))
        drop = Drop(numbers(texts[1:]))
        for _ in range(3):
            assert settle(board, drop, keep="forever") is None
        board.check([texts[i] for i in (0, 3, 4, 6)])


def test_a_moved_mailbox_on_a_full_board_that_makes_room():
    """The newest stays, wherever that is cut off; what made room for it in an earlier session does not come again."""
    texts = [b"Message-ID: <%d@x>\r\n" % i + text(i, (900, 300)[i % 2]) for i in range(13)]
    for order, quota in (
        ("oldest", 4000),
        ("newest", 4000),
        ("newest", 5500),
    ):  # the last one has room for another
        account = {"keep": "forever", "order": order}
        cut = 0
        while True:
            cut += 3
            board = Board()
            board.spool.full = "evict"
            board.spool.quota = Quota(quota, board.root)
            came = []
            for n in (8, 10, 12):
                settle(board, Drop(numbered(texts[:n])), **account)
                came += stored(board.spool)
            gone = [each for each in came if each not in stored(board.spool)]
            drop = Drop(numbered(texts, b"moved-%d"))
            try:
                board.session(drop, cut, **account)
                break
            except Cut:
                board.last.cut_off()
            if order == "oldest":
                gone += [each for each in came if each not in stored(board.spool)]
            for _ in range(2):
                assert settle(board, drop, **account) is None
            held = stored(board.spool)
            assert len(held) == len(set(held)) > 3
            assert not [each for each in held if each in gone], (order, quota, cut)
            assert not [each for each in texts[-3:] if each not in held], (order, quota, cut)
        assert cut > 40


def test_ids_that_are_numbers_where_one_is_asked_for_as_a_whole():
    """It is the first that is found to name another: what the others name is not known yet."""
    texts = various(6)
    board = Board()
    account = {"keep": "forever", "fetch": "headers"}
    board.session(Drop(numbers(texts)), **account)
    was = board.journal.state(key_of(b"2"))
    board.journal.change(was | WANTED, key_of(b"2"), was)
    drop = Drop(numbers(texts[1:]))
    for _ in range(3):
        assert settle(board, drop, **account) is None
    assert (len(heads(board)), stored(board.spool)) == (5, texts[1:2])


def test_what_is_left_to_the_next_session_may_have_another_number_then():
    texts = various(3)
    large = text(8, 900)
    account = {"keep": "forever", "max_bytes": 300}
    board = Board()
    board.session(Drop(numbers(texts)), **account)
    board.session(Drop(numbers(texts[:2])), **account)
    session, _ = board.session(Drop(numbers(texts[:2] + [large, text(9)])), **account)
    assert session.more
    drop = Drop(numbers([texts[1], large, text(9)]))
    for _ in range(3):
        assert settle(board, drop, **account) is None
    assert sorted(stored(board.spool)) == sorted(texts + [text(9)])
    assert len(heads(board)) == 1


def test_a_number_that_names_another_message_was_not_deleted_in_vain():
    """Some of the mail is due for deletion at each poll, and its number goes to what follows it."""
    texts = various(6)
    board = Board()
    drop = Drop([])
    day = 86400
    for i in range(12):
        board.now = (100 + i) * day
        drop.mail = numbers([m[2] for m in drop.mail] + texts[i : i + 1])
        assert settle(board, drop, keep=3) is None
    assert drop.mail == []
    board.check(texts)


def test_a_moved_mailbox_after_a_cut_in_a_message():
    """That a message had to wait once does not keep the rest in doubt for ever."""
    texts = various(4)
    steps = Board().session(Drop(numbered(texts)), 0, 10, keep="forever")[1]
    for cut in range(1, steps):
        board = Board()
        drop = Drop(numbered(texts))
        try:
            board.session(drop, cut, 10, keep="forever")
        except Cut:
            board.last.cut_off()
        settle(board, drop, keep="forever")
        drop = Drop(numbered(texts, b"moved-%d"))
        for _ in range(2):
            assert settle(board, drop, keep="forever") is None
        assert not board.journal.moved, cut


def test_headers_and_the_whole_of_one_message_whose_ids_change_are_one():
    """The whole is here and only headers would fit now, or headers are here and there is room for the whole now."""
    texts = [b"Message-ID: <%d@x>\r\n" % i + text(i, 1500 + i) for i in range(8)]
    for keep in ("forever", "delete"):
        for more in (0, 20000):
            cut = 0
            while True:
                cut += 4
                board = Board()
                board.spool.full = "headers"
                board.spool.quota = Quota(65536 + 8000, board.root)
                unsettled = Drop(numbered(texts))
                unsettled.remove = lambda gone: None
                settle(board, unsettled, keep=keep)
                assert (len(stored(board.spool)), len(heads(board))) == (5, 3)
                board.spool.quota.octets += more
                drop = Drop(numbered(texts, b"moved-%d"))
                try:
                    board.session(drop, cut, keep=keep)
                    break
                except Cut:
                    board.last.cut_off()
                for _ in range(2):
                    assert settle(board, drop, keep=keep) is None
                held = (8, 0) if more else (5, 3)
                assert (len(stored(board.spool)), len(heads(board))) == held, (keep, more, cut)
                assert board.journal.stored == 8
                assert len(drop.mail) == (8 if keep == "forever" else held[1])
            assert cut > 20
