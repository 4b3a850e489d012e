"""Improv Wi-Fi, as its page describes the bytes: what comes whole is answered, all else is dropped."""

ONLY = "micropython"

import os
import sys

from buzon import errors
from buzon.console import improv
from buzon.core.frames import IMPROV, FrameReader
from buzon.errors import LinkError
from buzon.store import settings

settings._PATH = "settings.cbor"  # in the folder that the test has
settings._NEW = "settings.new"

OLD = {
    "v": 1,
    "device": {"name": "desk"},
    "wifi": [{"ssid": str(n), "password": "p"} for n in range(4)],
    "notify": [{"kind": "log"}],
}


class Things:
    def __init__(self, **attributes):
        for name in attributes:
            setattr(self, name, attributes[name])


class Port:
    """Bytes that come, and nothing behind them."""

    def __init__(self, data):
        self.data = data

    def poll(self, ms):
        return self.data

    def readinto(self, buf):
        buf[0] = self.data[0]
        self.data = self.data[1:]
        return 1


class Wifi:
    def __init__(self, error=None):
        self.error = error
        self.joined = []

    def up(self):
        return bool(self.joined)

    async def join(self, networks):
        if self.error:
            raise self.error
        self.joined = networks

    sta = Things(
        active=lambda on: None,
        scan=lambda: [(b"home", 0, 1, -40, 3, 0), (b"caf\xc3\xa9", 0, 1, -70, 0, 0)],
    )


def app(old=None, **more):
    return Things(settings=old, trial=None, staged=b"x", board={"name": "virtual"}, wifi=Wifi(), **more)


def frame(data, kind=3):
    packet = IMPROV + bytes((kind, len(data))) + data
    return packet + bytes((sum(packet) & 255,))


def rpc(command, data=b""):
    return frame(bytes((command, len(data))) + data)


def wifi(ssid, password):
    return rpc(1, bytes((len(ssid),)) + ssid + bytes((len(password),)) + password)


def said(data):
    """[(type, data)...] of what was written."""
    found = []
    for packet in data:
        assert packet[:8] == b"\n" + IMPROV and packet[-1] == 10
        assert sum(packet[1:-2]) & 255 == packet[-2]
        assert packet[9] == len(packet) - 12
        found.append((packet[8], packet[10:-2]))
    return found


def ask(it, data):
    out = []
    improv.serve(it, *([Port(data[len(IMPROV) :])] * 2), out.append)
    return said(out)


def strings(data):
    assert data[1] == len(data) - 2
    found = []
    at = 2
    while at < len(data):
        found.append(str(data[at + 1 : at + 1 + data[at]], "utf-8"))
        at += 1 + data[at]
    return found


def run(it):
    try:
        it.trial.run(it.wifi, None).send(None)
    except StopIteration:
        pass


def kept():
    return settings.load()


def store(doc):
    settings.erase()
    if doc:
        settings.stage(doc, 1000)
        settings.commit()


def test_the_example_of_the_page():
    assert wifi(b"MyWirelessAP", b"mysecurepassword")[9:-1] == (
        b"\x01\x1e\x0cMyWirelessAP\x10mysecurepassword"
    )


def test_a_frame_is_found_at_the_start_of_a_line_only():
    for before, found in (
        (b"", 1),
        (b"\n", 1),
        (b"log\n", 1),
        (b"x", 0),
        (b"IMPROX\x01\n", 1),
        (b"I\n", 1),
        (b"@", 0),
    ):
        reader = FrameReader()
        out = [reader.feed(byte) for byte in before + IMPROV + b"tail\n"]
        assert sum(1 for one in out if one is IMPROV) == found, before
        assert all(one is None or one is IMPROV for one in out)


def test_a_frame_without_a_line_end_hides_no_other_one():
    """The reader hands the rest of a frame to others: what it sees next comes after that."""
    reader = FrameReader()
    for _ in range(2):
        assert [reader.feed(byte) for byte in IMPROV][-1] is IMPROV
    assert [reader.feed(byte) for byte in b"\n@AAAA\n" + IMPROV][-1] is IMPROV


def test_state_and_information():
    it = app(OLD)
    assert ask(it, rpc(2)) == [(2, b"\0"), (1, b"\x02")]
    it.wifi.joined = [1]
    assert ask(it, rpc(2)) == [(2, b"\0"), (1, b"\x04"), (4, b"\x02\0")]
    answers = ask(it, rpc(3))
    assert answers[0] == (2, b"\0")
    assert len(strings(answers[1][1])) == 4
    assert strings(answers[1][1])[0] == "Buzon"
    assert strings(answers[1][1])[3] == "desk"
    assert strings(ask(app(), rpc(3))[1][1])[3] == "virtual"


def test_networks():
    answers = ask(app(), rpc(4))
    assert [strings(data) for kind, data in answers[1:]] == [
        ["home", "-40", "YES"],
        ["caf\xe9", "-70", "NO"],
        [],
    ]


def test_a_neighbour_whose_name_is_no_text_is_left_out():
    class Wlan:
        def __init__(self, interface):
            pass

        def active(self, on):
            pass

        def scan(self):
            return [(b"caf\xe9", 0, 1, -30, 3, 0), (b"home", 0, 1, -50, 3, 0), (b"", 0, 1, -60, 0, 1)]

    sys.modules["network"] = Things(WLAN=Wlan, STA_IF=0)
    from buzon.net.wifi import Wifi as RealWifi

    it = app()
    it.wifi = RealWifi()
    answers = ask(it, rpc(4))
    assert [strings(data) for kind, data in answers[1:]] == [["home", "-50", "YES"], []]


