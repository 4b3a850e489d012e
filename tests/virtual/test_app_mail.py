"""A whole board collects mail: the happy path, two accounts, deletion that was not confirmed."""

import email
import email.policy
import smtplib
from collections import Counter

import pytest
from app_board import (
    ACCOUNT,
    SAMPLES,
    WIFI,
    account_of,
    files_on,
    log_lines,
    mail_on,
    message,
    on_server,
    pixels,
    tree_of,
    until,
)
from buzon_host.errors import BoardRefused


def header(content: bytes, name: str) -> str:
    return str(email.message_from_bytes(content, policy=email.policy.default)[name] or "")


def test_provisioned_it_collects_all_and_shows_the_newest(boot, serve) -> None:
    server = serve()
    sent = list(server.expected().values())
    assert len(sent) == len(SAMPLES) > 8
    rig = boot()
    result = rig.provision(server)
    assert [(one.account, one.messages, one.bytes) for one in result.mailboxes] == [
        (ACCOUNT, len(sent), sum(len(content) for content in sent))
    ]
    account = rig.settled()
    assert (account.state, account.error, account.stored, account.new) == ("idle", None, len(sent), len(sent))
    assert (account.listed, account.fetched, server.left()) == (0, len(sent), 0)
    assert mail_on(rig.board.flash_file) == Counter(sent)

    rig.page("alert")
    screen = rig.client.screen()
    assert (screen.w, screen.h) == (128, 64)
    until(lambda: pixels(rig.board.screen()) == screen.pixels, what="the display as the board means it")
    rig.shows("New", "mail", "+11", "Íñigo", "Muñoz", "¿Llega", "mañana")

    first = rig.client.list_page(ACCOUNT)
    assert 0 < len(first.items) <= 8
    assert (first.total, first.next) == (len(sent), first.items[-1].id)
    items = list(rig.client.list_all(ACCOUNT))
    assert [item.size for item in items] == [len(content) for content in reversed(sent)]
    assert all(not item.seen and item.time for item in items)
    for item, content in zip(items, reversed(sent), strict=True):
        subject = header(content, "Subject")
        if item.subject.endswith("…") and not subject.endswith("…"):
            assert len(item.subject.encode()) <= 64
            assert subject.startswith(item.subject[:-1].rstrip())
        else:
            assert item.subject == subject
        assert b"".join(rig.client.read_message(ACCOUNT, item.id)) == content
    senders = [item.from_ for item in items]
    assert senders[:2] == ["Íñigo Muñoz", "Asociación de Vecinos «El Álamo»"]
    assert "Begoña Ibáñez" in senders
    assert {"Presupuesto de la impresión en 3D", "¿Llega mañana el paquete? Sí, a las 9"} <= {
        item.subject for item in items
    }
    assert rig.status()["accounts"][0]["new"] == 0  # read, so seen
    rig.page("idle")
    rig.shows("12", "messages", "stored")


def test_what_is_stored_outlives_a_restart_and_is_not_fetched_twice(boot, serve) -> None:
    server = serve()
    sent = on_server(server)
    rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    before = list(rig.client.list_all(ACCOUNT))
    settings = rig.settings()
    b"".join(rig.client.read_message(ACCOUNT, before[0].id))
    again = rig.sync()
    assert (again.fetched, again.listed, again.stored) == (0, 12, 12)
    assert server.left() == 12

    rig.client.reboot()
    until(lambda: rig.board.stats()["boots"] == 2, what="the restart")
    rig.client.hello()
    assert rig.settings() == settings
    rig.client.time_set(1_800_000_000)
    rig.client.time_set(int(before[0].time) + 60)
    after = list(rig.client.list_all(ACCOUNT))
    assert [item.id for item in after] == [item.id for item in before]
    assert [item.seen for item in after] == [True] + [False] * 11
    assert rig.sync().fetched == 0
    writes = rig.board.stats()["operations"]
    assert rig.sync().fetched == 0
    assert rig.board.stats()["operations"] == writes  # a poll without new mail writes nothing
    assert mail_on(rig.board.flash_file) == sent


