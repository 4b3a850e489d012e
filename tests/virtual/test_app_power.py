"""A flash that is full and a power that is cut, on a whole board: every message stays somewhere, and ends up once."""

import contextlib
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from app_board import ACCOUNT, Rig, account_of, files_on, mail_on, message, on_server, tree_of, until
from buzon_host.board.link import WAITS
from buzon_host.errors import BuzonError
from buzon_host.server.run import LocalServer

# -- a flash that is full


def test_a_full_flash_loses_nothing_and_goes_on_when_there_is_room(boot: Any, serve: Any) -> None:
    server: LocalServer = serve(samples=False)
    sent = Counter(message(i, 9000 + 100 * i) for i in range(12))
    rig: Rig = boot(flash_size=192 * 1024)
    rig.provision(server)
    rig.settled()
    assert sum(len(each) for each in sent) > rig.status()["flash"][0] // 2
    for each in sent:
        server.deliver(each)

    def nothing_lost() -> None:
        """Each is on the board or on the server; and where all ended well, not on both."""
        assert mail_on(rig.board.flash_file) + on_server(server) == sent

    account = rig.sync()
    assert account.state == "error"
    assert account.error is not None
    assert account.error.code == 600
    assert "no more room" in account.error.message
    assert "buzon mail pull --move" in account.error.message
    assert rig.status()["error"][:2] == [600, account.error.message]
    assert "error 600" in rig.client.log()
    assert 0 < account.stored < len(sent)
    assert server.left() == len(sent) - account.stored
    nothing_lost()
    rig.page("notice")
    rig.shows("Board full")

    again = rig.sync()  # nothing new fits: nothing is fetched, nor deleted
    assert again.error is not None
    assert (again.error.code, again.fetched, again.stored) == (600, 0, account.stored)
    nothing_lost()

    items = list(rig.client.list_all(ACCOUNT))
    for item in items[:4]:
        content = b"".join(rig.client.read_message(ACCOUNT, item.id))
        rig.client.delete_message(ACCOUNT, item.id)
        sent -= Counter([content])
    account = rig.sync()
    nothing_lost()
    while account.error is not None:
        assert account.error.code == 600
        assert account.fetched > 0
        item = rig.client.list_page(ACCOUNT).items[-1]
        sent -= Counter([b"".join(rig.client.read_message(ACCOUNT, item.id))])
        rig.client.delete_message(ACCOUNT, item.id)
        account = rig.sync()
        nothing_lost()
    assert server.left() == 0
    assert mail_on(rig.board.flash_file) == sent
    rig.page("alert")
    rig.power_cycle()
    assert rig.settled().error is None
    assert mail_on(rig.board.flash_file) == sent


def test_one_message_that_is_too_large_stops_no_other(boot: Any, serve: Any) -> None:
    server: LocalServer = serve(samples=False)
    large = message(1, 200_000)
    rest = [message(i, 3000) for i in range(2, 6)]
    for each in (rest[0], large, *rest[1:]):
        server.deliver(each)
    rig: Rig = boot(flash_size=192 * 1024)
    rig.provision(server)
    account = rig.settled()
    assert account.error is not None
    assert (account.error.code, account.stored) == (604, 4)
    assert mail_on(rig.board.flash_file) == Counter(rest)
    assert on_server(server) == Counter([large])
    rig.page("notice")
    rig.shows("KB")


# -- a power that is cut


MAIL = [
    message(1),
    message(2, 700),
    message(3, 30_000),
    message(4, 5000),
    message(5, 513),
    message(6, 12_000),
]
SAMPLES = 12


@pytest.fixture
def server(serve: Any) -> LocalServer:
    made: LocalServer = serve(samples=False)
    return made


@pytest.fixture
def base(boot: Any, server: LocalServer, tmp_path: Path) -> Path:
    """The flash of a board that is provisioned and has nothing stored."""
    rig: Rig = boot(flash=tmp_path / "base.img")
    rig.provision(server)
    rig.settled()
    rig.close()
    return tmp_path / "base.img"


def wake(rig: Rig) -> None:
    """What a PC does with a board that has just started; then the first sync begins."""
    rig.client.hello()
    rig.client.time_set(int(time.time()))


def patient(rig: Rig, patience: bool) -> None:
    """A board that loses its power answers no more: do not wait long for it."""
    rig.client.link._waits = WAITS if patience else (0.2,) * 3


def copy_of(base: Path, name: str) -> Path:
    flash = base.with_name(name)
    shutil.copy(base, flash)
    return flash


