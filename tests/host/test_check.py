"""The account check from the PC against the real local server, and finding the CA of a server."""

import socket
import subprocess
import sys

import certifi
import pytest
import terminal
from buzon_host import paths
from buzon_host.check import Mailbox, check
from buzon_host.errors import BuzonError, ServerRefused, UsageError
from buzon_host.provision import ca, schema, words
from buzon_host.server.run import LocalServer

SECRET = "hunter2-Zx9!"


def account(**more) -> schema.Account:
    tree = {"user": "demo", "password": "buzon-demo", **more}
    return schema.parse({"wifi": [{"ssid": "x", "password": ""}], "account": [tree]}).account[0]


@pytest.fixture(scope="module")
def server():
    with LocalServer(None) as running:
        yield running


@pytest.fixture(scope="module")
def der(server) -> bytes:
    return server.ca_der.read_bytes()


@pytest.mark.parametrize(("tls", "port"), [("implicit", "pop3s"), ("starttls", "pop3"), ("none", "pop3")])
def test_it_counts_the_mail_and_leaves_it_there(server, der, tls, port) -> None:
    expected = server.expected()
    found = check(account(host=server.host, port=getattr(server, port), tls=tls), ca=der)
    assert found == Mailbox(len(expected), sum(len(content) for content in expected.values()))
    assert server.left() == len(expected)


def test_a_wrong_password_is_named_and_not_shown(server, der) -> None:
    with pytest.raises(BuzonError, match="password is wrong") as error:
        check(account(host=server.host, port=server.pop3s, password=SECRET), ca=der)
    assert SECRET not in str(error.value)
    assert error.value.__suppress_context__


def test_a_server_that_is_down() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BuzonError, match=f"No connection to 127.0.0.1:{port}, connection refused: check"):
        check(account(host="127.0.0.1", port=port, tls="none"))


def test_what_is_no_pop3_server(server) -> None:
    with pytest.raises(BuzonError, match=r"not POP3 \(220 .*check what answers"):
        check(account(host=server.host, port=server.smtp, tls="none"))


@pytest.mark.parametrize(
    ("certificate", "text"),
    [
        ("expired", "has expired"),
        ("other-name", "is for other.example.com"),
        ("other-ca", "not signed by the CA"),
    ],
)
def test_certificates_that_must_not_be_accepted(certificate, text) -> None:
    with LocalServer(None, certificate=certificate) as bad, pytest.raises(BuzonError, match=text):
        check(account(host=bad.host, port=bad.pop3s), ca=bad.ca_der.read_bytes())


def test_a_ca_is_read_as_pem_or_der(server, der, tmp_path) -> None:
    assert ca.read(server.ca_pem) == der
    assert ca.read(server.ca_der) == der
    two = tmp_path / "two.pem"
    two.write_bytes(server.ca_pem.read_bytes() * 2)
    with pytest.raises(UsageError, match="holds 2 certificates"):
        ca.read(two)
    two.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="holds no certificate"):
        ca.read(two)
    with pytest.raises(UsageError, match="cannot be read"):
        ca.read(tmp_path / "missing.pem")


@pytest.mark.parametrize(("tls", "port"), [("implicit", "pop3s"), ("starttls", "pop3")])
def test_the_root_that_vouches_for_a_server_is_found(server, der, monkeypatch, tls, port) -> None:
    # The local CA takes the place of the public roots; connection, chain and verification are real.
    monkeypatch.setattr(certifi, "where", lambda: str(server.ca_pem))
    assert ca.fetch_root(server.host, getattr(server, port), tls) == der


@pytest.mark.parametrize(("tls", "port"), [("implicit", "pop3s"), ("starttls", "pop3")])
def test_no_root_for_a_server_that_no_public_ca_vouches_for(server, tls, port) -> None:
    with pytest.raises(BuzonError, match=r"was not accepted .*--ca FILE"):
        ca.fetch_root(server.host, getattr(server, port), tls)


def test_no_root_from_a_server_that_is_none(server) -> None:
    with pytest.raises(BuzonError, match="No secure connection"):
        ca.fetch_root(server.host, server.pop3, "implicit")


@pytest.mark.parametrize(
    ("lines", "env", "said"),
    [
        (
            'password = "wrong"',
            {},
            "correct password in [[account]] ({file}, line 8), or use an app password.",
        ),
        (
            "",
            {"BUZON_PASSWORD": "wrong"},
            "correct BUZON_PASSWORD in the environment, or use an app password.",
        ),
        (
            "",
            {"BUZON_PASSWORD_MAIN": "wrong", "BUZON_PASSWORD": "other"},
            "correct BUZON_PASSWORD_MAIN in the environment, or use an app password.",
        ),
    ],
)
def test_a_wrong_password_is_corrected_where_it_is(server, tmp_path, lines, env, said) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        f'[[wifi]]\nssid = "x"\n[[account]]\nhost = "{server.host}"\nport = {server.pop3}\ntls = "none"\n'
        f'user = "demo"\n{lines}\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "buzon_host", "check", str(file)],
        capture_output=True,
        encoding="utf-8",
        env={**terminal.clean(tmp_path), **env},
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("main: The password is wrong")
    assert done.stderr.endswith(said.format(file=file) + "\n")


def test_no_sentence_about_a_settings_file_is_for_a_board() -> None:
    """Nor is one of them replaced that the firmware no longer says."""
    paths.use_firmware()
    from buzon.errors import sentence

    for code in (*range(203, 207), *range(208, 213), *range(217, 223), *range(401, 404), *range(501, 509)):
        said = words.of_check(ServerRefused(code, sentence(code, "x")), lambda name: f"{name} in home.toml")
        assert "provision" not in said, said
        assert "this board" not in said or code == 219, said
        assert "board will" not in said, said
    for advice in words._IN_FILE:
        assert any(sentence(code, "x").endswith(f": {advice}") for code in range(200, 510)), advice
    error = ServerRefused(203, sentence(203, "pop.x"))
    assert words.of_check(error, lambda name: f"{name} in home.toml").endswith(": correct host in home.toml.")
    for code in (205, 206):
        error = ServerRefused(code, sentence(code, "reply"))
        assert words.of_check(error, str).endswith("(reply): try again in a few minutes.")
        assert words.of_check(error, str, "none").endswith(
            "(reply): check tls and the port, or try again in a few minutes."
        )


def test_a_pinned_certificate_that_was_renewed_names_the_command(server, tmp_path) -> None:
    with LocalServer(None) as other:
        pinned = tmp_path / "pinned.der"
        pinned.write_bytes(ca.fetch_certificate(other.host, other.pop3s, "implicit"))
    settings = tmp_path / "settings.toml"
    settings.write_text(
        '[[wifi]]\nssid = "x"\npassword = ""\n'
        f'[[account]]\nhost = "{server.host}"\nport = {server.pop3s}\nuser = "demo"\npassword = "{SECRET}"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "buzon_host", "check", str(settings), "--ca", str(pinned)],
        capture_output=True,
        encoding="utf-8",
        env=terminal.clean(tmp_path),
        timeout=60,
    )
    assert done.returncode == 1
    assert "is not the one that is pinned" in done.stderr
    assert "buzon provision shows the new certificate and pins it" in done.stderr
