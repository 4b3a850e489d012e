"""A second chance at login: what a server refuses or hangs up at is followed by another way, in the same session or in
the next; what worked is remembered."""

from buzon import errors
from buzon.core.learn import failed
from buzon.core.login import enter
from buzon.core.pop3 import Pop3
from buzon.core.wire import READ, WRITE, RxBuffer, TxBuffer

CUT = None  # instead of a reply: the server hangs up
SILENT = 0  # nothing comes


class Server:
    """`answer(line)`: the reply to a command, CUT or SILENT. `account` and what is remembered are one account's."""

    def __init__(self, answer, greeting=b"+OK ready", tls="implicit", **more):
        self.answer = answer
        self.greeting = greeting
        self.account = {"user": "me", "password": "secret-word", "tls": tls, "host": "h"}
        self.account.update(more)
        self.memory = {}
        self.sent = []
        self.again = False

    def session(self):
        """The error that a person sees, or None; `sent` has the commands of this session, `again` what `failed` says."""
        rx = RxBuffer(bytearray(512))
        tx = TxBuffer(bytearray(256))
        pop = Pop3(rx, tx)
        self.sent = []
        self.again = False
        lines = b""
        replies = [self.greeting + b"\r\n"]
        dialogue = enter(pop, self.account, b"nonce", self.memory)
        error = None
        try:
            while True:
                need = dialogue.send(None)
                if need == WRITE:
                    lines += bytes(tx.buf[: tx.n])
                    tx.clear()
                    while b"\r\n" in lines:
                        line, _, lines = lines.partition(b"\r\n")
                        self.sent.append(line.decode())
                        reply = self.answer(line.decode())
                        replies.append(reply if reply in (CUT, SILENT) else reply + b"\r\n")
                        if reply is CUT:
                            break
                elif need == READ:
                    data = replies.pop(0)
                    if data is CUT:
                        raise errors.LinkError(errors.E_CLOSED, "reply")
                    if data is SILENT:
                        raise errors.LinkError(errors.E_TIMEOUT, "reply")
                    rx.space()[: len(data)] = data
                    rx.w += len(data)
        except StopIteration:
            return None
        except errors.MailError as err:
            error = err
        finally:
            dialogue.close()
        error, self.again = failed(self.memory, error)
        assert "secret" not in str(error)
        return error


def server(replies, caps="SASL PLAIN", **more):
    """By the first words of a command; what is not named goes well."""

    def answer(line):
        if line == "CAPA" and "CAPA" not in replies:
            return b"+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nUSER\r\n" + caps.encode() + b"\r\n."
        for words in replies:
            if line.startswith(words):
                return replies[words]
        return b"+OK"

    return Server(answer, **more)


PLAIN = "AUTH PLAIN AG1lAHNlY3JldC13b3Jk"


def test_what_is_refused_without_a_reason_is_followed_by_the_next_way_which_is_remembered():
    for refusal in (b"-ERR Unknown AUTH mechanism", b"-ERR", b"-Err no", b"-ERR [X] no"):
        one = server({"AUTH": refusal})
        assert one.session() is None
        assert one.sent == ["CAPA", PLAIN, "USER me", "PASS secret-word"]
        assert one.session() is None
        assert one.sent == ["USER me", "PASS secret-word"]


def test_a_password_that_is_wrong_or_a_mailbox_in_use_is_tried_once():
    for code, error in (
        ("AUTH", errors.E_PASSWORD),
        ("IN-USE", errors.E_IN_USE),
        ("SYS/TEMP", errors.E_SYS_TEMP),
        ("SYS/PERM", errors.E_SYS_PERM),
        ("LOGIN-DELAY", errors.E_LOGIN_DELAY),
    ):
        one = server({"AUTH": b"-ERR [" + code.encode() + b"] no"})
        assert one.session().code == error
        assert one.sent == ["CAPA", PLAIN]
        assert not one.again


def test_the_sentence_names_the_ways_that_were_tried():
    one = server({"AUTH": b"-ERR unknown", "PASS": b"-ERR go away"}, "SASL PLAIN LOGIN")
    for _ in range(2):  # and each time from the first one again
        error = one.session()
        assert (error.code, error.detail) == (errors.E_LOGIN, "go away; tried: PLAIN, USER, LOGIN") or (
            error.detail == "unknown; tried: PLAIN, USER, LOGIN"
        )
        assert [line.split(" ")[0] for line in one.sent] == ["CAPA", "AUTH", "USER", "PASS", "AUTH"]
    one = server({"PASS": b"-ERR go away"}, "")
    assert one.session().detail == "go away"  # one way only
    one = server({"PASS": b"-ERR"}, "")
    assert str(one.session()) == "The server refused the login (-ERR): check user and password."


def test_a_way_that_the_settings_name_is_the_only_one():
    one = server({"AUTH": b"-ERR unknown"}, auth="plain")
    for _ in range(3):
        assert one.session().detail == "unknown"
        assert one.sent == ["CAPA", PLAIN]
    one = server({"AUTH": CUT}, auth="plain")
    for _ in range(3):
        assert one.session().code == errors.E_CLOSED
        assert one.sent == ["CAPA", PLAIN] or one.sent == [PLAIN]
        assert not one.again
    one = server({"AUTH": b"-ERR unknown"}, "SASL PLAIN XOAUTH2", oauth="token")
    assert one.session().code == errors.E_LOGIN
    assert one.sent == ["CAPA", "AUTH XOAUTH2"]


