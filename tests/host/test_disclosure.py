"""A board that names a server of its own gets no password of this PC's; the server here is a thief's."""

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pexpect
import pytest
import terminal
from buzon_host import disclosure, doctor
from buzon_host.provision import schema
from test_board_peer import Peer
from test_provision_secrets import Ring

SECRET = "hunter2-Zx9!"
ENV = {"BUZON_PASSWORD": SECRET}


class Thief:
    """A POP3 server that takes every login; `heard`: all that was said to it."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                one = self._listener.accept()[0]
            except OSError:
                return
            with one, one.makefile("rwb") as file:
                file.write(b"+OK\r\n")
                file.flush()
                for line in file:
                    self.heard += line
                    file.write(b"+OK 0 0\r\n" + (b".\r\n" if line.startswith(b"CAPA") else b""))
                    file.flush()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def thief() -> Iterator[Thief]:
    made = Thief()
    yield made
    made.close()


@pytest.fixture
def kept() -> Iterator[Any]:
    before = keyring.get_keyring()
    keyring.set_keyring(Ring({("buzon", "me@127.0.0.1"): SECRET, ("buzon", "me@pop.example.com"): SECRET}))
    yield
    keyring.set_keyring(before)


def hostile(peer: Peer, step: str = "login", code: int = 502, **account: Any) -> Peer:
    """A board that says that its login failed at a server that it names."""
    peer.settings = {
        "wifi": [{"ssid": "x", "password": True}],
        "account": [{"id": "main", "user": "me", "password": True, "tls": "none", **account}],
    }
    peer.tests = [
        {
            "state": "failed",
            "step": step,
            "account": "main",
            "link": "reply",
            "error": [code, "The password is wrong (x): run buzon provision with the right one."],
            "accounts": [],
        }
    ]
    peer.statuses = [{"flash": [1 << 20, 1 << 21], "heap": [1 << 16, 1 << 17], "accounts": [{"id": "main"}]}]
    return peer


@pytest.mark.parametrize("code", [502, 401])
def test_a_hostile_board_gets_nothing(thief: Thief, kept: None, code: int) -> None:
    with hostile(Peer(), code=code, host="127.0.0.1", port=thief.port) as peer:
        report = doctor.examine(peer.port, env=ENV)
        assert SECRET.encode() not in thief.heard
        assert bool(thief.heard) == (code == 401)  # it was looked at, without a login
        told = next(one for one in report.checks if "The login was not tried from this PC" in one.text)
        assert told.result == "warn"
        assert f"BUZON_PASSWORD may go to 127.0.0.1, port {thief.port}" in told.text
        assert "--host 127.0.0.1" in told.remedy
        report = doctor.examine(peer.port, env={})
        assert SECRET.encode() not in thief.heard
        assert any("is not kept for 127.0.0.1, port" in one.text for one in report.checks)


def test_what_the_person_has_said_goes(thief: Thief) -> None:
    with hostile(Peer(), host="127.0.0.1", port=thief.port) as peer:
        report = doctor.examine(peer.port, env=ENV, keyring=False, host="pop.example.com")
        assert not thief.heard
        assert "another server than --host" in report.checks[-1].text
        doctor.examine(peer.port, env=ENV, keyring=False, host="127.0.0.1")
        assert SECRET.encode() in thief.heard


@pytest.mark.parametrize(("answer", "sent"), [("n", False), ("", False), ("y", True)])
def test_it_is_asked_on_the_terminal(thief: Thief, tmp_path: Path, answer: str, sent: bool) -> None:
    with hostile(Peer(), host="127.0.0.1", port=thief.port) as peer:
        child: Any = pexpect.spawn(
            sys.executable,
            ["-m", "buzon_host", "doctor", "--port", peer.port],
            env=terminal.clean(tmp_path, **ENV),
            encoding="utf-8",
            timeout=40,
            dimensions=(24, 400),
        )
        child.expect(
            rf"collects the mail of me from 127.0.0.1, port {thief.port}. May the password in BUZON_PASSWORD be sent there"
        )
        assert SECRET.encode() not in thief.heard
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
    assert (SECRET.encode() in thief.heard) == sent


def account(**more: Any) -> schema.Account:
    return schema.Account.model_validate({"host": "pop.example.com", "user": "me", **more})


def found(one: schema.Account, env: dict[str, str] | None = None, host: str | None = None) -> str | None:
    return disclosure.password(one, env or {}, True, host, lambda _: False)[0]


def test_a_kept_password_goes_only_where_it_was_kept_for(kept: None) -> None:
    assert found(account()) == SECRET
    assert found(account(tls="starttls")) == SECRET
    assert found(account(port=995)) == SECRET
    assert found(account(host="127.0.0.1", tls="none")) == SECRET
    for other in (
        {"host": "pop.example.net"},
        {"user": "you"},
        {"port": 9955},
        {"tls": "none"},
        {"tls_verify": False},
        {"tls": "starttls", "port": 995},
        {"host": "127.0.0.1", "tls": "none", "port": 9955},
        {"host": "localhost.example.com", "tls": "none"},
    ):
        assert found(account(**other)) is None, other


def test_the_environment_s_goes_to_the_named_host_over_verified_tls() -> None:
    env = {"BUZON_PASSWORD_MAIN": SECRET, "BUZON_PASSWORD": "other"}
    assert found(account(), env) is None
    assert found(account(), env, "POP.example.com.") == SECRET
    assert found(account(), env, "example.com") is None
    assert found(account(tls="none"), env, "pop.example.com") is None
    assert found(account(tls_verify=False), env, "pop.example.com") is None
    assert disclosure.password(account(), {}, False, None, lambda _: True) == (None, "", "")
    assert disclosure.password(account(tls="none"), env, False, None, lambda _: True)[0] is None
