"""The wizard's decisions, with a scripted person, a board's side of the protocol on a pty, and real mail and DNS servers."""

import json

import cbor2
import pytest
import trustme
from buzon_host import bundle, doctor, paths
from buzon_host.board.client import Client
from buzon_host.errors import BoardRefused, BuzonError, ServerRefused, UsageError
from buzon_host.provision import account, answers, save, schema, wifi, wizard, words
from buzon_host.provision import purpose as purposes
from buzon_host.provision.ask import BACK, Back, Options
from buzon_host.provision.discover import Network
from buzon_host.provision.purpose import Purpose
from buzon_host.server.run import LocalServer
from test_board_peer import Peer
from test_cli_verbs import buzon, one_sentence
from test_discover import XML, dns_server, https_server

PASSWORD = "mail-SECRET-0815"
WIFI = "ap-SECRET-4711"
OK = {"state": "ok", "step": "login", "account": "main", "error": None, "accounts": []}


class Person:
    """Answers each question by the first of its words that is in it; a list gives one answer after the other."""

    def __init__(self, **answers: object) -> None:
        self.answers = {
            "E-mail": "demo@casa.example",
            "Password of the Wi-Fi": WIFI,
            "Password of": PASSWORD,
            "password of": PASSWORD,
            **{name.replace("_", " "): answer for name, answer in answers.items()},
        }
        self.asked: list[str] = []
        self.said: list[str] = []

    def _answer(self, question: str, default):
        self.asked.append(question)
        assert len(self.asked) < 30
        for part, answer in self.answers.items():
            if part in question:
                if isinstance(answer, list):
                    answer = answer.pop(0)
                if answer == BACK:
                    raise Back
                if isinstance(answer, BaseException):
                    raise answer
                return default if answer is None else answer
        assert default is not None, f"nobody can answer: {question}"
        return default

    def say(self, text: str = "") -> None:
        self.said.append(text)

    def text(self, question: str, default: str = "") -> str:
        return self._answer(question, default)

    def secret(self, question: str) -> str:
        return self._answer(question, None)

    def yes(self, question: str, default: bool | None) -> bool:
        return self._answer(question, default)

    def working(self):
        from contextlib import nullcontext

        return nullcontext(self.say)


@pytest.fixture(scope="module")
def mail():
    with LocalServer(None, user="demo@casa.example", password=PASSWORD) as running:
        yield running


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "buzon").mkdir()


def row(tmp_path, mail, more: str = "") -> None:
    (tmp_path / "buzon" / "providers.toml").write_text(
        f'[[provider]]\nname = "Casa"\ndomains = ["casa.example"]\n'
        f'pop3 = {{ host = "{mail.host}", port = {mail.pop3s} }}\n{more}\n'
    )


def run(peer: Peer, person: Person, mail, **more) -> wizard.Outcome:
    options = {"ca": mail.ca_der.read_bytes(), "env": {}, "keyring": False, **more}
    with Client.connect(peer.port, timeout=5) as client:
        return wizard.run(client, person, Options(**options))


def test_a_server_that_dns_alone_names_must_be_confirmed(mail, tmp_path) -> None:
    record = f"_pop3s._tcp.casa.example. SRV 0 0 {mail.pop3s} localhost."
    with dns_server(record) as (nameserver, _), Peer() as peer:
        network = Network(nameserver=nameserver, autoconfig=(), guesses=("pop.invalid",), timeout=2)
        peer.tests = [OK]
        person = Person(DNS_says=True)
        run(peer, person, mail, network=network)
        assert "the mail of casa.example is at localhost" in person.asked[1]
        assert peer.settings["account"][0]["host"] == "localhost"
        (tmp_path / "buzon" / "wizard.json").unlink()
        # Refused: the password goes nowhere, and the person names the server.
        person = Person(DNS_says=False, POP3_server=f"{mail.host}:{mail.pop3s}")
        run(peer, person, mail, network=network)
        assert [question[:11] for question in person.asked[:4]] == [
            "E-mail addr",
            "DNS says th",
            "POP3 server",
            "Password of",
        ]
        assert peer.settings["account"][0]["host"] == mail.host
        # That one is known the next time.
        person = Person()
        run(peer, person, mail, network=network)
        assert not any("POP3 server" in question or "DNS" in question for question in person.asked)


