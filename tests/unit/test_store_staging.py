"""Settings: checked, kept by one rename, secrets kept or refused."""

from buzon import errors
from buzon.core.cbor import Encoder
from buzon.store import fs, staging

GOOD = {
    "v": 1,
    "device": {"name": "desk"},
    "wifi": [{"ssid": "Home", "password": "wifi secret"}],
    "account": [
        {
            "id": "me",
            "protocol": "pop3",
            "host": "mail.example.org",
            "port": 995,
            "tls": "implicit",
            "tls_verify": True,
            "ca": "/certs/x.der",
            "user": "me",
            "password": "mail secret",
            "keep": "delete",
            "delete_confirmed": False,
            "poll_s": 60,
        }
    ],
    "display": {"driver": "null"},
    "notify": [{"kind": "log"}],
    "unknown": {"later": 1},
}


def copy(doc):
    if isinstance(doc, dict):
        return {k: copy(doc[k]) for k in doc}
    if isinstance(doc, list):
        return [copy(x) for x in doc]
    return doc


def encoded(doc):
    enc = Encoder(bytearray(4096))
    enc.put(doc)
    return bytes(enc.buf[: enc.n])


def bad(change, path, code=errors.E_SETTING_VALUE, old=None):
    doc = copy(GOOD)
    change(doc)
    try:
        staging.parse(encoded(doc), old)
    except staging.SettingError as err:
        assert err.path == path, err.path
        assert err.code == code, err.code
        assert "secret" not in str(err)
    else:
        raise AssertionError(path)


def test_good_settings_pass_and_unknown_keys_are_left_alone():
    assert staging.parse(encoded(GOOD), None) == GOOD


def test_policies_that_are_right_pass():
    doc = copy(GOOD)
    rules = [{"from": "@x.org", "fetch": "skip"}, {"subject": "sale"}]
    doc["account"][0].update(
        {"start": "now", "order": "newest", "keep": 7, "fetch": "headers", "max_bytes": 9, "filter": rules}
    )
    doc["storage"] = {"quota_bytes": 1000000, "full": "evict"}
    assert staging.parse(encoded(doc), None) == doc


def test_what_would_harm_is_refused_with_its_path():
    def account(key, value):
        def change(doc):
            doc["account"][0][key] = value

        return change

    bad(lambda d: d.update(v=2), "v")
    bad(lambda d: d.update(wifi={}), "wifi")
    bad(lambda d: d.update(account=[1]), "account[0]")
    bad(lambda d: d.update(account=[d["account"][0]] * 5), "account")
    bad(lambda d: d.update(account=[d["account"][0]] * 2), "account[1].id")
    bad(account("id", "../x"), "account[0].id")
    bad(account("id", ""), "account[0].id")
    bad(account("id", "A"), "account[0].id")
    bad(account("host", ""), "account[0].host")
    bad(account("host", 5), "account[0].host")
    bad(account("port", "995"), "account[0].port")
    bad(account("port", True), "account[0].port")
    bad(account("port", 65536), "account[0].port")
    bad(account("protocol", "imap"), "account[0].protocol")
    bad(account("tls", "maybe"), "account[0].tls")
    bad(account("tls_verify", 0), "account[0].tls_verify")
    bad(account("keep", "week"), "account[0].keep")
    for days in (0, -1, 3651, True, []):
        bad(account("keep", days), "account[0].keep")
    bad(account("start", "later"), "account[0].start")
    bad(account("order", 1), "account[0].order")
    bad(account("fetch", "body"), "account[0].fetch")
    bad(account("max_bytes", -1), "account[0].max_bytes")
    bad(account("filter", {}), "account[0].filter")
    bad(account("filter", [{}] * 9), "account[0].filter")
    bad(account("filter", [{"from": 5}]), "account[0].filter[0].from")
    bad(account("filter", [{}, {"fetch": "drop"}]), "account[0].filter[1].fetch")
    bad(account("oauth", "x" * 2000), "account[0].oauth")
    bad(account("oauth", True), "account[0].oauth", errors.E_SECRET_KEEP)
    bad(lambda d: d.update(storage={"full": "panic"}), "storage.full")
    bad(lambda d: d.update(storage={"quota_bytes": "1"}), "storage.quota_bytes")
    bad(account("password", "a\r\nDELE 1 secret"), "account[0].password", errors.E_SECRET_CHARS)
    bad(account("user", "a\0"), "account[0].user", errors.E_SECRET_CHARS)
    bad(account("poll_s", 0), "account[0].poll_s")
    bad(account("password", True), "account[0].password", errors.E_SECRET_KEEP)


def test_a_secret_is_kept_only_while_its_server_stays_the_same():
    doc = copy(GOOD)
    doc["account"][0]["password"] = True
    doc["wifi"][0]["password"] = True
    assert staging.parse(encoded(doc), GOOD) == GOOD
    for key, value in (
        ("host", "evil.example.org"),
        ("port", 110),
        ("user", "you"),
        ("tls", "none"),
        ("tls_verify", False),
    ):

        def change(d, key=key, value=value):
            d["account"][0]["password"] = True
            d["account"][0][key] = value

        bad(change, "account[0].password", errors.E_SECRET_KEEP, GOOD)

    def wifi(d):
        d["wifi"][0] = {"ssid": "Other", "password": True}

    bad(wifi, "wifi[0].password", errors.E_SECRET_KEEP, GOOD)


def test_redacted_settings_hold_no_secret_and_change_nothing():
    before = copy(GOOD)
    text = repr(staging.redacted(GOOD))
    assert "secret" not in text
    assert staging.redacted(GOOD)["account"][0]["password"] is True
    assert before == GOOD


def test_settings_that_are_no_cbor_are_one_error():
    for data in (b"", b"\xff", encoded(GOOD)[:-1], encoded([1])):
        try:
            staging.parse(data, None)
        except errors.MailError:
            pass
        else:
            raise AssertionError


def test_what_is_there_or_not_is_no_error():
    with open("a", "wb") as f:
        f.write(b"old")
    fs.remove("a")
    fs.remove("a")
    assert not fs.exists("a")
    fs.make_folder("x/y/z")
    fs.make_folder("x/y/z")
    assert fs.exists("x/y/z")
