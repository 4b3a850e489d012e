"""Nothing is deleted on weak evidence: a unique id, a size, or one download that came short is none."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

import struct

import buzon.store.rekey as rekey_module
import buzon.store.rewrite as rewrite_module
from buzon import errors
from buzon.store.alike import alike
from buzon.store.cut import HeaderOnly
from buzon.store.journal import AGREED, ARRIVED, DELETED, DOUBT, LEFT, RECORD, SEEN
from buzon.store.leave import leave, mark
from buzon.store.rekey import NOBODY, rekey
from buzon.store.spool import key_of
from buzon.store.witness import BEGINS, OTHER, SAME, Witness, headless, named
from test_sync_model import Board, Cut, Drop, bodies, cut_quit, numbered, stored

MANY = 700 if sys.implementation.name == "cpython" else 330
LINES = 400 if sys.implementation.name == "cpython" else 60


def cut_once_stored(board, drop):
    """A session that ends when a message is stored and before it is deleted."""
    held = len(stored(board.spool))
    for cut in range(1, 90):
        try:
            board.session(drop, cut)
        except Cut:
            board.last.cut_off()
        if len(stored(board.spool)) > held:
            break
    assert drop.mail and len(stored(board.spool)) > held


def tries(board, drop, n, **account):
    """The codes of the errors of so many sessions; 0: none."""
    codes = []
    for _ in range(n):
        try:
            error = board.session(drop, **account)[0].error
        except errors.MailError as err:
            error = err
            board.last.cut_off()
        codes.append(error.code if error else 0)
    return codes


def text(i, size=40):
    return b"Subject: %d\r\n\r\n" % i + b"x" * size + b"\r\n"


class Keeps(Drop):
    """It says that it deletes, and does not."""

    def remove(self, gone):
        pass


# -- a unique id names a message as long as it is listed


def test_an_id_that_is_used_again_after_quit_is_another_message():
    board = Board()
    want = []
    for i in range(10):  # one a poll, all of one size, as popa3d lists them
        drop = Drop([(1, b"always-the-same", text(i))])
        session, _ = board.session(drop)
        assert (session.error, session.fetched, session.deleted, drop.mail) == (None, 1, 1, [])
        want.append(text(i))
        if i % 3 == 0:
            board.boot()
    board.check(want)


def test_an_id_that_is_used_again_is_another_message_after_a_change_of_keep():
    for keep in ("forever", 7):
        for boot in (False, True):
            texts = [text(i) for i in range(6)]
            drop = Drop(numbered(texts[:3], b"%d"))
            board = Board()
            board.now = 1700000000
            board.session(drop)
            assert drop.mail == []
            if boot:
                board.boot()
            drop.mail = numbered(texts[3:5], b"%d")
            cut = 0
            while True:  # a cut anywhere changes nothing
                cut += 1
                try:
                    board.session(drop, cut if cut < 12 else 0, keep=keep)
                    break
                except Cut:
                    pass
            board.check(texts[:5])
            assert len(drop.mail) == 2
            drop.mail = numbered([texts[3], texts[4], texts[5]], b"%d")
            board.session(drop, keep=keep)
            board.check(texts)


def test_in_between_an_id_is_unsure_and_the_messages_are_compared():
    """QUIT without an answer: what is listed may be the old message, or another with its id."""
    for other in (False, True):
        for size in (40, 5000):
            drop = Drop([(1, b"a", text(1, size)), (2, b"b", text(2, size))])
            board = Board()
            cut_quit(board, drop)
            left = drop.mail[0]
            body = text(9, size) if other else left[2]
            drop = Drop([(1, left[1], body)])
            session, _ = board.session(drop)
            assert (session.error, session.deleted, drop.mail) == (None, 1, [])
            assert other or drop.retrieved == []  # ten lines were enough
            board.check([text(1, size), text(2, size)] + ([body] if other else []))


def test_a_cut_in_a_large_mailbox_costs_no_second_download_of_it():
    """What is there again is compared by TOP and ten lines, not fetched: octets are counted."""
    texts = [
        b"Received: from x by y id %d\r\nMessage-ID: <%d@example.org>\r\nSubject: s\r\n\r\n" % (i, i)
        + b"".join(b"line %d of a body that is long\r\n" % n for n in range(LINES))
        for i in range(20)
    ]
    for caps in (b"TOP\r\nUIDL\r\n", b"TOP\r\nUIDL\r\nPIPELINING\r\n"):
        drop = Drop(numbered(texts))
        drop.caps = caps
        board = Board()
        _, steps = Board().session(_copy(drop))
        try:
            board.session(drop, steps - 1)  # in the middle of QUIT's answer, or before it
        except Cut:
            board.last.cut_off()
        drop.mail = numbered(texts)  # the server has deleted nothing
        came = [0]
        command = drop.command

        def counted(line):
            before = len(drop.out)
            command(line)
            if line[:4] in (b"TOP ", b"RETR"):
                came[0] += len(drop.out) - before

        drop.command = counted
        board.session(drop)
        if drop.mail:
            board.session(drop)
        total = sum(len(each) for each in texts)
        assert drop.mail == []
        board.check(texts)
        assert came[0] < total // (15 if LINES > 100 else 3), (came[0], total)
    print("%d of %d octets came again" % (came[0], total))


def _copy(drop):
    again = Drop(list(drop.mail))
    again.caps = drop.caps
    return again


def test_what_the_server_says_is_deleted_and_lists_again_is_left_there_and_said():
    drop = Keeps(numbered(bodies(3)))
    board = Board()
    fetched = 0
    for _ in range(6):
        session, _ = board.session(drop)
        fetched += session.fetched
    assert fetched == 3
    assert session.error.code == errors.E_STAYS
    assert (session.deleted, len(drop.mail)) == (0, 3)
    board.check(bodies(3))
    now = len(drop.retrieved)
    board.session(drop)
    assert len(drop.retrieved) == now  # nor is it looked at for ever


def test_many_that_come_back_with_their_ids_are_deleted_again():
    """A server is restored from a backup: nothing of it was deleted in vain."""
    texts = bodies(MANY)
    mail = numbered(texts)
    drop = Drop(list(mail))
    board = Board()
    while drop.mail:
        board.session(drop)
    drop = Drop(list(mail))
    for _ in range(8):
        session, _ = board.session(drop)
        assert session.error is None
    assert drop.mail == []
    board.check(texts)


def test_a_server_that_never_deletes_is_told_however_much_there_is():
    """A session ends after 256 deletions, so none ever ends with all of it deleted."""
    drop = Keeps(numbered([text(i) for i in range(MANY)]))
    drop.passes = 400
    board = Board()
    codes = []
    for _ in range(12):
        session, _ = board.session(drop)
        codes.append(session.error.code if session.error else 0)
    assert codes[-1] == errors.E_STAYS and codes[0] == 0, codes
    board.check([m[2] for m in drop.mail])
    before = len(drop.retrieved)
    drop.commands = []
    session, _ = board.session(drop)
    assert (session.deleted, len(drop.retrieved)) == (0, before)
    assert b"TOP" not in drop.commands  # nothing is compared any more


def test_as_much_mail_may_come_as_was_deleted():
    """A session ended after 256 deletions, as many new messages came, and they were left alone for good."""
    for order in ("oldest", "newest"):
        drop = Drop(numbered([text(i) for i in range(MANY)]))
        board = Board()
        drop.passes = 400
        came = MANY
        all = [m[2] for m in drop.mail]
        for _ in range(12):
            before = len(drop.mail)
            session, _ = board.session(drop, order=order)
            assert session.error is None, session.error
            if session.more and came < 3 * MANY:
                new = [text(i) for i in range(came, came + before - len(drop.mail))]
                drop.mail += [(10000 + came + i, b"new-%d" % (came + i), new[i]) for i in range(len(new))]
                drop.mail = [(i + 1, m[1], m[2]) for i, m in enumerate(drop.mail)]
                came += len(new)
                all += new
        assert drop.mail == []
        board.check(all)


def test_a_server_without_uidl_that_never_deletes_is_told_and_left_alone_until_it_has_other_mail():
    for n in (3, MANY):
        drop = Keeps(numbered([text(i, i % 50) for i in range(n)]))
        drop.caps = b"TOP\r\n"
        drop.has_uidl = False
        drop.passes = 400
        board = Board()
        codes = tries(board, drop, 10)
        assert codes[-1] == errors.E_STAYS and codes[0] == 0, codes
        before = len(drop.retrieved)
        assert tries(board, drop, 2) == [errors.E_STAYS] * 2
        assert len(drop.retrieved) == before  # nothing is fetched any more
        drop.mail.append((n + 1, b"", text(n, 60)))
        tries(board, drop, 4)
        board.check([m[2] for m in drop.mail])


def test_a_server_without_uidl_that_deletes_may_get_the_same_mail_again_and_again():
    """A device that sends the same text each hour: it is taken each time."""
    board = Board()
    for _ in range(8):
        drop = Drop(numbered([text(1)]))
        drop.caps = b"TOP\r\n"
        drop.has_uidl = False
        tries(board, drop, 3)
        assert drop.mail == []


def test_lines_without_an_id_in_any_order_are_messages_however_many_there_are():
    n = MANY // 2
    orders = (lambda m: m[::-1], lambda m: m[50:] + m[:50], lambda m: m[1::2] + m[::2])
    for order in orders:
        for keep in ("delete", "forever"):
            texts = [text(i, i % 50) for i in range(n)]
            mail = [(i, b"" if i % 9 == 3 else uid, body) for i, uid, body in numbered(texts)]
            drop = Drop(mail)
            drop.order = order
            drop.passes = 400
            board = Board()
            board.session(drop, keep=keep)
            while board.session(drop, keep=keep)[0].more:
                pass
            board.check(texts)


def test_cut_after_the_mail_was_stored_it_is_deleted_by_the_next_session_each_time():
    """What a session closed, two sessions ago, says nothing of what came since."""
    board = Board()
    want = []
    for i in range(6):
        drop = Drop([(1, b"id-%d" % i, text(i))])
        want.append(text(i))
        if i > 1:
            cut_once_stored(board, drop)
        session, _ = board.session(drop)
        assert (session.error, drop.mail) == (None, []), i
        board.check(want)


def test_the_same_mail_twice_under_one_id_is_stored_once_and_deleted_twice():
    """As with ids that are a hash of the message. A copy of it was here before, after a cut."""
    for before in (False, True):
        board = Board()
        drop = Drop([(1, b"hash", text(1)), (2, b"hash", text(1))])
        if before:
            cut_once_stored(board, Drop([(1, b"hash", text(1))]))
        for _ in range(3):
            session, _ = board.session(drop)
        assert (session.error, drop.mail) == (None, [])
        board.check([text(1)])


def test_start_now_deletes_nothing_that_has_no_id():
    """It may have been there before the board came."""
    mail = [(1, b"a", text(1)), (2, b"", text(2)), (3, b"c", text(3))]
    drop = Drop(list(mail))
    board = Board()
    for _ in range(3):
        session, _ = board.session(drop, start="now")
        assert (session.error, drop.mail) == (None, mail)
    drop.mail.append((4, b"d", text(4)))
    board.session(drop, start="now")
    assert drop.mail == mail


# -- the size is a witness


def test_another_size_is_another_message_whatever_is_kept():
    for keep in ("delete", "forever", 3):
        board = Board()
        drop = Drop([(1, b"a", text(1))])
        drop.no_dele = (1,)
        board.session(drop, keep=keep)
        drop = Drop([(1, b"a", text(2, 99))])
        for _ in range(3):
            board.session(drop, keep=keep)
        assert sorted(stored(board.spool)) == sorted([text(1), text(2, 99)]), keep
        assert (drop.mail == []) == (keep == "delete")


class Short(Drop):
    """RETR is cut `times` for each message."""

    times = 1

    def command(self, line):
        mail = self.mail
        if line[:4] == b"RETR":
            n = self.retrieved.count(b"cut %s" % line)
            if n < self.times:
                self.retrieved.append(b"cut %s" % line)
                self.sizes = {m[0]: len(m[2]) for m in mail}
                body = next(m for m in mail if m[0] == int(line[5:]))[2]
                body = body[: len(body) // 2]
                at = body.rfind(b"\r\n") + 2
                self.commands.append(b"RETR")
                self.out += b"+OK\r\n" + (b"\r\n" + body[:at]).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
                return
        super().command(line)

    def remove(self, gone):
        if self.times < 2:
            super().remove(gone)
        else:
            self.mail = [m for m in self.mail if m not in gone]


def _lines(i):
    return b"Subject: %d\r\n\r\n" % i + b"".join(b"line %d\r\n" % n for n in range(30))


def test_a_message_that_came_short_is_asked_for_again_alone_and_only_the_whole_one_stays():
    drop = Short(numbered([_lines(i) for i in range(3)]))
    board = Board()
    assert tries(board, drop, 1) in ([errors.E_SIZE], [errors.E_DOUBT])
    assert len(drop.mail) == 3
    codes = tries(board, drop, 6)
    assert codes[-1] == 0 and drop.mail == []
    board.check([_lines(i) for i in range(3)])


def test_two_downloads_that_agree_are_a_whole_message():
    drop = Short(numbered([_lines(i) for i in range(3)]))
    drop.times = 99
    board = Board()
    codes = tries(board, drop, 5)
    assert errors.E_DOUBT in codes and codes[-1] == 0 and drop.mail == []
    assert board.journal.stored == 3
    kinds = {}
    for kind, _, _, _, _, _, key in board.journal.records():
        kinds[key] = kind
    assert [kind & (DOUBT | AGREED) for kind in kinds.values() if kind] == [DOUBT | AGREED] * 3


class Wrong(Drop):
    """RETR is answered with the next message, once for one of them."""

    which = 0

    def command(self, line):
        at = self.which
        if at and line == b"RETR %d" % at:
            self.which = 0
            line = b"RETR %d" % (at + 1)
        super().command(line)


def test_another_message_than_the_one_asked_for_is_not_taken_for_it():
    for sizes in ((10, 20, 30, 40), (40, 30, 20, 10)):  # the wrong one is longer, or shorter
        texts = [text(i, size) for i, size in enumerate(sizes)]
        for which in (1, 2, 3):
            for keep in ("delete", "forever"):
                drop = Wrong(numbered(texts))
                drop.which = which
                board = Board()
                assert tries(board, drop, 6, keep=keep)[-1] == 0
                assert len(drop.mail) == (0 if keep == "delete" else 4)
                board.check(texts)


def test_a_server_that_counts_a_line_end_as_one_octet_costs_no_second_download():
    texts = bodies(8)
    drop = Drop(numbered(texts))
    drop.sizes = {i + 1: len(each) - each.count(b"\n") for i, each in enumerate(texts)}
    board = Board()
    tries(board, drop, 2)  # with commands in flight it could have been another one's reply
    assert len(drop.retrieved) in (8, 16)
    assert (board.last.error, drop.mail) == (None, [])
    board.check(texts)


def test_nothing_for_a_message_is_no_message():
    class Empty(Drop):
        def command(self, line):
            if line == b"RETR 2":
                self.commands.append(b"RETR")
                self.out += b"+OK\r\n.\r\n"
            else:
                super().command(line)

    texts = bodies(3)
    drop = Empty(numbered(texts))
    board = Board()
    for _ in range(3):
        session, _ = board.session(drop)
        assert session.error.code == errors.E_EMPTY
    assert [m[2] for m in drop.mail] == [texts[1]]
    board.check([texts[0], texts[2]])


# -- every listed message is accounted for


def test_ids_that_are_empty_blank_or_left_out_name_messages_all_the_same():
    class LeavesOut(Drop):
        def command(self, line):
            before = len(self.out)
            super().command(line)
            if line == b"UIDL":
                listing = self.out[before:]
                for n, instead in ((2, b""), (3, b"3 \r\n"), (4, b"4 with blanks\r\n"), (5, b"5\r\n")):
                    at = listing.find(b"\r\n%d " % n)
                    if at >= 0:
                        end = listing.find(b"\r\n", at + 2) + 2
                        listing = listing[: at + 2] + instead + listing[end:]
                self.out = self.out[:before] + listing

    for keep in ("delete", "forever"):
        texts = bodies(7)
        drop = LeavesOut(numbered(texts))
        board = Board()
        for listed in (7, 7 if keep == "forever" else 0):
            session, _ = board.session(drop, keep=keep)
            assert (session.error, session.listed) == (None, listed)
        board.check(texts)
        assert len(drop.mail) == (0 if keep == "delete" else 7)


def test_a_mailbox_whose_ids_all_changed_doubles_nothing_and_hides_nothing():
    for keep in ("forever", "delete"):
        texts = bodies(20)
        drop = Drop(numbered(texts))
        board = Board()
        if keep == "delete":
            cut_quit(board, drop)
        else:
            board.session(drop, keep=keep)
        left = [m[2] for m in drop.mail]
        drop = Drop(numbered(left + [text(99)], b"moved-%d"))
        for _ in range(3):
            board.session(drop, keep=keep)
        board.check(texts + [text(99)])
        if keep == "forever":
            drop = Drop([m for m in drop.mail])
            board.session(drop, keep=keep)
            assert drop.retrieved == []  # by its new ids it is known from now on


def test_more_than_a_window_of_ids_that_changed_doubles_nothing():
    texts = [text(i, i) for i in range(MANY)]
    for keep in ("forever", 30):
        board = Board()
        board.session(Drop(numbered(texts)), keep=keep)
        drop = Drop(numbered(texts, b"moved-%d"))
        for _ in range(4):
            session, _ = board.session(drop, keep=keep)
            assert session.error is None
        board.check(texts)
        assert len(drop.mail) == MANY


def test_start_now_leaves_what_is_there_but_not_another_message_with_its_id():
    drop = Drop(numbered([text(i) for i in range(5)]))
    board = Board()
    session, _ = board.session(drop, keep="forever", start="now")
    assert (session.fetched, session.listed) == (0, 5)
    sizes = [octets for _, _, _, octets, _, _, _ in board.journal.records()]
    assert sizes == [len(text(0))] * 5
    drop.mail[2] = (3, b"uid-2", text(77, 500))
    for _ in range(2):
        board.session(drop, keep="forever", start="now")
    assert stored(board.spool) == [text(77, 500)]


def test_what_was_left_alone_comes_once_start_is_no_longer_now():
    texts = [text(i) for i in range(8)]
    for keep in ("forever", "delete"):
        for cut in range(1, 40):
            drop = Drop(numbered(texts[:3]))
            board = Board()
            board.session(drop, start="now", keep="forever")
            drop.mail += numbered(texts)[3:5]
            board.session(drop, start="now", keep="forever")
            board.check(texts[3:5])
            key = key_of(b"uid-3")
            kind = board.journal.state(key)
            leave(board.journal, board.spool, key, LEFT, kind)  # wiped: it stays away
            try:
                board.session(drop, cut, keep=keep)
            except Cut:
                pass
            for _ in range(3):
                board.session(drop, keep=keep)
            board.check(texts[:3] + texts[4:5])
            assert [m[2] for m in drop.mail] == (texts[:5] if keep == "forever" else texts[3:4])


def test_start_now_knows_the_sizes_in_whatever_order_they_are_listed():
    class Mixed(Drop):
        """LIST names the messages in another order than UIDL."""

        def command(self, line):
            self.order = (lambda mail: mail[::-1]) if line == b"LIST" else None
            super().command(line)

    texts = [text(i, i) for i in range(150)]
    drop = Mixed(numbered(texts))
    board = Board()
    session, _ = board.session(drop, keep="forever", start="now")
    assert (session.fetched, session.listed) == (0, 150)
    assert [octets for _, _, _, octets, _, _, _ in board.journal.records()] == [len(each) for each in texts]
    drop = Mixed(numbered(texts[1:] + [text(999, 999)]))
    for _ in range(3):
        board.session(drop, keep="forever", start="now")
    assert text(999, 999) in stored(board.spool)


# -- what is known of a message that is not here any more


def test_what_was_deleted_here_is_deleted_there_only_if_it_is_that_message():
    for other in (False, True):
        board = Board()
        drop = Drop([(1, b"a", text(1))])
        board.session(drop, keep="forever")
        key = key_of(board.last.pop.realm + b"a")
        leave(board.journal, board.spool, key, DELETED, ARRIVED)
        assert board.journal.known(key)[1]
        drop = Drop([(1, b"a", text(2) if other else text(1))])
        drop.person = [text(1)]
        for _ in range(2):
            board.session(drop)
        assert drop.mail == []
        board.check([text(2)] if other else [])


# -- pieces


def _spool(n=3):
    board = Board()
    board.session(Drop(numbered([text(i) for i in range(n)])), keep="forever")
    return board


def test_a_journal_of_before_is_read():
    """24 bytes a record: as today, without the size of the file."""
    board = _spool()
    keys = [key for key, _, _ in board.journal.newest()]
    with open(board.journal.path, "wb") as f:
        for key in reversed(keys):
            f.write(struct.pack("<HBBIII", ARRIVED, 0, 66, 1000, 57, 0) + key)
        f.write(struct.pack("<HBBIII", LEFT, 0, 66, 1000, 9, 7) + b"elsewher")
        f.write(struct.pack("<HBBIII", SEEN, 1, 66, 0, 0, 0) + keys[0])
    board.boot()
    assert [key for key, _, _ in board.journal.newest()] == keys
    assert (board.journal.stored, board.journal.new) == (3, 2)
    assert os.stat(board.journal.path)[6] % RECORD == 0
    assert board.journal.state(b"elsewher") == LEFT
    assert board.journal.known(b"elsewher") == (9, 7)


def test_new_keys_are_given_whole_or_not_at_all_whatever_is_cut():
    """Each step that changes the flash fails in turn; the next start ends the work."""
    rename, steps = os.rename, 0

    class Flash:
        """`os`, but for one function."""

        def __getattr__(self, name):
            return getattr(os, name)

    while True:
        board = _spool()
        keys = [key for key, _, _ in board.journal.newest()]
        pairs = {keys[0]: b"newname1", keys[1]: b"newname2", b"elsewher": NOBODY}
        count = [0]

        def cut(a, b):
            count[0] += 1
            if count[0] > steps:
                raise Cut
            rename(a, b)

        flash = Flash()
        flash.rename = cut
        rekey_module.os = rewrite_module.os = flash
        try:
            rekey(board.journal, board.spool, pairs)
            done = True
        except Cut:
            done = False
        finally:
            rekey_module.os = rewrite_module.os = os
        board.boot()
        found = sorted(key for key, _, _ in board.journal.newest())
        assert found in (sorted(keys), sorted([b"newname1", b"newname2", keys[2]])), steps
        assert steps == 0 or found != sorted(keys)
        board.check([text(i) for i in range(3)])
        if done:
            break
        steps += 1
    assert steps > 3


def _feed(sink, data, piece):
    buf = bytearray(data)
    for at in range(0, len(data), piece):
        sink.write(buf, at, min(piece, len(data) - at))


def test_a_witness_tells_same_beginning_and_other_in_every_split():
    data = text(1, 300)
    with open("one", "wb") as f:
        f.write(data)
    for piece in (1, 7, 64, 512):
        for came, verdict in (
            (data, SAME),
            (data[:-1], BEGINS),
            (data + b"x", OTHER),
            (b"X" + data[1:], OTHER),
            (data[:-1] + b"X", OTHER),
            (b"", BEGINS),
        ):
            witness = Witness("one", len(data), bytearray(64))
            _feed(witness, came, piece)
            assert witness.verdict() == verdict, (piece, came)
            assert witness.longer == (came == data + b"x")
    for size in (1, 40, 1023, 1024, 1025, 3000):
        data = b"y" * size
        with open("one", "wb") as f:
            f.write(data)
        crc = mark("one")
        for piece in (1, 100, 5000):
            for came, verdict in (
                (data, SAME),
                (b"z" + data[1:], OTHER),
                (data[: min(size, 1024) - 1], BEGINS),
            ):
                witness = Witness("", size, bytearray(64), crc)
                _feed(witness, came, piece)
                assert witness.verdict() == verdict, (size, piece, len(came))


def test_a_header_is_cut_where_it_ends_in_every_split():
    for data, head in (
        (b"A: b\r\nC: d\r\n\r\nbody\r\n\r\nmore", b"A: b\r\nC: d\r\n\r\n"),
        (b"\r\nbody", b"\r\n"),
        (b"A: b\r\n", b"A: b\r\n"),
        (b"A: b\n\r\r\n\r\nx", b"A: b\n\r\r\n\r\n"),
    ):
        for piece in range(1, len(data) + 1):
            got = []

            class Sink:
                def write(self, buf, off, n):
                    got.append(bytes(memoryview(buf)[off : off + n]))

            _feed(HeaderOnly(Sink()), data, piece)
            assert b"".join(got) == head, (data, piece)


def test_what_names_a_message_and_what_is_none():
    for data, is_named, no_head in (
        (b"Message-Id: <a@b>\r\n\r\n", True, False),
        (b"A: b\r\nRECEIVED: x\r\n\r\n", True, False),
        (b"A: b\r\n\r\nReceived: x\r\n", False, False),
        (b"\r\nReceived: x\r\n", False, False),
        (b"just words\r\n", False, True),
        (b"two words: x\r\n", False, True),
        (b"From x@y Mon\r\nA: b\r\n", False, False),
        (b"A: " + b"x" * 700 + b"\r\nMessage-ID: x\r\n\r\n", True, False),
    ):
        with open("one", "wb") as f:
            f.write(data)
        assert named("one", bytearray(128)) == is_named, data
        assert headless("one") == no_head, data


def test_alike_is_the_same_bytes_or_the_same_id_and_body():
    one = b"Message-ID: <1@x>\r\nSubject: a\r\n\r\nbody" + b"z" * 700
    for other, want in (
        (one, True),
        (b"Status: RO\r\n" + one, True),
        (one + b"y", False),
        (one.replace(b"<1@x>", b"<2@x>"), False),
        (one.replace(b"body", b"bodY"), False),
        (b"Status: RO\r\n" + one.replace(b"Message-ID", b"X-Nothing"), False),
    ):
        for name, data in (("one", one), ("other", other)):
            with open(name, "wb") as f:
                f.write(data)
        assert alike("one", "other", bytearray(512)) == want, other


def test_what_is_listed_under_an_id_that_others_had_was_not_deleted_in_vain():
    """Of two with one id one is deleted, then the other is the only one that has it."""
    board = Board()
    drop = Drop([(1, b"a", text(1)), (2, b"a", text(2)), (3, b"b", text(3))])
    drop.no_dele = (2, 3)
    for _ in range(4):
        board.session(drop)
    drop.no_dele = ()
    for _ in range(3):
        session, _ = board.session(drop)
        assert session.error is None
    assert drop.mail == []
    board.check([text(1), text(2), text(3)])
