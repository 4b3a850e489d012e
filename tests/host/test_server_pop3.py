"""The POP3 dialogue, byte by byte over a socket."""

import base64
import socket
import time
from collections.abc import Iterator

import pytest
from buzon_host import __version__
from buzon_host.server import LocalServer
from servers.tools import RawPop3, unstuffed, wire_form

MESSAGES = [
    b"Subject: one\n\nfirst\n",
    b".dot: first\n\n.\n..\nlast",
    b"Subject: three\n\n" + b"".join(b"line %d\n" % number for number in range(9)),
]


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(samples=False) as running:
        for message in MESSAGES:
            running.deliver(message)
        yield running


@pytest.fixture
def pop3(server: LocalServer) -> Iterator[RawPop3]:
    client = RawPop3(server.host, server.pop3)
    yield client
    client.close()


def plain(user: str, password: str) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


def capabilities(client: RawPop3) -> list[bytes]:
    return client.ask_many(b"CAPA")[1].split(b"\r\n")[:-1]


def test_capabilities(server: LocalServer, pop3: RawPop3) -> None:
    assert pop3.greeting.startswith(b"+OK ")
    common = [b"TOP", b"UIDL", b"USER", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE", b"SASL PLAIN"]
    name = b"IMPLEMENTATION Buzon-" + __version__.encode()
    assert capabilities(pop3) == [*common, b"STLS", name]
    tls = RawPop3(server.host, server.pop3s, server.ca_pem)
    assert capabilities(tls) == [*common, name]
    assert tls.ask(b"STLS").startswith(b"-ERR")
    assert tls.login().startswith(b"+OK")
    assert capabilities(tls) == [*common, name]


def test_stls(server: LocalServer, pop3: RawPop3) -> None:
    assert pop3.ask(b"STLS").startswith(b"+OK")
    pop3.start_tls(server.ca_pem)
    assert b"STLS" not in capabilities(pop3)
    assert pop3.ask(b"STLS").startswith(b"-ERR")
    assert pop3.login() == b"+OK 3 messages"
    assert unstuffed(pop3.ask_many(b"RETR 2")[1]) == wire_form(MESSAGES[1])
    assert pop3.quit().startswith(b"+OK")


def test_what_is_said_before_tls_does_not_count_in_it(server: LocalServer, pop3: RawPop3) -> None:
    pop3.send(b"USER demo\r\nSTLS\r\nPASS buzon-demo\r\nNOOP\r\n")
    assert pop3.line().startswith(b"+OK")
    assert pop3.line().startswith(b"+OK")
    pop3.start_tls(server.ca_pem)
    assert pop3.ask(b"PASS buzon-demo") == b"-ERR USER comes first"
    assert pop3.login().startswith(b"+OK")
    assert pop3.ask(b"STLS").startswith(b"-ERR")


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("how", ["pass", "auth initial", "auth", "auth empty"])
def test_login(pop3: RawPop3, how: str, right: bool) -> None:
    password = "buzon-demo" if right else "wrong"
    if how == "pass":
        answer = pop3.login(password=password)
    elif how == "auth initial":
        answer = pop3.ask(b"auth plain " + plain("demo", password))
    else:
        assert pop3.ask(b"AUTH PLAIN") == b"+ "
        answer = pop3.ask(plain("demo", password))
    assert answer.startswith(b"+OK 3" if right else b"-ERR [AUTH] ")
    assert pop3.ask(b"STAT").startswith(b"+OK 3" if right else b"-ERR")


def test_logins_that_go_wrong(server: LocalServer, pop3: RawPop3) -> None:
    assert pop3.ask(b"PASS buzon-demo") == b"-ERR USER comes first"
    assert pop3.ask(b"USER") == b"-ERR USER needs a name"
    assert pop3.ask(b"AUTH CRAM-MD5").startswith(b"-ERR unknown mechanism")
    assert pop3.ask(b"AUTH").startswith(b"-ERR")
    for bad in (b"AUTH PLAIN =", b"AUTH PLAIN %%%", b"AUTH PLAIN " + base64.b64encode(b"demo")):
        assert pop3.ask(bad) == b"-ERR malformed PLAIN response"
    assert pop3.ask(b"AUTH PLAIN") == b"+ "
    assert pop3.ask(b"*") == b"-ERR cancelled"
    assert pop3.login("other").startswith(b"-ERR [AUTH]")
    assert pop3.login("demo ").startswith(b"-ERR [AUTH]")
    assert pop3.login("demo", "buzon-demo ").startswith(b"-ERR [AUTH]")
    with pytest.raises(EOFError):
        pop3.ask(b"CAPA")  # three are enough
    assert RawPop3(server.host, server.pop3).login().startswith(b"+OK")


def test_user_and_password_with_blanks_and_beyond_ascii() -> None:
    with LocalServer(samples=False, user="Íñigo M", password=" contraseña ") as server:
        first = RawPop3(server.host, server.pop3)
        assert first.login(server.user, server.password).startswith(b"+OK")
        first.quit()
        second = RawPop3(server.host, server.pop3)
        assert second.ask(b"AUTH PLAIN " + plain(server.user, server.password)).startswith(b"+OK")


def test_commands_and_states(pop3: RawPop3) -> None:
    for command in (b"STAT", b"LIST", b"UIDL", b"RETR 1", b"TOP 1 1", b"DELE 1", b"NOOP", b"RSET"):
        assert pop3.ask(command) == b"-ERR not in this state"
    assert pop3.ask(b"") == b"-ERR unknown command"
    assert pop3.ask(b"XTND \xff\0") == b"-ERR unknown command"
    assert pop3.login() == b"+OK 3 messages"
    for command in (b"USER demo", b"PASS x", b"AUTH PLAIN", b"STLS"):
        assert pop3.ask(command) == b"-ERR not in this state"
    assert pop3.ask(b"noop") == b"+OK"


def test_listings_count_what_is_sent(server: LocalServer, pop3: RawPop3) -> None:
    pop3.login()
    sizes = [len(wire_form(message)) for message in MESSAGES]
    assert pop3.ask(b"STAT") == b"+OK 3 %d" % sum(sizes)
    expected = b"".join(b"%d %d\r\n" % (number + 1, size) for number, size in enumerate(sizes))
    assert pop3.ask_many(b"LIST")[1] == expected
    assert pop3.ask(b"LIST 2") == b"+OK 2 %d" % sizes[1]
    uidls = [line.split(b" ") for line in pop3.ask_many(b"UIDL")[1].split(b"\r\n")[:-1]]
    assert [number for number, _ in uidls] == [b"1", b"2", b"3"]
    assert [uidl.decode() for _, uidl in uidls] == list(server.expected())
    assert pop3.ask(b"UIDL 3") == b"+OK 3 " + uidls[2][1]
    for number, message in enumerate(MESSAGES, 1):
        status, content = pop3.ask_many(b"RETR %d" % number)
        assert unstuffed(content) == wire_form(message)
        assert status == b"+OK %d octets" % sizes[number - 1]
    assert pop3.ask_many(b"RETR 2")[1] == b"..dot: first\r\n\r\n..\r\n...\r\nlast\r\n"


def test_bad_message_numbers(pop3: RawPop3) -> None:
    pop3.login()
    for verb in (b"LIST", b"UIDL", b"RETR", b"DELE"):
        for number in (b"0", b"4", b"-1", b"x", b"1 2", b"99999999999", b" 1", "٣".encode()):
            assert pop3.ask(verb + b" " + number).startswith(b"-ERR"), (verb, number)
    for command in (b"RETR", b"DELE", b"TOP", b"TOP 1", b"TOP 1 -1", b"TOP 1 x", b"TOP 9 1", b"TOP 1 1 1"):
        assert pop3.ask(command).startswith(b"-ERR"), command
    assert pop3.ask(b"STAT").startswith(b"+OK 3 ")


@pytest.mark.parametrize(("lines", "body"), [(0, 0), (1, 1), (3, 3), (9, 9), (99, 9), (9999999999, 9)])
def test_top(pop3: RawPop3, lines: int, body: int) -> None:
    pop3.login()
    expected = b"Subject: three\r\n\r\n" + b"".join(b"line %d\r\n" % number for number in range(body))
    assert pop3.ask_many(b"TOP 3 %d" % lines)[1] == expected


def test_only_quit_deletes(server: LocalServer) -> None:
    first = RawPop3(server.host, server.pop3)
    first.login()
    assert first.ask(b"DELE 2").startswith(b"+OK")
    for command in (b"DELE 2", b"RETR 2", b"TOP 2 0", b"LIST 2", b"UIDL 2"):
        assert first.ask(command) == b"-ERR this message is marked as deleted"
    assert first.ask(b"STAT").startswith(b"+OK 2 ")
    assert [line[:2] for line in first.ask_many(b"LIST")[1].split(b"\r\n")] == [b"1 ", b"3 ", b""]
    assert server.left() == 3
    first.close()  # no QUIT: nothing is deleted

    second = login_when_free(server)
    assert second.ask(b"STAT").startswith(b"+OK 3 ")
    second.ask(b"DELE 1")
    second.ask(b"DELE 3")
    assert second.ask(b"RSET") == b"+OK 3 messages"
    assert second.ask(b"STAT").startswith(b"+OK 3 ")
    second.ask(b"DELE 2")
    assert second.quit() == b"+OK bye"
    assert server.left() == 2
    assert list(server.expected().values()) == [wire_form(MESSAGES[0]), wire_form(MESSAGES[2])]

    # The maildrop is free as soon as QUIT is answered, and numbers are given anew.
    third = RawPop3(server.host, server.pop3)
    assert third.login() == b"+OK 2 messages"
    assert unstuffed(third.ask_many(b"RETR 2")[1]) == wire_form(MESSAGES[2])


def login_when_free(server: LocalServer) -> RawPop3:
    """A session, once the server has noticed that the one before is gone."""
    deadline = time.monotonic() + 5
    while True:
        client = RawPop3(server.host, server.pop3)
        answer = client.login()
        if answer.startswith(b"+OK"):
            return client
        assert answer.startswith(b"-ERR [IN-USE]")
        assert time.monotonic() < deadline, "the maildrop stays locked"
        client.close()
        time.sleep(0.05)


def test_lock(server: LocalServer) -> None:
    first = RawPop3(server.host, server.pop3)
    assert first.login().startswith(b"+OK")
    second = RawPop3(server.host, server.pop3s, server.ca_pem)
    assert second.login().startswith(b"-ERR [IN-USE] ")
    assert second.login(password="wrong").startswith(b"-ERR [AUTH] ")
    assert first.quit().startswith(b"+OK")
    assert second.login().startswith(b"+OK")


def test_a_session_does_not_see_what_came_later(server: LocalServer, pop3: RawPop3) -> None:
    pop3.login()
    server.deliver(b"Subject: late\n\n")
    assert pop3.ask(b"STAT").startswith(b"+OK 3 ")
    pop3.quit()
    assert RawPop3(server.host, server.pop3).login() == b"+OK 4 messages"


def test_a_message_that_vanished(server: LocalServer, pop3: RawPop3) -> None:
    pop3.login()
    for path in (server.maildir / "new").iterdir():
        path.unlink()
    assert pop3.ask(b"RETR 1").startswith(b"-ERR [SYS/TEMP]")
    assert pop3.ask(b"DELE 1").startswith(b"+OK")
    assert pop3.quit().startswith(b"+OK")


@pytest.mark.parametrize("tls", [False, True])
def test_a_whole_session_in_one_segment(server: LocalServer, tls: bool) -> None:
    client = RawPop3(server.host, server.pop3s if tls else server.pop3, server.ca_pem if tls else None)
    client.send(
        b"CAPA\r\nUSER demo\r\nPASS buzon-demo\r\nSTAT\r\nLIST\r\nRETR 1\r\nRETR 2\r\nTOP 3 1\r\nRETR 3\r\n"
        b"DELE 1\r\nRETR 1\r\nNOOP\r\nQUIT\r\nNOOP\r\n"
    )
    assert client.line().startswith(b"+OK")
    client.rest()
    assert [client.line()[:3] for _ in range(3)] == [b"+OK"] * 3
    assert client.line().startswith(b"+OK")
    assert client.rest().startswith(b"1 ")
    for number in (1, 2):
        assert client.line().startswith(b"+OK")
        assert unstuffed(client.rest()) == wire_form(MESSAGES[number - 1])
    assert client.line().startswith(b"+OK")
    assert client.rest() == b"Subject: three\r\n\r\nline 0\r\n"
    assert client.line().startswith(b"+OK")
    assert unstuffed(client.rest()) == wire_form(MESSAGES[2])
    assert [client.line()[:4] for _ in range(4)] == [b"+OK ", b"-ERR", b"+OK", b"+OK "]
    with pytest.raises(EOFError) as end:
        client.line()
    assert end.value.args == (b"",)


def test_one_byte_at_a_time(pop3: RawPop3) -> None:
    pop3.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"USER demo\r\nPASS buzon-demo\r\nSTAT\r\n":
        pop3.send(bytes([byte]))
    assert [pop3.line()[:3] for _ in range(3)] == [b"+OK"] * 3


def test_five_hundred_retrs_in_flight(server: LocalServer, pop3: RawPop3) -> None:
    """Deep pipelining: answers in order, no recursion, no commands lost."""
    pop3.login()
    numbers = [number % 3 + 1 for number in range(500)]
    pop3.send(b"".join(b"RETR %d\r\n" % number for number in numbers))
    for number in numbers:
        assert pop3.line().startswith(b"+OK")
        assert unstuffed(pop3.rest()) == wire_form(MESSAGES[number - 1])


def test_long_lines(server: LocalServer, pop3: RawPop3) -> None:
    assert pop3.ask(b"USER " + b"x" * 248).startswith(b"+OK"), "255 octets with CRLF are allowed"
    assert pop3.ask(b"USER " + b"x" * 249) == b"-ERR command too long"
    assert pop3.login().startswith(b"+OK")
    pop3.send(b"x" * 20000)
    assert pop3.line() == b"-ERR line too long"
    with pytest.raises(EOFError):
        pop3.line()
    login_when_free(server)


def test_idle_connections_are_dropped() -> None:
    with LocalServer(samples=False, idle_s=0.5) as server:
        client = RawPop3(server.host, server.pop3)
        client.login()
        with pytest.raises((EOFError, ConnectionResetError)):
            client.line()
        assert login_when_free(server).ask(b"NOOP") == b"+OK"


def test_messages_larger_than_every_buffer(server: LocalServer) -> None:
    """Dots and CRs at the edges of the 64 KiB chunks, and far more than a socket holds."""
    edges = [
        b"Subject: edge\n\n" + b"x" * (65536 - 16 + shift) + b"\n.\r\n..\n" + b".\n" * 70000 + b"\r"
        for shift in range(-4, 5)
    ]
    for message in edges:
        server.deliver(message)
    client = RawPop3(server.host, server.pop3s, server.ca_pem)
    client.login()
    client.send(b"".join(b"RETR %d\r\n" % number for number in range(4, 13)))
    for message in edges:
        assert client.line().startswith(b"+OK")
        assert unstuffed(client.rest()) == wire_form(message)
