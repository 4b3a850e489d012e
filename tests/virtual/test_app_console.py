"""The serial protocol on a whole board: during a large sync, against bad frames, repeated requests, wipe and repl.

`Wire` speaks it byte by byte, without the PC tool's link, which would never send what is wrong.
"""

import binascii
import itertools
import os
import random
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest
from app_board import (
    ACCOUNT,
    PASSWORD,
    Rig,
    account_of,
    files_on,
    mail_on,
    message,
    on_server,
    tree_of,
    until,
)
from buzon_host.board import frames
from buzon_host.demo import flash_size_for
from buzon_host.errors import BoardRefused
from buzon_host.server.run import LocalServer
from buzon_host.virtual.flash import open_image
from buzon_host.virtual.profile import Timing
from console import Console

SESSION = 7_000_001
SYNC_ANSWER_S = 1.0
SEED = 20
_sessions = itertools.count(SESSION)


def framed(body: bytes, crc: int | None = None) -> bytes:
    """The frame of any bytes, CBOR or not; its CRC is right unless another is given."""
    crc = zlib.crc32(body) if crc is None else crc
    return b"@" + binascii.b2a_base64(body + crc.to_bytes(4, "big"))


class Wire:
    """A board's port: any bytes out, whole frames in. The rig's own link is closed meanwhile."""

    def __init__(self, rig: Rig) -> None:
        rig.client.close()
        self._port = Console(rig.board.port)
        self._decoder = frames.Decoder()
        self._heard: list[dict[int, Any]] = []
        self._ids = itertools.count(1)
        self.session = next(_sessions)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._port.close()

    def line(self, method: Any, params: Any = None, *, number: int | None = None) -> bytes:
        """A good frame of this session, with the next id."""
        number = next(self._ids) if number is None else number
        return framed(cbor2.dumps({0: number, 1: method, 2: params or {}, 7: self.session}))

    def send(self, data: bytes) -> None:
        """What is longer than the board's receive ring is sent in pieces that it has time to read."""
        for at in range(0, len(data), 128):
            self._port.write(data[at : at + 128])
            if len(data) > 240:
                time.sleep(0.02)

    def hear(self, n: int = 1, timeout: float = 5.0) -> list[dict[int, Any]]:
        """The next `n` frames."""
        end = time.monotonic() + timeout
        while len(self._heard) < n:
            assert time.monotonic() < end, f"{len(self._heard)} of {n} frames came: {self._heard}"
            for item in self._decoder.feed(self._port._read()):
                if isinstance(item, frames.Frame):
                    self._heard.append(item.map)
        found, self._heard = self._heard[:n], self._heard[n:]
        return found

    def ask(self, method: Any, params: Any = None) -> dict[int, Any]:
        self.send(self.line(method, params))
        return self.hear()[0]

    def hello(self) -> dict[int, Any]:
        self.session = next(_sessions)
        self.send(b"\n")
        return self.ask("hello")

    def after(self, data: bytes) -> list[dict[int, Any]]:
        """The frames that `data` brings: those that come before the answer to a good request behind it."""
        self.send(data)
        time.sleep(len(data) / 4000)  # both together may be more than the board's receive ring
        number = next(self._ids)
        self.send(self.line("log", {"off": 0}, number=number))
        found: list[dict[int, Any]] = []
        while not found or found[-1].get(0) != number:
            found += self.hear()
        assert found[-1][3]["off"] == 0
        return found[:-1]


def refusal(answer: dict[int, Any]) -> tuple[int, str]:
    code, text, _ = answer[4]
    return code, text


def exactly(rig: Rig, server: LocalServer, sent: "Counter[bytes]") -> None:
    """After one more sync all mail is on the flash, each once, and none on the server."""
    rig.client.time_set(int(time.time()))
    account = rig.sync()
    assert account.error is None, account.error
    assert server.left() == 0
    assert mail_on(rig.board.flash_file) == sent


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, LocalServer]]:
    """One provisioned board with two messages, for the tests that must not change anything on it."""
    with LocalServer(samples=False, password=PASSWORD) as server:
        for number in (1, 2):
            server.deliver(message(number, 1500))
        rig = Rig(tmp_path_factory.mktemp("console"))
        try:
            rig.provision(server)
            rig.settled()
            yield rig, server
            assert mail_on(rig.board.flash_file) == Counter([message(1, 1500), message(2, 1500)])
            rig.keeps_secrets()
        finally:
            rig.close()


