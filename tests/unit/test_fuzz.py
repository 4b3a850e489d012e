"""Sessions against made-up and recorded servers whose replies were damaged: success or a MailError, nothing else.

After each of them the spool and the journal are whole. The seeds give the same cases on CPython and on MicroPython;
test_fuzz_any.py looks for more with hypothesis.
"""

import sys

if "/" in __file__:
    sys.path.append(__file__[: __file__.rindex("/")])

import recorded
import replay
from buzon.core import sasl
from chance import chance

SEEDS = 250
SHORT = 30  # bytes of a reply whose every split is tried


def keys():
    """What the SCRAM server's password comes to, so that it is not hashed in each session."""
    salted = {}
    mechanism = sasl.scram("sha1", b"user", replay.SECRET.encode(), replay.NONCE, salted)
    mechanism.send(None)
    answer = mechanism.send(b"r=" + replay.NONCE + b"3rfc,s=QSXCR+Q6sek8bf92,i=4096")
    while answer is None:
        answer = mechanism.send(None)
    return salted


def test_undamaged_they_do_what_they_should():
    known = keys()
    outcomes = {}
    for name, replies, account in replay.SERVERS:
        replay.clean()
        code, commands, files = replay.session(replies, (1000,), memory={"scram": dict(known)}, **account)
        outcomes[name] = (code, len(files), commands[-1])
    good = (0, 3, "QUIT")
    assert outcomes == {
        "plain": good,
        "pipelining": good,
        "kept": good,
        "apop": good,
        "login": good,
        "cram": good,
        "scram": good,
        "token": (502, 0, ""),
        "no uidl": good,
        "one uid": good,
        "one uid kept": good,
        "refuses": (500, 3, "QUIT"),
        "expires": good,
        "stls": good,
    }, outcomes


def places(replies):
    """(place, reply) of what is one reply, not one after another."""
    return [(place, replies[place]) for place in sorted(replies) if isinstance(replies[place], bytes)]


def every_split(replies, account, known, step=7):
    """Each reply comes in two pieces, at each place in turn (a long one's: each `step`-th), and all come in small
    pieces: the outcome is the same."""

    def run(pieces, split=None):
        replay.clean()
        return replay.session(replies, pieces, 1024, {"scram": dict(known)}, None, split, **account)

    want = run((100000,))
    for piece in (1, 2, 3, 5, 16, 17):
        assert run((piece,)) == want, piece
    count = 0
    for place, reply in places(replies):
        if place == "greeting" or [line for line in want[1] if line.startswith(place)]:
            for at in range(1, len(reply), 1 if len(reply) < SHORT else step):
                assert run((100000,), (place, at)) == want, (place, at)
                count += 1
    return count


def test_the_split_changes_nothing():
    known = keys()
    for _, replies, account in replay.SERVERS:
        assert every_split(replies, account, known) > 5


def test_the_split_of_recorded_replies_changes_nothing():
    for _, replies, account in recorded.servers(600)[::3]:  # all of them: test_fuzz_any.py
        every_split(replies, account, {}, 40)


def test_cut_off_anywhere_then_a_session_that_ends_the_work():
    known = keys()
    for name, replies, account in replay.SERVERS:
        if name in ("token", "refuses"):
            continue
        replay.clean()
        _, commands, want = replay.session(replies, (1000,), memory={"scram": dict(known)}, **account)
        for place, reply in places(replies):
            if place not in commands and place != "greeting":
                continue
            for at in range(0, len(reply), 1 if len(reply) < SHORT else 23):
                replay.clean()
                code, _, _ = replay.session(
                    replies, (1000,), memory={"scram": dict(known)}, cut=(place, at), **account
                )
                assert code == 206 or (code == 0 and reply[at:] in (b"\r\n", b"\n")), (name, place, at, code)
                _, _, files = replay.session(replies, (1000,), memory={"scram": dict(known)}, **account)
                assert files == want, (name, place, at)


def test_damaged():
    """Each seed damages some replies of some server; the same damage in other splits gives the same outcome."""
    known = keys()
    servers = list(replay.SERVERS) + recorded.servers()
    outcomes = {}
    for seed in range(1, SEEDS + 1):
        below = chance(seed)
        _, replies, account = servers[below(len(servers))]
        for _ in range(1 + below(3)):
            names = sorted(replies)
            place = names[below(len(names))]
            at = below(1 << 20)
            cut = (0, 0, 1, 2, 9, 10000)[below(6)]
            nasty = replay.NASTY[below(len(replay.NASTY))] * (1, 1, 1, 3, 8)[below(5)]
            replies = replay.changed(replies, place, lambda reply: replay.mutated(reply, at, cut, nasty))
        found = None
        for pieces in ((1000,), (1,), (1 + below(20), 1 + below(60))):
            replay.clean()
            outcome = replay.session(replies, pieces, memory={"scram": dict(known)}, **account)
            assert found in (None, outcome), (seed, pieces, found, outcome)
            found = outcome
        outcomes[found[0]] = outcomes.get(found[0], 0) + 1
        replay.session(replay.SERVERS[0][1], (1000,))  # the next session works on what is left
    assert len(outcomes) > 5 and max(outcomes.values()) < SEEDS * 3 // 4, outcomes