def test_nothing_is_found(mail) -> None:
    with dns_server() as (nameserver, _), Peer() as peer:
        network = Network(nameserver=nameserver, autoconfig=(), guesses=("pop.invalid",), timeout=2)
        run(peer, person := Person(POP3_server=f"{mail.host}:{mail.pop3s}"), mail, network=network)
    assert "No POP3 server of casa.example was found." in person.said


def test_what_the_table_says_is_done(mail, tmp_path) -> None:
    row(tmp_path, mail, 'poll_s = 900\npassword = "app"\nhow = "Make one."')
    with Peer() as peer:
        run(peer, person := Person(), mail)
        account = peer.settings["account"][0]
    assert account["poll_s"] == 900
    assert "App password of demo@casa.example" in person.asked
    assert "Make one." in person.said
    assert f"Casa: {mail.host}, port {mail.pop3s}, TLS" in person.said
    assert "It checks every 15 minutes." in person.said


def test_no_question_has_no_default_but_three_where_the_provider_is_known(mail, tmp_path) -> None:
    """E-mail address, password, Wi-Fi password; a deletion is never a default."""
    row(tmp_path, mail)
    with Peer() as peer:
        person = Person()
        person.answers = {
            "E-mail": "demo@casa.example",
            "Password of the Wi-Fi": WIFI,
            "Password of": PASSWORD,
        }
        run(peer, person, mail)
        assert peer.settings["account"][0]["keep"] == "forever"
        with pytest.raises(AssertionError, match=r"nobody can answer: .*deletes each message"):
            run(peer, Person(board_for="2"), mail)


# What the board is for


TELL = {"keep": "forever", "start": "now", "order": "newest", "max_bytes": 65536, "delete_confirmed": False}
BRING = {"keep": "delete", "start": "all", "order": "oldest", "max_bytes": 0, "delete_confirmed": True}


