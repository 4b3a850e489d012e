"""The POP3 dialogue against scripted bytes: what it sends, what it makes of every kind of reply."""

from buzon import errors
from buzon.core.auth import auth
from buzon.core.client import Pop3Client
from buzon.core.pop3 import number
from buzon.core.sasl import plain
from buzon.core.wire import READ, STARTTLS, WRITE, RxBuffer, TxBuffer


class Take:
    def __init__(self):
        self.data = b""

    def write(self, buf, off, n):
        self.data += bytes(buf[off : off + n])


class Server:
    """Feeds `replies` (bytes) in pieces to a dialogue, as a driver would; keeps what was sent."""

    def __init__(self, replies, piece=1000, size=64):
        self.replies = replies
        self.piece = piece
        self.rx = RxBuffer(bytearray(size))
        self.tx = TxBuffer(bytearray(256))
        self.sent = b""
        self.secured = 0
        self.pop = Pop3Client(self.rx, self.tx)

    def run(self, dialogue):
        while True:
            try:
                need = dialogue.send(None)
            except StopIteration as end:
                return end.value
            if need == READ:
                if not self.replies:
                    raise EOFError
                space = self.rx.space()
                n = min(len(space), len(self.replies), self.piece)
                space[:n] = self.replies[:n]
                self.replies = self.replies[n:]
                self.rx.w += n
            elif need == WRITE:
                self.sent += bytes(self.tx.buf[: self.tx.n])
                self.tx.clear()
            elif need == STARTTLS:
                self.secured += 1

    def login(self):
        self.replies = b"+OK hello\r\n+OK\r\n+OK\r\n" + self.replies
        self.run(self.pop.greeting())
        self.run(self.pop.login("u", "p"))
        self.sent = b""
        return self.pop


def fails(kind, code, call, *args):
    try:
        call(*args)
    except errors.MailError as err:
        assert type(err) is kind, err
        assert err.code == code, err.code
        return err
    raise AssertionError("no error")


def test_a_session_whatever_the_split():
    replies = (
        b"+OK POP3 <1.2@example.org>\r\n"
        b"+OK caps\r\nTOP\r\nuidl\r\nSASL PLAIN CRAM-MD5\r\nX-OTHER 1\r\n.\r\n"
        b"+OK\r\n+OK logged in\r\n+OK 2 300\r\n"
        b"+OK\r\n1 100\r\n2 200\r\n.\r\n"
        b"+OK\r\n1 abc\r\n2 d~f\r\n.\r\n"
        b"+OK\r\nSubject: x\r\n\r\n..dot\r\n.\r\n"
        b"+OK\r\nSubject: y\r\n\r\n.\r\n"
        b"+OK\r\n+OK\r\n+OK\r\n+OK bye\r\n"
    )
    for piece in range(1, 40):
        server = Server(replies, piece)
        pop = server.pop
        server.run(pop.greeting())
        assert pop.stamp == b"<1.2@example.org>"
        assert server.run(pop.capa()) is True
        assert pop.caps == {b"TOP": b"", b"UIDL": b"", b"SASL": b"PLAIN CRAM-MD5"}
        server.run(pop.login("me", "se cret"))
        assert server.run(pop.stat()) == (2, 300)
        got = []
        server.run(pop.list(lambda n, size: got.append((n, size))))
        assert got == [(1, 100), (2, 200)]
        got = []
        assert server.run(pop.uidl(lambda n, uid: got.append((n, uid)))) is True
        assert got == [(1, b"abc"), (2, b"d~f")]
        sink = Take()
        server.run(pop.retr(1, sink))
        assert sink.data == b"Subject: x\r\n\r\n.dot\r\n"
        sink = Take()
        server.run(pop.top(2, 0, sink))
        assert sink.data == b"Subject: y\r\n\r\n"
        server.run(pop.dele(1))
        server.run(pop.noop())
        server.run(pop.rset())
        assert server.run(pop.quit()) is True
        assert server.sent == (
            b"CAPA\r\nUSER me\r\nPASS se cret\r\nSTAT\r\nLIST\r\nUIDL\r\n"
            b"RETR 1\r\nTOP 2 0\r\nDELE 1\r\nNOOP\r\nRSET\r\nQUIT\r\n"
        )
        assert bytes(server.tx.buf) == bytes(256)  # no password stays


def test_status_is_ok_or_err_in_any_case_and_nothing_longer():
    for line in (
        b"+ERR no",
        b"+OKAY",
        b"OK",
        b"+okay",
        b"HTTP/1.1 400 Bad Request",
        b"",
        b"-ERROR",
        b"* OK IMAP4rev1",
    ):
        server = Server(line + b"\r\n")
        fails(errors.RemoteProtocolError, errors.E_GREETING, server.run, server.pop.greeting())
    for line in (b"+OK", b"+OK ", b"+OK<1@x>", b"+OK\thi", b"+Ok ready", b"+ok"):
        server = Server(line + b"\r\n")
        server.run(server.pop.greeting())


