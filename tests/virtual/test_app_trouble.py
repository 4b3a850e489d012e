"""What goes wrong between the board and its server: each is a clear sentence, and nothing is lost."""

from collections import Counter

import pytest
from app_board import ACCOUNT, WIFI, account_of, mail_on, message, on_server, tree_of, until
from buzon_host.errors import BoardRefused
from buzon_host.virtual.profile import Timing


def refused(rig, server, code: int, word: str, **changes) -> BoardRefused:
    """Provisioning is refused, says why, and leaves the old settings in force."""
    before = rig.settings()
    with pytest.raises(BoardRefused) as error:
        rig.provision(server, **changes)
    assert error.value.code == code, str(error.value)
    assert word in str(error.value)
    assert rig.settings() == before
    return error.value


def now_fails(rig, server, code: int, word: str) -> None:
    """The settings in force fail now: status, display and log say it; nothing is deleted."""
    before = on_server(server) if server else None
    account = rig.sync()
    assert account.state == "error"
    assert account.error is not None
    assert account.error.code == code, account.error
    assert word in account.error.message
    error = rig.status()["error"]
    assert (error[0], error[1]) == (code, account.error.message)
    assert f"error {code}" in rig.client.log()
    rig.page("notice")
    if server:
        assert on_server(server) == before


@pytest.fixture
def rig(boot, serve):
    """A board that is provisioned from a server of its own, with nothing to collect."""
    made = boot()
    empty = serve(samples=False)
    made.provision(empty)
    made.settled()
    made.empty = empty
    return made


def test_wrong_mail_password(rig, serve) -> None:
    server = serve()
    error = refused(rig, server, 502, "password is wrong", password="wrong-SECRET-1")
    assert error.path == "account casa"
    assert server.left() == 12
    assert b"wrong-SECRET-1" not in rig.said()
    assert rig.sync().error is None  # the old account works as before


def test_the_mail_password_was_changed_later(boot, serve) -> None:
    server = serve(samples=False)
    rig = boot()
    rig.provision(server)
    rig.settled()
    port = server.pop3s
    certificates = server.ca_der.parent.rename(rig.log.parent / "certificates")
    server.stop()
    other = serve(password="another one", pop3s=port, certificates=certificates)
    now_fails(rig, other, 502, "run buzon provision with the right one")
    rig.shows("password", "wrong", "Problem")
    assert other.left() == 12


def test_server_down_and_back(boot, serve, tmp_path) -> None:
    certificates = tmp_path / "certificates"
    maildir = tmp_path / "Maildir"
    server = serve(certificates=certificates, maildir=maildir)
    sent = on_server(server)
    rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    port = server.pop3s
    server.stop()
    now_fails(rig, None, 204, "check host and port")
    rig.shows("connection")
    assert [item.size for item in rig.client.list_all(ACCOUNT)]  # the mail is there without a network
    back = serve(certificates=certificates, maildir=maildir, pop3s=port)
    back.deliver(message(1))
    # It comes back by itself: the first pause is five seconds.
    account = until(
        lambda: (one := rig.client.status().accounts[0]).error is None and one.fetched and one, 15
    )
    assert account.stored == 13
    assert mail_on(rig.board.flash_file) == sent + Counter([message(1)])


def test_a_server_that_hangs_up_in_a_message(boot, serve) -> None:
    server = serve(faults={"close_in_message": 5})
    sent = on_server(server)
    rig = boot()
    rig.provision(server)
    account = rig.settled()
    assert (account.state, account.error.code) == ("error", 206)
    assert "closed the connection" in account.error.message
    assert account.stored == 4
    assert server.left() == 12  # deleted is only what QUIT confirmed
    stored = mail_on(rig.board.flash_file)
    assert sum(stored.values()) == 4
    assert stored <= sent
    account = rig.sync()
    assert (account.error, account.fetched, account.stored, server.left()) == (None, 8, 12, 0)
    assert mail_on(rig.board.flash_file) == sent


def test_a_message_that_the_server_refuses_stops_no_other(boot, serve) -> None:
    server = serve(faults={"refuse_retr": 3})
    sent = on_server(server)
    rig = boot()
    rig.provision(server)
    account = rig.settled()
    assert account.error.code in (500, 505)
    assert (account.stored, server.left()) == (11, 1)
    account = rig.sync()
    assert (account.error, account.stored, server.left()) == (None, 12, 0)
    assert mail_on(rig.board.flash_file) == sent


@pytest.mark.parametrize(
    ("certificate", "code", "word"),
    [
        ("other-name", 209, "other.example.com"),
        ("expired", 210, "renew"),
        ("other-ca", 211, "give the server's CA"),
    ],
)
def test_certificates_that_must_not_be_trusted(rig, serve, certificate: str, code: int, word: str) -> None:
    server = serve(certificate=certificate)
    error = refused(rig, server, code, word)
    assert error.path == "account casa"
    assert server.left() == 12
    assert rig.sync().error is None  # with the old settings, and its certificate


def test_a_certificate_that_goes_bad_later(boot, serve, tmp_path) -> None:
    certificates = tmp_path / "certificates"
    maildir = tmp_path / "Maildir"
    server = serve(certificates=certificates, maildir=maildir)
    rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    port = server.pop3s
    server.stop()
    bad = serve(certificates=certificates, maildir=maildir, pop3s=port, certificate="expired")
    bad.deliver(message(1))
    now_fails(rig, bad, 210, "has expired")
    rig.shows("expired")
    assert bad.left() == 13


