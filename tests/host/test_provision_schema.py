"""The settings' schema: every kind of wrong value, said in plain words with its path."""

import time
from pathlib import Path

import cbor2
import pytest
from buzon_host.errors import UsageError
from buzon_host.provision import schema
from hypothesis import given, settings
from hypothesis import strategies as st

GOOD = """
[[wifi]]
ssid = "Home"
password = "correct horse"

[[account]]
host = "pop.example.com"
user = "demo"
password = "s3cret-pässword"
"""


def load(tmp_path: Path, text: str) -> schema.Settings:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return schema.load(path)


def problems(tmp_path: Path, text: str) -> dict[str, str]:
    with pytest.raises(schema.SettingsError) as error:
        load(tmp_path, text)
    assert error.value.exit_code == 2
    for _, what in error.value.problems:
        assert f" {what}" in str(error.value)
    return dict(error.value.problems)


def test_defaults_are_the_safe_ones(tmp_path) -> None:
    account = load(tmp_path, GOOD).account[0]
    assert (account.tls, account.tls_verify, account.verifies) == ("implicit", True, True)
    assert (account.keep, account.delete_confirmed) == ("delete", False)
    assert account.effective_port == 995


def test_cbor_is_the_tree_of_the_protocol(tmp_path) -> None:
    tree = cbor2.loads(schema.to_cbor(load(tmp_path, GOOD)))
    assert tree["v"] == 1
    assert tree["wifi"] == [{"ssid": "Home", "password": "correct horse"}]
    assert tree["account"][0] == {
        "id": "main",
        "protocol": "pop3",
        "host": "pop.example.com",
        "port": 995,
        "tls": "implicit",
        "tls_verify": True,
        "user": "demo",
        "password": "s3cret-pässword",
        "keep": "delete",
        "delete_confirmed": False,
        "poll_s": 300,
    }


def test_policies_reach_the_board_and_defaults_do_not(tmp_path) -> None:
    policies = """
start = "now"
order = "newest"
keep = 30
fetch = "headers"
max_bytes = 100000
[[account.filter]]
from = "@example.com"
fetch = "full"
[[account.filter]]
subject = "sale"
fetch = "skip"
[storage]
full = "evict"
"""
    tree = cbor2.loads(schema.to_cbor(load(tmp_path, GOOD + policies)))
    account = tree["account"][0]
    assert {name: account[name] for name in ("start", "order", "keep", "fetch", "max_bytes", "filter")} == {
        "start": "now",
        "order": "newest",
        "keep": 30,
        "fetch": "headers",
        "max_bytes": 100000,
        "filter": [{"from": "@example.com", "fetch": "full"}, {"subject": "sale", "fetch": "skip"}],
    }
    assert tree["storage"] == {"quota_bytes": 0, "full": "evict"}


@pytest.mark.parametrize(
    ("host", "typed", "sent"),
    [
        ("pop.gmail.com", "abcd efgh ijkl mnop", "abcdefghijklmnop"),
        ("pop.mail.yahoo.com", "abcd efgh ijkl mnop", "abcdefghijklmnop"),
        ("pop.gmail.com", "correct horse battery", "correct horse battery"),
        ("pop.example.com", "abcd efgh ijkl mnop", "abcd efgh ijkl mnop"),
        ("evilgmail.com", "abcd efgh ijkl mnop", "abcd efgh ijkl mnop"),
    ],
)
def test_blanks_of_app_passwords_are_taken_out_where_there_are_none(tmp_path, host, typed, sent) -> None:
    text = GOOD.replace("pop.example.com", host).replace("s3cret-pässword", typed)
    assert cbor2.loads(schema.to_cbor(load(tmp_path, text)))["account"][0]["password"] == sent


def test_a_token_stands_for_the_password(tmp_path) -> None:
    text = GOOD.replace('password = "s3cret-pässword"', 'oauth = "t0ken"')
    settings = load(tmp_path, text)
    assert "t0ken" not in repr(settings)
    account = cbor2.loads(schema.to_cbor(settings))["account"][0]
    assert (account["oauth"], "password" in account) == ("t0ken", False)


@pytest.mark.parametrize(("tls", "port"), [("implicit", 995), ("starttls", 110), ("none", 110)])
def test_ports_follow_tls(tmp_path, tls, port) -> None:
    assert load(tmp_path, GOOD + f'tls = "{tls}"').account[0].effective_port == port