def test_response_codes_name_the_cause():
    for line, code in (
        (b"-ERR [AUTH] bad", errors.E_PASSWORD),
        (b"-ERR [IN-USE] locked", errors.E_IN_USE),
        (b"-ERR [in-use] locked", errors.E_IN_USE),
        (b"-ERR [LOGIN-DELAY] wait", errors.E_LOGIN_DELAY),
        (b"-ERR [SYS/TEMP] later", errors.E_SYS_TEMP),
        (b"-ERR [SYS/PERM] never", errors.E_SYS_PERM),
        (b"-ERR [X/Y] odd", errors.E_LOGIN),
        (b"-ERR [unclosed", errors.E_LOGIN),
        (b"-ERR", errors.E_LOGIN),
    ):
        server = Server(b"+OK\r\n+OK\r\n" + line + b"\r\n")
        server.run(server.pop.greeting())
        err = fails(errors.ServerError, code, server.run, server.pop.login("u", "pw"))
        assert "pw" not in str(err) and "pw" not in repr(err)


def test_a_user_or_password_that_would_be_a_command_is_never_sent():
    for user, password in (("a\r\nDELE 1", "p"), ("a", "p\nx"), ("a", "p\0"), ("", "p"), ("a", "")):
        server = Server(b"+OK\r\n")
        server.run(server.pop.greeting())
        fails(errors.ConfigError, errors.E_SECRET_CHARS, server.run, server.pop.login(user, password))
        assert server.sent == b""


def test_stls_must_happen_and_nothing_may_come_before_it():
    server = Server(b"+OK\r\n-ERR what\r\n")
    server.run(server.pop.greeting())
    fails(errors.LinkError, errors.E_NO_STLS, server.run, server.pop.stls())
    server = Server(b"+OK\r\n+OK begin\r\n+OK injected\r\n")
    server.run(server.pop.greeting())
    fails(errors.LinkError, errors.E_INJECTION, server.run, server.pop.stls())
    assert server.secured == 0
    server = Server(b"+OK\r\n+OK begin\r\n", 1)
    server.run(server.pop.greeting())
    server.run(server.pop.stls())
    assert server.secured == 1


def test_the_apop_stamp_is_found_behind_a_long_banner():
    server = Server(b"+OK " + b"a long banner " * 20 + b"<1.2@example.org> ready\r\n", size=1024)
    server.run(server.pop.greeting())
    assert server.pop.stamp == b"<1.2@example.org>"


def test_capabilities_are_whole_tokens_in_any_case_and_limited():
    server = Server(
        b"+OK\r\n+OK\r\nuidl\r\nXPIPELINING\r\nTOPS\r\nsasl\tplain\r\nSaSl  Plain\xff login\r\n.\r\n"
    )
    server.run(server.pop.greeting())
    server.run(server.pop.capa())
    assert server.pop.caps == {b"UIDL": b"", b"SASL": b"PLAIN\xff LOGIN"}
    server = Server(b"+OK\r\n+OK\r\n" + b"X-A b\r\n" * 300)
    server.run(server.pop.greeting())
    fails(errors.RemoteProtocolError, errors.E_REMOTE, server.run, server.pop.capa())
    assert server.replies  # long before the end


def test_commands_out_of_their_state_are_our_own_mistake():
    server = Server(b"")
    fails(errors.LocalProtocolError, errors.E_LOCAL, server.run, server.pop.stat())
    fails(errors.LocalProtocolError, errors.E_LOCAL, server.run, server.pop.capa())
    assert server.sent == b""


def test_listings_skip_what_is_no_entry():
    server = Server(
        b"+OK\r\n0 5\r\n-1 5\r\n9223372036854775808 1\r\n1\r\n\r\nx y\r\n7 99999999999\r\n3 30 more\r\n3 31\r\n.\r\n"
        b"+OK\r\n1 a\x01b\r\n1 a\x7fb\r\n2\r\n3  \r\n4 " + b"u" * 300 + b"\r\n5 x y\r\n6 ok\r\n.\r\n",
        size=600,
    )
    pop = server.login()
    got = []
    server.run(pop.list(lambda n, size: got.append((n, size))))
    assert got == [(3, 30), (3, 31)]
    got = []
    server.run(pop.uidl(lambda n, uid: got.append((n, uid))))
    # A line without a usable id is a message all the same.
    assert got == [(1, b""), (1, b""), (2, b""), (3, b""), (4, b"u" * 300), (5, b""), (6, b"ok")]


def test_stat_is_advice():
    for text, want in (
        (b"", (-1, -1)),
        (b" 5", (5, -1)),
        (b" x y", (-1, -1)),
        (b" -1 3", (-1, 3)),
        (b" 2 3 4", (2, 3)),
    ):
        server = Server(b"+OK" + text + b"\r\n")
        pop = server.login()
        assert server.run(pop.stat()) == want