def test_wrong_wifi_password(rig, serve) -> None:
    server = serve()
    tree = tree_of(account_of(server), wifi=[{"ssid": WIFI[0], "password": "not-the-SECRET"}])
    error = refused(rig, server, 201, "refused the password", tree=tree)
    assert "Wi-Fi" in str(error)
    assert b"not-the-SECRET" not in rig.said()
    assert server.left() == 12
    assert rig.sync().error is None  # it joins the old network again


def test_no_such_wifi(rig, serve) -> None:
    server = serve()
    tree = tree_of(account_of(server), wifi=[{"ssid": "Nowhere", "password": "not-the-SECRET"}])
    error = refused(rig, server, 202, "Nowhere", tree=tree)
    assert "Wi-Fi" in str(error)
    assert rig.sync().error is None


def test_the_second_wifi_is_taken_when_the_first_is_not_there(boot, serve) -> None:
    server = serve()
    rig = boot()
    wifi = [{"ssid": "Nowhere", "password": "not-there-1"}, {"ssid": WIFI[0], "password": WIFI[1]}]
    rig.provision(server, tree_of(account_of(server), wifi=wifi))
    assert rig.settled().stored == 12
    assert rig.status()["wifi"]["ssid"] == WIFI[0]


def test_the_access_point_goes_and_comes_while_idle(rig) -> None:
    rig.board.wifi_up(False)
    error = until(lambda: rig.status()["error"], 10, "the Wi-Fi's error")
    assert error[0] == 202
    assert WIFI[0] in error[1]
    rig.page("notice")
    rig.shows("Wi-Fi")
    rig.client.sync()
    rig.board.wifi_up(True)
    until(lambda: rig.status()["wifi"]["up"], 15, "the Wi-Fi")
    assert rig.settled().error is None
    rig.page("idle")


def test_a_link_that_is_up_and_dead_is_left(rig) -> None:
    """As after a router has forgotten the board: nothing says that the link is gone."""
    rig.empty.deliver(message(1))
    rig.board.wifi_dead()
    assert rig.status()["wifi"]["up"]
    assert rig.sync().error.code == 203
    until(lambda: rig.client.status().accounts[0].error is None, 60, "the way back")
    assert rig.empty.left() == 0


def test_a_wrong_network_after_a_right_one_is_not_blamed_on_the_server(rig, serve) -> None:
    """A board may say for a moment that it is connected still."""
    server = serve()
    for ssid, password, code in ((WIFI[0], "not-the-SECRET", 201), ("Nowhere", WIFI[1], 202)):
        tree = tree_of(account_of(server), wifi=[{"ssid": ssid, "password": password}])
        refused(rig, server, code, ssid, tree=tree)
        assert rig.sync().error is None


def test_wifi_that_drops_in_a_large_message(boot, serve) -> None:
    server = serve(samples=False)
    large = [message(1, 900), message(2, 3_000_000), message(3, 5000)]
    for each in large:
        server.deliver(each)
    rig = boot(flash_size=8 << 20, timing=Timing(program_ns=160), real_time=True)
    rig.provision(server)
    free = rig.status()["flash"][0]
    until(lambda: rig.board.stats()["bytes_programmed"] > 1_000_000, 30, "a third of the message")
    rig.board.wifi_up(False)
    until(lambda: rig.status()["wifi"]["up"] is False, 5)
    account = until(lambda: (one := rig.client.status().accounts[0]).error and one, 10, "the account's error")
    assert account.error.code in (206, 203, 204)
    assert server.left() == 3
    assert sum(mail_on(rig.board.flash_file).values()) == 1
    rig.board.wifi_up(True)
    account = until(
        lambda: (one := rig.client.status().accounts[0]).stored == 3 and one.next and one, 60, "the rest"
    )
    assert account.error is None
    assert server.left() == 0
    assert mail_on(rig.board.flash_file) == Counter(large)
    assert rig.status()["flash"][0] > free - sum(map(len, large)) - 65536  # nothing half done was left behind


def test_a_server_name_that_does_not_exist(rig, serve) -> None:
    server = serve()
    error = refused(rig, server, 203, "was not found", host="no-such-host.invalid")
    assert error.path == "account casa"
    assert rig.sync().error is None


def test_plain_mail_on_the_tls_port_and_the_other_way_round(rig, serve) -> None:
    server = serve()
    assert refused(rig, server, 212, "port", port=server.pop3).path == "account casa"
    error = refused(rig, server, 401, "is not POP3 (220 ", port=server.smtp, tls="none")
    assert error.path == "account casa"


def test_starttls_and_tls_without_verification(boot, serve) -> None:
    server = serve(certificate="other-ca")
    rig = boot()
    rig.provision(server, tls="starttls", port=server.pop3, tls_verify=False)
    assert rig.settled().stored == 12
    status = rig.status()
    assert status["tls_verify"] is False
    rig.board.press()
    rig.page("idle")
    rig.shows("TLS", "not", "verified!")
    good = serve()
    rig.provision(good, tls="starttls", port=good.pop3)
    assert rig.settled().stored == 24
    assert rig.status()["tls_verify"] is True