@pytest.mark.parametrize(
    ("lines", "path", "what"),
    [
        ("prot = 995", "account[0].prot", "is not a known setting (did you mean port?)"),
        ("hots = 'x'", "account[0].hots", "is not a known setting (did you mean host?)"),
        ("port = '995'", "account[0].port", "must be a whole number"),
        ("port = 0", "account[0].port", "must be at least 1"),
        ("port = 65536", "account[0].port", "must be at most 65535"),
        ("port = 99.5", "account[0].port", "must be a whole number"),
        ("port = true", "account[0].port", "must be a whole number"),
        ("tls_verify = 'no'", "account[0].tls_verify", "must be true or false"),
        ("tls_verify = 0", "account[0].tls_verify", "must be true or false"),
        ("tls = 'ssl'", "account[0].tls", "must be 'implicit', 'starttls' or 'none'"),
        ("protocol = 'imap'", "account[0].protocol", "must be 'pop3'"),
        (
            "keep = 'never'",
            "account[0].keep",
            'must be "delete", "forever" or a number of days from 1 to 3650',
        ),
        ("keep = 0", "account[0].keep", 'must be "delete", "forever" or a number of days from 1 to 3650'),
        ("keep = true", "account[0].keep", 'must be "delete", "forever" or a number of days from 1 to 3650'),
        ("start = 'later'", "account[0].start", "must be 'all' or 'now'"),
        ("order = 'any'", "account[0].order", "must be 'oldest' or 'newest'"),
        ("fetch = 'none'", "account[0].fetch", "must be 'full' or 'headers'"),
        ("max_bytes = -1", "account[0].max_bytes", "must be at least 0"),
        ("oauth = 't0ken'", "account[0].oauth", "stands beside a password: give one of them"),
        ("auth = 'xoauth2'", "account[0].auth", "needs oauth, a token"),
        ("[[account.filter]]\nfetch = 'skip'", "account[0].filter[0]", "needs from or subject"),
        ("[[account.filter]]\nfrom = 'x'", "account[0].filter[0].fetch", "is missing"),
        (
            "[[account.filter]]\nfrm = 'x'\nsubject = 'y'\nfetch = 'skip'",
            "account[0].filter[0].frm",
            "is not a known setting (did you mean from?)",
        ),
        (
            "[[account.filter]]\nfrom = 'x'\nfetch = 'skip'\nkeep = 'forever'",
            "account[0].filter[0].keep",
            "is no setting of a filter: an account's own settings come before its filters",
        ),
        (
            "[account.filter]\nfrom = 'x'\nfetch = 'skip'",
            "account[0].filter",
            "must be a list of tables: write [[account.filter]], with two brackets",
        ),
        ("[storage]\nquota_bytes = -1", "storage.quota_bytes", "must be at least 0"),
        ("[storage]\nfull = 'panic'", "storage.full", "must be 'stop', 'headers' or 'evict'"),
        ("poll_s = 5", "account[0].poll_s", "must be at least 10"),
        ("id = 'My Mail'", "account[0].id", "must look like 'main': 1 to 16 of a-z, 0-9, _ and -"),
        ("ca = '/settings.cbor'", "account[0].ca", "must look like '/certs/name.der'"),
        ("ca = '/certs/../x.der'", "account[0].ca", "must look like '/certs/name.der'"),
        ("[nonsense]", "nonsense", "is not a known setting"),
        (
            "[time]\nzone = 900",
            "time.zone",
            'must be a zone\'s name, as "Europe/Madrid", or minutes from -840 to 840',
        ),
        ("[display]\nrotate = 90", "display.rotate", "must be 0 or 180"),
        ("[display]\npins = { scl = 1 }", "display.pins.sda", "is missing"),
        ("[device]\nname = 5", "device.name", "must be text in quotes"),
        ("[[notify]]\nkind = 'mqtt'", "notify[0].kind", "must be 'display' or 'log'"),
    ],
)
def test_one_wrong_setting(tmp_path, lines, path, what) -> None:
    assert problems(tmp_path, GOOD + lines) == {path: what}


