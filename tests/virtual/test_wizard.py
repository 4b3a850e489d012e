"""`buzon provision` without a file, in a real terminal: against a virtual board and real mail servers."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager

import cbor2
import pexpect
import pytest
import terminal
from app_board import PASSWORD, WIFI, files_on, mail_on, message, on_server, until
from buzon_host.provision import ca as certificates
from buzon_host.provision import schema
from buzon_host.server.dovecot import Dovecot

EMAIL = "demo@casa.example"
WRONG = "wrong-SECRET-1357"
HOW = "Casa wants a password of its own: Settings > Programs."
OPEN = ("Open", "")
SECRETS = (PASSWORD, WIFI[1], WRONG)
# The questions in their order, and how a person who agrees with everything answers them.
QUESTIONS = (
    (r"E-mail address(?: \[[^]]*\])?: ", EMAIL),
    (r"App password of demo: ", PASSWORD),
    (r"What is the board for, 1 or 2 \[1\]: ", ""),
    (r"Wi-Fi network, number or name \[Buzon-Demo\]: ", ""),
    (r'Password of the Wi-Fi "Buzon-Demo": ', WIFI[1]),
    (r"Put this on the board\? \[Y/n\] ", ""),
)


@pytest.fixture
def server(serve):
    return serve(samples=False)


@pytest.fixture
def rig(boot):
    made = boot(wifi=[WIFI, OPEN])
    made.client.hello()
    return made


class Person:
    """A terminal with `buzon provision` in it. What it shows is kept, and never holds a secret."""

    def __init__(self, home, rig, *arguments: str, columns: int = 500, **env: str) -> None:  # none is folded
        self.home = home
        rig.client.close()
        self.log = home / f"terminal-{len(list(home.iterdir()))}"
        self._file = self.log.open("w", encoding="utf-8")
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "buzon_host", "provision", "--port", rig.board.port, *arguments],
            env=terminal.clean(home / "config", **env),
            encoding="utf-8",
            timeout=40,
            dimensions=(24, columns),
        )
        self.child.logfile_read = self._file

    def answer(self, *pairs: tuple[str, str]) -> None:
        for question, answer in pairs:
            self.child.expect(question.replace(" ", r"\s+"))  # lines are folded where they end
            self.child.sendline(answer)

    def shows(self, text: str) -> None:
        self.child.expect(re.escape(text).replace(r"\ ", r"\s+"))

    def ends(self, code: int) -> str:
        """All that it has shown, when it has ended with that exit code and left the terminal as it was."""
        self.child.expect(pexpect.EOF)
        echo = self.child.getecho()
        self.child.close()
        self._file.close()
        shown = self.log.read_text("utf-8")
        assert self.child.exitstatus == code, shown
        assert echo
        assert "Traceback" not in shown
        assert "\x1b[3" not in shown  # NO_COLOR
        for path in (self.log, *self.home.rglob("*.json"), *self.home.rglob("*.toml")):
            for secret in SECRETS:
                assert secret not in path.read_text("utf-8"), path
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


@pytest.fixture
def at(tmp_path, rig):
    """at(server, *arguments): a person at a terminal. `table`: more of the provider's row."""
    home = tmp_path / "home"
    (home / "config" / "buzon").mkdir(parents=True)
    people = []

    def sit(server, *arguments: str, host="", table="", trusted=True, **env: str) -> Person:
        row = (
            f'[[provider]]\nname = "Casa"\ndomains = ["casa.example"]\nuser = "local"\npassword = "app"\n'
            f'how = "{HOW}"\npop3 = {{ host = "{host or server.host}", port = {server.pop3s} }}\n{table}\n'
        )
        (home / "config" / "buzon" / "providers.toml").write_text(row)
        if trusted:
            arguments = ("--ca", str(server.ca_pem), *arguments)
        people.append(Person(home, rig, *arguments, **env))
        return people[-1]

    yield sit
    for person in people:
        person.child.close(force=True)