def test_a_bug_is_an_error_and_the_console_goes_on():
    it = app()
    it.wifi = None
    assert ask(it, rpc(4))[-1] == (2, b"\xff")


def test_wifi_alone_is_saved_where_there_are_no_settings():
    store(None)
    it = app()
    assert ask(it, wifi(b"home", b"")) == [(2, b"\0"), (1, b"\x03")]
    assert kept() is None
    assert ask(it, rpc(2))[1] == (1, b"\x03")
    settings.stage(it.trial.settings, 500)  # `kept` has removed it, as a start would
    out = []
    it.trial.write = out.append
    run(it)
    assert said(out) == [(1, b"\x04"), (4, b"\x01\0")]
    assert kept() == {"v": 1, "wifi": [{"ssid": "home", "password": ""}]}
    assert it.reload is True
    assert it.trial is None


def test_other_settings_stay_and_the_new_network_is_the_first_of_four():
    store(OLD)
    it = app(OLD)
    ask(it, wifi(b"home", b"pw"))
    assert it.staged == b""
    run(it)
    found = kept()
    assert [each["ssid"] for each in found["wifi"]] == ["home", "0", "1", "2"]
    assert dict(found, wifi=0) == dict(OLD, wifi=0)
    it = app(found)
    ask(it, wifi(b"1", b"other"))
    run(it)
    assert [each["ssid"] for each in kept()["wifi"]] == ["1", "home", "0", "2"]
    assert kept()["wifi"][0]["password"] == "other"


def test_a_network_that_lets_nobody_in_changes_nothing():
    store(OLD)
    it = app(OLD)
    it.wifi = Wifi(LinkError(errors.E_WIFI_PASSWORD, "home"))
    out = []
    ask(it, wifi(b"home", b"wrong"))
    trial = it.trial
    trial.write = out.append
    run(it)
    assert said(out) == [(2, b"\x03"), (1, b"\x02")]
    assert (trial.state, it.trial, kept()) == ("failed", None, OLD)
    assert "settings.new" not in os.listdir()


def test_a_radio_that_gives_an_error_ends_the_trial_too():
    for error in (OSError("Wifi Internal Error"), RuntimeError("Wifi Out of Memory")):
        store(OLD)
        it = app(OLD)
        it.wifi = Wifi(error)
        out = []
        ask(it, wifi(b"home", b"pw"))
        it.trial.write = out.append
        run(it)
        assert said(out) == [(2, b"\xff"), (1, b"\x02")]
        assert (it.trial, kept()) == (None, OLD)


def test_a_trial_that_a_wipe_has_dropped_puts_nothing_in_force():
    store(OLD)
    it = app(OLD)
    ask(it, wifi(b"home", b"pw"))
    dropped = it.trial
    store(None)  # as `wipe` does, and then a PC stages others
    settings.stage({"v": 1, "wifi": []}, 100)
    it.trial = other = Things(state="staged")
    out = []
    dropped.write = out.append
    try:
        dropped.run(it.wifi, None).send(None)
    except StopIteration:
        pass
    assert said(out) == [(2, b"\xff"), (1, b"\x02")]
    assert it.trial is other
    assert "settings.new" in os.listdir()
    assert kept() is None


def test_what_is_wrong_is_said_and_changes_nothing():
    store(OLD)
    good = wifi(b"home", b"pw")
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    for data, error in (
        (bad, 1),
        (frame(b""), 1),
        (frame(b"\x01"), 1),
        (frame(b"\x01\x05\x01"), 1),
        (rpc(1), 1),
        (rpc(1, b"\x05ab"), 1),
        (rpc(1, b"\0\0"), 1),
        (wifi(b"x" * 33, b""), 1),
        (wifi(b"a\nb", b""), 1),
        (wifi(b"\xff\xfe", b""), 1),
        (wifi(b"a", b"b") + b"", None),
        (rpc(5), 2),
        (rpc(0), 2),
    ):
        it = app(OLD)
        answers = ask(it, data)
        while answers[0] == (2, b"\0"):
            answers.pop(0)
        assert answers[0] == ((2, bytes((error,))) if error else (1, b"\x03"))
        if error:
            assert it.trial is None
    assert kept() == OLD


def test_what_is_no_command_or_not_whole_gets_no_answer():
    for data in (
        frame(b"\x02\0", kind=1),
        rpc(2)[:-1],
        rpc(2)[:8],
        IMPROV,
        IMPROV + b"\x03\xff" + b"x" * 255,
    ):
        assert ask(app(), data) == []


def test_a_locked_board_and_one_that_is_busy_refuse():
    locked = dict(OLD, device={"lock": True})
    for it in (app(locked), app(OLD), app()):
        it.trial = Things(state="running") if it.settings is OLD else None
        if it.settings is None:
            store(OLD)  # some that could not be read: they are not replaced
        assert ask(it, wifi(b"home", b"pw"))[-1] == (2, b"\xff")
    assert ask(app(locked), rpc(2)) == [(2, b"\xff")]


def test_every_byte_of_a_frame_changed_is_harmless():
    store(None)
    good = wifi(b"home", b"password")
    for i in range(7, len(good)):
        for change in (1, 0x80, 0xFF):
            data = bytearray(good)
            data[i] ^= change
            it = app()
            ask(it, bytes(data))
            assert it.trial is None, i