@pytest.mark.parametrize("control", ["\\n", "\\r", "\\u0000", "\\t", "\\u001b", "\\u007f"])
@pytest.mark.parametrize("key", ["user", "password"])
def test_control_characters_in_user_and_password(tmp_path, key, control) -> None:
    text = GOOD.replace(
        f'{key} = "{"demo" if key == "user" else "s3cret-pässword"}"', f'{key} = "ab{control}cd"'
    )
    found = problems(tmp_path, text)
    assert list(found) == [f"account[0].{key}"]
    assert "control character" in found[f"account[0].{key}"]


def test_all_problems_are_listed_at_once(tmp_path) -> None:
    found = problems(tmp_path, GOOD + "port = 'x'\nkeep = 1.5\nfoo = 2\n[[account]]\nhost = 'http://a/b'")
    assert set(found) == {
        "account[0].port",
        "account[0].keep",
        "account[0].foo",
        "account[1].host",
        "account[1].user",
    }


def test_ids_are_unique_and_lists_bounded(tmp_path) -> None:
    account = '[[account]]\nhost = "a"\nuser = "b"\npassword = "c"\n'
    assert problems(tmp_path, GOOD + account) == {
        "account[1].id": "is used twice: give each account an id of its own"
    }
    many = GOOD + "".join(account + f'id = "a{n}"\n' for n in range(4))
    assert problems(tmp_path, many) == {"account": "may be there at most 4 times"}
    assert "wifi" in problems(tmp_path, GOOD[GOOD.index("[[account]]") :])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("prot = 995\n", "line 11: prot in [[account]] is not a known setting (did you mean port?)."),
        ("\n# x\nfilter = [\n  {fetch = 'skip'},\n]\n", "line 13: [[account.filter]] needs from or subject."),
        ("user = 'x'\nport = '995'\n", "is not valid TOML"),
        ("[[account]]\nid='b'\nhost='h'\n", "line 11: user in the second [[account]] is missing."),
        ("[time]\nzone = 900\n", "line 12: zone in [time] must be a zone's name"),
        ("[display]\npins = { scl = 1 }\n", "line 12: sda in [display.pins] is missing."),
        ("[nonsense]\n", "line 11: nonsense is not a known setting."),
        ("'a.b[0]' = 1\n", "line 5: "),
        ("auth = 'xoauth2'", "line 11: auth in [[account]] needs oauth, a token."),
    ],
)
def test_a_problem_is_said_with_its_line_as_it_was_written(tmp_path, more, said) -> None:
    text = GOOD.lstrip() + 'ca = """\\\n  /certs/x.der"""\n' + more
    assert text.splitlines()[4] == "[[account]]"
    with pytest.raises(UsageError) as error:
        load(tmp_path, text.replace("\n", "\r\n", 3))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ('id = "b\nport = 995\n', 11),
        ('port = 995\nid = "b', 12),
        ("id = 'b\nport = 995\n", 11),
        ("\nid = 'b", 12),
        ('id = "b\r\nport = 995\r\n', 11),
        ('id = """b\n# x\nport = 995\n', 11),
        ("# it's\nid = '''b\nport = 995\n", 12),
        ('filter = [{from = ["a, "b"], fetch = "skip"}]\n', 11),
        ('"id = 1\n', 11),
        ('id = "a\\"\n', 11),
    ],
)
def test_a_quote_that_is_not_closed_is_said_with_its_line(tmp_path, more, line) -> None:
    text = GOOD.lstrip() + 'ca = """\\\n  /certs/x.der"""\n' + more
    with pytest.raises(UsageError) as error:
        load(tmp_path, text)
    assert (
        str(error.value)
        == f"{tmp_path / 'settings.toml'} cannot be used: line {line}: a quote is not closed."
    )


@pytest.mark.parametrize(
    "more", ["id = it's\n", 'port 995\nid = "b\n', "port = 995 5\n# it's\n", 'id = "\\q"\n']
)
def test_other_mistakes_are_no_open_quotes(tmp_path, more) -> None:
    with pytest.raises(UsageError, match=r"is not valid TOML: .* \(at line 9,"):
        load(tmp_path, GOOD.lstrip() + more)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("id = \u201cb\u201d\n", 'text stands between straight quotes, as in "delete".'),
        ("keep = 7d\n", 'keep is "delete", "forever" or a number of days.'),
        ("keep = forever\n", 'keep is "delete", "forever" or a number of days.'),
        ("tls_verify = no\n", "a value is text between straight quotes, a number, true or false."),
    ],
)
def test_a_value_that_is_none_is_said_with_what_one_looks_like(tmp_path, more, said) -> None:
    with pytest.raises(UsageError, match=r"is not valid TOML: .* \(at line 9, column \d+\): ") as error:
        load(tmp_path, GOOD.lstrip() + more)
    assert str(error.value).endswith(said)


