"""All of test_sync_model.py again, against a maildrop that takes several commands at once; and how many they are."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

import test_sync_model as model
from buzon import errors
from pipelined import CAPS, again

for _name in dir(model):
    if _name.startswith("test_"):
        globals()[_name] = again(getattr(model, _name))


def _run(drop, memory, **account):
    """A session that knows what earlier ones learnt."""
    board = model.Board()
    board.memory = memory
    return board.session(drop, **account)[0]


def test_a_window_is_in_flight_at_once_and_its_deletions_with_quit():
    memory = {}
    for known in (False, True):
        drop = model.Drop(model.numbered(model.bodies(64)))
        drop.caps = CAPS
        drop.bursts = []
        _run(drop, memory)
        assert drop.mail == []
        rest = [b"USER", b"PASS", b"UIDL LIST", b"RETR " * 64, b"DELE " * 64 + b"QUIT"]
        assert [b" ".join(turn) for turn in drop.bursts] == [
            b" ".join(turn.split()) for turn in ([] if known else [b"CAPA"]) + rest
        ]


def test_what_is_kept_is_fetched_in_five_turns_and_again_in_five():
    board = model.Board()
    texts = model.bodies(80)
    turns_of = (b"CAPA USER PASS UIDL+LIST RETR QUIT", b"USER PASS UIDL+STAT LIST RETR QUIT")
    for n, expected in enumerate(turns_of, 1):
        drop = model.Drop(model.numbered(texts[: 40 * n]))
        drop.caps = CAPS
        drop.bursts = []
        board.session(drop, keep="forever")
        turns = [b"+".join(sorted(set(turn), reverse=True)) for turn in drop.bursts]
        assert b" ".join(turns) == expected, turns


def test_a_server_that_refuses_both_listings_of_nothing_is_left_in_peace():
    drop = model.Drop([])
    drop.caps = CAPS
    drop.refuse = b"LIST"
    board = model.Board()
    session, _ = board.session(drop)
    assert (session.error, session.listed) == (None, 0)
    assert drop.commands[-4:] == [b"UIDL", b"LIST", b"STAT", b"QUIT"]


def test_a_server_that_hangs_up_at_quit_behind_deletions_gets_one_at_a_time():
    drop = model.Drop(model.numbered(model.bodies(5)))
    drop.caps = CAPS
    board = model.Board()
    _, steps = board.session(drop)
    drop = model.Drop(model.numbered(model.bodies(5), b"again-%d"))
    drop.caps = CAPS
    try:
        board.session(drop, steps - 2)  # one less: CAPA is known
    except model.Cut:
        board.last.cut_off()
    assert drop.commands[-1] == b"QUIT"
    assert board.memory["flight"] == 1


def test_one_at_a_time_for_who_does_not_say_that_it_takes_more():
    drop = model.Drop(model.numbered(model.bodies(20)))
    _run(drop, {})
    assert drop.flight == 1


def test_a_server_that_was_cut_off_with_several_in_flight_gets_one_at_a_time():
    memory = {}
    drop = model.Drop(model.numbered(model.bodies(20)))
    drop.caps = CAPS
    board = model.Board()
    board.memory = memory
    try:
        board.session(drop, 30)
    except model.Cut:
        board.last.cut_off()
    assert memory["flight"] == 1
    board.session(drop)
    assert drop.flight == 1
    assert drop.mail == []


def test_what_a_server_can_is_asked_once():
    memory = {}
    for expected in (1, 0, 0):
        drop = model.Drop(model.numbered(model.bodies(3)))
        drop.caps = CAPS
        _run(drop, memory)
        assert drop.commands.count(b"CAPA") == expected, drop.commands
        memory_of_one = len(drop.commands)
    assert memory_of_one == 2 + 1 + 1 + 3 + 3 + 1  # USER PASS UIDL LIST RETR DELE QUIT


def test_a_poll_without_new_mail_takes_four_round_trips():
    drop = model.Drop(model.numbered(model.bodies(10)))
    drop.caps = CAPS
    drop.bursts = []
    board = model.Board()
    board.memory = {}
    board.session(drop, keep="forever")
    drop.bursts = []
    board.session(drop, keep="forever")
    assert drop.commands == [b"USER", b"PASS", b"UIDL", b"STAT", b"QUIT"]
    assert drop.bursts[2] == [b"UIDL", b"STAT"]


def test_what_a_refused_login_knew_of_the_server_is_asked_again():
    memory = {"caps": b"SASL            X-GONE\nUIDL            "}
    drop = model.Drop([])
    drop.refuse = b"PASS"
    try:
        _run(drop, memory)
        raise AssertionError("logged in")
    except errors.ServerError:
        pass
    assert "caps" not in memory


def test_new_keys_of_scram_leave_what_is_known_of_the_server():
    from buzon.core.login import login
    from buzon.core.pop3 import Pop3
    from buzon.core.wire import RxBuffer, TxBuffer

    memory = {"flight": 1}
    challenge = b"+ cj1meWtvK2QybGJiRmdPTlJ2OXFreGRhd0wzcmZjTkhZSlkxWlZ2V1ZzN2oscz1RU1hDUitRNnNlazhiZjkyLGk9NDA5Ng==\r\n"
    rx = RxBuffer(bytearray(512))
    pop = Pop3(rx, TxBuffer(bytearray(256)))
    pop.state = 1
    pop.caps = {}
    account = {"user": "user", "password": "pencil", "auth": "scram-sha-1"}
    dialogue = login(pop, account, b"fyko+d2lbbFgONRv9qkxdawL", memory)
    dialogue.send(None)  # the initial response
    rx.space()[: len(challenge)] = challenge
    rx.w += len(challenge)
    while not memory.get("scram"):
        dialogue.send(None)
    assert memory["flight"] == 1


def test_capabilities_are_asked_again_after_login_where_something_was_missing():
    for caps, times in (
        (b"USER\r\n", 2),
        (b"UIDL\r\n", 2),
        (b"PIPELINING\r\n", 2),
        (CAPS, 1),
        (None, 1),
    ):
        drop = model.Drop(model.numbered(model.bodies(1)))
        drop.caps = caps
        _run(drop, {})
        assert drop.commands.count(b"CAPA") == times, caps


def test_capabilities_are_asked_again_after_stls_whatever_was_known():
    drop = model.Drop([])
    drop.caps = CAPS
    _run(drop, {"caps": b"UIDL            \nSASL            PLAIN\nPIPELINING      "}, tls="starttls")
    assert drop.commands[:3] == [b"STLS", b"CAPA", b"USER"]


def test_two_messages_are_not_taken_for_one():
    """One lacks its last line end, so that its end is none: the reply to the next seems to be part of it."""
    for n in (2, 3, 6):
        for which in range(n - 1):
            texts = [b"Subject: %d\r\n\r\nend\r\n" % i for i in range(n)]
            whole = texts[which]
            texts[which] = whole[:-2]
            drop = model.Drop(model.numbered(texts))
            drop.caps = CAPS
            board = model.Board()
            board.memory = {}
            try:
                board.session(drop)
                raise ValueError("it ended")
            except errors.RemoteProtocolError:
                board.last.cut_off()
            assert board.memory["flight"] == 2
            try:
                board.session(drop)
                raise ValueError("it ended")
            except AssertionError as err:  # one at a time its end never comes
                assert "both wait" in str(err)
            held = model.stored(board.spool)
            assert sorted(held) == sorted(texts[:which])
            assert len(drop.mail) == n  # nothing was removed
            texts[which] = whole
            drop.mail = model.numbered(texts)
            board.session(drop)
            board.check(texts)
