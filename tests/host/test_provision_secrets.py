"""Passwords from the environment, the keyring or a prompt; none is ever printed."""

import os
import subprocess
import sys
from pathlib import Path

import keyring
import pexpect
import pytest
from buzon_host.errors import UsageError
from buzon_host.provision import schema, secrets
from keyring.backend import KeyringBackend

SECRET = "hunter2-Zx9!"
TREE = {
    "wifi": [{"ssid": "Home"}],
    "account": [{"id": "my-mail", "host": "pop.example.com", "user": "me"}],
}


def never(question: str) -> str:
    raise AssertionError(f"asked: {question}")


def passwords(settings: schema.Settings) -> tuple[str, str]:
    wifi, account = settings.wifi[0].password, settings.account[0].password
    assert wifi is not None
    assert account is not None
    return wifi.get_secret_value(), account.get_secret_value()


class Ring(KeyringBackend):
    priority = 1

    def __init__(self, entries: dict[tuple[str, str], str] | None) -> None:
        super().__init__()
        self.entries = entries

    def get_password(self, service: str, username: str) -> str | None:
        if self.entries is None:
            raise RuntimeError(f"this keyring is broken {SECRET}")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("nothing is written to the keyring")


@pytest.fixture
def ring():
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_environment_comes_first_and_the_account_s_own_before_the_general(ring) -> None:
    ring(Ring({("buzon", "me@pop.example.com"): "from-ring", ("buzon", "wifi:Home"): "from-ring"}))
    env = {"BUZON_PASSWORD": "general", "BUZON_PASSWORD_MY_MAIL": SECRET, "BUZON_WIFI_PASSWORD": "wifi-pass"}
    assert passwords(secrets.fill(schema.parse(TREE), env=env, ask=never)) == ("wifi-pass", SECRET)
    del env["BUZON_PASSWORD_MY_MAIL"]
    assert passwords(secrets.fill(schema.parse(TREE), env=env, ask=never)) == ("wifi-pass", "general")


def test_then_the_keyring(ring) -> None:
    ring(Ring({("buzon", "me@pop.example.com"): SECRET, ("buzon", "wifi:Home"): "ring-wifi"}))
    assert passwords(secrets.fill(schema.parse(TREE), env={}, ask=never)) == ("ring-wifi", SECRET)


@pytest.mark.parametrize("entries", [None, {}])
def test_a_missing_or_broken_keyring_is_no_error(ring, entries) -> None:
    ring(Ring(entries))
    asked = []
    answers = iter(["wifi-typed", SECRET])

    def ask(question: str) -> str:
        asked.append(question)
        return next(answers)

    assert passwords(secrets.fill(schema.parse(TREE), env={}, ask=ask)) == ("wifi-typed", SECRET)
    assert asked == ['Password of the Wi-Fi "Home": ', "Password of me on pop.example.com: "]


def test_what_the_file_says_is_kept() -> None:
    tree = {
        "wifi": [{"ssid": "Home", "password": ""}],
        "account": [{**TREE["account"][0], "password": SECRET}],
    }
    env = {"BUZON_PASSWORD": "x", "BUZON_WIFI_PASSWORD": "xxxxxxxx"}
    assert passwords(secrets.fill(schema.parse(tree), env=env, ask=never)) == ("", SECRET)


def test_without_a_terminal_it_names_the_variable(monkeypatch, tmp_path) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        env = {"BUZON_WIFI_PASSWORD": "wifi-pass"}
        with pytest.raises(UsageError, match="BUZON_PASSWORD_MY_MAIL") as error:
            secrets.fill(schema.parse(TREE), env=env, keyring=False)
        assert error.value.exit_code == 2
        with pytest.raises(UsageError, match="BUZON_WIFI_PASSWORD"):
            secrets.fill(schema.parse(TREE), env={}, keyring=False)


@pytest.mark.parametrize("bad", ["ab\ncd", "x" * 201])
def test_a_typed_password_is_checked_and_not_shown(bad) -> None:
    env = {"BUZON_WIFI_PASSWORD": "wifi-pass"}
    with pytest.raises(UsageError) as error:
        secrets.fill(schema.parse(TREE), env=env, ask=lambda _: SECRET + bad, keyring=False)
    assert str(error.value).startswith("The password ")
    assert SECRET not in str(error.value) + repr(error.value)
    assert error.value.__suppress_context__


def test_nothing_typed_is_asked_again_three_times(capsys) -> None:
    env = {"BUZON_WIFI_PASSWORD": "wifi-pass"}
    answers = ["", "", SECRET]
    filled = secrets.fill(schema.parse(TREE), env=env, ask=lambda _: answers.pop(0), keyring=False)
    assert filled.account[0].secret == SECRET
    assert capsys.readouterr().err.count("No password was typed") == 2
    with pytest.raises(UsageError, match="No password was typed") as error:
        secrets.fill(schema.parse(TREE), env=env, ask=lambda _: "", keyring=False)
    assert error.value.exit_code == 2


def test_filled_settings_never_show_a_secret() -> None:
    env = {"BUZON_WIFI_PASSWORD": "wifi-pass-1", "BUZON_PASSWORD": SECRET}
    settings = secrets.fill(schema.parse(TREE), env=env, ask=never, keyring=False)
    text = repr(settings) + str(settings) + settings.model_dump_json() + f"{settings.account[0]!r}"
    assert SECRET not in text
    assert "wifi-pass-1" not in text


def _settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(
        '[[wifi]]\nssid = "Home"\npassword = ""\n'
        '[[account]]\nhost = "127.0.0.1"\nport = 1\nuser = "me"\ntls = "none"\n'
    )
    return path


NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


def test_a_typed_password_is_not_echoed(tmp_path) -> None:
    env = {**os.environ, **NO_KEYRING, "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "buzon_host", "check", str(_settings(tmp_path))],
        env=env,
        encoding="utf-8",
        timeout=20,
    )
    shown = tmp_path / "shown"
    with shown.open("w") as log:
        child.logfile_read = log
        child.expect("Password of me on 127.0.0.1: ")
        child.sendline(SECRET)
        child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert "No connection to 127.0.0.1:1" in shown.read_text()
    assert SECRET not in shown.read_text()


def test_a_password_from_the_environment_is_in_nothing_that_is_printed(tmp_path) -> None:
    env = {**os.environ, **NO_KEYRING, "BUZON_PASSWORD": SECRET, "BUZON_DEBUG": "1"}
    for flags in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "buzon_host", "check", str(_settings(tmp_path)), *flags],
            env=env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=30,
        )
        assert done.returncode == 1
        assert SECRET not in done.stdout + done.stderr
