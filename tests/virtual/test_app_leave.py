"""What was wiped, or moved to a PC, does not come again: on whole boards, with real servers and power cuts."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from app_board import ACCOUNT, Rig, account_of, files_on, mail_on, message, on_server, tree_of, until
from buzon_host.errors import BuzonError
from buzon_host.pull.maildir import Maildir
from buzon_host.pull.pull import Pulled, pull
from buzon_host.server.run import LocalServer


def deliver(server: LocalServer, *numbers: int, size: int = 0) -> "Counter[bytes]":
    sent = [message(number, size) for number in numbers]
    for each in sent:
        server.deliver(each)
    return Counter(sent)


def move(rig: Rig, folder: Path) -> Pulled:
    with Maildir(folder) as to:
        return pull(rig.client, ACCOUNT, to, lambda *_: None, move=True)


def in_maildir(folder: Path) -> "Counter[bytes]":
    return Counter(path.read_bytes() for path in (folder / "new").iterdir())


TELL = {"keep": "forever", "start": "now", "order": "newest", "max_bytes": 65536}


@pytest.mark.parametrize("policy", [TELL, {"keep": 30}, {"delete_confirmed": False}, {}], ids=str)
def test_wiped_mail_does_not_come_again_and_the_server_is_not_touched(
    policy: Any, boot: Any, serve: Any
) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    rig.provision(server, tree_of(account_of(server, **policy)), confirm=False)
    rig.settled()
    sent = deliver(server, *range(40))
    assert rig.sync().stored == 40
    there = on_server(server)
    assert there == (sent if policy else Counter())
    rig.client.wipe("mail")
    until(lambda: rig.status()["accounts"], what="the account")
    account = rig.settled()
    assert (account.stored, account.new) == (0, 0)
    assert (mail_on(rig.board.flash_file), on_server(server)) == (Counter(), there)
    rig.power_cycle()
    rig.settled()
    new = deliver(server, 77)
    account = rig.sync()
    assert (account.error, account.stored) == (None, 1)
    assert mail_on(rig.board.flash_file) == new
    assert on_server(server) == (there + new if policy else Counter())


def test_mail_of_an_account_that_is_no_longer_there_is_wiped_and_stays_known(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    sent = deliver(server, 1, 2, 3)
    rig.provision(server, keep="forever")
    rig.settled()
    rig.provision(server, tree_of(account_of(server, id="other", start="now", keep="forever")))
    rig.settled("other")
    rig.client.wipe("mail")
    assert mail_on(rig.board.flash_file) == Counter()
    rig.provision(server, keep="forever")
    account = rig.settled()
    assert (account.error, account.stored) == (None, 0)
    assert on_server(server) == sent


def test_a_wipe_whose_power_goes_anywhere_is_ended_by_the_next(boot: Any, serve: Any, tmp_path: Path) -> None:
    server = serve(samples=False)
    sent = deliver(server, *range(20))
    rig: Rig = boot()
    rig.provision(server, keep="forever")
    assert rig.settled().stored == 20
    rig.close()
    base = tmp_path / "base.img"
    shutil.copy(rig.board.flash_file, base)
    cuts = 0
    for cut in range(1, 200, 3):
        flash = tmp_path / f"{cut}.img"
        shutil.copy(base, flash)
        rig = boot(flash=flash, cut_at=cut)
        rig.client.hello()
        until(lambda rig=rig: rig.status()["accounts"], what="the account")
        try:
            rig.client.wipe("mail")
        except BuzonError:
            pass
        if not rig.board.wait_exit(0.3):
            rig.close()
            break
        cuts += 1
        rig.power_cycle()
        account = rig.settled()
        held = mail_on(flash)
        assert (account.error, account.stored) == (None, sum(held.values()))
        assert held <= sent
        rig.client.wipe("mail")
        rig.settled()
        assert rig.sync().stored == 0
        assert mail_on(flash) == Counter()
        rig.close()
    else:
        raise AssertionError("the wipe did not end")
    assert cuts > 5
    assert on_server(server) == sent
    print(f"\n{cuts} cuts")


def test_a_full_board_is_freed_by_a_move_and_goes_on(boot: Any, serve: Any, tmp_path: Path) -> None:
    """The purpose "bring it to me": all mail is on the PC once, none on the board twice, and the server is empty in the end."""
    server = serve(samples=False)
    rig: Rig = boot()
    size = len(message(10, 3000))
    sent = deliver(server, *range(10, 30), size=3000)
    storage = {"quota_bytes": 6 * size, "full": "stop"}
    rig.provision(server, tree_of(account_of(server), storage=storage))
    account = rig.settled()
    assert account.error is not None
    assert (account.error.code, account.stored) == (600, 6)
    for _ in range(4):
        held = mail_on(rig.board.flash_file)
        done = move(rig, tmp_path / "Mail")
        assert (done.moved, done.failed, done.kept) == (sum(held.values()), [], [])
        assert mail_on(rig.board.flash_file) == Counter()
        rig.sync()
    assert server.left() == 0
    move(rig, tmp_path / "Mail")
    assert in_maildir(tmp_path / "Mail") == sent
    rig.power_cycle()
    account = rig.sync()
    assert (account.error, account.stored) == (None, 0)


def test_what_was_moved_from_a_board_that_leaves_mail_there_does_not_come_again(
    boot: Any, serve: Any, tmp_path: Path
) -> None:
    server = serve()
    rig: Rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    there = on_server(server)
    assert move(rig, tmp_path / "Mail").moved == 12
    assert rig.sync().stored == 0
    rig.power_cycle()
    assert rig.sync().stored == 0
    assert on_server(server) == there == in_maildir(tmp_path / "Mail")
    assert "journal" in files_on(rig.board.flash_file, f"/mail/{ACCOUNT}")


def test_a_move_whose_power_goes_anywhere_loses_nothing_and_copies_nothing_twice(
    boot: Any, serve: Any, tmp_path: Path
) -> None:
    server = serve(samples=False)
    sent = deliver(server, *range(12))
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    assert server.left() == 0
    cuts = 0
    for step in (1, 2, 3, 5, 8, 13, 4, 7, 2, 1, 6, 200):
        rig.board.cut(rig.board.stats()["operations"] + step)
        rig.power_cycle(clock=False)
        until(lambda: rig.status()["accounts"], what="the account")
        try:
            move(rig, tmp_path / "Mail")
        except BuzonError:
            pass
        if rig.board.wait_exit(0.3):
            cuts += 1
            rig.power_cycle()
            rig.settled()
        assert not sent - in_maildir(tmp_path / "Mail") - mail_on(rig.board.flash_file)
    assert cuts > 6
    rig.board.cut(0)
    rig.power_cycle()
    move(rig, tmp_path / "Mail")
    assert in_maildir(tmp_path / "Mail") == sent
    assert mail_on(rig.board.flash_file) == Counter()
    assert rig.sync().stored == 0


def test_a_board_that_tells_always_has_the_newest_mail(boot: Any, serve: Any) -> None:
    """The purpose "tell me" when the flash is full: the oldest makes room, and does not come again."""
    server = serve(samples=False)
    rig: Rig = boot()
    size = len(message(10, 3000))
    storage = {"quota_bytes": 6 * size, "full": "evict"}
    rig.provision(server, tree_of(account_of(server, **TELL), storage=storage))
    rig.settled()
    for first in range(10, 40, 5):
        deliver(server, *range(first, first + 5), size=3000)
        account = rig.sync()
        assert account.error is None, account.error
        held = mail_on(rig.board.flash_file)
        assert set(held) >= {message(number, 3000) for number in range(first, first + 5)}
    rig.power_cycle()
    account = rig.sync()
    assert (account.error, account.fetched, server.left()) == (None, 0, 30)
    assert mail_on(rig.board.flash_file) == Counter(message(number, 3000) for number in range(34, 40))