@pytest.mark.parametrize(
    ("typed", "want", "full"),
    [
        (None, TELL, "evict"),
        ("1", TELL, "evict"),
        ("Tell me", TELL, "evict"),
        (["3", "x", "2"], BRING, "stop"),
        ("bring it to me", BRING, "stop"),
    ],
    ids=str,
)
def test_one_question_says_what_becomes_of_the_mail(typed, want, full, mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        outcome = run(peer, person := Person(board_for=typed, deletes_each=True), mail)
        account = peer.settings["account"][0]
        plain = schema.Account(host="x", user="x")  # what is as it is by default is not sent
        assert {name: account.get(name, getattr(plain, name)) for name in want} == want
        assert peer.settings.get("storage", {}).get("full", "stop") == full
        assert outcome.purpose == ("tell" if want is TELL else "bring")
        assert person.said.count("Type 1 or 2.") == (2 if isinstance(typed, list) else 0)
        questions = [one for one in person.asked if "board for" in one or "deletes each" in one]
        assert len(questions) == (3 if isinstance(typed, list) else 1) + (want is BRING)
        # What was chosen is the default of the next run; another address asks anew.
        run(peer, person := Person(board_for=None, deletes_each=True), mail)
        assert peer.settings["account"][0]["keep"] == want["keep"]
    # And the file for the next board says the same.
    save.write(tmp_path / "next.toml", outcome.settings, None)
    again = schema.load(tmp_path / "next.toml")
    assert {name: getattr(again.account[0], name) for name in want} == want
    assert again.storage.full == full


def test_a_purpose_that_was_given_is_not_asked_for(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        run(peer, person := Person(), mail, purpose=Purpose.tell)
        assert peer.settings["account"][0]["keep"] == "forever"
        run(peer, person, mail, purpose=Purpose.bring, yes=True)
        assert peer.settings["account"][0]["delete_confirmed"] is True
        assert not any("board for" in one or "deletes each" in one for one in person.asked)
        with pytest.raises(BuzonError, match="Nothing was changed on the board"):
            run(peer, Person(deletes_each=False), mail, purpose=Purpose.bring)


def test_mail_that_does_not_fit_is_said_before_it_is_agreed_to(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        peer.statuses = [{"flash": [1000, 2_000_000], "epoch": 1, "accounts": [{"id": "main", "next": 60}]}]
        run(peer, person := Person(board_for="2", deletes_each=True), mail)
        assert any("It does not fit: the board stops when it is full" in said for said in person.said)
        assert any("buzon mail pull --move" in said for said in person.said)


def test_a_settings_file_with_a_purpose(tmp_path) -> None:
    def filled(purpose: Purpose, storage: dict | None = None, **account: object) -> schema.Settings:
        tree = {"wifi": [{"ssid": "x"}], "account": [{"host": "h", "user": "u", **account}]}
        if storage is not None:
            tree["storage"] = storage
        return purposes.filled(schema.parse(tree), purpose, "x.toml")

    for purpose, want, full in ((Purpose.tell, TELL, "evict"), (Purpose.bring, BRING, "stop")):
        tree = filled(purpose)
        assert {name: getattr(tree.account[0], name) for name in want} == {**want, "delete_confirmed": False}
        assert tree.storage.full == full
        # What the file says counts.
        tree = filled(
            purpose, {"full": "headers", "quota_bytes": 7}, start="all", max_bytes=5, order="newest"
        )
        account = tree.account[0]
        assert (account.start, account.max_bytes, account.order, account.keep) == (
            "all",
            5,
            "newest",
            want["keep"],
        )
        assert (tree.storage.full, tree.storage.quota_bytes) == ("headers", 7)
    assert filled(Purpose.bring, keep=30).account[0].keep == 30
    for purpose, keep in ((Purpose.tell, "delete"), (Purpose.tell, 30), (Purpose.bring, "forever")):
        with pytest.raises(UsageError, match=r"account\[0\]\.keep in x\.toml"):
            filled(purpose, keep=keep)


@pytest.mark.parametrize("code", [503, 505])
def test_a_server_that_is_busy_for_the_board_is_asked_again(code, mail, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(wizard, "_SOON_S", 0.01)
    row(tmp_path, mail)
    busy = {**OK, "state": "failed", "error": [code, "Another program has the mailbox open.", "account[0]"]}
    with Peer() as peer:
        peer.tests = [busy, busy, OK]
        run(peer, person := Person(), mail)
        assert peer.settings is not None
    assert len([question for question in person.asked if "assword" in question]) == 2
    with Peer() as peer:
        peer.tests = [busy]
        with pytest.raises(BoardRefused, match=r"^Another program|^The server has trouble"):
            run(peer, Person(), mail)
        assert (peer.settings, peer.staged) == (None, None)


def test_what_the_wizard_cannot_mend_ends_it(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        peer.tests = [{**OK, "state": "failed", "error": [203, "The server was not found.", "account[0]"]}]
        with pytest.raises(BoardRefused, match='but the board does not: the Wi-Fi "Home"'):
            run(peer, Person(), mail)
        assert peer.settings is None
        with pytest.raises(BuzonError, match="Nothing was changed"):
            run(peer, Person(Put_this=False), mail)


def test_a_first_collection_that_fails_is_told_and_the_settings_stay(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        failed = {"id": "main", "state": "error", "next": 60, "error": [205, "The server stopped answering."]}
        peer.statuses = [{"flash": [1, 2], "epoch": 1, "state": "idle", "accounts": [failed]}]
        with pytest.raises(
            BuzonError, match="are in force, but the first collection failed: The server stopped"
        ):
            run(peer, Person(), mail)
        assert peer.settings is not None


def test_the_board_s_other_settings_are_kept_as_far_as_they_are_known(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        peer.settings = {
            "device": {"name": "hall", "lock": False},
            "storage": {"quota_bytes": 500_000, "full": "stop"},
            "notify": [{"kind": "from the future"}],
            "account": [{"id": "old", "user": "bob@x.example", "host": "pop.x.example", "password": True}],
        }
        run(peer, person := Person(), mail)
        settings = peer.settings
    assert settings["device"]["name"] == "hall"
    assert settings["storage"] == {"quota_bytes": 500_000, "full": "evict"}
    assert settings["notify"] == [{"kind": "display"}]
    assert any("it stops collecting bob@x.example" in line for line in person.said)
    assert len(settings["account"]) == 1


def test_an_address_on_the_board_that_nobody_could_have_is_not_offered(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        peer.settings = {
            "account": [{"id": "old", "user": "a" * 300 + "@x.example", "host": "pop.x.example"}]
        }
        run(peer, Person(), mail)
        assert peer.settings["account"][0]["user"] == "demo@casa.example"


def of_demo(person: Person, *passwords: str) -> Person:
    person.answers = {"Password of demo": list(passwords), **person.answers}
    return person


def test_an_empty_password_is_asked_again_and_leads_nowhere_else(mail, tmp_path) -> None:
    """The next thing that is typed is the password, and a question for a server or an address would show it."""
    with Peer() as peer:
        person = of_demo(Person(POP3_server=f"{mail.host}:{mail.pop3s}"), "", "", PASSWORD)
        run(peer, person, mail, network=NOWHERE)
    assert person.asked[:5] == ["E-mail address", "POP3 server", *["Password of demo@casa.example"] * 3]
    assert person.said.count("No password was typed: try again. It stays hidden while you type.") == 2
    with Peer() as peer:
        person = of_demo(Person(), "", "", "", PASSWORD)
        with pytest.raises(UsageError, match="No password was typed: run the same command again"):
            run(peer, person, mail, network=NOWHERE)
        assert peer.settings is None


def test_back_at_the_password_leads_to_the_address(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        run(peer, person := of_demo(Person(), BACK, PASSWORD), mail)
    assert len([question for question in person.asked if "E-mail" in question]) == 2


def test_a_board_that_cannot_look_for_networks_now(mail, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(wifi, "_SCAN_S", 0.01)
    row(tmp_path, mail)
    with Peer() as peer:
        peer.settings = {"wifi": [{"ssid": "Hall", "password": True}], "account": []}
        peer.refuse["wifi.scan"] = [801, "Something unexpected happened (OSError): please report it.", ""]
        run(peer, person := Person(), mail)
        assert peer.settings["wifi"][0]["ssid"] == "Hall"  # the board's own is the default
    assert "The board cannot look for networks now: type the name." in person.said


# The way back


NOWHERE = Network(nameserver=("127.0.0.1", 9), autoconfig=(), guesses=("pop.invalid",), timeout=1)


def test_back_from_each_question(mail, tmp_path) -> None:
    """One question back each time, over those that were not asked; what was said is the default there."""
    row(tmp_path, mail)
    with Peer() as peer:
        person = Person(
            board_for=[BACK, "2", None, None],
            deletes_each=[BACK, False, True, True],
            Wi_Fi_network=[BACK, "Home", "Home", "Home"],
            Password_of_the=[BACK, WIFI, WIFI],
            Put_this=[BACK, True],
        )
        person.answers = {
            "Wi-Fi network": person.answers.pop("Wi Fi network"),
            "Password of the": person.answers.pop("Password of the"),
            **person.answers,
        }
        del person.answers["Password of the Wi-Fi"]
        run(peer, person, mail)
        assert peer.settings["account"][0]["keep"] == "delete"
    begins = [question[:12] for question in person.asked]
    assert begins == [
        "E-mail addre",
        "Password of ",
        "What is the ",  # back
        "E-mail addre",
        "Password of ",
        "What is the ",
        "demo@casa.ex",  # back
        "What is the ",
        "demo@casa.ex",  # no
        "What is the ",
        "demo@casa.ex",
        "Wi-Fi networ",  # back
        "demo@casa.ex",
        "Wi-Fi networ",
        "Password of ",  # back
        "Wi-Fi networ",
        "Password of ",
        "Put this on ",  # back
        "Password of ",
        "Put this on ",
    ]


def test_back_from_the_first_question_is_told(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        person = Person()
        person.answers["E-mail"] = [BACK, "demo@casa.example"]
        run(peer, person, mail)
    assert "This is the first question; Ctrl-C ends." in person.said


def test_back_from_a_login_that_works_leads_to_the_address(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        person = Person(board_for=[BACK, None])
        run(peer, person, mail)
    assert [question[:6] for question in person.asked[:6]] == [
        "E-mail",
        "Passwo",
        "What i",
        "E-mail",
        "Passwo",
        "What i",
    ]


def test_back_after_the_board_has_found_the_wifi_wrong(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        wrong = [
            201,
            'The Wi-Fi "Home" refused the password: run buzon provision with the right one.',
            "wifi",
        ]
        peer.tests = [{**OK, "state": "failed", "error": wrong}, OK]
        person = Person(Wi_Fi=None)
        person.answers = {
            "Wi-Fi network": ["Home", BACK, "Home"],
            "Password of the": [WIFI, BACK, "the right one"],
            "Put this": [None, BACK, None],
            **person.answers,
        }
        # The refused password, back to the network, back to the summary, back to its password.
        run(peer, person, mail)
        assert peer.settings["wifi"] == [{"ssid": "Home", "password": "the right one"}]
    assert 'The Wi-Fi "Home" refused the password.' in person.said
    assert not any("buzon provision with" in said for said in person.said)


def test_back_leads_to_the_server_where_it_may_be_another(mail, tmp_path) -> None:
    """What was typed is the default; what failed only when that is said."""
    right = f"{mail.host}:{mail.pop3s}"
    with Peer() as peer:
        person = Person()
        person.answers = {
            "POP3 server": [BACK, "127.0.0.1:1", "http://x/", right, None, BACK, None],
            "Password of demo": [BACK, BACK, PASSWORD],
            "Password of the": WIFI,
            "E-mail": [None, None, None],
        }
        defaults = []
        text = person.text

        def noted(question: str, default: str = "") -> str:
            defaults.append((question, default))
            return text(question, default)

        person.text = noted
        run(peer, person, mail, network=NOWHERE, email="demo@casa.example")
        assert peer.settings["account"][0]["host"] == mail.host
    assert [default for question, default in defaults if question == "POP3 server"] == [
        "",  # back, to the address
        "",
        "127.0.0.1:1",  # failed
        "127.0.0.1:1",  # what made no sense is forgotten
        right,  # from the password
        right,  # back, to the address
        right,
    ]
    assert person.said.count("Enter tries 127.0.0.1:1 again.") == 1
    assert not any(f"Enter tries {right}" in said for said in person.said)


def test_the_user_name_that_came_with_a_server_stays_with_it(mail, tmp_path) -> None:
    """Enter at the server that was found means that one, with its user name; another one has none."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    xml = XML.replace("POP.%EMAILDOMAIN%", "localhost").replace("<port>995", f"<port>{mail.pop3s}")
    with dns_server() as (nameserver, _), https_server(ca, {"/c": xml.encode()}) as (at, _), Peer() as peer:
        network = Network(
            nameserver=nameserver,
            autoconfig=(f"{at}/c",),
            roots=tmp_path / "roots.pem",
            guesses=(),
            timeout=2,
        )
        person = Person(POP3_server=[None, f"127.0.0.1:{mail.pop3s}"])
        person.answers["Password of Ana"] = [BACK, BACK, PASSWORD]
        person.answers = {
            "Password of demo": PASSWORD,
            "Password of Ana": person.answers["Password of Ana"],
            "Is the user name": False,
            "User name": "demo@casa.example",
            **person.answers,
        }
        run(peer, person, mail, network=network, email="Ana@casa.example")
    passwords = [
        question for question in person.asked if "Password of" in question and "Wi-Fi" not in question
    ]
    assert passwords == [
        "Password of Ana",
        "Password of Ana",
        "Password of Ana@casa.example",
        "Password of demo@casa.example",
    ]


def test_ctrl_c_while_a_server_is_asked_keeps_what_was_typed(mail, monkeypatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    right = f"{mail.host}:{mail.pop3s}"
    with Peer() as peer:
        with monkeypatch.context() as during:
            during.setattr(account, "ways", interrupt)
            with pytest.raises(KeyboardInterrupt):
                run(peer, Person(POP3_server=right), mail, network=NOWHERE)
        assert answers.load().server == right
        person = Person(POP3_server=None)
        person.answers["E-mail"] = None
        run(peer, person, mail, network=NOWHERE)
        assert peer.settings["account"][0]["port"] == mail.pop3s
        # One that failed is not offered the next time.
        (answers.path()).unlink()
        with pytest.raises(KeyboardInterrupt):
            run(peer, Person(POP3_server=["127.0.0.1:1", KeyboardInterrupt()]), mail, network=NOWHERE)
        assert answers.load().server == ""


def test_a_server_that_is_busy_for_this_pc_is_asked_again(mail, tmp_path, monkeypatch) -> None:
    row(tmp_path, mail)
    tried = []
    real = account.check

    def busy(*args, **more):
        tried.append(args)
        if len(tried) < 3:
            raise ServerRefused(503, "Another program has the mailbox open (x): the board will try again.")
        return real(*args, **more)

    monkeypatch.setattr(account, "check", busy)
    with Peer() as peer:
        run(peer, person := Person(), mail)
    assert person.asked.count("Try again?") == 2
    assert "Another program has the mailbox open: close it, or wait a minute." in person.said


# What it says


@pytest.mark.parametrize(
    ("code", "detail", "said"),
    [
        (502, "AUTH", "The password is wrong, or the user name is."),
        (502, "[AUTH] no", 'The password is wrong, or the user name is (the server says: "[AUTH] no").'),
        (501, "{0} Use an app password", 'refused the login (the server says: "{0} Use an app password").'),
        (501, "", "The server refused the login."),
        (506, "SYS/PERM", "The server says that you must act first: ask your provider."),
        (999, "x", "as it came"),
    ],
)
def test_what_a_server_says_is_in_a_person_s_words(code, detail, said) -> None:
    assert words.of_server(ServerRefused(code, "as it came", detail)).endswith(said)


def test_no_sentence_of_the_wizard_is_for_somebody_elsewhere() -> None:
    """Each code of the tree that a test may end with; none sends the person where they are, or names a path."""
    paths.use_firmware()
    from buzon.errors import sentence

    for code in (*range(200, 223), *range(400, 404), *range(500, 509)):
        text = words.of_board(BoardRefused(code, sentence(code, "AUTH"), "account[0]"), "Ho{me}", "pop.x")
        assert "account[" not in text
        if code < 400 and code not in (207, 213, 214, 215, 216):
            assert "provision with" not in text, code
            assert '"Ho{me}"' in text or code in (205, 206, 221)


# What is remembered and what is saved


def test_answers_are_for_one_address_and_a_damaged_file_is_none(mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        run(peer, Person(board_for="2", deletes_each=True), mail)
    file = tmp_path / "buzon" / "wizard.json"
    assert file.stat().st_mode & 0o77 == 0
    known = answers.load()
    assert (known.email, known.purpose, known.ssid) == ("demo@casa.example", "bring", "Home")
    account.use(known, "other@casa.example")
    assert (answers.load().purpose, answers.load().ssid) == (None, "Home")
    for text in ("", "[]", "{", '{"port": "x"}', '{"email": 5}', "[" * 100_000):
        file.write_text(text)
        assert answers.load() == answers.Answers()
    # A way without TLS is none that a run has found.
    file.write_text('{"email": "demo@casa.example", "host": "a.b", "port": 110, "tls": "none"}')
    assert answers.load() == answers.Answers()
    file.unlink()
    file.mkdir()
    answers.save(known)  # it only saves typing


def test_a_saved_file_is_what_was_put_on_the_board_without_its_secrets(tmp_path) -> None:
    account = {
        "host": "pop.example.com",
        "user": 'a"b\\c@x.example',
        "password": PASSWORD,
        "keep": "delete",
        "delete_confirmed": True,
        "start": "now",
        "ca": "/certs/abc.der",
        "filter": [{"from": "#x = [", "fetch": "skip"}],
    }
    tree = {
        "device": {"name": "el salón"},
        "wifi": [{"ssid": 'Café "ñ" \\ 日本', "password": WIFI}, {"ssid": "b", "password": ""}],
        "account": [account, {"id": "b", "host": "h", "user": "u", "oauth": PASSWORD, "keep": 30}],
        "display": {"pins": {"scl": 22, "sda": 21}, "rotate": 180},
        "notify": [{"kind": "log"}],
        "storage": {"full": "evict"},
        "time": {"zone": -60},
    }
    settings = schema.parse(tree)
    save.write(tmp_path / "x.toml", settings, None)
    text = (tmp_path / "x.toml").read_text("utf-8")
    assert "SECRET" not in text
    assert "BUZON_PASSWORD_MAIN, BUZON_PASSWORD_B" in text
    assert 'keep = "delete"' in text
    for one in (*tree["wifi"], *tree["account"]):
        for name in ("password", "oauth", "ca"):
            one.pop(name, None)
    assert schema.load(tmp_path / "x.toml") == schema.parse(tree)


def test_a_file_that_is_there_is_not_overwritten(tmp_path) -> None:
    (tmp_path / "x.toml").write_text("mine")
    for path, why in ((tmp_path / "x.toml", "already"), (tmp_path / "no" / "x.toml", "no folder")):
        with pytest.raises(BuzonError, match=why):
            save.check(path)
    assert (tmp_path / "x.toml").read_text() == "mine"


# The command


def test_without_a_terminal_or_with_a_file_too_it_says_what_to_do(tmp_path) -> None:
    with Peer() as peer:
        done = buzon("provision", "--port", peer.port, "--json")
        assert done.returncode == 2
        assert (
            one_sentence(done)
            == "There is no terminal to ask on: give a file (buzon provision SETTINGS.toml)."
        )
        assert json.loads(done.stdout)["exit_code"] == 2
        done = buzon("provision", "x.toml", "--email", "a@b.example")
        assert done.returncode == 2
        assert "--email and --save" in one_sentence(done)
        assert peer.done == []


# What a board may say


CYCLE = cbor2.CBORTag(28, [cbor2.CBORTag(29, 0)])


@pytest.mark.parametrize(
    "tree",
    [
        {"account": [5]},
        {"account": [{}]},
        {"account": [{"id": "a", "tls": []}]},
        {"account": [{"id": "a"}], "device": CYCLE},
        {"account": [{"id": "a"}], "device": {"a": [cbor2.CBORTag(4711, {})]}},
        cbor2.CBORTag(36, 7),
    ],
    ids=["number", "empty", "tls", "cycle", "tag", "decoder"],
)
def test_settings_that_are_none_end_the_doctor_in_a_sentence(tree) -> None:
    with Peer() as peer:
        peer.settings = tree
        report = doctor.examine(peer.port, env={}, keyring=False)
        assert report.failed is not None
        assert "not understood" in report.failed.text
        bundle.text(report, {})


@pytest.mark.parametrize("part", [CYCLE, {"a": [cbor2.CBORTag(4711, {})]}], ids=["cycle", "tag"])
def test_settings_that_are_none_are_not_kept(part, mail, tmp_path) -> None:
    row(tmp_path, mail)
    with Peer() as peer:
        peer.settings = {"account": [], "device": part, "storage": {"full": part}}
        run(peer, Person(), mail)
        assert peer.settings["account"][0]["user"] == "demo@casa.example"