@pytest.fixture
def wire(shared: tuple[Rig, LocalServer]) -> Iterator[Wire]:
    with Wire(shared[0]) as made:
        made.hello()
        yield made


# During a sync


def test_status_is_answered_within_a_second_while_20_mb_come(boot, serve) -> None:
    server = serve(samples=False)
    large = message(1, 20_000_000)
    server.deliver(large)
    rig = boot(flash_size=flash_size_for([len(large)]))
    start = time.monotonic()
    rig.provision(server)
    waits = []
    pages = set()
    while True:
        asked = time.monotonic()
        status = rig.status()
        waits.append(time.monotonic() - asked)
        account = status["accounts"][0]
        if account["state"] == "sync":
            pages.add(status["page"])
        elif account["next"]:
            break
        assert time.monotonic() < start + 120, account
    took = time.monotonic() - start
    print(f"{len(waits)} answers in {took:.1f} s, the slowest after {max(waits):.3f} s")
    assert max(waits) < SYNC_ANSWER_S, (waits.index(max(waits)), rig.board.stats()["serial_lost"])
    assert "progress" in pages
    assert (account["error"], account["stored"], server.left()) == (None, 1, 0)
    assert mail_on(rig.board.flash_file) == Counter([large])


# Frames that are none


STATUS = cbor2.dumps({0: 1, 1: "status", 7: 1})
DAMAGED = {
    "nothing": b"\n\r\n\n",
    "bad-crc": framed(STATUS, zlib.crc32(STATUS) ^ 1),
    "crc-of-other-order": framed(STATUS, int.from_bytes(zlib.crc32(STATUS).to_bytes(4, "big"), "little")),
    "no-at": framed(STATUS)[1:],
    "at-in-the-middle": b"x" + framed(STATUS),
    "only-at": b"@\n",
    "crc-alone": framed(b""),
    "no-base64": b"@" + b"!" * 80 + b"\n",
    "base64-cut": framed(STATUS)[:-2] + b"\n",
    "log-line": b"12:00:00 new mail from somebody\n",
    "prompt": b">>> print(1)\r\n",
    "random": framed(random.Random(1).randbytes(60)),
    "no-cbor": framed(b"\xff\xff\xff"),
    "float": framed(cbor2.dumps({0: 1, 1: 1.5})),
    "tag": framed(cbor2.dumps(cbor2.CBORTag(1, {0: 1}))),
    "twice-a-key": framed(b"\xa2\x00\x01\x00\x02"),
    "more-behind": framed(STATUS + b"\x00"),
    "a-list": framed(cbor2.dumps([1, "status", {}])),
    "a-number": framed(cbor2.dumps(5)),
    "no-id": framed(cbor2.dumps({1: "status", 7: 1})),
    "id-text": framed(cbor2.dumps({0: "1", 1: "status", 7: 1})),
    "id-true": framed(cbor2.dumps({0: True, 1: "status", 7: 1})),
    "deep": framed(cbor2.dumps({0: 1, 2: {"a": [[[[[1]]]]]}})),
    "garbage": bytes(byte for byte in range(256) if byte != 3) + b"\n",
    "garbage-with-at": b"\xff\x00\n@" + bytes(range(128, 256)) + b"\n",
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_frame_gets_no_answer_and_the_next_one_does(data: bytes, wire: Wire) -> None:
    assert wire.after(data) == []


def test_frames_may_be_240_bytes_long_and_no_longer(wire: Wire) -> None:
    def padded(length: int) -> bytes:
        """A good request whose frame has that many bytes."""
        for size in range(200):
            line = wire.line("status", {"x": "y" * size}, number=99)
            if len(line) == length:
                return line
        raise AssertionError(length)

    longest = 238  # base64 goes in fours: the next one has 242
    assert [answer[0] for answer in wire.after(padded(longest))] == [99]
    assert wire.after(padded(longest + 4)) == []
    assert wire.after(padded(longest)[:-1] + b"\r\n")[0][0] == 99
    assert wire.after(b"@" + b"A" * 3000 + b"\n") == []
    assert wire.after(b"A" * 3000 + b"\n") == []


def test_a_frame_that_is_cut_off_ends_with_its_line(wire: Wire) -> None:
    whole = wire.line("status")
    for at in (1, 2, 20, len(whole) - 2):
        assert wire.after(whole[:at] + b"\n") == []
    # Without a line end it takes the next frame with it; an empty line in front of that one saves it.
    cut = wire.line("status")[:30]
    lost = wire.line("status", number=500)
    saved = wire.line("status", number=501)
    assert [answer[0] for answer in wire.after(cut + lost + cut + b"\n" + saved)] == [501]


def test_two_frames_on_a_line_are_none_and_on_two_lines_two(wire: Wire) -> None:
    one, two = wire.line("log", {"off": 0}, number=600), wire.line("log", {"off": 0}, number=601)
    assert wire.after(one[:-1] + two) == []
    assert [answer[0] for answer in wire.after(one + two)] == [600, 601]
    assert [answer[0] for answer in wire.after(b"a log line\n" + one + b"12:00 another\r\n" + two)] == [
        600,
        601,
    ]


@pytest.mark.parametrize(
    ("method", "params", "code", "sentence"),
    [
        ("no.such", {}, 701, "does not know the request no.such: update board and PC"),
        ("", {}, 701, "does not know the request"),
        ("__init__", {}, 701, "does not know the request __init__"),
        (5, {}, 702, "The request was wrong (types)."),
        ("status", [1], 702, "The request was wrong (types)."),
        ("mail.list", {}, 702, "The request was wrong (account)."),
        ("mail.list", {"account": ACCOUNT, "after": "x", "n": 8}, 702, "The request was wrong (after)."),
        ("mail.read", {"account": ACCOUNT, "id": "zz", "off": 0}, 702, "The request was wrong (id)."),
        ("mail.read", {"account": ACCOUNT, "id": "00" * 8, "off": 0}, 602, "There is no message"),
        ("mail.delete", {"account": "nobody", "id": "00" * 8}, 104, "nobody"),
        ("time.set", {"epoch": "now"}, 702, "The request was wrong (epoch)."),
        ("time.set", {"epoch": True}, 702, "The request was wrong (epoch)."),
        ("time.set", {"epoch": 1 << 40}, 702, "The request was wrong (epoch)."),
        ("settings.stage", {"off": 5, "data": b""}, 702, "The request was wrong (off, have 0)."),
        ("settings.test", {}, 106, "There are no new settings"),
        ("settings.commit", {}, 106, "There are no new settings"),
        ("sync", {"account": "nobody"}, 104, "nobody"),
        ("wipe", {}, 702, "The request was wrong (what)."),
        ("wipe", {"what": "everything"}, 702, "The request was wrong (what)."),
    ],
    ids=str,
)
def test_what_is_refused_is_refused_with_code_and_sentence(
    method: Any, params: Any, code: int, sentence: str, wire: Wire
) -> None:
    if method == "settings.stage":
        wire.ask(method, {"off": 0, "data": b""})
    found, text = refusal(wire.ask(method, params))
    assert found == code, text
    assert sentence in text


def test_an_unknown_session_is_refused_and_its_own_goes_on(wire: Wire) -> None:
    for session in (wire.session + 99, wire.session - 99, -1, 0, None, "text", [wire.session]):
        request = {0: 700, 1: "status", 7: session}
        (answer,) = wire.after(framed(cbor2.dumps(request)))
        assert (answer[0], *refusal(answer)) == (
            700,
            703,
            "The board was restarted or another PC took over: say hello again.",
        )
    (answer,) = wire.after(framed(cbor2.dumps({0: 701, 1: "status"})))
    assert refusal(answer)[0] == 703
    (answer,) = wire.after(framed(cbor2.dumps({0: 702, 1: "hello"})))
    assert refusal(answer)[0] == 703  # a hello that opens none
    old = wire.session
    wire.hello()
    (answer,) = wire.after(framed(cbor2.dumps({0: 703, 1: "status", 7: old})))
    assert refusal(answer)[0] == 703


@pytest.mark.parametrize("session", [None, -1, 0, 1, SESSION], ids=str)
def test_before_the_first_hello_all_is_refused(session: int | None, boot) -> None:
    rig: Rig = boot()
    with Wire(rig) as wire:
        request = {0: 5, 1: "status", 7: session}
        end = time.monotonic() + 10
        while True:  # the app may not be up yet
            wire.send(b"\n" + framed(cbor2.dumps(request)))
            try:
                (answer,) = wire.hear(1, 0.5)
                break
            except AssertionError:
                assert time.monotonic() < end
        assert refusal(answer)[0] == 703


def test_unknown_methods_take_no_memory_for_good(wire: Wire) -> None:
    def free() -> int:
        return int(wire.ask("status")[3]["heap"][0])

    names = (f"{number:04d}" + "n" * 90 for number in itertools.count())
    for _ in range(20):
        wire.ask(next(names))
    before = free()
    for _ in range(200):
        assert refusal(wire.ask(next(names)))[0] == 701
    after = free()
    print(f"free heap {before} -> {after}")
    assert after > before - 2048


def fuzzed(rng: random.Random, wire: Wire) -> bytes:
    """A request that is wrong somewhere, or a good one; none that would erase mail, set the clock or leave."""
    texts = [ACCOUNT, "", "x" * 40, "\0", "../settings.cbor", "/certs/fuzz", "00" * 8, "é€😀"]
    values = [
        *texts, 0, 1, -1, 23, 24, 255, 1 << 16, (1 << 31) - 1, 1 << 32, (1 << 63) - 1, (1 << 64) - 1, -(1 << 63),
        None, True, False, b"", b"\xff" * 50, [], [1], {}, {"a": 1},
    ]  # fmt: skip
    methods = [
        "status", "mail.list", "mail.read", "mail.flag", "mail.delete", "log", "screen", "settings.get", "settings.stage",
        "settings.test", "settings.commit", "settings.discard", "file.put", "sync", "hello", "wipe", "none",
    ]  # fmt: skip
    names = [
        "account",
        "id",
        "off",
        "data",
        "end",
        "path",
        "after",
        "n",
        "untested",
        "what",
        "text",
        "crc",
        "seen",
    ]
    request: dict[Any, Any] = {
        0: rng.randrange(1, 1 << 31),
        1: rng.choice(methods),
        2: {name: rng.choice(values) for name in rng.sample(names, rng.randrange(len(names)))},
        7: wire.session,
    }
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        request[rng.choice((0, 1, 2, 7, 3, 9, "x"))] = rng.choice(values)
    body = bytearray(cbor2.dumps(request))
    if len(body) > frames.MAX_CBOR:
        return fuzzed(rng, wire)
    kind = rng.randrange(8)
    if kind == 0:  # some bits of the CBOR turned, under a good CRC
        for _ in range(rng.randrange(1, 4)):
            body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    line = bytearray(framed(bytes(body)))
    if kind == 1:  # some bytes of the line
        for _ in range(rng.randrange(1, 4)):
            line[rng.randrange(len(line))] = rng.randrange(256)
    elif kind == 2:
        line = line[: rng.randrange(len(line))] + rng.choice((b"", b"\n"))
    return bytes(line).replace(b"\x03", b"")  # Ctrl-C is no part of a frame


def test_300_random_frames_change_nothing(shared: tuple[Rig, LocalServer], wire: Wire) -> None:
    rig, _ = shared
    rng = random.Random(SEED)
    settings = files_on(rig.board.flash_file)["settings.cbor"]
    answered = 0
    for _ in range(50):
        for _ in range(6):
            wire.send(fuzzed(rng, wire))
            time.sleep(0.02)
        wire.send(b"\n")
        number = next(wire._ids)
        wire.send(framed(cbor2.dumps({0: number, 1: "hello", 7: wire.session})))
        while (answer := wire.hear()[0])[0] != number or 3 not in answer:
            assert 3 in answer or 4 in answer
            answered += 1
    print(f"{answered} of 300 were answered")
    assert answered > 100
    assert wire.hello()[3]["configured"] is True
    status = wire.ask("status")[3]
    assert [account["stored"] for account in status["accounts"]] == [2]
    assert status["error"] is None or status["error"][0] != 801, status["error"]
    wire.ask("settings.discard")
    assert files_on(rig.board.flash_file)["settings.cbor"] == settings
    assert mail_on(rig.board.flash_file) == Counter([message(1, 1500), message(2, 1500)])
    assert set(files_on(rig.board.flash_file)) == {"board.cbor", "clock", "settings.cbor"}


# The same request again


def twice(wire: Wire, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Sends a request three times, as after an answer that was lost; every answer must be the first one."""
    line = wire.line(method, params)
    wire.send(line)
    (first,) = wire.hear()
    for _ in range(2):
        wire.send(b"\n" + line)
        assert wire.hear() == [first]
    assert 3 in first, first
    result: dict[str, Any] = first[3]
    return result


def test_a_request_that_is_repeated_is_done_once(boot, serve) -> None:
    server = serve()
    sent = on_server(server)
    rig = boot()
    rig.provision(server)
    rig.settled()
    items = list(rig.client.list_all(ACCOUNT))
    gone = b"".join(rig.client.read_message(ACCOUNT, items[3].id))
    rig.stage(tree := {"v": 1, **tree_of({**account_of(server), "ca": rig.settings()["account"][0]["ca"]})})
    with Wire(rig) as wire:
        wire.hello()
        assert twice(wire, "mail.delete", {"account": ACCOUNT, "id": items[3].id}) == {"deleted": True}
        code, _ = refusal(wire.ask("mail.delete", {"account": ACCOUNT, "id": items[3].id}))
        assert code == 602  # asked anew it is another request

        assert twice(wire, "settings.commit", {"untested": True}) == {"saved": True}
        assert refusal(wire.ask("settings.commit", {"untested": True}))[0] == 106

        line = wire.line("time.set", {"epoch": 1_900_000_000})
        wire.send(line)
        assert wire.hear()[0][3] == {"epoch": 1_900_000_000}
        until(lambda: wire.ask("status")[3]["epoch"] >= 1_900_000_002)
        line = wire.line("time.set", {"epoch": 1_900_000_000})
        wire.send(line)
        wire.hear()
        time.sleep(2.1)
        wire.send(b"\n" + line)
        assert wire.hear()[0][3] == {"epoch": 1_900_000_000}
        assert wire.ask("status")[3]["epoch"] >= 1_900_000_002  # it was not set back

        data = random.Random(3).randbytes(250)
        for off in (0, 100, 200):
            part = {"off": off, "data": data[off : off + 100], "end": off == 200}
            result = twice(wire, "file.put", {"path": "/certs/twice.der", **part})
            assert result == {"have": min(off + 100, 250)}
        assert files_on(rig.board.flash_file, "/certs")["twice.der"] == data

        boots = rig.board.stats()["boots"]
        line = wire.line("reboot")
        wire.send(line + line)
        assert wire.hear()[0][3] == {"rebooting": True}
        until(lambda: rig.board.stats()["boots"] > boots, what="the restart")
        end = time.monotonic() + 10
        while True:  # the PC goes on repeating; the board is up again and knows nothing of that session
            wire.send(b"\n" + line)
            try:
                (answer,) = wire.hear(1, 0.5)
            except AssertionError:
                assert time.monotonic() < end
                continue
            if 4 in answer:
                break
        assert refusal(answer)[0] == 703
        assert rig.board.stats()["boots"] == boots + 1
    rig.client.hello()
    rig.in_force(tree)
    assert mail_on(rig.board.flash_file) == sent - Counter([gone])


# Files


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "x",
        "certs/x.der",
        "settings.cbor",
        "/settings.cbor",
        "/settings.new",
        "/board.cbor",
        "/main.py",
        "/boot.py",
        "/mail/casa/x.eml",
        "/certs",
        "/certs/",
        "/lib/",
        "/certs/../settings.cbor",
        "/certs/..",
        "/lib/a/../../main.py",
        "/certs//x",
        "//certs/x",
        "/certs/a/",
        "/other/x",
        "/certsx/x",
        "/rom/main.py",
        "/certs/" + "n" * 90,
        "/CERTS/x",
        "/certs/a\0b",
        "/certs/./x",
        "/certs/.",
    ],
    ids=lambda path: repr(path[:24]),
)
def test_a_file_is_not_written_where_it_may_not_be(
    path: str, shared: tuple[Rig, LocalServer], wire: Wire
) -> None:
    rig, _ = shared

    def all_files() -> dict[str, Any]:
        fs = open_image(rig.board.flash_file)
        return {
            f"{folder}/{name}": name in names and fs.stat(f"{folder}/{name}").size
            for folder, folders, names in fs.walk("/")
            for name in (*folders, *names)
        }

    before = all_files()
    code, text = refusal(wire.ask("file.put", {"path": path, "off": 0, "data": b"print(1)", "end": True}))
    assert code == 603, text
    assert text == f"Files may not be written to {path[:40] or '?'}."
    assert all_files() == before


def test_a_file_comes_in_chunks_and_is_there_whole_or_not_at_all(boot) -> None:
    rig: Rig = boot()
    rig.client.hello()
    path = "/lib/sub/plugin.py"
    old, new = b"old\n" * 100, random.Random(4).randbytes(3000)
    flash = rig.board.flash_file
    assert rig.client.put_file(path, old) == len(old)
    ask = rig.client.link.request

    def refused(off: int, where: str = path, data: bytes = b"z" * 10) -> None:
        with pytest.raises(BoardRefused, match="off, have") as error:
            ask("file.put", {"path": where, "off": off, "data": data, "end": True})
        assert error.value.code == 702
        assert files_on(flash, "/lib/sub")["plugin.py"] == old

    refused(len(old))  # it has ended: nothing may be put behind it
    assert ask("file.put", {"path": path, "off": 0, "data": new[:100]}) == {"have": 100}
    refused(99)
    refused(101)
    refused(100, "/lib/sub/other.py")
    assert ask("file.put", {"path": path, "off": 100, "data": new[100:200]}) == {"have": 200}
    rig.power_cycle()  # the upload is cut off
    assert files_on(flash, "/lib/sub")["plugin.py"] == old
    refused(200)
    assert rig.client.put_file(path, new) == len(new)
    assert files_on(flash, "/lib/sub") == {"plugin.py": new}
    rig.client.put_file("/certs/" + "n" * 89, b"")  # 96 characters
    assert files_on(flash, "/certs") == {"n" * 89: b""}


def test_a_file_that_finds_no_room_leaves_the_old_one_and_the_room(boot) -> None:
    rig: Rig = boot(flash_size=65536)
    rig.client.hello()
    rig.client.put_file("/lib/a.py", b"old")
    free = rig.status()["flash"][0]
    with pytest.raises(BoardRefused, match="no more room") as error:
        rig.client.put_file("/lib/a.py", b"x" * 80_000)
    assert error.value.code == 600
    assert files_on(rig.board.flash_file, "/lib") == {"a.py": b"old"}
    assert rig.status()["flash"][0] >= free - 4096
    rig.client.put_file("/lib/a.py", b"new")
    assert files_on(rig.board.flash_file, "/lib") == {"a.py": b"new"}


# Wipe, repl, Ctrl-C


def test_wipe_of_all_forgets_the_last_error(boot, serve):
    server = serve(samples=False)
    rig = boot()
    rig.provision(server)
    rig.settled()
    server.stop()
    assert rig.sync().error
    assert rig.status()["error"]
    rig.client.wipe("all")
    until(lambda: rig.status()["state"] == "unset", what="the state unset")
    assert rig.status()["error"] is None


def test_wipe_leaves_nothing_of_a_person_on_the_board(boot, serve) -> None:
    server = serve()
    rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    flash = rig.board.flash_file
    assert files_on(flash, "/certs")
    rig.stage({"v": 1, "device": {"name": "staged"}})
    assert rig.client.wipe("all") == "all"

    def unset() -> None:
        until(lambda: rig.status()["state"] == "unset", what="the state unset")
        assert not rig.client.hello().configured
        assert rig.status()["accounts"] == []
        until(lambda: rig.status()["wifi"] == {"ssid": "", "up": False, "rssi": None, "ip": None})
        with pytest.raises(BoardRefused) as error:
            rig.settings()
        assert error.value.code == 106
        fs = open_image(flash)
        left = [name for _, _, names in fs.walk("/") for name in names]
        assert left == ["board.cbor"]
        rig.page("notice")
        rig.shows("buzon", "provision")

    unset()
    rig.power_cycle(clock=False)
    unset()
    rig.provision(server, keep="forever")
    assert rig.settled().stored == 12
    assert mail_on(flash) == on_server(server)


def test_wipe_of_mail_or_settings_leaves_the_other(boot, serve) -> None:
    server = serve()
    sent = on_server(server)
    rig = boot()
    rig.provision(server, keep="forever")
    rig.settled()
    before = rig.settings()
    rig.client.wipe("mail")
    assert rig.settings() == before
    assert rig.sync().stored == 0  # though the server still has them
    assert mail_on(rig.board.flash_file) == Counter()
    assert on_server(server) == sent
    server.deliver(message(1))
    sent = Counter([message(1)])
    assert rig.sync().stored == 1
    rig.client.wipe("settings")
    until(lambda: rig.status()["state"] == "unset")
    assert mail_on(rig.board.flash_file) == sent
    assert "settings.cbor" not in files_on(rig.board.flash_file)


def test_wipe_is_refused_during_a_sync(boot, serve) -> None:
    server = serve(samples=False)
    server.deliver(message(1, 400_000))
    rig = boot(timing=Timing(program_ns=2400), real_time=True)
    rig.provision(server)
    until(lambda: rig.status()["accounts"][0]["state"] == "sync", what="the sync")
    with pytest.raises(BoardRefused, match=r"The board is busy \(a sync\): try again in a moment") as error:
        rig.client.wipe("all")
    assert error.value.code == 705
    assert rig.settled().error is None
    assert mail_on(rig.board.flash_file) == Counter([message(1, 400_000)])


def to_the_prompt(rig: Rig) -> Console:
    """Ctrl-C from the rig's port; the caller closes it."""
    rig.client.close()
    port = Console(rig.board.port)
    port.write(b"\x03")
    port.expect(rb"Ctrl-D starts it again\..*>>> ")
    return port


def app_again(rig: Rig, port: Console) -> None:
    """Ctrl-D at the prompt starts the app."""
    assert port.run("print(6 * 7)") == b"42"
    port.write(b"\x04")
    port.expect(rb"soft reboot")
    port.close()
    rig.client.hello()


@pytest.mark.skipif("BUZON_MICROPYTHON" in os.environ, reason="another interpreter raises it at once")
def test_ctrl_c_waits_for_the_next_bytecode_as_on_a_board(make_board, console) -> None:
    """Raised in the middle of an allocation, say, it would leave the heap broken."""
    board = make_board(
        "n = 0\n"
        "print('now')\n"
        "try:\n"
        "    n = max(range(20_000_000))\n"  # one instruction of about a second
        "    while True: pass\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped at', n)\n"
    )
    port = console(board)
    port.expect(rb"now")
    port.write(b"\x03")
    port.expect(rb"stopped at 19999999\s.*>>> ")


def test_repl_leads_to_the_prompt_and_ctrl_d_back(boot, serve) -> None:
    server = serve()
    sent = on_server(server)
    rig = boot()
    rig.provision(server)
    rig.settled()
    with Wire(rig) as wire:
        wire.hello()
        assert wire.ask("repl")[3] == {"leaving": True}
    port = Console(rig.board.port)
    port.write(b"\r")
    port.expect(rb">>> ")
    assert b"settings.cbor" in port.run("import os; os.listdir('/')")
    app_again(rig, port)
    server.deliver(message(1))
    exactly(rig, server, sent + Counter([message(1)]))


def test_ctrl_c_leads_to_the_prompt_at_any_moment_of_a_sync(boot, serve) -> None:
    server = serve(samples=False)
    sent = [message(number, size) for number, size in enumerate((300, 400_000, 600, 400_000, 2000))]
    for each in sent:
        server.deliver(each)
    rig = boot(timing=Timing(program_ns=2400), real_time=True)
    rig.provision(server)
    rng = random.Random(SEED)
    for _ in range(6):
        until(lambda: rig.status()["state"] == "sync", what="the sync")
        time.sleep(rng.random() * 0.4)
        port = to_the_prompt(rig)
        assert not Counter(sent) - (mail_on(rig.board.flash_file) | on_server(server))
        app_again(rig, port)
        rig.client.time_set(int(time.time()))
    rig.settled()
    exactly(rig, server, Counter(sent))


def test_ctrl_c_in_the_middle_of_settings_test(boot, serve) -> None:
    server = serve()
    sent = on_server(server)
    rig = boot()
    rig.provision(server)
    rig.settled()
    before = rig.settings()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Thread(target=_accept, args=(silent,), daemon=True).start()
        rig.stage({"v": 1, **tree_of(account_of(server, tls="none", port=silent.getsockname()[1]))})
        until(lambda: rig.client.test().step == "login", what="the login of the test")
        port = to_the_prompt(rig)
    app_again(rig, port)
    assert rig.settings() == before
    assert "settings.new" not in files_on(rig.board.flash_file)
    server.deliver(message(1))
    exactly(rig, server, sent + Counter([message(1)]))


def _accept(silent: socket.socket) -> None:
    """Takes connections and never says a word."""
    kept = []
    try:
        while True:
            kept.append(silent.accept())
    except OSError:
        pass


# mpremote


def mpremote(rig: Rig, *args: str) -> str:
    rig.client.close()
    command = [sys.executable, "-m", "mpremote", "connect", rig.board.port, *args]
    done = subprocess.run(command, capture_output=True, timeout=20)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout.decode()


def test_mpremote_finds_the_prompt_while_the_app_runs_and_in_a_sync(boot, serve) -> None:
    server = serve(samples=False)
    sent = [message(1, 1000), message(2, 300_000)]
    for each in sent:
        server.deliver(each)
    rig = boot(timing=Timing(program_ns=2400), real_time=True)
    rig.provision(server)
    until(lambda: rig.board.stats()["bytes_programmed"] > 60_000, what="the large message")
    assert rig.status()["state"] == "sync"
    assert mpremote(rig, "exec", "print(6 * 7)").strip() == "42"
    rig.client.hello()  # at the prompt: the PC tool starts the app again
    exactly(rig, server, Counter(sent))

    assert "settings.cbor" in mpremote(rig, "fs", "ls")
    said = mpremote(rig, "soft-reset", "exec", "print(7 * 7)")
    assert said.strip() == "49"
    rig.client.hello()
    server.deliver(message(3))
    exactly(rig, server, Counter([*sent, message(3)]))
    mpremote(rig, "reset")
    rig.client.hello()
    exactly(rig, server, Counter([*sent, message(3)]))


def test_the_console_answers_between_many_small_messages(boot: Any, serve: Any) -> None:
    """They come several at a time (PIPELINING), so that the next bytes are always there."""
    server: LocalServer = serve(samples=False)
    rig: Rig = boot(timing=Timing(program_ns=8000), real_time=True)
    rig.provision(server)
    rig.settled()
    for number in range(200):
        server.deliver(message(number))
    rig.client.sync(ACCOUNT)
    seen: set[int] = set()

    def ended() -> bool:
        one = rig.client.status().accounts[0]
        seen.add(one.fetched)
        return one.state != "sync" and one.stored == 200

    until(ended, 90, "the end of the sync")
    assert len(seen) > 10, seen
