"""Which way in is taken: the cheapest under TLS, the one that hides the password without it."""

from buzon import errors
from buzon.core.auth import choose
from buzon.core.login import login
from buzon.core.pop3 import Pop3
from buzon.core.wire import READ, WRITE, RxBuffer, TxBuffer


def account(tls="implicit", **more):
    out = {"user": "u", "password": "p", "tls": tls, "host": "h"}
    out.update(more)
    return out


ALL = b"LOGIN CRAM-MD5 SCRAM-SHA-1 PLAIN SCRAM-SHA-256 XOAUTH2 OAUTHBEARER"
STAMP = b"<1.2@example.org>"


def test_under_tls_the_cheapest():
    assert choose(account(), ALL, STAMP)[0] == "plain"
    assert choose(account("starttls"), ALL, STAMP)[0] == "plain"
    assert choose(account(), b"LOGIN CRAM-MD5", STAMP)[0] == "login"
    assert choose(account(), b"CRAM-MD5", STAMP)[0] == "user"
    assert choose(account(), b"", b"")[0] == "user"
    assert choose(account(), b"XPLAIN PLAINX", b"")[0] == "user"  # whole tokens
    assert choose(account(), b"\xff\xfe LOGIN \xc3", b"")[0] == "login"  # and any bytes


def test_without_tls_what_hides_the_password_first():
    assert choose(account("none"), ALL, STAMP)[0] == "scram-sha-256"
    assert choose(account("none"), b"PLAIN SCRAM-SHA-1 CRAM-MD5", STAMP)[0] == "scram-sha-1"
    assert choose(account("none"), b"PLAIN CRAM-MD5", STAMP)[0] == "cram-md5"
    assert choose(account("none"), b"PLAIN", STAMP)[0] == "apop"
    assert choose(account("none"), b"PLAIN", b"<not a msg-id>")[0] == "plain"
    assert choose(account("none"), b"", b"")[0] == "user"


def test_what_the_settings_say_is_done():
    assert choose(account(auth="cram-md5"), b"PLAIN", b"")[0] == "cram-md5"
    assert choose(account(auth="user"), ALL, STAMP)[0] == "user"
    refused(account(auth="apop"), ALL, b"<forged stamp>")


def test_a_token_is_only_used_as_one():
    assert choose(account(oauth="t"), ALL, STAMP)[0] == "oauthbearer"
    assert choose(account(oauth="t"), b"PLAIN XOAUTH2", STAMP)[0] == "xoauth2"
    refused(account(oauth="t"), b"PLAIN LOGIN", STAMP)


def refused(*args):
    try:
        choose(*args)
    except errors.ServerError as err:
        assert err.code == errors.E_NO_MECHANISM
    else:
        raise AssertionError


def test_under_tls_a_server_without_user_gets_what_it_offers():
    assert choose(account(), b"SCRAM-SHA-256 CRAM-MD5", b"", user=False)[0] == "scram-sha-256"
    assert choose(account(), b"SCRAM-SHA-256 CRAM-MD5", b"", user=True)[0] == "user"
    assert choose(account(), b"SCRAM-SHA-256 LOGIN", b"", user=False)[0] == "login"
    assert choose(account(), b"", b"", user=False)[0] == "user"


def sent(replies, **settings):
    """What a login sends to a server that says this, each to one command; and the code of the error, or 0."""
    rx = RxBuffer(bytearray(256))
    tx = TxBuffer(bytearray(256))
    pop = Pop3(rx, tx)
    pop.state = 1  # after the greeting
    lines = b""
    dialogue = login(pop, account(**settings), b"nonce", {})
    replies = list(replies)
    try:
        while True:
            need = dialogue.send(None)
            if need == WRITE:
                lines += bytes(tx.buf[: tx.n])
                tx.clear()
            elif need == READ:
                data = replies.pop(0)
                rx.space()[: len(data)] = data
                rx.w += len(data)
    except StopIteration:
        return lines, 0
    except errors.MailError as err:
        return lines, err.code


def test_what_would_be_a_command_of_its_own_is_refused_before_anything_is_sent():
    for bad in ("a\r\nDELE 1", "a\nb", "a\rb", "a\0b", ""):
        for way in ("auto", "user", "apop", "plain", "login", "cram-md5", "scram-sha-1", "oauthbearer"):
            for tls in ("implicit", "starttls", "none"):
                assert sent([], user=bad, auth=way, tls=tls) == (b"", errors.E_SECRET_CHARS)
                assert sent([], password=bad, auth=way, tls=tls) == (b"", errors.E_SECRET_CHARS)
        if bad:
            assert sent([], oauth=bad) == (b"", errors.E_SECRET_CHARS)


def test_without_capa_it_goes_on_with_user_and_pass():
    assert sent([b"-ERR what\r\n", b"+OK\r\n", b"+OK\r\n"]) == (b"CAPA\r\nUSER u\r\nPASS p\r\n", 0)


def test_under_tls_plain_takes_one_round_trip():
    capa = b"+OK\r\nSASL SCRAM-SHA-256 PLAIN\r\n.\r\n"
    assert sent([capa, b"+OK\r\n"]) == (b"CAPA\r\nAUTH PLAIN AHUAcA==\r\n", 0)
