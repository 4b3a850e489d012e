"""Mail that is on a board: flags, searches with and without a network and during a sync, copies onto the PC."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from app_board import ACCOUNT, Rig, mail_on, message, until
from buzon_host.board.client import Client
from buzon_host.errors import BuzonError
from buzon_host.pull.maildir import Maildir
from buzon_host.pull.mbox import Mbox, rendered
from buzon_host.pull.pull import Pulled, pull
from buzon_host.pull.target import tag_of
from buzon_host.virtual.profile import Timing


def copy(rig: Rig, folder: Path, *, at: Any = None) -> Pulled:
    """Copies to a Maildir in `folder`; `at(n)` is called when the n-th piece has come."""
    count = [0]

    def progress(*_: object) -> None:
        count[0] += 1
        if at is not None:
            at(count[0])

    with Maildir(folder) as to:
        return pull(rig.client, ACCOUNT, to, progress)


def in_maildir(folder: Path) -> "Counter[bytes]":
    assert list((folder / "tmp").iterdir()) == []
    return Counter(path.read_bytes() for sub in ("new", "cur") for path in (folder / sub).iterdir())


def found(client: Client, **find: str) -> list[str]:
    return [item.subject for item in client.list_all(ACCOUNT, find=find)]


def test_a_copy_is_byte_for_byte_and_leaves_the_board_as_it_is(boot, serve, tmp_path) -> None:
    server = serve()
    sent = list(server.expected().values())
    rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    before = rig.board.stats()["operations"]
    assert copy(rig, tmp_path / "Mail").copied == len(sent)
    assert in_maildir(tmp_path / "Mail") == Counter(sent)
    assert copy(rig, tmp_path / "Mail").there == len(sent)
    with Mbox(tmp_path / "mail.mbox") as to:
        assert pull(rig.client, ACCOUNT, to, lambda *_: None).copied == len(sent)
    items = list(rig.client.list_all(ACCOUNT))[::-1]
    assert (tmp_path / "mail.mbox").read_bytes() == b"".join(
        rendered(tag_of(ACCOUNT, item), item.time, content) for item, content in zip(items, sent, strict=True)
    )
    account = rig.status()["accounts"][0]
    assert (account["new"], account["stored"]) == (len(sent), len(sent))
    assert rig.board.stats()["operations"] == before


def test_a_copy_goes_on_when_the_board_is_reset_and_when_its_power_goes(boot, serve, tmp_path) -> None:
    server = serve(samples=False)
    sent = [message(number, size) for number, size in enumerate((100, 9000, 300, 20_000, 5000))]
    for each in sent:
        server.deliver(each)
    rig = boot()
    rig.provision(server)
    rig.settled()

    def reset(n: int) -> None:
        if n in (5, 20):
            rig.client.reboot()

    # The board starts again in the middle, twice, and the same run goes on.
    assert copy(rig, tmp_path / "one", at=reset).copied == len(sent)
    assert in_maildir(tmp_path / "one") == Counter(sent)
    boots = rig.board.stats()["boots"]
    assert boots == 3

    class Cut(Exception):
        pass

    def cut(n: int) -> None:
        if n == 13:
            raise Cut

    runs = 0
    while runs < 8:
        runs += 1
        try:
            copy(rig, tmp_path / "two", at=cut)
        except Cut:
            rig.board.power_cycle()
            rig.client.hello()
        else:
            break
    assert 3 < runs < 8
    assert in_maildir(tmp_path / "two") == Counter(sent) == mail_on(rig.board.flash_file)


def test_flags_outlive_a_restart_and_the_display_counts_them(boot, serve) -> None:
    server = serve()
    rig = boot()
    rig.provision(server)
    rig.settled()
    rig.page("alert")
    rig.shows("+11 more")
    items = list(rig.client.list_all(ACCOUNT))
    for item in items:
        rig.client.flag_message(ACCOUNT, item.id, seen=True)
    rig.shows("No new mail", "12 messages stored")
    rig.client.flag_message(ACCOUNT, items[4].id, seen=False)
    rig.shows("1 new", "12 messages stored")
    rig.power_cycle()
    assert [item.seen for item in rig.client.list_all(ACCOUNT)] == [n != 4 for n in range(12)]
    assert until(lambda: rig.status()["accounts"])[0]["new"] == 1


def test_search_without_a_network_and_while_a_message_comes_in(boot, serve, tmp_path) -> None:
    server = serve()
    rig = boot(timing=Timing(program_ns=2400), real_time=True)
    rig.provision(server)
    rig.settled()
    want = found(rig.client, text="IMPRESI")
    assert len(want) == 1
    server.deliver(message(1, 400_000))
    rig.client.sync()
    answers = 0
    slowest = 0.0
    until(lambda: rig.status()["accounts"][0]["state"] == "sync", what="the sync")
    while rig.status()["accounts"][0]["state"] == "sync":
        for find in ({"text": "IMPRESI"}, {"subject": "impresi"}, {"from": "nobody"}):
            begun = time.monotonic()
            assert bool(found(rig.client, **find)) is ("from" not in find)
            slowest = max(slowest, time.monotonic() - begun)
            answers += 1
        if answers == 3:
            copied = copy(rig, tmp_path / "Mail").copied
            assert copied in (12, 13)  # the one that comes may be there
    assert answers >= 3
    account = rig.settled()
    assert account.error is None
    assert account.stored == 13
    rig.board.wifi_up(False)
    server.stop()
    assert found(rig.client, text="IMPRESI") == want
    assert copy(rig, tmp_path / "Mail").copied == 13 - copied
    print(f"\n{answers} searches during the sync, the slowest {slowest * 1000:.0f} ms")


def test_a_cable_that_is_pulled_is_one_error_and_the_next_run_goes_on(boot, serve, tmp_path) -> None:
    server = serve(samples=False)
    sent = [message(number, 4000) for number in range(6)]
    for each in sent:
        server.deliver(each)
    rig = boot()
    rig.provision(server)
    rig.settled()

    def pulled(n: int) -> None:
        if n == 12:
            rig.client.link.close()
            rig.client.link.port = "/dev/no-such-port"

    port = rig.client.link.port
    try:
        copy(rig, tmp_path / "Mail", at=pulled)
    except BuzonError as error:
        assert error.exit_code == 3  # noqa: PT017
    else:
        raise AssertionError
    rig.client.link.port = port
    rig.client.hello()
    done = copy(rig, tmp_path / "Mail")
    assert done.there > 0
    assert done.there + done.copied == len(sent)
    assert in_maildir(tmp_path / "Mail") == Counter(sent)