def stored(rig):
    """The settings on the board's flash, secrets and all; None when there are none."""
    found = files_on(rig.board.flash_file)
    return cbor2.loads(found["settings.cbor"]) if "settings.cbor" in found else None


def test_right_the_first_time(rig, server, at) -> None:
    """Three things are typed, all else is Enter; the board's clock, which is wrong, is set."""
    server.deliver(message(1))
    rig.client.time_set(1_500_000_000)
    person = at(server)
    person.answer(*QUESTIONS)
    shown = person.ends(0)
    assert [answer for _, answer in QUESTIONS if answer] == [EMAIL, PASSWORD, WIFI[1]]
    assert "1 message, " in shown
    assert "this board has room for" in shown
    assert "Purpose  tell me: mail stays on the server" in shown
    assert "Size     of messages above 64 KB only the headers, until you ask for the rest" in shown
    assert "Starts   with what comes from now on" in shown
    assert "It checks every 5 minutes." in shown
    assert "There is nothing to collect yet: send yourself a message" in shown
    assert "[y/n]" not in shown
    rig.client.hello()
    assert abs(rig.status()["epoch"] - time.time()) < 60
    settings = stored(rig)
    account = settings["account"][0]
    assert (account["user"], account["password"]) == ("demo", PASSWORD)
    assert (account["keep"], account["delete_confirmed"]) == ("forever", False)
    assert (account["start"], account["order"], account["max_bytes"]) == ("now", "newest", 65536)
    assert settings["storage"]["full"] == "evict"
    assert settings["wifi"] == [{"ssid": WIFI[0], "password": WIFI[1]}]
    server.deliver(message(2))
    assert rig.sync("main").stored == 1
    rig.shows("Sender 2")
    assert mail_on(rig.board.flash_file, "main") == Counter([message(2)])
    assert on_server(server) == Counter([message(1), message(2)])


def test_what_is_wrong_is_asked_again_and_nothing_else(rig, server, at) -> None:
    person = at(server)
    email, password, purpose, ssid, wifi, go = QUESTIONS
    person.answer((email[0], "not an address"))
    person.shows("That is no e-mail address")
    person.answer(email, (password[0], WRONG))
    person.shows("The password is wrong")
    person.shows(HOW)
    person.answer(password, (purpose[0], "perhaps"))
    person.shows("Type 1 or 2.")
    person.answer(purpose, (ssid[0], "x" * 40))
    person.shows("1 to 32 bytes")
    unseen = r'does not see a Wi-Fi named "{}" now\. Is that its name\? \[y/N\] '
    person.answer(
        (ssid[0], "77"), (unseen.format(77), ""), (ssid[0], "Hidden"), (unseen.format("Hidden"), "y")
    )
    person.answer((r'Password of the Wi-Fi "Hidden": ', "<"))
    person.answer(ssid, (wifi[0], "short"))
    person.shows("The Wi-Fi password is too short: it must have 8 to 63 characters")
    person.answer((wifi[0], WRONG), go)
    person.shows("refused the password")
    person.shows("Enter alone leads to the networks")
    person.answer((wifi[0], "short"))
    person.shows("The Wi-Fi password is too short")
    person.answer((wifi[0], ""), ssid, wifi)
    shown = person.ends(0)
    assert shown.count("App password of demo") == 2
    assert shown.count("Put this on the board?") == 1
    assert "There is nothing to collect yet" in shown
    assert stored(rig)["wifi"][0]["password"] == WIFI[1]


def test_back_at_each_question(rig, server, at) -> None:
    """`<` leads to the question before, with what was answered there as its default."""
    email, password, purpose, ssid, wifi, go = QUESTIONS
    back = "<"
    person = at(server)
    person.shows("< goes back")
    person.answer((email[0], back))
    person.shows("This is the first question")
    person.answer(email, (password[0], back), (r"E-mail address \[demo@casa.example\]: ", ""), password)
    person.answer((purpose[0], back), (r"E-mail address \[demo@casa.example\]: ", ""), password)
    person.answer(purpose, (ssid[0], back), purpose, (ssid[0], "1"), (wifi[0], back), ssid, wifi)
    person.answer((go[0], back), wifi, go)
    person.ends(0)
    assert stored(rig)["wifi"] == [{"ssid": WIFI[0], "password": WIFI[1]}]


