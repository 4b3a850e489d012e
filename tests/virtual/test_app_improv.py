"""Improv Wi-Fi with a whole board: a browser's end of it, written from improv-wifi.com/serial, on its serial port."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cbor2
import pytest
from app_board import WIFI, Rig, account_of, files_on, mail_on, message, tree_of, until
from console import Console

OTHER = ("Other network", "ap-SECRET-4711")
STATE, ERROR, COMMAND, RESULT = 1, 2, 3, 4
READY, PROVISIONING, PROVISIONED = 2, 3, 4
SET_WIFI, GET_STATE, GET_INFO, SCAN = 1, 2, 3, 4


class Browser:
    """Sends commands and reads packets: a line that begins with the header, all others are the log's."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._at = 0

    def packet(self, kind: int, data: bytes) -> bytes:
        head = b"IMPROV\x01" + bytes([kind, len(data)]) + data
        return head + bytes([sum(head) & 0xFF]) + b"\n"

    def command(self, number: int, data: bytes = b"") -> None:
        self._console.write(self.packet(COMMAND, bytes([number, len(data)]) + data))

    def wifi(self, ssid: str, password: str) -> None:
        self.command(
            SET_WIFI, b"".join(bytes([len(part)]) + part for part in (ssid.encode(), password.encode()))
        )

    def next(self, timeout: float = 20.0) -> tuple[int, bytes]:
        """The next packet: its type and data."""
        end = time.monotonic() + timeout
        while True:
            text = self._console.text
            while self._at < len(text):
                if not text.startswith(b"IMPROV\x01", self._at):
                    after = text.find(b"\n", self._at)
                    if after < 0:
                        break
                    self._at = after + 1
                    continue
                whole = self._at + 10 + (text[self._at + 8] if len(text) > self._at + 8 else 255)
                if len(text) < whole:
                    break
                packet = text[self._at : whole]
                self._at = whole
                assert sum(packet[:-1]) & 0xFF == packet[-1]
                return packet[7], packet[9:-1]
            assert time.monotonic() < end, text[self._at :]
            self._console.quiet(0.02)

    def strings(self, command: int) -> list[str]:
        kind, data = self.next()
        assert (kind, data[0], data[1]) == (RESULT, command, len(data) - 2)
        found, at = [], 2
        while at < len(data):
            found.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        return found

    def state(self) -> int:
        """Asks as a browser does that waits for a board to start: again each second."""
        self.command(GET_STATE)
        assert self.next() == (ERROR, b"\0")
        kind, data = self.next()
        assert kind == STATE
        if data[0] == PROVISIONED:
            assert self.strings(GET_STATE) == []
        return data[0]


@contextmanager
def browser(rig: Rig) -> Iterator[Browser]:
    rig.client.close()
    with Console(rig.board.port) as port:
        yield Browser(port)


def settings_on(rig: Rig) -> Any:
    return cbor2.loads(files_on(rig.board.flash_file).get("settings.cbor", b"\xf6"))


