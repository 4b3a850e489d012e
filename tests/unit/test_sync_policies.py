"""sync.py with each policy of an account, against the model maildrop of test_sync_model.py, cut at every step."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

import test_sync_model as model
from buzon import errors
from buzon.policy.sift import choose, sift
from buzon.store import fs
from buzon.store.journal import ARRIVED, DELETED, LEFT, PART, SEEN, STATE, WANTED
from buzon.store.leave import leave
from buzon.store.quota import Quota
from buzon.store.spool import is_whole, key_of, octets_of
from chance import chance
from room import Flash
from test_sync_model import Board, Cut, Drop, bodies, numbered, stored

DAY = 86400
SEEDS = 12 if sys.implementation.name == "micropython" else 41
START = 1800000000


def head(body):
    return body[: body.index(b"\r\n\r\n") + 4]


def parts(spool):
    """The bytes of all headers that are stored alone."""
    out = []
    for name in fs.names(spool.folder):
        if name.endswith((".hdr", ".top")):
            with open(spool.folder + "/" + name, "rb") as f:
                out.append(f.read())
    return sorted(out)


def work(board, drop, cut_at=0, piece=700, **account):
    """Sessions until the work is done, filters too, as `account.poll` does it. Returns the last session."""
    for _ in range(20):
        if account.get("filter"):
            sift(account, board.spool, board.journal, board.arrived.append)
        session, board.steps = board.session(drop, cut_at, piece, **account)
        wanted = bool(account.get("filter")) and sift(
            account, board.spool, board.journal, board.arrived.append
        )
        if not session.more and not wanted:
            return session
    raise AssertionError("no end")


def agree(board):
    """The journal says what the folder holds, after a restart too."""
    for _ in range(2):
        names = [name for _, name in board.spool.files()]
        kinds = {}
        for kind, _, _, _, _, _, key in board.journal.records():
            kinds[key] = kind
        here = [key for key, kind in kinds.items() if kind & STATE in (ARRIVED, SEEN)]
        assert sorted(here) == sorted(key for key, _ in board.spool.files()), (len(here), len(names))
        for key, name in board.spool.files():
            assert bool(kinds[key] & PART) != is_whole(name), name
        assert board.journal.stored == len(names)
        board.boot()


def every_cut(prepare, **account):
    """Cut a session at every step, with and without the power, then end the work: it is as if nothing had been."""

    def run(cut_at, power):
        board, drop, settings = prepare()
        settings.update(account)
        if cut_at:
            try:
                work(board, drop, cut_at, **settings)
            except Cut:
                pass
            if power:
                board.boot()
        session = work(board, drop, **settings)
        assert session.error is None, session.error
        agree(board)
        left = [m[2] for m in drop.mail]
        return (sorted(stored(board.spool)), parts(board.spool), left), board.steps

    whole, steps = run(0, False)
    assert steps > 5
    for power in (False, True):
        for cut_at in range(1, steps + 1):
            assert run(cut_at, power)[0] == whole, (cut_at, power)
    return whole


def mixed(n=6):
    return [
        b"From: a%d@x.org\r\nSubject: s%d\r\n\r\n" % (i, i) + b"y" * (300 * (i % 3)) + b"\r\n"
        for i in range(n)
    ]


def settled_costs_one_listing(board, drop, **account):
    before = os.stat(board.journal.path)[6]
    session, _ = board.session(drop, **account)
    assert (drop.listings, session.fetched, session.deleted) == (1, 0, 0)
    assert [c for c in drop.commands if c in (b"TOP", b"RETR", b"DELE")] == []
    assert os.stat(board.journal.path)[6] == before


# -- start = now


def test_start_now_leaves_alone_what_was_there():
    for keep in ("delete", "forever"):
        old, new = bodies(150), [b"new %d\r\n\r\n" % i for i in range(70)]
        drop = Drop(numbered(old))
        board = Board()
        session, _ = board.session(drop, start="now", keep=keep)
        assert (session.fetched, session.deleted, len(drop.mail)) == (0, 0, 150)
        assert drop.retrieved == []
        drop.mail += [(200 + i, b"new-%d" % i, new[i]) for i in range(70)]
        work(board, drop, start="now", keep=keep)
        board.check(new)
        assert [m[2] for m in drop.mail] == old + ([] if keep == "delete" else new)
        settled_costs_one_listing(board, drop, start="now", keep=keep)


def test_start_now_cut_anywhere():
    def prepare():
        drop = Drop(numbered([b"old %d\r\n\r\n" % i for i in range(40)]))
        return Board(), drop, {"start": "now"}

    whole = every_cut(prepare)
    assert whole[0] == [] and len(whole[2]) == 40

    def later():
        board, drop, settings = prepare()
        board.session(drop, **settings)
        drop.mail += [(100 + i, b"new-%d" % i, mixed()[i]) for i in range(4)]
        return board, drop, settings

    whole = every_cut(later)
    assert whole[0] == sorted(mixed()[:4]) and len(whole[2]) == 40


def test_start_now_needs_numbers_that_stay():
    drop = Drop(numbered(bodies(3)))
    drop.has_uidl = False
    drop.caps = None
    board = Board()
    try:
        board.session(drop, start="now")
    except errors.ServerError as err:
        assert err.code == errors.E_NO_UIDL
    else:
        raise AssertionError
    assert not fs.exists(board.journal.path)


# -- keep = <days>


def aged(board, drop, now, keep=7, sure=True, **account):
    board.now = now
    board.sure = sure
    return work(board, drop, keep=keep, **account)


def test_days_count_from_when_the_board_stored_it():
    texts = bodies(150)
    drop = Drop(numbered(texts[:100]))
    board = Board()
    aged(board, drop, START)
    drop.mail += numbered(texts)[100:]
    session = aged(board, drop, START + 6 * DAY)
    assert (session.deleted, len(drop.mail)) == (0, 150)
    session = aged(board, drop, START + 7 * DAY + 1)
    assert (session.fetched, session.deleted, len(drop.mail)) == (0, 100, 50)
    session = aged(board, drop, START + 14 * DAY)
    assert (session.deleted, drop.mail) == (50, [])
    board.check(texts)


def test_nothing_is_deleted_by_age_without_a_sure_clock_or_confirmation():
    texts = bodies(5)
    drop = Drop(numbered(texts))
    board = Board()
    aged(board, drop, START)
    aged(board, drop, START + 30 * DAY, sure=False)
    aged(board, drop, 0)
    session = aged(board, drop, START + 30 * DAY, delete_confirmed=False)
    assert (session.held, len(drop.mail)) == (True, 5)
    aged(board, drop, START + 30 * DAY)
    assert drop.mail == []
    board.check(texts)


def test_what_came_without_a_clock_counts_from_when_there_was_one():
    texts = bodies(5)
    drop = Drop(numbered(texts))
    board = Board()
    aged(board, drop, 0)
    aged(board, drop, START)
    assert len(drop.mail) == 5
    aged(board, drop, START + 6 * DAY)
    assert len(drop.mail) == 5
    aged(board, drop, START + 8 * DAY)
    assert drop.mail == []
    board.check(texts)


def test_days_cut_anywhere():
    texts = mixed()

    def prepare():
        drop = Drop(numbered(texts[:4]))
        board = Board()
        aged(board, drop, START)
        drop.mail += numbered(texts)[4:]
        board.now = START + 8 * DAY
        return board, drop, {"keep": 7}

    whole = every_cut(prepare)
    assert whole == (sorted(texts), [], texts[4:])


def test_days_on_a_server_that_lists_what_was_deleted():
    texts = bodies(150)
    for again in (False, True):
        drop = Drop(numbered(texts))
        board = Board()
        aged(board, drop, START)
        drop.mail += [(1000 + i, b"later-%d" % i, b"later %d\r\n\r\n" % i) for i in range(80)]
        drop.still_lists = True
        drop.again = again
        for _ in range(3):  # what is worked on may stand in the way of what came after it
            session = aged(board, drop, START + 8 * DAY)
            assert session.error is None, session.error
        assert len(drop.mail) == 80
        assert len(stored(board.spool)) == 230


# -- order = newest


def test_the_newest_first():
    for keep in ("delete", "forever"):
        texts = bodies(150)
        drop = Drop(numbered(texts))
        board = Board()
        session, _ = board.session(drop, order="newest", keep=keep)
        assert session.error is None
        assert drop.retrieved == texts[::-1]
        assert (len(drop.mail), session.fetched) == (0 if keep == "delete" else 150, 150)
        board.check(texts)
        if keep == "forever":
            settled_costs_one_listing(board, drop, order="newest", keep=keep)
            drop.mail.append((151, b"one-more", b"new\r\n"))
            session, _ = board.session(drop, order="newest", keep=keep)
            assert (session.fetched, len(drop.retrieved)) == (1, 151)


def test_the_newest_first_cut_anywhere():
    texts = mixed(8)
    for keep in ("delete", "forever"):

        def prepare():
            return Board(), Drop(numbered(texts)), {"order": "newest", "keep": keep}

        whole = every_cut(prepare)
        assert whole == (sorted(texts), [], [] if keep == "delete" else texts)


def test_the_newest_first_on_servers_that_are_odd():
    texts = bodies(150)
    for order in (lambda mail: mail[::-1], lambda mail: mail[::2] + mail[1::2]):
        for keep in ("delete", "forever"):
            drop = Drop(numbered(texts))
            drop.order = order
            board = Board()
            session = work(board, drop, order="newest", keep=keep)
            assert session.error is None
            board.check(texts)
    for again in (False, True):
        drop = Drop(numbered(texts))
        drop.still_lists = True
        drop.again = again
        board = Board()
        session = work(board, drop, order="newest")
        assert (session.error, drop.mail) == (None, [])
        board.check(texts)
    drop = Drop(numbered(texts))
    drop.no_retr = (1, 100, 150)
    drop.no_dele = (2, 90, 149)
    board = Board()
    session = work(board, drop, order="newest")
    assert (session.fetched, session.deleted) == (147, 144)


# -- fetch = headers, max_bytes


def test_headers_only_and_the_whole_on_request():
    texts = mixed(70)
    for keep in ("delete", "forever"):
        drop = Drop(numbered(texts))
        board = Board()
        session = work(board, drop, fetch="headers", keep=keep)
        assert (session.error, session.fetched, session.deleted) == (None, 70, 0)
        assert (len(drop.mail), drop.retrieved) == (70, [])
        assert parts(board.spool) == sorted(head(text) for text in texts)
        for i in (0, 69):
            assert octets_of(board.spool.name(key_of(b"uid-%d" % i))) == len(texts[i])
        agree(board)
        settled_costs_one_listing(board, drop, fetch="headers", keep=keep)
        for i in (3, 69):
            key = key_of(b"uid-%d" % i)
            was = board.journal.state(key)
            board.journal.change(was | WANTED, key, was)
        session = work(board, drop, fetch="headers", keep=keep)
        assert drop.retrieved == [texts[3], texts[69]]
        assert sorted(stored(board.spool)) == sorted([texts[3], texts[69]])
        assert len(drop.mail) == (68 if keep == "delete" else 70)
        assert len(parts(board.spool)) == 68
        agree(board)
        settled_costs_one_listing(board, drop, fetch="headers", keep=keep)


def test_headers_that_the_person_deleted_are_deleted_on_the_server():
    texts = mixed(5)
    drop = Drop(numbered(texts))
    board = Board()
    work(board, drop, fetch="headers")
    key = key_of(b"uid-2")
    leave(board.journal, board.spool, key, DELETED, board.journal.state(key))
    drop.person = [texts[2]]
    work(board, drop, fetch="headers")
    assert [m[2] for m in drop.mail] == texts[:2] + texts[3:]
    agree(board)


def test_only_what_is_larger_than_max_bytes_comes_as_headers():
    texts = mixed(9)
    for keep in ("delete", "forever"):
        drop = Drop(numbered(texts))
        board = Board()
        work(board, drop, max_bytes=400, keep=keep)
        large = [text for text in texts if len(text) > 400]
        assert len(large) == 3
        assert parts(board.spool) == sorted(head(text) for text in large)
        assert sorted(stored(board.spool)) == sorted(text for text in texts if text not in large)
        assert [m[2] for m in drop.mail] == (large if keep == "delete" else texts)
        agree(board)
        settled_costs_one_listing(board, drop, max_bytes=400, keep=keep)


def test_headers_cut_anywhere():
    texts = mixed()
    for fetch in ({"fetch": "headers"}, {"max_bytes": 400}):

        def prepare():
            return Board(), Drop(numbered(texts)), dict(fetch)

        every_cut(prepare)

        def wanted():
            board, drop, settings = prepare()
            work(board, drop, **settings)
            for i in (2, 5):
                key = key_of(b"uid-%d" % i)
                was = board.journal.state(key)
                board.journal.change(was | WANTED, key, was)
            return board, drop, settings

        whole = every_cut(wanted)
        assert texts[2] in whole[0] and texts[5] in whole[0]
        assert texts[2] not in whole[2]


def test_a_cut_between_the_whole_and_its_headers_leaves_one_of_them():
    """The file is renamed; then the record is written; then the headers go. The power may go in between."""
    for recorded in (False, True):
        drop = Drop(numbered(mixed(3)))
        board = Board()
        work(board, drop, fetch="headers", keep="forever")
        key = key_of(b"uid-1")
        was = board.journal.state(key)
        board.journal.change(was | WANTED, key, was)
        board.spool.begin(10)
        whole = bytearray(mixed(3)[1])
        board.spool.write(whole, 0, len(whole))
        board.spool.commit(key)
        if recorded:
            board.journal.change(ARRIVED, key, was | WANTED)
        board.boot()
        assert stored(board.spool) == [bytes(whole)]
        agree(board)
        session = work(board, drop, fetch="headers", keep="forever")
        assert (session.fetched, drop.retrieved) == (0, [])


# -- filters


RULES = [
    {"from": "A1@X", "fetch": "full"},
    {"subject": "s2", "fetch": "skip"},
    {"from": "a4", "subject": "nothing", "fetch": "full"},
]


def test_filters_choose_by_sender_and_subject():
    for keep in ("delete", "forever"):
        texts = mixed()
        drop = Drop(numbered(texts))
        board = Board()
        settings = {"filter": RULES, "fetch": "headers", "keep": keep}
        work(board, drop, **settings)
        assert stored(board.spool) == [texts[1]]
        assert parts(board.spool) == sorted(head(texts[i]) for i in (0, 3, 4, 5))
        assert [m[2] for m in drop.mail] == [t for t in texts if keep == "forever" or t != texts[1]]
        assert len(board.arrived) == 5
        assert board.journal.state(key_of(b"uid-2")) & STATE == LEFT
        agree(board)
        board.session(drop, **settings)
        assert drop.commands.count(b"TOP") == 0 and drop.listings == 1


def test_filters_cut_anywhere():
    def prepare():
        return Board(), Drop(numbered(mixed())), {"filter": RULES, "max_bytes": 400}

    every_cut(prepare)


def test_filters_see_behind_a_long_name_and_far_fields():
    """An address behind 500 bytes of display name, and a From field behind 20 KB of others."""
    words = b"\r\n ".join([b"=?UTF-8?B?QXNvY2lhY2nDs24gRXNwYcOxb2xhIA==?="] * 12)
    texts = [
        b"From: " + words + b"\r\n <post@club.example>\r\nSubject: 1\r\n\r\nx\r\n",
        b"".join([b"ARC-Seal: " + b"A" * 990 + b"\r\n"] * 20) + b"From: p@spam.example\r\n\r\nx\r\n",
        b"From: p@example.org\r\n\r\nx\r\n",
    ]
    drop = Drop(numbered(texts))
    board = Board()
    rules = [{"from": "@club.example", "fetch": "skip"}, {"from": "@spam.example", "fetch": "headers"}]
    work(board, drop, filter=rules, keep="forever")
    assert stored(board.spool) == texts[2:]
    assert parts(board.spool) == [head(texts[1])]
    agree(board)


def test_the_first_filter_that_fits_counts_and_else_the_account():
    fields = {"from": b"ann <ann@example.org>", "subject": b"the door is open"}
    rules = [{"from": "bob"}, {"subject": "DOOR", "fetch": "headers"}, {"from": "ann", "fetch": "skip"}]
    assert choose({"filter": rules}, fields, 1) == "headers"
    assert choose({"filter": rules[2:]}, fields, 1) == "skip"
    assert choose({"filter": rules[:1], "fetch": "headers"}, fields, 1) == "headers"
    assert choose({"filter": rules[:1], "max_bytes": 10}, fields, 11) == "headers"
    assert choose({"filter": rules[:1], "max_bytes": 10}, fields, 10) == "full"
    assert choose({"filter": [{"from": "ann"}], "max_bytes": 10}, fields, 11) == "full"
    assert choose({"filter": [{"subject": "DÓOR", "fetch": "skip"}]}, fields, 1) == "skip"


# -- quota, storage.full


class Small:
    """A flash with room for so many bytes of mail."""

    def __init__(self, board, octets):
        board.spool.quota = Quota(octets, board.root)


def big(n, size=1000):
    return [b"Subject: %d\r\n\r\n" % i + b"z" * size + b"\r\n" for i in range(n)]


def test_a_full_quota_stops_and_says_so_and_goes_on_later():
    texts = big(10)
    drop = Drop(numbered(texts))
    board = Board()
    Small(board, 5 * len(texts[0]))
    session, _ = board.session(drop)
    assert session.error.code == errors.E_FLASH_FULL
    assert sorted(stored(board.spool)) == texts[:5]
    assert [m[2] for m in drop.mail] == texts[5:]
    for key, _ in list(board.spool.files())[:3]:
        leave(board.journal, board.spool, key, DELETED, ARRIVED)
    session, _ = board.session(drop)
    assert [m[2] for m in drop.mail] == texts[8:]


def test_a_full_flash_may_take_headers():
    texts = big(10)
    drop = Drop(numbered(texts))
    board = Board()
    board.spool.full = "headers"
    Small(board, 65536 + 5 * len(texts[0]))
    session = work(board, drop)
    assert session.error is None
    whole = stored(board.spool)
    assert len(whole) == 5
    assert parts(board.spool) == sorted(head(text) for text in texts if text not in whole)
    assert [m[2] for m in drop.mail] == [text for text in texts if text not in whole]
    agree(board)


def test_a_size_that_was_wrong_ends_as_headers():
    texts = big(4, 3000)
    drop = Drop(numbered(texts))
    drop.sizes = {2: 5}
    board = Board()
    board.memory["flight"] = model.ADVICE
    board.spool = model.FullSpool("acc", board.root)
    board.spool.full = "headers"
    board.spool.fail_at = "write"
    board.spool.what = b"Subject: 1\r\n\r\n"
    board.session(drop, piece=100)
    assert b"TOP" in drop.commands
    assert texts[1] in [m[2] for m in drop.mail]


def test_what_has_been_here_longest_makes_room():
    """The server keeps nothing: it is a ring of the newest messages."""
    texts = big(30)
    board = Board()
    board.spool.full = "evict"
    Small(board, 10 * len(texts[-1]))
    for i in range(0, 30, 5):
        drop = Drop([(k + 1, b"uid-%d" % (i + k), texts[i + k]) for k in range(5)])
        session = work(board, drop)
        assert (session.error, drop.mail) == (None, [])
    assert sorted(stored(board.spool)) == sorted(texts[20:])
    agree(board)


def test_what_the_server_still_has_goes_last_and_does_not_come_back():
    texts = big(12)
    drop = Drop(numbered(texts))
    board = Board()
    board.spool.full = "evict"
    Small(board, 10 * len(texts[-1]))
    drop.mail = numbered(texts)[:10]
    work(board, drop, keep="forever")
    drop.mail = numbered(texts)[:2] + numbered(texts)[3:11]  # the third is gone there
    session = work(board, drop, keep="forever")
    assert session.error is None
    assert texts[2] not in stored(board.spool) and texts[0] in stored(board.spool)
    drop.mail.append(numbered(texts)[11])
    work(board, drop, keep="forever")
    assert texts[0] not in stored(board.spool)
    agree(board)
    settled_costs_one_listing(board, drop, keep="forever")


def test_what_is_deleted_in_this_session_is_never_evicted():
    texts = big(20)
    drop = Drop(numbered(texts))
    board = Board()
    board.spool.full = "evict"
    Small(board, 10 * len(texts[-1]))
    session, _ = board.session(drop)  # the model asserts that what QUIT removes is stored
    assert (session.error, session.more, len(drop.mail)) == (None, True, 10)
    session = work(board, drop)
    assert (session.error, drop.mail) == (None, [])
    assert sorted(stored(board.spool)) == sorted(texts[10:])


def test_for_what_cannot_fit_nothing_is_evicted():
    texts = big(5) + big(1, 20000)
    drop = Drop(numbered(texts))
    board = Board()
    board.spool.full = "evict"
    Small(board, 10 * len(texts[0]))
    session = work(board, drop)
    assert session.error.code == errors.E_FLASH_FULL
    assert sorted(stored(board.spool)) == sorted(texts[:5])
    assert [m[2] for m in drop.mail] == texts[5:]


def test_headers_that_a_filter_wants_as_a_whole_do_not_fill_a_flash_that_makes_room():
    texts = big(36, 13000)
    board = Board()
    board.spool.full = "evict"
    account = {"keep": "forever", "filter": [{"fetch": "full"}]}
    drop = Drop(numbered(texts))
    drop.passes = 1000
    error = None
    with Flash(board, 1000, 36):
        for _ in range(40):
            sift(account, board.spool, board.journal, board.arrived.append)
            session, _ = board.session(drop, piece=4000, **account)
            if not (sift(account, board.spool, board.journal, board.arrived.append) or session.more):
                break
        error = session.error
    assert error is None
    assert texts[-1] in stored(board.spool)
    assert len(stored(board.spool)) > 5
    assert parts(board.spool) == []


def test_evict_cut_anywhere():
    texts = big(12)

    def prepare():
        board = Board()
        board.spool.full = "evict"
        Small(board, 6 * len(texts[-1]))
        work(board, Drop(numbered(texts)[:6]))
        return board, Drop(numbered(texts)[6:]), {}

    whole = every_cut(prepare)
    assert whole == (sorted(texts[6:]), [], [])


# -- sub-sessions, turns


def test_a_session_ends_after_so_many_deletions_and_a_next_one_goes_on():
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(330)]
    drop = Drop(numbered(texts))
    board = Board()
    counts = []
    for _ in range(5):
        session, _ = board.session(drop, piece=4000)
        counts.append(session.deleted)
        if not session.more:
            break
    assert sum(counts) == 330 and len(counts) == 2 and max(counts) < 256 + 64, counts
    board.check(texts)


def test_a_session_that_others_wait_for_ends_after_a_message_and_always_does_one():
    for account in ({}, {"keep": "forever"}, {"fetch": "headers"}):
        texts = mixed(9)
        drop = Drop(numbered(texts))
        board = Board()
        board.hurry = True
        sessions = 0
        while True:
            session, _ = board.session(drop, **account)
            sessions += 1
            assert session.fetched
            if not session.more:
                break
        assert sessions >= (2 if model.FLIGHT > 1 else 5)
        assert len(stored(board.spool)) + len(parts(board.spool)) == 9


def test_login_delay_is_kept():
    drop = Drop([])
    drop.caps = b"UIDL\r\nLOGIN-DELAY 120\r\n"
    board = Board()
    board.session(drop)
    board.session(drop)
    assert board.memory["delay"] == 120


# -- what is neither here nor there


def journal_size(board):
    return os.stat(board.journal.path)[6] // 24


def test_what_was_deleted_here_and_there_is_forgotten_after_three_days():
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(400)]
    board = Board()
    board.now = START
    drop = Drop(numbered(texts))
    work(board, drop)
    for i in range(300):
        key = key_of(b"uid-%d" % i)
        leave(board.journal, board.spool, key, DELETED, ARRIVED)
    left = texts[300:]
    drop.mail = [(1, b"uid-7", texts[7])]  # it comes back, as after a QUIT that failed
    drop.person = [texts[7]]
    drop.no_dele = (1,)
    sizes = []
    for day in range(12):
        for _ in range(3):  # polls
            board.now = START + day * DAY + 3600
            session, _ = board.session(drop)
            assert session.fetched == 0
        sizes.append(journal_size(board))
    assert sizes[1] >= 400 and sizes[-1] < 100 + 256 + 2, sizes
    assert board.journal.state(key_of(b"uid-7")) & STATE == DELETED
    board.check(left)


def test_one_listing_that_is_empty_forgets_nothing():
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(300)]
    board = Board()
    board.now = START
    drop = Drop(numbered(texts))
    board.session(drop, start="now", keep="forever")
    for day in range(1, 20):
        board.now = START + day * DAY
        mail = drop.mail
        if day % 3 == 0:
            drop.mail = mail[:1] if day % 2 else []
        session, _ = board.session(drop, start="now", keep="forever")
        drop.mail = mail
        assert session.fetched == 0
    assert drop.retrieved == []


def test_purging_cut_anywhere():
    texts = [b"Subject: %d\r\n\r\n" % i for i in range(260)]

    def prepare():
        board = Board()
        board.now = START
        work(board, Drop(numbered(texts)), start="now", keep="forever")
        drop = Drop([])
        for day in (1, 2):
            board.now = START + day * DAY
            work(board, drop, keep="delete")
        board.now = START + 3 * DAY
        return board, Drop([(1, b"new", b"new\r\n\r\n")]), {}

    whole = every_cut(prepare)
    assert whole == ([b"new\r\n\r\n"], [], [])


# -- any policy, any server, cut anywhere, again and again


def test_whatever_the_settings_and_whatever_is_cut():
    """Settings change between sessions too. The model asserts that nothing goes from the server that is not here;
    here: nothing is twice, the journal agrees with the folder, and in the end all is where it should be."""
    for seed in range(1, SEEDS):
        below = chance(seed)
        board = Board()
        board.now = START
        waiting = mixed(30 + below(60))
        drop = Drop([])
        drop.passes = 400
        number = 0
        while waiting or below(4):
            board.now += below(3) * DAY
            for _ in range(min(len(waiting), below(25))):
                number += 1
                place = len(drop.mail) if seed % 3 else below(len(drop.mail) + 1)
                drop.mail.insert(place, (number, b"uid-%d" % number, waiting.pop(0)))
            drop.no_retr = [m[0] for m in drop.mail if not below(15)]
            drop.still_lists = not below(5)
            drop.quit_ok = below(4) > 0
            settings = {
                "keep": ("delete", "forever", 2)[below(3)],
                "order": ("oldest", "newest")[below(2)],
                "fetch": ("full", "headers")[below(2)],
                "max_bytes": (0, 400)[below(2)],
                "delete_confirmed": below(5) > 0,
            }
            if not below(3):
                settings["filter"] = RULES
            board.hurry = not below(4)
            board.sure = below(5) > 0
            may = settings["delete_confirmed"] and settings["keep"] != "forever"
            may = may and (board.sure or settings["keep"] == "delete")
            there = len(drop.mail)
            try:
                work(board, drop, below(3) * (1 + below(400)), **settings)
            except (Cut, errors.MailError, AssertionError) as err:
                assert not isinstance(err, AssertionError) or str(err) == "no end", (seed, err)
            assert may or len(drop.mail) == there, seed
            if not below(3):
                board.boot()
            drop.mail = [(i + 1, m[1], m[2]) for i, m in enumerate(drop.mail)]  # numbers are the session's
            held = stored(board.spool)
            assert len(held) == len(set(held)), seed
            for key, name in list(board.spool.files()):
                was = board.journal.state(key)
                what = below(12)
                if what == 0:  # the person
                    with open(board.spool.folder + "/" + name, "rb") as f:
                        first = f.read()
                    drop.person += tuple(m[2] for m in drop.mail if head(m[2]) == head(first))
                    leave(board.journal, board.spool, key, DELETED, was)
                elif what == 1 and was & PART:
                    board.journal.change(was | WANTED, key, was)
                elif what == 2 and was:
                    board.journal.change(was & ~STATE | SEEN, key, was)
        drop.no_retr = ()
        drop.still_lists = board.hurry = False
        drop.quit_ok = board.sure = True
        for key, name in list(board.spool.files()):
            was = board.journal.state(key)
            if not is_whole(name):
                board.journal.change(was | WANTED, key, was)
        board.boot()
        work(board, drop, filter=[{"subject": "s", "fetch": "full"}])
        session = work(board, drop)
        assert session.error is None
        agree(board)
        left = [
            m for m in drop.mail if board.journal.state(key_of(m[1])) & STATE != LEFT
        ]  # filters skipped those
        assert left == [], (seed, len(left))
        held = stored(board.spool)
        assert len(held) == len(set(held)), seed
        assert parts(board.spool) == [], seed