def test_a_server_that_hangs_up_at_a_way_gets_another_in_the_next_session():
    one = server({"AUTH": CUT})
    assert one.session().code == errors.E_CLOSED
    assert one.again
    assert one.session() is None
    assert one.sent[-2:] == ["USER me", "PASS secret-word"] and PLAIN not in one.sent
    assert one.session() is None
    assert one.sent == ["USER me", "PASS secret-word"]


def test_one_that_refuses_and_then_hangs_up_is_asked_by_the_other_ways_in_turn():
    gone = []

    def answer(line):
        if line == "CAPA":
            return b"+OK\r\nUSER\r\nSASL PLAIN\r\n."
        if gone:
            gone.clear()
            return CUT
        if line.startswith("AUTH"):
            gone.append(True)
            return b"-ERR Protocol error. Connection is closed."
        return b"+OK"

    one = Server(answer)
    error = one.session()
    assert (error.code, error.detail) == (errors.E_LOGIN, "Protocol error. Connection is closed.")
    assert one.again
    assert one.session() is None
    assert one.sent[1:3] == ["USER me", "PASS secret-word"]

    def wrong(line):  # the password: it is said in each session, and all ways have their turn
        if line == "CAPA":
            return b"+OK\r\nUSER\r\nSASL PLAIN\r\n."
        if gone:
            gone.clear()
            return CUT
        if line.startswith("AUTH") or line.startswith("PASS"):
            gone.append(True)
            return b"-ERR wrong"
        return b"+OK"

    one = Server(wrong)
    said = []
    for _ in range(4):
        gone.clear()
        said.append(one.session())
    assert [error.code for error in said] == [errors.E_LOGIN] * 4
    assert said[1].detail == "wrong; tried: PLAIN, USER"


def test_a_stamp_does_not_mean_that_apop_works():
    for reply in (b"-ERR what?", CUT):
        one = server({"APOP": reply}, "", greeting=b"+OK <1.2@example.org>", tls="none")
        one.session()
        one.session()
        assert one.session() is None
        assert one.sent == ["USER me", "PASS secret-word"]
        assert not [line for line in one.sent if line.startswith("APOP")]


def test_without_tls_a_server_that_did_not_prove_itself_never_gets_the_password():
    def answer(line):
        if line == "CAPA":
            return b"+OK\r\nUSER\r\nUIDL\r\nSASL SCRAM-SHA-1 PLAIN\r\n."
        return b"+OK"

    one = Server(answer, tls="none")
    for _ in range(5):
        assert one.session().code == errors.E_SERVER_UNKNOWN
        assert not [line for line in one.sent if line.startswith(("PASS", "AUTH PLAIN"))], one.sent


def test_plain_is_continued_when_the_server_asks_for_it():
    for challenge in (b"+ ", b"+"):
        one = server({"AUTH": challenge})
        assert one.session() is None
        assert one.sent == ["CAPA", PLAIN, PLAIN[11:]]
    one = server({"AUTH": b"+ "}, auth="oauthbearer", oauth="a-token")
    assert one.session() is None
    assert one.sent[2] == one.sent[1][len("AUTH OAUTHBEARER ") :]
    one = server({"AUTH": b"+ "}, tls="none")
    assert one.session() is None
    assert one.sent == ["CAPA", PLAIN, PLAIN[11:]]
    one = server({"AUTH": b"+ "}, password="secret-word" * 40)  # too long to go along
    assert one.session() is None
    assert one.sent[1] == "AUTH PLAIN" and len(one.sent[2]) > 400


def test_a_server_that_hangs_up_at_capa_is_not_asked_in_the_next_session_and_after_twice_never():
    one = server({"CAPA": CUT})
    sent = []
    for _ in range(6):
        one.session()
        sent.append(one.sent[0])
    assert sent == ["CAPA", "USER me", "CAPA", "USER me", "USER me", "USER me"]
    one = server({"CAPA": CUT})
    one.session()
    assert one.again
    assert one.session() is None
    ok = server({}).answer
    one.answer = ok  # it was the connection
    assert one.session() is None
    assert one.sent == ["CAPA", PLAIN]
    assert one.session() is None
    assert one.sent == [PLAIN]


def test_status_words_in_any_case():
    one = server({"CAPA": b"-Err Syntax error", "PASS": b"+ok"}, greeting=b"+Ok")
    assert one.session() is None
    assert one.sent == ["CAPA", "USER me", "PASS secret-word"]


def test_a_slow_server_gets_more_time_and_is_not_taken_for_one_that_refuses():
    one = server({"AUTH": SILENT})
    for slow in (1, 2, 3):
        assert one.session().code == errors.E_TIMEOUT
        assert (one.memory["slow"], one.sent[-1]) == (slow, PLAIN)
        assert one.again
    assert one.session().code == errors.E_TIMEOUT
    assert one.session() is None  # it never answers to that
    assert one.sent[-1] == "PASS secret-word"
    error = errors.LinkError(errors.E_TIMEOUT, "connect")  # nobody is there: no reason to wait longer
    assert failed({}, error) == (error, False)


def test_a_line_that_makes_no_sense_is_shown_short_and_without_secrets():
    for line, detail in (
        (b"500 what?", "500 what?"),
        (b"", "a line not shown"),
        (b"x" * 300, "x" * 60),
        (b"you said secret-word", "a line not shown"),
        (b"bad\x1b[2Jtext", "bad?[2Jtext"),
    ):
        one = server({"PASS": line}, "")
        error = one.session()
        assert (error.code, error.detail) == (errors.E_REMOTE, detail)
        assert "host and port" not in str(error)
    error = server({}, greeting=b"220 mail ESMTP").session()
    assert error.code == errors.E_GREETING
    assert "220 mail ESMTP" in str(error)
    assert "host and port" not in str(error)