def test_a_new_board_gets_its_wifi_and_is_provisioned_later(boot: Any, serve: Any) -> None:
    rig: Rig = boot()
    rig.client.hello()
    with browser(rig) as web:
        assert web.state() == READY
        web.command(GET_INFO)
        assert web.next() == (ERROR, b"\0")
        info = web.strings(GET_INFO)
        assert info[0] == "Buzon"
        assert info[3] == "virtual"
        web.command(SCAN)
        assert web.next() == (ERROR, b"\0")
        name, rssi, secure = web.strings(SCAN)
        assert (name, int(rssi) < 0, secure) == (WIFI[0], True, "YES")
        assert web.strings(SCAN) == []
        web.wifi(WIFI[0], "wrong password")
        assert [web.next() for _ in range(4)] == [
            (ERROR, b"\0"),
            (STATE, bytes([PROVISIONING])),
            (ERROR, b"\x03"),
            (STATE, bytes([READY])),
        ]
        assert settings_on(rig) is None
        web.wifi(*WIFI)
        assert [web.next() for _ in range(3)] == [
            (ERROR, b"\0"),
            (STATE, bytes([PROVISIONING])),
            (STATE, bytes([PROVISIONED])),
        ]
        assert web.strings(SET_WIFI) == []
        assert web.state() == PROVISIONED
    assert settings_on(rig) == {"v": 1, "wifi": [{"ssid": WIFI[0], "password": WIFI[1]}]}
    rig.client.hello()
    assert rig.settings()["wifi"] == [{"ssid": WIFI[0], "password": True}]
    rig.power_cycle()
    assert rig.client.info is not None
    assert rig.client.info.configured
    server = serve(samples=False)
    server.deliver(message(1))
    tree = tree_of(account_of(server))
    tree["wifi"] = [{"ssid": WIFI[0], "password": True}]  # the one that it has
    assert rig.client.settings()
    rig.stage({"v": 1, **tree_of(account_of(server, tls_verify=False)), "wifi": tree["wifi"]})
    assert rig.test().state == "ok"
    rig.client.commit()
    assert rig.settled().error is None
    assert mail_on(rig.board.flash_file) == Counter([message(1)])


def test_all_else_stays_and_mail_goes_on(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot(wifi=[WIFI, OTHER])
    rig.provision(server)
    rig.settled()
    before = settings_on(rig)
    with browser(rig) as web:
        web.wifi(*OTHER)
        while web.next() != (STATE, bytes([PROVISIONED])):
            pass
        assert web.strings(SET_WIFI) == []
    now = settings_on(rig)
    assert [each["ssid"] for each in now["wifi"]] == [OTHER[0], WIFI[0]]
    assert {**now, "wifi": 0} == {**before, "wifi": 0}
    rig.client.hello()
    assert until(lambda: rig.status()["wifi"]["up"] and rig.status()["wifi"]["ssid"]) == OTHER[0]
    server.deliver(message(1))
    assert rig.sync().error is None
    assert mail_on(rig.board.flash_file) == Counter([message(1)])


def test_a_browser_disturbs_no_session(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    sent = [message(number, 200_000) for number in range(4)]
    for each in sent:
        server.deliver(each)
    rig.client.sync()
    states = []
    with browser(rig) as web:
        for _ in range(12):
            states.append(web.state())
            web.command(GET_INFO)
            assert web.next() == (ERROR, b"\0")
            assert len(web.strings(GET_INFO)) == 4
    rig.client.hello()
    assert rig.settled().error is None
    assert set(states) == {PROVISIONED}
    assert rig.board.stats()["boots"] == 1
    assert mail_on(rig.board.flash_file) == Counter(sent)


@pytest.mark.parametrize("cut", range(1, 13, 2))
def test_half_a_frame_is_dropped_and_ctrl_c_still_works(boot: Any, cut: int) -> None:
    rig: Rig = boot()
    rig.client.hello()
    with browser(rig) as web:
        port = web._console
        port.write(web.packet(COMMAND, b"\x02\0")[:cut])
        time.sleep(0.5)
        port.write(b"\n")
        if not cut > 7:  # the type was not among it: nothing looks like Ctrl-C
            assert web.state() == READY
        port.write(b"\x03")
        port.expect(rb"stopped by Ctrl-C.*>>> ")
        assert port.run("6 * 7") == b"42"


def test_a_locked_board_refuses(boot: Any, serve: Any) -> None:
    rig: Rig = boot(wifi=[WIFI, OTHER])
    rig.provision(serve(samples=False), None, tls_verify=True)
    tree = {**settings_on(rig), "device": {"name": "closed", "lock": True}}
    rig.stage(tree)
    assert rig.test().state == "ok"
    rig.client.commit()
    rig.in_force(tree)
    with browser(rig) as web:
        web.wifi(*OTHER)
        assert web.next() == (ERROR, b"\xff")
        web.command(GET_STATE)
        assert web.next() == (ERROR, b"\xff")
    assert settings_on(rig) == tree
