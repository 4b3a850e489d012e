"""Every way to log in, on the real MicroPython against the real Dovecot: right and wrong passwords."""

import base64
import contextlib
from pathlib import Path
from typing import Any

import pytest
from buzon_host.server.dovecot import Dovecot
from mail_session import session
from relay import Relay

PASSWORD_SHOWN = ("user", "plain", "login")
WAYS = (*PASSWORD_SHOWN, "apop", "cram-md5", "scram-sha-1", "scram-sha-256")
TOKEN_WAYS = ("xoauth2", "oauthbearer")


def run(server: Dovecot, folder: Path, tls: str, password: str, **account: Any) -> dict[str, Any]:
    port = server.pop3s if tls == "implicit" else server.pop3
    secret = {"oauth": password} if account.get("auth") in TOKEN_WAYS or "oauth" in account else {}
    known = {"user": server.user, "password": password, "host": "localhost", "port": port, "tls": tls}
    return session(folder, "localhost", port, server.ca_der, {**known, **account, **secret}, wait_ms=8000)


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
@pytest.mark.parametrize("way", ["auto", *WAYS, *TOKEN_WAYS])
def test_logs_in(dovecot: Dovecot, tmp_path: Path, way: str, tls: str) -> None:
    dovecot.add(b"Subject: one\r\n\r\nbody\r\n")
    result = run(dovecot, tmp_path, tls, dovecot.password, auth=way)
    assert (result["error"], result["fetched"], dovecot.left()) == (None, 1, 0)


@pytest.mark.parametrize("way", ["auto", *WAYS, *TOKEN_WAYS])
def test_a_wrong_password_is_said_and_not_shown(dovecot: Dovecot, tmp_path: Path, way: str) -> None:
    dovecot.add(b"Subject: one\r\n\r\nbody\r\n")
    result = run(dovecot, tmp_path, "implicit", "WRONG-secret", auth=way)
    code, sentence = result["error"]
    assert code in (501, 502), result
    assert "WRONG" not in sentence
    assert (result["stored"], dovecot.left()) == (0, 1)


def test_without_tls_the_password_is_not_shown(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.add(b"Subject: one\r\n\r\nbody\r\n")
    with contextlib.closing(Relay(dovecot.pop3)) as relay:
        known = {"user": dovecot.user, "password": dovecot.password, "tls": "none"}
        result = session(tmp_path, "localhost", relay.port, None, known, wait_ms=8000)
        assert (result["error"], result["fetched"]) == (None, 1)
        said = bytes(relay.sent)
        assert b"AUTH SCRAM-SHA-256" in said
        parts = [said, *(_unpacked(line.split()[-1]) for line in said.splitlines() if line)]
        assert not any(dovecot.password.encode() in part for part in parts)


def _unpacked(word: bytes) -> bytes:
    try:
        return base64.b64decode(word)
    except ValueError:
        return b""