def test_a_table_of_several_has_two_brackets(tmp_path) -> None:
    for name in ("wifi", "account"):
        with pytest.raises(schema.SettingsError) as error:
            load(tmp_path, GOOD.lstrip().replace(f"[[{name}]]", f"[{name}]"))
        assert f": write [[{name}]], with two brackets." in str(error.value)


def test_what_is_not_there_at_all_has_no_line(tmp_path) -> None:
    with pytest.raises(schema.SettingsError, match=r"used: \[\[account\]\] is missing\.$"):
        load(tmp_path, GOOD[: GOOD.index("[[account]]")])


def test_the_line_in_a_long_file_is_found_soon(tmp_path) -> None:
    text = GOOD + "".join(f"# {number}\n" for number in range(5000)) + "port = 0\n"
    begin = time.monotonic()
    with pytest.raises(schema.SettingsError, match="line 5010: port"):
        load(tmp_path, text)
    assert time.monotonic() - begin < 2


def test_a_short_wifi_password(tmp_path) -> None:
    found = problems(tmp_path, GOOD.replace("correct horse", "short"))
    assert list(found) == ["wifi[0].password"]
    load(tmp_path, GOOD.replace("correct horse", ""))


def test_files_that_are_no_settings(tmp_path) -> None:
    with pytest.raises(UsageError) as error:
        schema.load(tmp_path / "none.toml")
    assert (
        str(error.value)
        == f"There is no settings file {tmp_path / 'none.toml'}: check its name and its folder."
    )
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        schema.load(tmp_path)
    with pytest.raises(UsageError, match="not valid TOML"):
        load(tmp_path, "[[account")
    (tmp_path / "latin1.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        schema.load(tmp_path / "latin1.toml")


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(["wifi", "account", "display", "notify", "time", "device", "v"]) | st.text(max_size=8)
_ACCOUNT = st.dictionaries(st.sampled_from(list(schema.Account.model_fields)), _ANY, max_size=6)


@settings(deadline=None)
@given(st.dictionaries(_KEYS, _ANY | st.lists(_ACCOUNT, max_size=3), max_size=5))
def test_any_tree_is_settings_or_a_sentence(tree) -> None:
    try:
        found = schema.parse(tree)
    except schema.SettingsError as error:
        assert error.problems  # noqa: PT017
        assert not [what for _, what in error.problems if "is not valid" in what]  # noqa: PT017
    else:
        assert found.account


def test_no_value_is_ever_in_a_message(tmp_path) -> None:
    secret = "hunter2-hunter2"
    text = GOOD.replace('password = "s3cret-pässword"', f'password = ["{secret}"]') + f'port = "{secret}"\n'
    text += f'keep = "{secret}"\n'
    with pytest.raises(schema.SettingsError) as error:
        load(tmp_path, text)
    assert secret not in repr(error.value) + str(error.value) + repr(error.value.__cause__)
    assert error.value.__suppress_context__
    good = load(tmp_path, GOOD)
    assert "pässword" not in repr(good) + str(good) + good.model_dump_json()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("pop.España.es", "pop.xn--espaa-rta.es"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
        ("192.0.2.7", "192.0.2.7"),
    ],
)
def test_a_host_name_is_what_dns_and_certificates_have(typed: str, name: str) -> None:
    assert schema.parse_host(typed) == name


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("::1", "IPv6"),
        ("2001:db8::7", "IPv6"),
        ("[2001:db8::7]", "IPv6"),
        ("[2001:db8::7]:995", "IPv6"),
        ("fe80::1%eth0", "IPv6"),
        ("pop.example.com:995", "port has a setting of its own"),
        ("straße.de", "two ASCII forms"),
        ("pop.año .es", "no host name"),
        ("ñ" * 70 + ".es", "no host name"),
        ("ñ..es", "no host name"),
        ("https://año.es", "no host name"),
    ],
)
def test_what_is_no_host_name_is_refused_for_what_it_is(typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        schema.parse_host(typed)
    assert ": " in str(error.value)  # and says what to do