def test_numbers():
    assert number(b"0") == 0
    assert number(b"2147483647") == 2147483647
    for bad in (b"", b"-1", b"+1", b"2147483648", b"99999999999", b"1a", b" 1", "²".encode()):
        assert number(bad) == -1


def test_one_refused_retr_leaves_the_session_usable():
    server = Server(b"-ERR gone\r\n+OK\r\nx\r\n.\r\n")
    pop = server.login()
    sink = Take()
    fails(errors.ServerError, errors.E_REFUSED, server.run, pop.retr(1, sink))
    assert sink.data == b""
    server.run(pop.retr(2, sink))
    assert sink.data == b"x\r\n"


def test_quit_tells_whether_the_server_removed_them():
    server = Server(b"-ERR some left\r\n")
    pop = server.login()
    assert server.run(pop.quit()) is False


def test_auth_sends_the_initial_response_when_the_line_stays_short():

    server = Server(b"+OK\r\n+OK in\r\n+OK 0 0\r\n")
    server.run(server.pop.greeting())
    server.run(auth(server.pop, "PLAIN", plain(b"me", b"pw")))
    assert server.sent == b"AUTH PLAIN AG1lAHB3\r\n"
    assert server.run(server.pop.stat()) == (0, 0)
    assert bytes(server.tx.buf) == bytes(256)

    server = Server(b"+OK\r\n+ \r\n+OK in\r\n")
    server.run(server.pop.greeting())
    server.run(auth(server.pop, "PLAIN", plain(b"me", b"p" * 300)))
    first, second, end = server.sent.split(b"\r\n")
    assert (first, end) == (b"AUTH PLAIN", b"")
    from binascii import a2b_base64

    assert a2b_base64(second) == b"\0me\0" + b"p" * 300


def test_auth_answers_challenges_and_keeps_the_reply():
    from buzon.core import sasl

    for piece in (1, 3, 1000):
        server = Server(b"+OK\r\n+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n+OK in\r\n", piece)
        server.run(server.pop.greeting())
        server.run(auth(server.pop, "LOGIN", sasl.login(b"me", b"pw")))
        assert server.sent == b"AUTH LOGIN\r\nbWU=\r\ncHc=\r\n"
    server = Server(b"+OK\r\n+ \r\n+ eyJzdGF0dXMiOiI0MDAifQ==\r\n-ERR [AUTH] expired\r\n")
    server.run(server.pop.greeting())
    err = fails(
        errors.ServerError,
        errors.E_PASSWORD,
        server.run,
        auth(server.pop, "XOAUTH2", sasl.xoauth2(b"me", b"token")),
    )
    assert "token" not in str(err)
    assert server.sent.startswith(b"AUTH XOAUTH2\r\n")  # the token is a line of its own
    assert server.sent.endswith(b"\r\n\r\n")  # the empty answer to the error


def test_auth_takes_no_nonsense():
    from buzon.core import sasl

    for reply in (b"+ YQ==\r\n+ YQ==\r\n+ YQ==\r\n", b"+++\r\n", b"+OKAY\r\n"):
        server = Server(b"+OK\r\n" + reply)
        server.run(server.pop.greeting())
        fails(
            errors.RemoteProtocolError,
            errors.E_REMOTE,
            server.run,
            auth(server.pop, "LOGIN", sasl.login(b"a", b"b")),
        )
    server = Server(b"+OK\r\n+OK welcome\r\n")  # it never proved that it knows the password
    server.run(server.pop.greeting())
    mechanism = sasl.scram("sha1", b"u", b"p", b"nonce", {})
    try:
        server.run(auth(server.pop, "SCRAM-SHA-1", mechanism))
    except errors.RemoteProtocolError:
        pass
    else:
        raise AssertionError


def test_a_message_without_a_last_line_end_takes_the_next_reply_with_it():
    """What the wire alone cannot tell; store/merged looks for it where the size is not what the server said."""
    merged = b"+OK\r\nSubject: x\r\n\r\n.. . .\r.\r\nno line end.\r\n+OK\r\nSubject: y\r\n\r\n.\r\n"
    good = merged.replace(b"end.", b"end\r\n.")
    for size in (16, 17, 18, 64, 1000):
        for piece in range(1, 70):
            server = Server(merged, piece, size)
            server.pop.state = 2
            sink = Take()
            server.run(server.pop.retr(1, sink))
            assert sink.data.endswith(b"no line end.\r\n+OK\r\nSubject: y\r\n\r\n")

            server = Server(good, piece, size)
            pop = server.pop
            pop.state = 2
            server.run(pop.post("RETR ", 1))
            server.run(pop.post("RETR ", 2))
            for want, due in (
                (b"Subject: x\r\n\r\n. . .\r.\r\nno line end\r\n", 1),
                (b"Subject: y\r\n\r\n", 0),
            ):
                sink = Take()
                server.run(pop.reply())
                assert pop.due == due
                server.run(pop.content(sink))
                assert sink.data == want
