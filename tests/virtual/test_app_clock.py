"""The board's clock: from the PC, from NTP, and the last good time that its flash keeps."""

import contextlib
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app_board import ACCOUNT, Rig, account_of, files_on, mail_on, message, on_server, tree_of, until
from buzon_host.virtual.flash import open_image

_UNIX = 2208988800


def forget_the_time(rig: Rig, boot: Any, flash: Path) -> Rig:
    """The board as it is when nobody has ever set its clock."""
    rig.close()
    image = open_image(flash)
    image.remove("/clock")
    image.unmount()
    flash.write_bytes(image.context.buffer)
    again: Rig = boot()
    again.client.hello()
    return again


def failed(rig: Rig) -> Any:
    return until(lambda: (one := rig.client.status().accounts[0]).error and one, 20, "the account's error")


def test_no_certificate_is_checked_before_the_clock_is_set(boot: Any, serve: Any, tmp_path: Path) -> None:
    server = serve()
    sent = on_server(server)
    rig: Rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    server.deliver(message(1))
    rig = forget_the_time(rig, boot, tmp_path / "flash.img")
    account = failed(rig)
    assert account.error.code == 207
    assert "The clock says 2000-01-01" in account.error.message
    status = rig.status()
    assert status["epoch"] is None
    rig.page("notice")
    rig.shows("Clock not set", "2000-01-01")
    assert (account.stored, server.left()) == (12, 13)
    rig.client.time_set(int(time.time()))
    account = until(lambda: (one := rig.client.status().accounts[0]).fetched and one.next and one, 10)
    assert (account.error, account.stored) == (None, 13)
    assert mail_on(rig.board.flash_file) == sent + Counter([message(1)])
    assert abs(rig.status()["epoch"] - time.time()) < 5


def test_the_clock_set_while_ntp_is_asked_is_no_error(boot: Any, serve: Any) -> None:
    server = serve()
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    rig.power_cycle(clock=False)
    until(lambda: rig.status()["state"] == "clock", what="the state clock")
    rig.client.time_set(int(time.time()))
    account = until(lambda: (one := rig.client.status().accounts[0]).next and one, 5, "the poll")
    assert account.error is None
    assert rig.status()["error"] is None