def test_ctrl_c_while_a_named_server_is_asked(rig, server, at) -> None:
    """What was typed is the default of the next run. One that answers is found soon, and < goes back to it."""
    nobody = "demo@localhost"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        typed = f"127.0.0.1:{silent.getsockname()[1]}"
        person = at(server, host="casa.invalid")  # no provider of the table
        person.answer((QUESTIONS[0][0], nobody), (r"POP3 server: ", typed))
        person.shows("Asking 127.0.0.1")
        person.child.sendintr()
        assert person.ends(130).endswith("\nInterrupted.\n")
        person = at(server, host="casa.invalid")  # no provider of the table
        person.answer((QUESTIONS[0][0], ""))
        person.child.expect_exact(f"POP3 server [{typed}]: ")
    right = f"127.0.0.1:{server.pop3s}"
    begin = time.monotonic()
    person.child.sendline(right)
    person.child.expect(f"Password of {nobody}: ")
    assert time.monotonic() - begin < 2
    person.child.sendline("")  # a hidden question again, not one that shows what is typed
    person.child.expect(f"No password was typed.*Password of {nobody}: ")
    person.child.sendline("<")
    person.child.expect_exact(f"POP3 server [{right}]: ")
    person.child.sendline("<")
    person.child.expect_exact(f"E-mail address [{nobody}]: ")
    person.child.sendintr()
    person.ends(130)


def test_ctrl_c_at_each_question_and_then_again(rig, server, at) -> None:
    """The board is as it was, and what was said before is known: only passwords are typed again."""
    for number, (question, _) in enumerate(QUESTIONS):
        person = at(server)
        person.answer(*QUESTIONS[:number])
        person.child.expect(question)
        if number == 1:
            person.child.sendeof()  # Ctrl-D does the same
        else:
            person.child.sendintr()
        shown = person.ends(130)
        assert shown.endswith("\nInterrupted.\n"), shown
        assert stored(rig) is None
    answers = json.loads((person.home / "config" / "buzon" / "wizard.json").read_text())
    assert answers["email"] == EMAIL
    rig.client.hello()
    assert not rig.client.info.configured
    person = at(server)
    person.answer(*((question, "" if answer == EMAIL else answer) for question, answer in QUESTIONS))
    person.ends(0)
    assert stored(rig)["account"][0]["user"] == "demo"


def test_ctrl_c_while_the_board_tests_and_a_pulled_cable(rig, server, at) -> None:
    person = at(server)
    person.answer(*QUESTIONS[:-1])
    os.kill(server.pid, signal.SIGSTOP)
    try:
        person.answer(QUESTIONS[-1])
        person.shows("The board connects to the server")
        person.child.sendintr()
        person.child.expect("Interrupted")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    person.ends(130)
    assert stored(rig) is None
    person = at(server)
    person.answer(*QUESTIONS[:-1])
    person.child.expect(QUESTIONS[-1][0])
    rig.board.kill()
    person.child.sendline("")
    assert "board" in person.ends(3).splitlines()[-1]
    rig.board.power_cycle()
    assert stored(rig) is None
    person = at(server)
    person.answer(*QUESTIONS)
    person.ends(0)
    assert stored(rig) is not None


