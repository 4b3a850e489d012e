"""SASL mechanisms against the examples of their RFCs."""

from buzon import errors
from buzon.core import sasl
from buzon.core.sasl import plain


def run(mechanism, *challenges):
    """The responses, initial one first; pauses are skipped."""
    out = [mechanism.send(None)]
    for challenge in challenges:
        answer = mechanism.send(challenge)
        while answer is None:
            answer = mechanism.send(None)
        out.append(answer)
    return out


def finish(mechanism):
    """The server said +OK."""
    try:
        mechanism.send(None)
    except StopIteration:
        return
    raise AssertionError


def fails(code, call, *args):
    try:
        call(*args)
    except errors.MailError as err:
        assert err.code == code, err.code
    else:
        raise AssertionError


def test_plain_rfc_4616():
    assert run(plain(b"tim", b"tanstaaftanstaaf")) == [b"\0tim\0tanstaaftanstaaf"]


def test_login():
    assert run(sasl.login(b"u", b"p"), b"Username:", b"Password:") == [None, b"u", b"p"]


def test_cram_md5_rfc_2195():
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert run(sasl.cram_md5(b"tim", b"tanstaaftanstaaf"), challenge) == [
        None,
        b"tim b913a602c7eda7a495b4e6e7334d3890",
    ]


SHA1 = (
    "sha1",
    b"fyko+d2lbbFgONRv9qkxdawL",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
SHA256 = (
    "sha256",
    b"rOprNGfwEbeRWgbNEkqO",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)


def test_scram_rfc_5802_and_7677_and_its_cache():
    for name, nonce, first, final, outcome in (SHA1, SHA256):
        cache = {}
        for _ in range(2):
            mechanism = sasl.scram(name, b"user", b"pencil", nonce, cache)
            assert run(mechanism, first, outcome) == [b"n,,n=user,r=" + nonce, final, b""]
            finish(mechanism)
            assert len(cache) == 1
        assert b"pencil" not in repr(cache).encode()


def test_scram_takes_no_server_that_does_not_prove_itself():
    name, nonce, first, _, outcome = SHA1
    cache = {}
    for bad in (b"v=AAAA", b"e=other-error", b"", b"v=", outcome[:-2]):
        fails(errors.E_SERVER_UNKNOWN, run, sasl.scram(name, b"user", b"pencil", nonce, cache), first, bad)
    mechanism = sasl.scram(name, b"user", b"pencil", nonce, cache)
    run(mechanism, first)
    fails(errors.E_SERVER_UNKNOWN, finish, mechanism)  # +OK without a signature


def test_scram_gives_others_their_turns_while_it_hashes():
    name, nonce, first, _, _ = SHA1
    mechanism = sasl.scram(name, b"user", b"pencil", nonce, {})
    mechanism.send(None)
    turns = 0
    answer = mechanism.send(first)
    while answer is None:
        turns += 1
        answer = mechanism.send(None)
    assert turns == 4096 // 64 - 1  # each some milliseconds on a board


def test_scram_refuses_challenges_that_make_no_sense():
    name, nonce, first, _, _ = SHA1
    for bad in (
        b"",
        b"r=other3rfc,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=" + nonce + b",s=QSXCR+Q6sek8bf92,i=4096",
        first.replace(b"i=4096", b"i=0"),
        first.replace(b"i=4096", b"i=4095"),
        first.replace(b"i=4096", b"i=65537"),
        first.replace(b"i=4096", b"i=99999999999999"),
        first.replace(b"i=4096", b"i=0000409600000000"),
        first.replace(b"i=4096", b"i=-4096"),
        first.replace(b"s=QSXCR+Q6sek8bf92", b"s="),
    ):
        fails(errors.E_REMOTE, run, sasl.scram(name, b"user", b"pencil", nonce, {}), bad)


def test_scram_escapes_the_user():
    assert run(sasl.scram("sha1", b"a=b,c", b"p", b"n", {})) == [b"n,,n=a=3Db=2Cc,r=n"]


def test_oauth():
    assert run(sasl.xoauth2(b"me@example.org", b"tok"), b"", b'{"status":"400"}') == [
        None,  # in two steps
        b"user=me@example.org\1auth=Bearer tok\1\1",
        b"",
    ]
    assert run(sasl.oauthbearer(b"me@example.org", b"tok", "mail.example.org", 995), b"{}") == [
        b"n,a=me@example.org,\1host=mail.example.org\1port=995\1auth=Bearer tok\1\1",
        b"\1",
    ]


def test_apop_rfc_1939_and_only_for_a_msg_id():
    assert sasl.apop(b"<1896.697170952@dbc.mtview.ca.us>", b"tanstaaf") == b"c4c9334bac560ecc979e58001b3e22fb"
    for bad in (
        b"",
        b"<>",
        b"<a@>",
        b"<@b>",
        b"<ab>",
        b"a@b",
        b"<a@b",
        b"<a b@c>",
        b"<a@b@c>",
        b"<a\xff@b>",
        b"<a\x00@b>",
        b"<<a@b>>",
    ):
        assert sasl.apop(bad, b"p") == b"", bad
