"""Everything the app can say on the display, on each size of display: nothing is cut that need not be.

The app's and the pages' own code draws; what is looked at is where each letter comes to lie, and which letters.
Only what other people wrote (sender, subject, a server's reply) may end with an ellipsis.
"""

import errno

from buzon import errors
from buzon.display.font6x12 import DATA
from buzon.display.layout import BOX, ELLIPSIS
from buzon.display.null import Null
from buzon.errors import MailError
from buzon.net import clock
from buzon.notify import pages
from buzon.notify.explain import brief
from buzon.page import DOES
from buzon.sentences.system import plain
from buzon.ui import Ui

ONLY = "micropython"  # needs framebuf

SIZES = ((128, 64), (128, 32), (72, 40))
EVERY = "".join([chr(c) for c in list(range(0x20, 0x7F)) + list(range(0xA0, 0x100))]) + "ŒœŠšŸŽž…€"
CODES = sorted([getattr(errors, name) for name in dir(errors) if name.startswith("E_")])
drawn = []


def _recorded(draw, width, height):
    def record(d, g, x, y, color=1):
        drawn.append((bytes(g), x, y, width, height))
        return draw(d, g, x, y) if draw is BIG else draw(d, g, x, y, color)

    return record


TEXT, BIG = pages.text, pages.big
pages.text = _recorded(TEXT, 6, 12)
pages.big = _recorded(BIG, 12, 24)


class Journal:
    stored = new = apart = gone = 0


class Account:
    state = "idle"
    error = session = None
    listed = due = 0

    def __init__(self, id="main", **settings):
        self.id = id
        self.journal = Journal()
        self.settings = settings
        settings.setdefault("delete_confirmed", True)


class Session:
    todo = fetched = 0
    listed = -1


class Trial:
    state = "running"


class Board:
    """What the app says of itself, without its tasks."""

    def __init__(self, *accounts, state="idle"):
        self.accounts = list(accounts)
        self.state = state
        self.uptime = 0
        self.trial = self.trouble = None
        self.wifi_due = 0


def letters(g):
    return "".join([EVERY[n] if n < BOX else "#" for n in g])