def test_what_was_deleted_on_the_board_does_not_come_back(boot, serve) -> None:
    server = serve()
    rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    items = list(rig.client.list_all(ACCOUNT))
    for gone in (items[0], items[5], items[11]):
        rig.client.delete_message(ACCOUNT, gone.id)
        with pytest.raises(BoardRefused, match="no message") as refused:
            b"".join(rig.client.read_message(ACCOUNT, gone.id))
        assert refused.value.code == 602
        with pytest.raises(BoardRefused, match="no message"):
            rig.client.delete_message(ACCOUNT, gone.id)
    left = [item.id for item in items if item not in (items[0], items[5], items[11])]
    assert [item.id for item in rig.client.list_all(ACCOUNT)] == left
    account = rig.sync()
    assert (account.fetched, account.stored, account.new, server.left()) == (0, 9, 9, 12)
    rig.power_cycle()
    account = rig.settled()
    assert (account.fetched, account.stored) == (0, 9)
    assert [item.id for item in rig.client.list_all(ACCOUNT)] == left
    assert sum(mail_on(rig.board.flash_file).values()) == 9


def test_mail_that_comes_while_it_runs_raises_the_alert_and_the_button_ends_it(boot, serve) -> None:
    server = serve(samples=False)
    rig = boot()
    rig.provision(server)
    assert rig.settled().listed == 0
    rig.page("idle")
    rig.shows("No", "mail", "yet")
    server.deliver("From: Niña <n@example.org>\r\nSubject: Über allem\r\n\r\nx\r\n".encode())
    assert rig.sync().fetched == 1
    rig.page("alert")
    rig.shows("Niña", "Über", "allem")
    rig.board.press()
    rig.page("idle")
    rig.shows("No new mail", "1 message stored")
    with smtplib.SMTP(server.host, server.smtp) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], message(7))
    assert rig.sync().fetched == 1
    rig.page("alert")
    rig.shows("Sender", "Message", "7")
    newest = rig.client.list_page(ACCOUNT).items[0]
    assert newest.subject == "Message 7"
    # Mail over SMTP gets trace fields on top; what RETR sent is what is stored.
    content = b"".join(rig.client.read_message(ACCOUNT, newest.id))
    assert content.endswith(message(7))
    assert mail_on(rig.board.flash_file)[content] == 1
    rig.board.press()
    rig.page("idle")
    assert server.left() == 0


def test_polls_come_by_themselves(boot, serve) -> None:
    server = serve(samples=False)
    rig = boot()
    rig.provision(server, poll_s=10)
    assert 5 <= rig.settled().next <= 10
    server.deliver(message(1))
    until(lambda: rig.status()["accounts"][0]["stored"] == 1, 15, "the poll after 10 s")


def test_a_sync_that_is_asked_for_during_one_comes_after_it(boot, serve) -> None:
    """What came after the listing does not wait for the next poll, which may be hours away."""
    server = serve(samples=False)
    server.deliver(message(1, 8_000_000))
    rig = boot(flash_size=16 << 20)
    rig.provision(server)
    until(lambda: rig.status()["accounts"][0]["todo"] == 1, 15, "the session's listing")
    server.deliver(message(2))
    rig.client.sync()
    assert rig.status()["accounts"][0]["state"] == "sync"  # still the first
    until(lambda: rig.status()["accounts"][0]["stored"] == 2, 30, "what came meanwhile")


def test_what_comes_from_mail_cannot_forge_frames_or_lines_of_the_log(boot, serve) -> None:
    server = serve(samples=False)
    evil = (
        b"From: =?utf-8?Q?Eve=1B[2J=0A@AAAA?= <e@example.org>\r\n"
        b"Subject: =?utf-8?Q?a=0D=0A@oQABAmZmYWxzZQ=3D=3D=0A>>>_=C2=9B1A=07?=\r\n\r\nx\r\n"
    )
    server.deliver(evil)
    rig = boot()
    rig.provision(server, tree_of(account_of(server), notify=[{"kind": "log"}, {"kind": "display"}]))
    rig.settled()
    lines = until(lambda: log_lines(rig.client.log()))
    assert [line for line in lines if line.startswith("new mail from Eve")], lines
    item = rig.client.list_page(ACCOUNT).items[0]
    for text in (*lines, item.from_, item.subject):
        assert all(ord(char) >= 32 and not 0x7F <= ord(char) < 0xA0 for char in text), text
    assert not [line for line in lines if line.startswith(("@", ">>>"))]
    assert b"".join(rig.client.read_message(ACCOUNT, item.id)) == evil