def test_after_a_power_cut_the_last_good_time_does_for_certificates_only(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    rig.provision(server, keep="forever")
    assert rig.settled().error is None
    kept = int.from_bytes(files_on(rig.board.flash_file)["clock"], "big")
    assert abs(kept - time.time()) < 60
    server.deliver(message(1))
    rig.power_cycle(clock=False)
    account = until(
        lambda: (one := rig.client.status().accounts[0]).fetched and one.next and one, 20, "the mail"
    )
    assert (account.error, account.stored) == (None, 1)
    status = rig.status()
    assert (status["epoch"], status["accounts"][0]["last_ok"]) == (None, 0)
    assert (
        next(iter(rig.client.list_all(ACCOUNT))).time == 0
    )  # nothing may be counted from a time that is not sure
    assert status["error"][0] == 216
    rig.client.time_set(int(time.time()))
    assert rig.status()["error"] is None, "it is over"


def test_the_time_is_written_once_a_day_at_most(boot: Any, serve: Any) -> None:
    rig: Rig = boot()
    rig.provision(serve(samples=False))
    rig.settled()
    before = rig.board.stats()["programs"]
    for hours in (1, 2, 23):
        rig.client.time_set(int(time.time()) + hours * 3600)
    assert rig.board.stats()["programs"] == before
    rig.client.time_set(int(time.time()) + 50 * 3600)
    assert rig.board.stats()["programs"] > before
    # What a PC says is believed, also when it goes back: else a clock once set wrong would be wrong for ever.
    rig.client.time_set(int(time.time()))
    kept = int.from_bytes(files_on(rig.board.flash_file)["clock"], "big")
    assert abs(kept - time.time()) < 60


# Nobody but the board of one test at a time asks there.
NTP = f"127.0.0.{2 + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"


class Ntp:
    """An NTP server on the port that the firmware asks. `answers`: what it does with each question in turn, and then
    with all: (seconds that it is wrong, stratum, whether it gives the question's timestamp back)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, int, bool]] = []
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((NTP, 123))
        self._socket.settimeout(0.2)
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._open:
            with contextlib.suppress(TimeoutError):
                question, peer = self._socket.recvfrom(100)
                self.asked += 1
                if not self.answers:
                    continue
                wrong, stratum, echo = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                answer = bytearray(48)
                answer[0], answer[1] = 0x24, stratum
                answer[24:32] = question[40:48] if echo else bytes(8)
                answer[40:44] = struct.pack(">I", (int(time.time()) + wrong + _UNIX) & 0xFFFFFFFF)
                self._socket.sendto(answer, peer)

    def close(self) -> None:
        self._open = False
        self._thread.join()
        self._socket.close()


@pytest.fixture
def ntp() -> Iterator[Ntp]:
    try:
        server = Ntp()
    except OSError:
        pytest.skip("port 123 is not to be had here")
    yield server
    server.close()


def test_ntp_is_asked_again_until_it_gives_an_answer_that_can_be_true(
    boot: Any, serve: Any, ntp: Ntp
) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    rig.provision(server, tree_of(account_of(server), time={"ntp": NTP}))
    rig.settled()
    ntp.answers = [(0, 0, True), (0, 2, False), (-90 * 86400, 2, True), (0, 2, True)]
    rig.power_cycle(clock=False)
    epoch = until(lambda: rig.status()["epoch"], 30, "the time")
    assert abs(epoch - time.time()) < 5
    until(lambda: ntp.asked == 5, what="the second answer that agrees")
    rig.power_cycle(clock=False)
    until(lambda: rig.status()["epoch"], 5, "the time at once")


def test_a_forged_time_far_ahead_does_not_last(boot: Any, serve: Any, ntp: Ntp) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    rig.provision(server, tree_of(account_of(server), time={"ntp": NTP}))
    rig.settled()
    server.stop()
    ntp.answers = [(9000 * 86400, 2, True)]
    rig.power_cycle(clock=False)
    until(lambda: (rig.status()["epoch"] or 0) > time.time() + 86400, 20, "the wrong time")
    failed(rig)
    ntp.answers = [(0, 2, True)]
    rig.power_cycle(clock=False)
    epoch = until(lambda: rig.status()["epoch"], 20, "the time")
    assert abs(epoch - time.time()) < 5


def test_one_wrong_answer_deletes_nothing_and_does_not_last(boot: Any, serve: Any, ntp: Ntp) -> None:
    server = serve(samples=False)
    server.deliver(message(1))
    rig: Rig = boot()
    rig.provision(server, tree_of(account_of(server, keep=7), time={"ntp": NTP}))
    assert rig.settled().stored == 1
    rig.board.kill()  # so that only the next start asks
    ntp.answers = [(30 * 86400, 2, True), (0, 0, True)]
    rig.power_cycle(clock=False)
    until(lambda: (rig.status()["epoch"] or 0) > time.time() + 20 * 86400, 30, "the wrong time")
    account = rig.settled()
    assert (account.error, account.stored, server.left()) == (None, 1, 1)
    server.deliver(message(2))
    assert rig.sync().stored == 2
    assert server.left() == 2
    kept = int.from_bytes(files_on(rig.board.flash_file)["clock"], "big")
    assert abs(kept - time.time()) < 300
    ntp.answers = [(0, 2, True)]
    rig.power_cycle(clock=False)
    epoch = until(lambda: rig.status()["epoch"], 30, "the time")
    assert abs(epoch - time.time()) < 5
    assert rig.sync().stored == 2
    assert server.left() == 2
