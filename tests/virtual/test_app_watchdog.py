"""The watchdog: fed whatever the network does, and a board that hangs is reset, says so, and has lost nothing."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app_board import Rig, mail_on, message, until
from buzon_host import paths
from console import Console

MOST_S = 2.0  # between two feeds


def board_of(folder: Path, watchdog_s: int) -> Path:
    """The virtual board with another watchdog."""
    text = (paths.boards() / "virtual" / "board.toml").read_text("utf-8")
    assert "watchdog_s = 30" in text
    path = folder / "board.toml"
    path.write_text(text.replace("watchdog_s = 30", f"watchdog_s = {watchdog_s}"), "utf-8")
    return path


class Silent:
    """A server that takes connections and never says a word."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.held: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            while True:
                self.held.append(self._listener.accept()[0])
        except OSError:
            pass

    def close(self) -> None:
        self._listener.close()
        for each in self.held:
            each.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_it_is_fed_during_a_sync_of_20_mb(boot: Any, serve: Any, tls: str) -> None:
    server = serve(samples=False)
    size = 20_000_000 if tls == "implicit" else 2_000_000
    server.deliver(message(1, size))
    rig: Rig = boot(flash_size=24 << 20)
    rig.provision(server, tls=tls, port=server.pop3s if tls == "implicit" else server.pop3)
    account = rig.settled(timeout=90)
    assert (account.error, account.stored) == (None, 1)
    stats = rig.board.stats()
    print(f"longest time without a feed: {stats['watchdog_gap']:.2f} s")
    assert stats["watchdog"] == 30
    assert 0 < stats["watchdog_gap"] < MOST_S


def test_it_is_fed_while_servers_and_wifi_do_not_answer(boot: Any, serve: Any, silent: Silent) -> None:
    rig: Rig = boot()
    rig.provision(serve(samples=False))
    rig.settled()
    account = {**rig.settings()["account"][0], "port": silent.port, "password": "another"}
    rig.stage({**rig.settings(), "account": [account]})  # its handshake hangs
    rig.client.test()
    until(lambda: rig.client.test().step == "connect", 10)
    time.sleep(3)
    rig.board.wifi_up(False)  # joins again and again
    time.sleep(4)
    rig.board.wifi_up(True)
    stats = rig.board.stats()
    print(f"longest time without a feed: {stats['watchdog_gap']:.2f} s")
    assert 0 < stats["watchdog_gap"] < MOST_S
    assert stats["boots"] == 1


PLUGIN = """
class Plugin:
    API = 1
    def __init__(self, config, ui):
        pass
    def alert(self, sender, subject, new):
        %s
"""


@pytest.mark.parametrize(
    "how",
    ["while True: pass", "import asyncio; raise asyncio.CancelledError"],
    ids=["loop", "no-supervisor"],
)
def test_a_board_that_hangs_is_reset_and_says_so(boot: Any, serve: Any, tmp_path: Path, how: str) -> None:
    server = serve(samples=False)
    server.deliver(message(1))
    rig: Rig = boot(board=board_of(tmp_path, 3))
    rig.provision(server)
    rig.settled()
    rig.client.put_file("/lib/hangs.py", (PLUGIN % how).encode())
    rig.stage({**rig.settings(), "notify": [{"kind": "hangs:Plugin"}]})
    rig.client.commit(untested=True)
    until(lambda: rig.status()["notify"] == [["hangs:Plugin", None]], 10)
    rig.settled()
    server.deliver(message(2))
    rig.client.sync()
    until(lambda: server.left() == 0, 20, "the second message")
    start = time.monotonic()
    until(lambda: rig.board.stats()["boots"] == 2, 10, "the reset")
    assert 1 < time.monotonic() - start < 6
    rig.client.hello()
    error = until(lambda: rig.status()["error"], 10, "the error")
    assert error[0] == 803
    assert "watchdog" in error[1]
    assert "error 803" in rig.client.log()
    assert mail_on(rig.board.flash_file) == Counter([message(1), message(2)])
    rig.client.time_set(int(time.time()))
    assert rig.sync().error is None  # and goes on
    time.sleep(4)
    assert rig.board.stats()["boots"] == 2


def test_who_leaves_the_app_is_left_in_peace(boot: Any, tmp_path: Path) -> None:
    """By Ctrl-C, twice as Thonny and mpremote press it, and by `repl`; a soft reset does not stop a watchdog."""
    rig: Rig = boot(board=board_of(tmp_path, 2))
    rig.client.hello()
    assert rig.board.stats()["watchdog"] == 2
    rig.client.close()
    with Console(rig.board.port) as port:
        port.write(b"\r\x03\x03")
        port.expect(rb">>> ")
        time.sleep(3)
        assert rig.board.stats()["watchdog"] > 86400
        assert port.run("1 + 1") == b"2"
        port.write(b"\x01\x04")  # raw REPL, soft reset: main.py does not run
        port.expect(rb"raw REPL")
        time.sleep(3)
        port.write(b"\x02\x04")  # and now it does
        port.expect(rb"soft reboot")
        until(lambda: rig.board.stats()["watchdog"] == 2, 10, "the watchdog of the app")
    assert rig.board.stats()["boots"] == 3


def test_the_repl_method_leaves_in_peace(boot: Any, tmp_path: Path) -> None:
    rig: Rig = boot(board=board_of(tmp_path, 2))
    rig.client.hello()
    rig.client.repl()
    until(lambda: rig.board.stats()["watchdog"] > 86400, 5)
    time.sleep(2.5)
    assert rig.board.stats()["boots"] == 1


def test_a_board_can_do_without(boot: Any, tmp_path: Path) -> None:
    rig: Rig = boot(board=board_of(tmp_path, 0))
    rig.client.hello()
    assert rig.board.stats()["watchdog"] == 0
