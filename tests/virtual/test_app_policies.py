"""The policies of an account on a whole board: what it fetches, what it keeps, what it leaves on the server."""

import time
from collections import Counter
from typing import Any

from app_board import ACCOUNT, Rig, account_of, files_on, mail_on, message, on_server, tree_of, until
from buzon_host.server.run import LocalServer

DAY = 86400


def headers_on(rig: Rig) -> list[bytes]:
    """The headers that are stored alone."""
    found = files_on(rig.board.flash_file, f"/mail/{ACCOUNT}")
    return sorted(content for name, content in found.items() if name.endswith((".hdr", ".top")))


def head(content: bytes) -> bytes:
    return content[: content.index(b"\r\n\r\n") + 4]


def deliver(server: LocalServer, *numbers: int, size: int = 0) -> "Counter[bytes]":
    sent = [message(number, size) for number in numbers]
    for each in sent:
        server.deliver(each)
    return Counter(sent)


def test_what_was_there_before_the_board_came_is_left_alone(boot: Any, serve: Any) -> None:
    server = serve()
    old = on_server(server)
    rig: Rig = boot()
    rig.provision(server, start="now", order="newest")
    account = rig.settled()
    assert (account.error, account.stored, account.listed) == (None, 0, sum(old.values()))
    new = deliver(server, *range(5))
    rig.power_cycle()
    account = rig.sync()
    assert (account.error, account.stored) == (None, 5)
    rig.shows("+4", "Message", "4")  # the newest, though it was fetched first
    assert mail_on(rig.board.flash_file) == new
    assert on_server(server) == old
    assert [item.subject for item in rig.client.list_all(ACCOUNT)]  # they are listed
    rig.page("alert")


def test_mail_is_deleted_so_many_days_after_it_came(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    sent = deliver(server, 1, 2, 3)
    rig.provision(server, tree_of(account_of(server, keep=7)))
    rig.settled()
    assert (server.left(), mail_on(rig.board.flash_file)) == (3, sent)
    now = int(time.time())
    rig.client.time_set(now + 6 * DAY)
    later = deliver(server, 4)
    account = rig.sync()
    assert (account.error, server.left()) == (None, 4)
    rig.client.time_set(now + 7 * DAY + 60)
    account = rig.sync()
    assert (account.error, on_server(server)) == (None, later)
    assert mail_on(rig.board.flash_file) == sent + later


def test_large_mail_comes_as_headers(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    small, large = deliver(server, 1, 2), deliver(server, 3, 4, size=9000)
    rig.provision(server, max_bytes=4000)
    account = rig.settled()
    assert (account.error, account.stored) == (None, 4)
    assert mail_on(rig.board.flash_file) == small
    assert headers_on(rig) == sorted(head(each) for each in large)
    assert on_server(server) == large
    assert {item.subject for item in rig.client.list_all(ACCOUNT)} == {f"Message {i}" for i in range(1, 5)}
    account = rig.sync()
    assert (account.error, account.fetched) == (None, 0)

    items = {item.subject: item for item in rig.client.list_all(ACCOUNT)}
    assert [items[f"Message {i}"].part for i in (1, 3)] == [False, True]
    assert items["Message 3"].octets == len(message(3, 9000))
    assert rig.client.fetch_message(ACCOUNT, items["Message 1"].id) is False
    assert rig.client.fetch_message(ACCOUNT, items["Message 3"].id) is True
    whole = small + Counter([message(3, 9000)])
    until(lambda: mail_on(rig.board.flash_file) == whole, what="all of the message")
    rig.settled()
    assert on_server(server) == Counter([message(4, 9000)])
    assert headers_on(rig) == [head(message(4, 9000))]


def test_filters_by_sender_and_subject(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    for i in range(6):
        deliver(server, i, size=2000)
    rules = [
        {"from": "S1@example.org", "fetch": "full"},
        {"subject": "message 2", "fetch": "skip"},
        {"subject": "message 3", "fetch": "skip"},
    ]
    rig.provision(server, fetch="headers", filter=rules)
    whole = Counter([message(1, 2000)])
    until(lambda: mail_on(rig.board.flash_file) == whole, what="the message that a filter wants whole")
    account = rig.settled()
    assert (account.error, account.stored, account.new) == (None, 4, 4)
    assert headers_on(rig) == sorted(head(message(i, 2000)) for i in (0, 4, 5))
    assert on_server(server) == Counter(message(i, 2000) for i in (0, 2, 3, 4, 5))
    assert {item.subject for item in rig.client.list_all(ACCOUNT)} == {f"Message {i}" for i in (0, 1, 4, 5)}
    rig.page("alert")
    assert rig.sync().fetched == 0


def test_the_oldest_mail_makes_room(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    size = len(message(10, 3000))
    rig.provision(server, tree_of(account_of(server), storage={"quota_bytes": 5 * size, "full": "evict"}))
    rig.settled()
    for first in (10, 13, 16):
        deliver(server, *range(first, first + 3), size=3000)
        account = rig.sync()
        assert (account.error, server.left()) == (None, 0)
    assert mail_on(rig.board.flash_file) == Counter(message(i, 3000) for i in range(14, 19))


def test_two_mailboxes_on_a_full_board_both_go_on(boot: Any, serve: Any) -> None:
    one, two = serve(samples=False), serve(samples=False)
    rig: Rig = boot()
    size = len(message(10, 3000))
    quiet = account_of(two, id="quiet", tls="none", port=two.pop3)
    storage = {"quota_bytes": 8 * size, "full": "evict"}
    rig.provision(one, tree_of(account_of(one), quiet, storage=storage))
    rig.settled()
    for first in (10, 16):
        deliver(one, *range(first, first + 6), size=3000)
        rig.sync()
    assert len(list(mail_on(rig.board.flash_file).elements())) == 8
    deliver(two, 30, 31, size=3000)
    rig.client.sync("quiet")
    until(lambda: two.left() == 0, what="the mail of the quiet one")
    account = rig.settled("quiet")
    assert (account.error, account.stored) == (None, 2)
    deliver(one, 40, size=3000)
    account = rig.sync()
    assert (account.error, one.left(), two.left()) == (None, 0, 0)
    assert message(40, 3000) in mail_on(rig.board.flash_file)
    assert mail_on(rig.board.flash_file, "quiet") == Counter([message(30, 3000), message(31, 3000)])


def test_a_full_quota_takes_headers(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    size = len(message(10, 3000))
    storage = {"quota_bytes": 65536 + 2 * size, "full": "headers"}
    rig.provision(server, tree_of(account_of(server), storage=storage))
    rig.settled()
    sent = deliver(server, *range(10, 15), size=3000)
    account = rig.sync()
    assert (account.error, account.stored) == (None, 5)
    whole = mail_on(rig.board.flash_file)
    assert sum(whole.values()) == 2
    assert on_server(server) == sent - whole
    assert headers_on(rig) == sorted(head(each) for each in sent - whole)


def test_many_messages_take_several_sessions(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    sent = deliver(server, *range(270))
    rig.provision(server)
    until(lambda: server.left() == 0, 120, "an empty server")
    account = rig.settled()
    assert (account.error, account.stored) == (None, 270)
    assert mail_on(rig.board.flash_file) == sent
