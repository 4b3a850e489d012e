"""Two accounts on one flash that makes room by itself: neither keeps the other from its mail for good. On the model
maildrop of test_sync_model.py."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

from buzon import errors
from buzon.policy.room import seek
from buzon.store.journal import STATE, WANTED
from buzon.store.quota import Quota, used
from room import Flash
from test_sync_model import Board, Drop, numbered, stored
from test_sync_policies import START, agree, big, work


class Account:
    """What `seek` knows of one. `drop`: its maildrop, `keep`: as in the settings."""

    def __init__(self, drop, keep, beside=None):
        self.board = Board(beside and beside.board)
        self.board.spool.full = "evict"
        self.drop = drop
        self.spool = self.board.spool
        self.journal = self.board.journal
        self.settings = {"keep": keep}
        self.lacks = 0
        self.more = False
        self.error = None

    def poll(self):
        """As `account.Account.poll`."""
        session = work(self.board, self.drop, order="newest", **self.settings)
        self.lacks = session.lacks
        self.more = session.more
        self.error = session.error


def until_calm(accounts, account):
    """As the app goes on after a poll."""
    for _ in range(20):
        account.poll()
        if account.lacks:
            seek(accounts, account, account.board.now)
        if not account.more:
            return
    raise AssertionError("it never ends")


def pair(keep="forever", first=20, second=3):
    texts = big(first + second)
    one = Account(Drop(numbered(texts[:first])), keep)
    two = Account(Drop(numbered(texts[first:])), keep, one)
    return texts, one, two


def test_an_account_with_nothing_here_gets_room_from_the_one_that_has_most():
    texts, one, two = pair()
    accounts = [one, two]
    with Flash(one.board, len(texts[-1]), 10):
        until_calm(accounts, one)
        assert len(stored(one.spool)) == 10
        until_calm(accounts, two)
        assert two.error is None
        assert sorted(stored(two.spool)) == sorted(texts[20:])
        left = stored(one.spool)
        assert sorted(left) == sorted(texts[20 - len(left) : 20])  # its newest
        assert len(left) >= 6
        # Nothing that made room comes again, and each goes on with its own.
        until_calm(accounts, one)
        assert sorted(stored(one.spool)) == sorted(left)
        assert one.error is None
    agree(one.board)
    agree(two.board)


def test_they_do_not_take_turns_in_pushing_each_other_out():
    texts, one, two = pair()
    accounts = [one, two]
    more = big(60)
    with Flash(one.board, len(texts[-1]), 10):
        until_calm(accounts, one)
        until_calm(accounts, two)
        for i in range(30):
            each = accounts[i % 2]
            each.drop.mail.append((100 + i, b"later-%d" % i, more[30 + i]))
            until_calm(accounts, each)
            assert each.error is None
            assert more[30 + i] in stored(each.spool)
        assert len(stored(one.spool)) >= 3
        assert len(stored(two.spool)) >= 3


def test_what_a_person_wants_and_what_is_not_deleted_there_yet_stays():
    texts, one, two = pair(keep="delete")
    accounts = [one, two]
    with Flash(one.board, len(texts[-1]), 10):
        work(one.board, one.drop)
        one.journal.closed = False  # the last session was cut off
        before = stored(one.spool)
        two.lacks = len(texts[-1])
        two.error = errors.StoreError(errors.E_FLASH_FULL)
        seek(accounts, two, 0)
        assert stored(one.spool) == before
        assert two.error
        one.journal.closed = True
        for _, _, _, _, _, _, key in list(one.journal.records()):
            kind = one.journal.state(key)
            if kind & STATE:
                one.journal.change(kind | WANTED, key, kind)
        seek(accounts, two, 0)
        assert stored(one.spool) == before


def test_mail_that_is_kept_for_days_makes_room_until_it_is_due_on_its_server():
    for days, left in ((0, 7), (6, 7), (8, 10)):
        texts, one, two = pair(keep=7)
        with Flash(one.board, len(texts[-1]), 10):
            one.board.now = two.board.now = START
            until_calm([one], one)
            assert len(stored(one.spool)) == 10
            two.board.now = START + days * 86400
            until_calm([one, two], two)
            assert len(stored(one.spool)) == left
            assert bool(two.error) == (left == 10)


def test_an_id_of_a_message_that_made_room_may_name_another_one():
    texts, one, two = pair(keep="delete", first=10)
    one.drop.mail = numbered(texts[:10], b"%d")
    with Flash(one.board, len(texts[-1]), 10):
        until_calm([one], one)
        assert one.drop.mail == []
        until_calm([one, two], two)
        assert two.error is None
        assert len(stored(one.spool)) == 7
    one.drop.mail = [(1, b"0", texts[1].replace(b"z", b"y"))]
    one.poll()
    assert one.error is None
    assert texts[1].replace(b"z", b"y") in stored(one.spool)
    assert one.drop.mail == []


def test_a_cut_while_one_makes_room_for_the_other():
    """The record is written first: the next start ends the removal."""
    texts, one, two = pair()
    accounts = [one, two]
    with Flash(one.board, len(texts[-1]), 10):
        until_calm(accounts, one)
        two.poll()
        assert two.lacks
        remove = one.spool.remove

        def cut(name):
            raise OSError(5)

        one.spool.remove = cut
        try:
            seek(accounts, two, 0)
        except OSError:
            pass
        one.spool.remove = remove
        one.board.boot()
        assert len(stored(one.board.spool)) == 9
        agree(one.board)


def test_one_that_cannot_be_given_enough_costs_the_other_nothing():
    texts, one, two = pair()
    accounts = [one, two]
    with Flash(one.board, len(texts[-1]), 10):
        until_calm(accounts, one)
        until_calm(accounts, two)
        before = stored(one.spool), stored(two.spool)
        two.drop.mail.append((50, b"large", b"Subject: large\r\n\r\n" + b"x" * 8 * 4096 + b"\r\n"))
        until_calm(accounts, two)
        assert two.error.code == errors.E_FLASH_FULL
        assert (stored(one.spool), stored(two.spool)) == before


def test_a_quota_counts_all_accounts():
    texts, one, _ = pair()
    quota = Quota(10 * len(texts[-1]), one.board.root)
    assert used(one.board.root) == 0
    one.spool.quota = quota
    work(one.board, one.drop, keep="forever")
    assert used(one.board.root) == sum(len(text) for text in stored(one.spool))


def test_what_can_never_fit_is_said():
    """Not to move mail away, which would not help."""
    texts, one, two = pair(first=3)
    accounts = [one, two]
    one.spool.full = "stop"
    with Flash(one.board, len(texts[0]), 10):
        until_calm(accounts, two)
        one.drop.mail.insert(0, (50, b"large", b"Subject: large\r\n\r\n"))
        for octets, code in ((11, errors.E_TOO_LARGE), (9, errors.E_FLASH_FULL)):
            one.drop.sizes = {1: octets * 4096}
            until_calm(accounts, one)
            assert one.error.code == code
            assert len(stored(one.spool)) == 3
    assert len(stored(two.spool)) == 3


def test_small_messages_give_whole_blocks():
    """Their bytes were counted: a message that needs more than these was said to have no room ever."""
    small = [b"Subject: %d\r\n\r\nz\r\n" % i for i in range(40)]
    one = Account(Drop(numbered(small)), "forever")
    with Flash(one.board, 100, 40):
        until_calm([one], one)
        large = b"Subject: large\r\n\r\n" + b"x" * 50000 + b"\r\n"
        one.drop.mail.append((50, b"large", large))
        until_calm([one], one)
        assert one.error is None
        held = stored(one.spool)
        assert large in held
        assert 20 < len(held) < 30  # no more than was needed
    two = Account(Drop([(1, b"two", large)]), "forever")
    three = Account(Drop(numbered(small)), "forever", two)
    with Flash(two.board, 100, 40):
        until_calm([two, three], three)
        until_calm([two, three], two)
        assert two.error is None
        assert large in stored(two.spool)
    agree(one.board)
