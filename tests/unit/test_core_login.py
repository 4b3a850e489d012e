"""Which way in is taken: the cheapest under TLS, the one that hides the password without it."""

from buzon import errors
from buzon.core.login import choose


def account(tls="implicit", **more):
    out = {"user": "u", "password": "p", "tls": tls, "host": "h"}
    out.update(more)
    return out


ALL = b"LOGIN CRAM-MD5 SCRAM-SHA-1 PLAIN SCRAM-SHA-256 XOAUTH2 OAUTHBEARER"
STAMP = b"<1.2@example.org>"


def test_under_tls_the_cheapest():
    assert choose(account(), ALL, STAMP) == "plain"
    assert choose(account("starttls"), ALL, STAMP) == "plain"
    assert choose(account(), b"LOGIN CRAM-MD5", STAMP) == "login"
    assert choose(account(), b"CRAM-MD5", STAMP) == "user"
    assert choose(account(), b"", b"") == "user"
    assert choose(account(), b"XPLAIN PLAINX", b"") == "user"  # whole tokens


def test_without_tls_what_hides_the_password_first():
    assert choose(account("none"), ALL, STAMP) == "scram-sha-256"
    assert choose(account("none"), b"PLAIN SCRAM-SHA-1 CRAM-MD5", STAMP) == "scram-sha-1"
    assert choose(account("none"), b"PLAIN CRAM-MD5", STAMP) == "cram-md5"
    assert choose(account("none"), b"PLAIN", STAMP) == "apop"
    assert choose(account("none"), b"PLAIN", b"<not a msg-id>") == "plain"
    assert choose(account("none"), b"", b"") == "user"


def test_what_the_settings_say_is_done():
    assert choose(account(auth="cram-md5"), b"PLAIN", b"") == "cram-md5"
    assert choose(account(auth="user"), ALL, STAMP) == "user"
    refused(account(auth="apop"), ALL, b"<forged stamp>")


def test_a_token_is_only_used_as_one():
    assert choose(account(oauth="t"), ALL, STAMP) == "oauthbearer"
    assert choose(account(oauth="t"), b"PLAIN XOAUTH2", STAMP) == "xoauth2"
    refused(account(oauth="t"), b"PLAIN LOGIN", STAMP)


def refused(*args):
    try:
        choose(*args)
    except errors.ServerError as err:
        assert err.code == errors.E_NO_MECHANISM
    else:
        raise AssertionError


def test_under_tls_a_server_without_user_gets_what_it_offers():
    assert choose(account(), b"SCRAM-SHA-256 CRAM-MD5", b"", user=False) == "scram-sha-256"
    assert choose(account(), b"SCRAM-SHA-256 CRAM-MD5", b"", user=True) == "user"
    assert choose(account(), b"SCRAM-SHA-256 LOGIN", b"", user=False) == "login"
    assert choose(account(), b"", b"", user=False) == "user"