def test_an_unknown_ca_is_pinned_only_when_the_person_says_so(rig, server, at, tmp_path) -> None:
    server.deliver(message(1))
    file = tmp_path / "hall.toml"
    person = at(server, "--save", str(file), trusted=False)
    der = certificates.fetch_certificate(server.host, server.pop3s, "implicit")
    trust = r"Trust this certificate, and no other\? \[y/N\] "
    person.answer(QUESTIONS[0])
    person.shows("was not accepted")
    person.shows(certificates.fingerprint(der))
    person.answer((trust, ""), (QUESTIONS[0][0], ""), (trust, "y"), *QUESTIONS[1:])
    shown = person.ends(0)
    assert "There is nothing to collect yet" in shown
    assert files_on(rig.board.flash_file, "/certs") == {os.path.basename(certificates.board_path(der)): der}
    assert f"buzon provision {file} --ca {file}.ca.pem" in shown
    assert certificates.read(tmp_path / "hall.toml.ca.pem") == der
    saved = schema.load(file)
    assert (saved.account[0].password, saved.wifi[0].password) == (None, None)
    # The next board, by file.
    rig.client.hello()
    rig.client.wipe("settings")
    rig.client.close()
    done = subprocess.run(
        [sys.executable, "-m", "buzon_host", "provision", str(file), "--ca", f"{file}.ca.pem"]
        + ["--port", rig.board.port],
        env={**os.environ, "BUZON_PASSWORD": PASSWORD, "BUZON_WIFI_PASSWORD": WIFI[1]}
        | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert stored(rig)["account"][0]["password"] == PASSWORD
    # By questions once more: it is not asked about again.
    rig.client.close()
    person = at(server, trusted=False)
    person.answer(QUESTIONS[0])
    person.shows("the one that you have trusted before")
    person.answer(*QUESTIONS[1:])
    assert "Trust this certificate" not in person.ends(0)
    assert files_on(rig.board.flash_file, "/certs") == {os.path.basename(certificates.board_path(der)): der}


def test_no_such_host_and_no_server_there(rig, server, at) -> None:
    person = at(server, host="nowhere.invalid")
    person.answer(QUESTIONS[0])
    person.shows("There is no server nowhere.invalid: check its name")
    told = r"POP3 server \[{}\]: "
    failed = f"nowhere.invalid:{server.pop3s}"
    person.shows(f"Enter tries {failed} again.")
    person.answer((told.format(failed), "127.0.0.1:1"))
    person.shows("No secure connection to 127.0.0.1:1 (there is no server at that port)")
    person.shows("Enter tries 127.0.0.1:1 again.")
    person.answer((told.format("127.0.0.1:1"), "http://x/"))
    person.shows("That is no host name: write it like pop.example.com, without a scheme")
    # A server that is told belongs to no provider: the user name is the address until it is wrong.
    person.answer((told.format("127.0.0.1:1"), f"127.0.0.1:{server.pop3}"))
    person.shows("TLS by STLS")
    person.answer((f"Password of {EMAIL}: ", PASSWORD))
    person.shows("The password is wrong")
    right = r"Is the user name demo@casa.example right\? \[Y/n\] "
    # A password that is typed at the wrong question is not kept as a name.
    lost = "typed-at-the-wrong-question"
    person.answer((right, ""), (f"Password of {EMAIL}: ", lost), (right, "n"))
    person.answer(
        (r"User name \[demo@casa.example\]: ", lost), (f"Password of {EMAIL}: ", WRONG), (right, "n")
    )
    assert lost not in (person.home / "config" / "buzon" / "wizard.json").read_text()
    person.answer((r"User name \[demo@casa.example\]: ", "demo"), (r"Password of demo: ", PASSWORD))
    person.answer(*QUESTIONS[2:])
    person.ends(0)
    account = stored(rig)["account"][0]
    assert (account["port"], account["tls"]) == (server.pop3, "starttls")


def test_a_provider_that_takes_no_password_is_explained(rig, server, at) -> None:
    person = at(server, "--email", "ana@outlook.com", columns=50)
    person.child.expect(r"takes no\s+passwords\s+from\s+mail\s+programs")
    person.answer((r"E-mail address: ", "ana@icloud.com"))
    person.shows("iCloud has no POP3")
    person.child.expect("E-mail address: ")
    person.child.sendintr()
    shown = person.ends(130)
    assert "< goes back,\nCtrl-C ends" in shown.replace(" \n", "\n")  # folded between words


@contextmanager
def dovecot():
    if not shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        pytest.skip("dovecot is not installed")
    with Dovecot(password=PASSWORD) as running:
        yield running


def test_dovecot_and_mail_that_is_to_be_deleted_there(rig, at) -> None:
    """Nothing but y or n will do where mail is deleted; the mailbox is on the board and then empty."""
    email, password, purpose, _, _, go = QUESTIONS
    with dovecot() as server:
        for number in range(3):
            server.add(message(number))
        person = at(server, "--json")
        person.answer(email, password, (purpose[0], "2"))
        question = r"deletes each message from the server once it has stored it\. Do you agree\? \[y/n\] "
        person.answer((question, ""))
        person.shows("Type y or n.")
        person.answer((question, "y"))
        person.answer((r"Wi-Fi network.*: ", "2"), go)  # the open one: no password
        shown = person.ends(0)
        assert "3 messages, " in shown
        document = json.loads(shown.splitlines()[-1])
        assert (document["accounts"][0]["messages"], document["purpose"]) == (3, "bring")
        assert "Password of the Wi-Fi" not in shown
        until(lambda: server.left() == 0)
    account = stored(rig)["account"][0]
    assert (account["keep"], account["delete_confirmed"]) == ("delete", True)
    assert stored(rig)["wifi"] == [{"ssid": "Open", "password": ""}]
    assert len(mail_on(rig.board.flash_file, "main")) == 3


def test_no_to_deleting_keeps_the_mail_and_passwords_may_come_from_the_environment(rig, server, at) -> None:
    server.deliver(message(1))
    person = at(server, BUZON_PASSWORD=WRONG, BUZON_WIFI_PASSWORD=WIFI[1])
    email, password, purpose, ssid, _, go = QUESTIONS
    person.answer(email)
    person.shows("That was the password from the environment or the keyring.")
    person.answer(password, (purpose[0], "2"))
    person.shows("will not find there what the board has taken")
    person.answer((r"Do you agree\? \[y/n\] ", "n"))
    person.shows("Then nothing is deleted: choose again.")
    person.answer((r"What is the board for, 1 or 2 \[2\]: ", "1"), ssid, go)
    person.ends(0)
    account = stored(rig)["account"][0]
    assert (account["keep"], account["delete_confirmed"]) == ("forever", False)
    assert server.left() == 1


def test_more_mail_than_fits_and_other_settings_are_kept(rig, server, at) -> None:
    rig.provision(server, {"device": {"name": "hall"}, "time": {"ntp": "127.0.0.1", "zone": 60}}
        | {"wifi": [{"ssid": WIFI[0], "password": WIFI[1]}],
           "account": [{"id": "casa", "host": server.host, "port": server.pop3s, "user": server.user,
                        "password": PASSWORD, "keep": "forever"}]})  # fmt: skip
    for number in range(3):
        server.deliver(message(number, 1_000_000))
    person = at(server)
    person.answer(*QUESTIONS)
    shown = person.ends(0)
    assert "3 messages, 3.0 MB; this board has room for" in shown
    settings = stored(rig)
    assert settings["device"]["name"] == "hall"
    assert settings["time"]["zone"] == 60
    assert [one["id"] for one in settings["account"]] == ["main"]
    assert settings["account"][0]["start"] == "now"
    assert mail_on(rig.board.flash_file, "main") == {}


def test_networks_that_no_frame_can_name(boot) -> None:
    """Each name once, and none that is not UTF-8: its neighbours are found all the same."""
    rig = boot(wifi=[WIFI, ("bad\udcff", "password"), OPEN, WIFI, ("Café ñ", "password")])
    assert [each[0] for each in rig.client.wifi_scan()] == [WIFI[0], "Open", "Café ñ"]


def test_the_address_that_a_board_names_is_not_offered(at, rig, serve):
    """A board that somebody else has had would get the password for a server of his with one Enter."""
    server = serve(samples=False, user="me@evil.example")
    rig.provision(server)
    rig.settled()
    person = at(server)
    person.shows("E-mail address: ")
    person.child.sendintr()
    person.ends(130)