def finish(rig: Rig, server: LocalServer) -> None:
    """Power on and sync: each message is on the flash once, byte for byte, and the server is empty."""
    rig.board.power_cycle()
    patient(rig, True)
    wake(rig)
    account = until(
        lambda: (one := rig.client.status().accounts[0]).next and one.error is None and one, 20, "a good sync"
    )
    assert account.stored == len(MAIL)
    assert server.left() == 0
    assert mail_on(rig.board.flash_file) == Counter(MAIL)
    assert {item.size for item in rig.client.list_all(ACCOUNT)} == {len(each) for each in MAIL}
    names = set(files_on(rig.board.flash_file, f"/mail/{ACCOUNT}"))
    assert {"journal", "done"} < names
    assert len(names) == len(MAIL) + 2  # nothing half done is left


def nothing_lost(rig: Rig, server: LocalServer) -> None:
    there = mail_on(rig.board.flash_file) | on_server(server)
    assert there == Counter(MAIL)


def count_operations(boot: Any, server: LocalServer, base: Path) -> int:
    """Flash operations from the start to the end of a sync that nobody disturbs."""
    for each in MAIL:
        server.deliver(each)
    rig: Rig = boot(flash=copy_of(base, "dry.img"))
    finish(rig, server)
    done: int = rig.board.stats()["operations"]
    rig.close()
    return done


def test_a_power_cut_anywhere_in_a_sync_loses_and_doubles_nothing(
    boot: Any, server: LocalServer, base: Path
) -> None:
    done = count_operations(boot, server, base)
    assert done > 4 * SAMPLES
    between = 0  # cuts after which some messages were stored and some were not
    for sample in range(SAMPLES):
        for each in MAIL:
            server.deliver(each)
        cut = 1 + sample * (done - 1) // (SAMPLES - 1)  # the first and the last one too
        torn = (0.0, 0.5, 0.99)[sample % 3]
        rig: Rig = boot(flash=copy_of(base, f"{cut}.img"), cut_at=cut, cut_torn=torn)
        patient(rig, False)
        with contextlib.suppress(BuzonError):  # it may go before it has answered
            wake(rig)
        assert rig.board.wait_exit(20), (cut, torn)
        nothing_lost(rig, server)
        between += 0 < sum(mail_on(rig.board.flash_file).values()) < len(MAIL)
        finish(rig, server)
        rig.close()
    assert between > SAMPLES // 2


def test_a_power_cut_while_it_mends_what_a_cut_left(boot: Any, server: LocalServer, base: Path) -> None:
    done = count_operations(boot, server, base)
    cuts = 0
    for first in (done // 3, done * 2 // 3):
        for again in range(1, 4):
            for each in MAIL:
                server.deliver(each)
            rig: Rig = boot(flash=copy_of(base, f"{first}-{again}.img"), cut_at=first)
            patient(rig, False)
            with contextlib.suppress(BuzonError):
                wake(rig)
            assert rig.board.wait_exit(20), first
            rig.board.cut(rig.board.stats()["operations"] + again)
            rig.board.power_cycle()
            cuts += rig.board.wait_exit(3)  # no clock: what it does now is to mend
            nothing_lost(rig, server)
            finish(rig, server)
            rig.close()
    assert cuts > 3


def test_a_power_cut_while_a_board_gets_its_first_settings(
    boot: Any, server: LocalServer, tmp_path: Path
) -> None:
    blank: Rig = boot(flash=tmp_path / "blank.img")
    blank.client.hello()
    blank.close()
    tree = tree_of(account_of(server))

    dry: Rig = boot(flash=copy_of(tmp_path / "blank.img", "dry.img"))
    dry.provision(server, tree)
    done: int = dry.board.stats()["operations"]
    dry.close()
    outcomes = set()
    for cut in range(1, done + 1, max(1, done // 8)):
        rig: Rig = boot(flash=copy_of(tmp_path / "blank.img", f"{cut}.img"), cut_at=cut)
        patient(rig, False)
        with contextlib.suppress(BuzonError):  # the last cuts may come just after it
            rig.provision(server, tree)
        assert rig.board.wait_exit(10), cut
        rig.power_cycle()
        patient(rig, True)
        assert "settings.new" not in files_on(rig.board.flash_file)
        configured = rig.client.hello().configured
        outcomes.add(configured)
        if not configured:
            rig.provision(server, tree)
        assert rig.settled().error is None
        rig.in_force(tree)
        rig.close()
    assert False in outcomes