def test_nothing_is_deleted_until_it_is_confirmed(boot, serve) -> None:
    server = serve()
    sent = on_server(server)
    rig = boot()
    asked = []

    result = rig.provision(server, confirm=False, delete_confirmed=False)
    assert result.unconfirmed == [ACCOUNT]
    account = rig.settled()
    assert (account.state, account.stored, account.fetched) == ("idle", 12, 12)
    assert on_server(server) == sent == mail_on(rig.board.flash_file)
    rig.page("alert")
    rig.board.press()
    rig.page("idle")
    rig.shows("Deletion on hold")
    account = rig.sync()
    assert (account.fetched, server.left()) == (0, 12)

    # Confirmed later: what is stored is deleted there, and nothing is fetched again.
    asked.append(rig.provision(server))
    account = rig.settled()
    assert (account.fetched, account.stored, server.left()) == (0, 12, 0)
    assert mail_on(rig.board.flash_file) == sent


def test_an_account_that_fails_does_not_stop_the_other(boot, serve) -> None:
    server = serve()
    sent = on_server(server)
    bad = serve(samples=False)
    rig = boot()
    # Both work when they are tested; then one goes away.
    rig.provision(
        server,
        tree_of(account_of(bad, id="malo", tls="none", port=bad.pop3), account_of(server)),
    )
    assert rig.settled("malo").error is None
    assert rig.settled().stored == 12
    bad.stop()
    server.deliver(message(99))
    rig.client.sync()
    failed = rig.settled("malo")
    assert (failed.state, failed.error.code) == ("error", 204)
    assert "No connection" in failed.error.message
    account = rig.settled()
    assert (account.state, account.error, account.stored) == ("idle", None, 13)
    assert mail_on(rig.board.flash_file) == sent + Counter([message(99)])
    assert server.left() == 0
    rig.page("notice")  # it takes turns with the alert
    rig.shows("malo", "connection")
    rig.page("alert")


def test_as_many_accounts_as_there_may_be(boot, serve) -> None:
    servers = {f"account-of-{n}": serve(samples=False) for n in range(4)}
    for n, server in enumerate(servers.values()):
        for number in range(n + 1):
            server.deliver(message(10 * n + number, 3000))
    sent = {name: on_server(server) for name, server in servers.items()}
    rig = boot()
    rig.provision(
        next(iter(servers.values())),
        tree_of(
            *(account_of(server, id=name) for name, server in servers.items() if name.endswith("0")),
            *(
                account_of(server, id=name, tls="none", port=server.pop3)
                for name, server in servers.items()
                if not name.endswith("0")
            ),
        ),
    )
    for _ in range(3):
        for name, server in servers.items():
            account = rig.settled(name)
            assert (account.state, account.error, server.left()) == ("idle", None, 0)
            assert mail_on(rig.board.flash_file, name) == sent[name]
        rig.client.sync()


def test_files_on_the_flash_are_the_ones_that_the_design_names(boot, serve) -> None:
    server = serve()
    rig = boot()
    rig.provision(server)
    rig.settled()
    rig.client.list_page(ACCOUNT)
    assert set(files_on(rig.board.flash_file)) == {"board.cbor", "clock", "settings.cbor"}
    names = set(files_on(rig.board.flash_file, f"/mail/{ACCOUNT}"))
    assert {"journal", "done"} < names
    assert len(names) == 12 + 2
    assert rig.settings()["wifi"] == [{"ssid": WIFI[0], "password": True}]
