"""An account that is pointed at another mailbox: unique ids are unique in one maildrop only (RFC 1939 section 7)."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

from test_sync_model import Board, Drop, bodies, numbered, stored


def test_unique_ids_of_another_mailbox_are_others():
    """A server that counts its uids from 1: the second mailbox's mail must not be taken for what is here already."""
    first, second = bodies(3), [b"Subject: other %d\r\n\r\nbody\r\n" % i for i in range(3)]
    for change in ({"host": "b.example"}, {"user": "v"}):
        board = Board()
        mine = {"host": "a.example", "user": "u"}
        board.session(Drop(numbered(first)), keep="forever", **mine)
        mine.update(change)
        drop = Drop(numbered(second))
        board.session(drop, **mine)
        assert drop.mail == [] and sorted(stored(board.spool)) == sorted(first + second)


def test_the_same_mailbox_is_the_same_after_other_changes():
    texts = bodies(3)
    board = Board()
    for more in ({}, {"port": 1995}, {"password": "new"}, {"auth": "user"}):
        board.session(Drop(numbered(texts)), keep="forever", host="a.example", **more)
        assert sorted(stored(board.spool)) == sorted(texts)