def column(n, i):
    """The 12 pixels of a glyph's column, the top one as the lowest bit."""
    return DATA[n * 9 + i] | (DATA[n * 9 + 6 + i // 2] >> 4 * (i & 1) & 15) << 8


def check(w, h, cut=False):
    """What was drawn since the last call, as lines of text. AssertionError where it does not fit."""
    said = []
    places = []
    for g, x, y, width, _ in drawn:
        scale = width // 6
        line = letters(g)
        for i in range(len(g)):
            for j in range(6):
                bits = column(g[i], j)
                at = x + (6 * i + j) * scale
                for k in range(11):  # the lowest row, which p, q and y have, may be off a full display
                    if bits >> k & 1:
                        assert 0 <= at <= w - scale and 0 <= y + k * scale <= h - scale, (line, w, h, x, y)
        assert cut or ELLIPSIS not in g, (line, w, h)
        if g:
            for at, end, top in places:
                assert end <= x or at >= x + len(g) * width or abs(top - y) > 9, (line, said, w, h)
            places.append((x, x + len(g) * width, y))
            said.append(line)
    drawn.clear()
    return said


def shown(board, w, h, ui=None, cut=False):
    """All that the display shows of a board, as one line."""
    ui = ui or Ui()
    ui.display = Null({"w": w, "h": h})
    ui.shown = None
    drawn.clear()
    ui.show(board)
    assert drawn
    return " ".join(check(w, h, cut))


def test_idle_with_every_line_and_number():
    for w, h in SIZES:
        for sure in (False, True):
            clock.sure = lambda sure=sure: sure
            for state in list(DOES) + ["idle"]:
                for stored, new in (
                    (0, 0),
                    (1, 0),
                    (1, 1),
                    (128, 12),
                    (128, 100),
                    (12345, 12345),
                    (99999, 0),
                ):
                    account = Account()
                    account.journal.stored = stored
                    account.journal.new = new
                    said = shown(Board(account, state=state), w, h)
                    assert "%d new" % new in said or (not new and ("0 new" in said or "No " in said)), said
                    if state != "idle":
                        assert DOES[state] in said, said
                    if h == 64 and stored:
                        assert "%d message" % stored in said, said
                    assert not sure or (new > 99 and w < 128) or ":" in said, said


def test_idle_with_what_a_person_should_not_forget():
    for w, h in SIZES:
        assert "TLS not verified!" in shown(Board(Account(tls="none")), w, h)
        assert "TLS not verified!" in shown(Board(Account(tls_verify=False)), w, h)
        assert "Deletion on hold" in shown(Board(Account(delete_confirmed=False)), w, h)
        for seconds, said in (
            (5, "1 min"),
            (300, "5 min"),
            (5400, "90 min"),
            (86400, "24 h"),
            (604800, "168 h"),
        ):
            account = Account()
            account.due = seconds
            assert "Next check in " + said in shown(Board(account), w, h)


def test_mail_that_is_on_the_server_only_is_never_no_mail():
    for w, h in SIZES:
        for keep in ("delete", "forever"):
            for stored in (0, 12):
                for left in (1, 2, 99, 100, 9999):
                    account = Account(keep=keep)
                    account.journal.stored = stored
                    account.listed = left + (stored if keep == "forever" else 0)
                    said = shown(Board(account), w, h)
                    assert "%d left" % left in said or "%d on server" % left in said, said
                    assert "No mail" not in said and "No new" not in said and " 0 new" not in said, said
                    account.journal.new = stored
                    said = shown(Board(account), w, h)
                    assert not stored or ("12 new" in said and "%d left on server" % left in said), said
        account = Account()
        account.listed = -1  # since the start it was not asked
        said = shown(Board(account), w, h)
        assert "No" not in said.replace("Not checked yet", "") and "0 new" not in said, said
        two = [Account("one"), Account("two")]
        two[0].listed = 3
        two[1].listed = 4
        said = shown(Board(*two), w, h)
        assert "7 left" in said or "7 on server" in said, said
        # What is kept there and is here, or was left alone on purpose, is not missing.
        account = Account(keep="forever")
        account.journal.stored, account.journal.gone, account.listed = 12, 30, 42
        said = shown(Board(account), w, h)
        assert "left" not in said and "on server" not in said, said


def test_each_error_has_a_brief_form():
    assert [code for code in CODES if code // 100 != 7 and not brief(code)] == []
    # To provision something is no command.
    for code in CODES:
        for said in (brief(code), errors.sentence(code, "x")):
            assert "provision" not in said.replace("buzon provision", ""), said


def test_each_error_with_a_detail_of_each_length():
    for w, h in SIZES:
        for code in CODES:
            if code // 100 == 7:  # answers to a PC
                continue
            for detail in ("", "home", "pop.example.com:995, ECONNRESET"):
                # A server's own words take what room the advice leaves.
                cut = code // 100 == 5 and len(detail) > 9
                for wait in (0, 300, 5400, 86400):
                    for name in ("", "casa", "a-long-name_0123"):
                        account = Account(name or "main")
                        account.error = MailError(code, detail)
                        account.due = wait
                        board = Board(account, Account("other")) if name else Board(account)
                        narrow = w < 128 and len(name) > 12  # a name has no short form
                        said = shown(board, w, h, cut=cut or narrow)
                        assert (name[:11] or "Problem") in said or (w < 128 and "retry" in said), said
                        if w >= 128 and len(name) < 9:
                            assert "retry" in said, said
                        if h >= 64:
                            words = plain(code, detail)
                            long = "%s. %s" % (brief(code), words) if detail else brief(code)
                            solid = said.replace(" ", "")
                            assert errors.sentence(code, detail) in said or long.replace(" ", "") in solid, (
                                said
                            )
            # A server says what it likes, at any length.
            account = Account()
            account.error = MailError(
                code, "[AUTH] Invalid credentials; see https://support.example.com/a/b?c=1 " * 2
            )
            for wait in (0, 5400):
                account.due = wait
                said = shown(Board(account), w, h, cut=h >= 64)
                if h >= 64:
                    advice = said.replace("Problem retry soon", "").replace("Problem retry 90 min", "")
                    assert len(advice.split("[AUTH]")[0]) > 8, said


def test_the_system_s_names_of_errors_are_for_nobody_to_read():
    assert errors.sentence(204, "pop.example.com:995, ECONNREFUSED") == (
        "No connection to pop.example.com:995, connection refused: check host and port, and that the server is running."
    )
    assert errors.sentence(206, "ECONNRESET").startswith(
        "The server closed the connection (connection reset)"
    )
    assert (
        errors.sentence(601, "[Errno 5] EIO") == "The flash failed (read or write failed): restart the board."
    )
    assert "OSError not found)" in errors.sentence(801, "OSError [Errno 2] ENOENT")
    assert errors.sentence(202, "CASA EIO X").startswith('No Wi-Fi named "CASA EIO X"')
    # What a server says is its own.
    assert errors.sentence(500, "-ERR ENOENT") == "The server refused: -ERR ENOENT"
    for name in errno.errorcode.values():
        for code in (200, 204, 206, 601, 800):
            assert name not in errors.sentence(code, "x, " + name), name
            account = Account()
            account.error = MailError(code, name)
            assert name not in shown(Board(account), 128, 64)


def test_trouble_of_the_board_itself():
    for w, h in SIZES:
        for code in CODES:
            if code // 100 != 7:
                board = Board()
                board.trouble = MailError(code, "home")
                shown(board, w, h)
                board.accounts = [Account()]
                shown(board, w, h)
        said = shown(Board(), w, h)
        assert "Buzón" in said and "buzon provision" in said, said


def test_the_steps_of_a_test_of_settings():
    for w, h in SIZES:
        for step in ("wifi", "clock", "connect", "login"):
            for name in ("", "main", "a-long-name_0123"):
                board = Board()
                board.trial = trial = Trial()
                trial.step = step
                trial.account = name
                said = shown(board, w, h)
                assert "Testing" in said and name in said.replace(" ", ""), said


def test_alerts():
    for w, h in SIZES:
        for new in (1, 2, 12, 100, 1000, 12345):
            for sender, subject in (
                ("Ana", "Hola"),
                ("", ""),
                ("Ana " * 20, "Hola mundo " * 20),
                ("W" * 64,) * 2,
            ):
                account = Account()
                account.journal.new = account.journal.stored = new
                ui = Ui()
                ui.alert(sender, subject)
                said = shown(Board(account), w, h, ui, cut=True)
                assert new == 1 or "+%d" % (new - 1) in said, said
                if len(sender) < 6:
                    assert sender in said and (subject or "(no subject)") in said, said


def test_a_notice_of_any_length_stays_on_the_display():
    for w, h in SIZES:
        d = Null({"w": w, "h": h})
        for title in ("", "Wi-Fi", "W" * 30):
            for right in ("", "retry soon", "retry 90 min", "9" * 20):
                for n in (0, 1, 10, 24, 42, 105, 300):
                    pages.notice(d, title, "word " * (n // 5) + "w" * (n % 5), right)
                    check(w, h, cut=True)


class Counted:
    """What a person sees of a session, step by step."""

    def __init__(self, w, h, **settings):
        self.size = w, h
        self.account = Account(**settings)
        self.account.state = "sync"
        self.board = Board(self.account, state="sync")
        self.ui = Ui()

    def __call__(self, listed, todo, fetched):
        session = self.account.session = Session()
        session.listed, session.todo, session.fetched = listed, todo, fetched
        return self.page()

    def page(self):
        return shown(self.board, self.size[0], self.size[1], self.ui)


def test_progress_counts_against_the_whole_session():
    for w, h in SIZES:
        for keep in ("delete", "forever"):
            look = Counted(w, h, keep=keep)
            assert "Collecting" not in look(-1, 0, 0)
            for window in range(3):
                for n in (0, 1, 63, 64):
                    n += 64 * window
                    look.account.journal.stored = n if keep == "forever" else 0
                    said = look(192, 64 * (window + 1), n)
                    assert "%d of 192" % n in said and "Collecting" in said and "main" not in said, said


def test_progress_goes_on_in_the_next_session_and_never_jumps_back():
    look = Counted(128, 64)
    for n in (0, 100, 256):
        assert "%d of 600" % n in look(600, 256, n)
    look.account.session = None
    assert "256 of 600" in look.page()
    assert "256 of 600" in look(-1, 0, 0)
    for n in (0, 1, 256):
        assert "%d of 600" % (256 + n) in look(344, 256, n)
    assert "512 of 600" in look(88, 88, 0)
    look.account.state = "idle"
    look.account.session = None
    look.account.listed = 0
    assert "of" not in look.page()
    look.account.state = "sync"
    assert "1 of 3" in look(3, 3, 1)


def test_progress_whose_end_is_not_known_says_how_far_it_is():
    """Where old mail is here that has left the server, the listing does not say how much is to come."""
    look = Counted(128, 64, keep="forever")
    look.account.journal.stored = 500
    assert "0 of 64" in look(200, 64, 0)
    look.account.journal.stored = 560
    assert "60 of 64" in look(200, 64, 60)
    look.account.journal.stored = 564
    said = look(200, 128, 64)
    assert "64" in said and "of" not in said, said
    assert "of" not in look(200, 128, 128)


def test_progress_of_any_number_is_not_cut():
    for w, h in SIZES:
        for n, of in (
            (0, 1),
            (17, 42),
            (999, 1000),
            (9999, 10000),
            (100000, 200000),
            (199999, 200000),
            (200000, 0),
        ):
            look = Counted(w, h, keep="delete")
            said = look(of, of or 64, n)
            if w == 128:
                assert "%d of %d" % (n, of) in said or not of, said
            else:
                assert "%d of %d" % (n, of) in said or "%d %%" % (100 * n // max(1, of)) in said or not of, (
                    said
                )


def test_the_accounts_take_turns():
    look = Counted(128, 64)
    assert "3 of 5" in look(5, 5, 3)
    look.account.state = "idle"
    look.account.session = None
    other = Account("other")
    other.state = "sync"
    look.board.accounts.append(other)
    assert "of" not in look.page().replace("of mail", "")
