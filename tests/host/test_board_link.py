"""The link and the client over a real pty, against a peer that misbehaves."""

import os
import re
import threading
import time

import pytest
from buzon_host.board import client as board_client
from buzon_host.board import link as board_link
from buzon_host.board.client import Client
from buzon_host.board.link import Link, SessionLost
from buzon_host.errors import BoardRefused, BuzonError, NoBoard
from test_board_peer import Peer

FAST = (0.3, 0.3, 0.3, 0.3, 0.3)


def connect(peer: Peer, **more) -> Client:
    client = Client(Link(peer.port, waits=FAST, **more))
    client.hello(5)
    return client


def test_hello_skips_boot_noise_and_waits_for_a_board_that_boots() -> None:
    lines = []
    with Peer(boot_s=1.2) as peer, connect(peer, on_text=lines.append) as client:
        assert client.info.board == "peer"
        assert client.info.flash == [1800000, 2000000]
    assert any("POWERON_RESET" in line for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("fault", ["drop", "lose", "damage", "cut", "twice", "noise", "event"])
def test_every_fault_ends_in_the_right_answer_done_once(fault) -> None:
    with Peer() as peer, connect(peer) as client:
        peer.mail["main"]["0" * 16] = b"x"
        peer.faults = [fault]
        client.delete_message("main", "0" * 16)
        peer.faults = [fault]
        assert client.status().accounts[0].id == "main"
        assert peer.done.count("mail.delete") == 1
        assert peer.done.count("status") == 1


def test_lost_four_times_is_answered_the_fifth_time_and_done_once() -> None:
    with Peer() as peer, connect(peer) as client:
        peer.mail["main"]["0" * 16] = b"x"
        peer.faults = ["lose", "cut", "damage", "drop"]
        client.delete_message("main", "0" * 16)
        assert peer.done.count("mail.delete") == 1


def test_no_answer_at_all_is_one_sentence_within_the_deadline() -> None:
    with Peer() as peer, connect(peer) as client:
        peer.silent = True
        start = time.monotonic()
        with pytest.raises(NoBoard, match="stopped answering"):
            client.status()
        assert time.monotonic() - start < 4


def test_no_board_answers() -> None:
    with Peer(silent=True) as peer:
        start = time.monotonic()
        with pytest.raises(NoBoard, match=r"^No board answers on .*check the cable") as error:
            Client.connect(peer.port, timeout=1)
        assert time.monotonic() - start < 3
        assert error.value.exit_code == 3
        # Between tries nothing but hello was sent: no Ctrl-C, which would stop another program's app.
        assert b"\x03" not in peer.received
        assert b"\x04" not in peer.received


def test_a_board_that_is_long_in_starting_is_waited_for_and_this_is_said(monkeypatch) -> None:
    """An ESP32 takes 15 to 17 s from littlefs; opening its port resets it."""
    assert board_link.HELLO_S > 20
    monkeypatch.setattr(board_link, "PATIENCE_S", 1.0)
    notices: list[str] = []
    with Peer(silent=True) as peer:
        with pytest.raises(NoBoard):
            Client.connect(peer.port, timeout=3, on_notice=notices.append)
        assert len(notices) == 1
        assert re.fullmatch(rf"Nothing on {peer.port} answers yet\. .* waiting 2 s more\.", notices[0])


def test_no_such_port() -> None:
    with pytest.raises(NoBoard, match=r"^There is no port /dev/no-such-port: .*--port\.$"):
        Client.connect("/dev/no-such-port")


def test_a_file_is_no_port(tmp_path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(NoBoard, match="is no serial port: name another one"):
        Client.connect(str(path))


def test_a_port_in_use_is_named_as_such() -> None:
    with Peer() as peer, connect(peer), pytest.raises(NoBoard, match="Another program has"):
        Client.connect(peer.port)


def test_a_port_that_vanishes_is_one_sentence() -> None:
    peer = Peer()
    with peer:
        client = connect(peer)
        peer.unplug()
        with pytest.raises(NoBoard, match="went away"):
            client.status()


def test_reset_in_the_middle_says_hello_again_for_what_may_be_repeated() -> None:
    with Peer() as peer, connect(peer) as client:
        peer.log = bytes(range(32, 127)) * 40
        peer.faults = ["", "reset"]
        assert client.log().encode() == peer.log


def test_reset_in_the_middle_of_an_upload_starts_it_again_from_the_beginning() -> None:
    data = os.urandom(700)
    with Peer() as peer, connect(peer) as client:
        peer.faults = ["", "", "reset"]
        assert client.put_file("/certs/a.der", data) == 700
        assert peer.files == {"/certs/a.der": data}


def test_reset_never_repeats_what_must_be_done_once() -> None:
    with Peer() as peer, connect(peer) as client:
        peer.mail["main"]["0" * 16] = b"x"
        peer.faults = ["reset"]
        with pytest.raises(BuzonError, match=r"restarted during mail\.delete"):
            client.delete_message("main", "0" * 16)
        assert "mail.delete" not in peer.done


def test_reboot_whose_answer_is_lost_is_done() -> None:
    with Peer() as peer, connect(peer) as client:
        peer.faults = ["reset"]
        client.reboot()


def test_the_link_itself_reports_a_lost_session() -> None:
    with Peer() as peer:
        link = Link(peer.port, waits=FAST)
        link.hello(5)
        peer.session = None
        with pytest.raises(SessionLost) as error:
            link.request("status")
        assert error.value.code == 703
        link.close()


def test_chunks_both_ways_are_byte_exact_at_every_edge() -> None:
    with Peer() as peer, connect(peer) as client:
        for size in (0, 1, 60, 120, 240, 1023, 1024, 1025, 5000):
            data = os.urandom(size)
            client.put_file("/lib/x.bin", data)
            assert peer.files["/lib/x.bin"] == data
            peer.mail["main"]["a" * 16] = data
            assert b"".join(client.read_message("main", "a" * 16)) == data
            assert all(len(r[2].get("data", b"")) < 174 for r in peer.requests)


class Endless(Peer):
    """Its messages have no end; `told` is the size that it says of them."""

    told: int | None = None

    def _do(self, method: str, params: dict):
        if method != "mail.read":
            return super()._do(method, params)
        return {"off": params["off"], "data": b"x" * 1000, "end": False, "size": self.told}


@pytest.mark.parametrize(("told", "most"), [(5000, 5000), (None, 20_000), (1 << 40, 20_000), ("x", 20_000)])
def test_a_message_without_an_end_is_given_up(told, most, monkeypatch) -> None:
    monkeypatch.setattr(board_client, "MAX_MESSAGE", 20_000)
    parts: list[bytes] = []
    with Endless() as peer, connect(peer) as client:
        peer.told = told
        with pytest.raises(BuzonError, match=r"answer to mail\.read was not understood"):
            parts.extend(client.read_message("main", "a" * 16))
    assert len(b"".join(parts)) == most


def test_screen_has_its_picture() -> None:
    with Peer() as peer, connect(peer) as client:
        screen = client.screen()
        assert (screen.w, screen.h, screen.page, screen.pixels) == (128, 64, "alert", peer.pixels)
        peer.pixels = peer.pixels[:-1]
        with pytest.raises(BuzonError, match="not understood"):
            client.screen()


@pytest.mark.parametrize("method", ["screen", "mail.list"])
def test_what_a_board_had_no_memory_for_is_asked_again(method: str) -> None:
    """Beside a TLS handshake a small heap may be full for a moment."""
    with Peer() as peer, connect(peer) as client:
        peer.mail["main"] = {"a" * 16: b"m"}
        peer.refuse[method] = [802, "The board ran out of memory: please report it.", ""]
        room = threading.Timer(0.5, peer.refuse.clear)
        room.start()
        if method == "screen":
            assert client.screen().page == "alert"
        else:
            assert len(list(client.list_all("main"))) == 1
        room.join()
        assert [request[1] for request in peer.requests].count(method) > 1


def test_list_goes_through_all_pages() -> None:
    with Peer() as peer, connect(peer) as client:
        peer.mail["main"] = {f"{n:016x}": b"m" * n for n in range(21)}
        assert [item.size for item in client.list_all("main")] == list(range(20, -1, -1))


def test_a_refusal_keeps_code_sentence_and_path() -> None:
    with Peer() as peer, connect(peer) as client:
        peer.refuse["settings.stage"] = [101, "A setting is wrong: correct it.", "account[0].port"]
        with pytest.raises(BoardRefused) as error:
            client.stage(b"\xa0")
        assert (error.value.code, error.value.path) == (101, "account[0].port")
        assert str(error.value) == "account[0].port: A setting is wrong: correct it."
        assert error.value.exit_code == 4


def test_what_a_mail_says_cannot_forge_an_answer() -> None:
    seen = []
    with Peer() as peer, connect(peer, on_text=seen.append) as client:
        peer.faults = ["noise"]
        assert client.status().accounts[0].id == "main"
    assert any("\\x1b[2J>>> text" in line for line in seen)


def test_a_board_at_the_prompt_is_restarted_and_this_is_said() -> None:
    notices = []
    with Peer(repl=True) as peer, connect(peer, on_notice=notices.append) as client:
        assert client.info.board == "peer"
        assert len(notices) == 1
        assert "prompt" in notices[0]
        assert re.search(rb"\x03.*\x04", bytes(peer.received), re.S)


def test_a_board_whose_app_does_not_start_says_what_to_do() -> None:
    with Peer(repl=True, stuck=True) as peer:
        with pytest.raises(
            NoBoard,
            match=r"at the MicroPython prompt, and Buzón did not start on it: put Buzón onto it with buzon install. It said: ImportError",
        ):
            Client.connect(peer.port, timeout=3)
        assert peer.received.count(b"\x04") == 1


def test_an_app_that_ends_in_between_is_recognised() -> None:
    with Peer() as peer, connect(peer) as client:
        peer.repl = True
        peer.say(b"Traceback (most recent call last):\r\nMemoryError:\r\n>>> ")
        with pytest.raises(NoBoard, match="has ended"):
            client.status()


def test_ids_rise_and_sessions_differ() -> None:
    with Peer() as peer:
        for _ in range(2):
            with connect(peer) as client:
                client.status()
                client.status()
        sessions = [request[7] for request in peer.requests]
        assert len(set(sessions)) == 2


def test_the_waits_are_what_the_protocol_says() -> None:
    assert len(board_link.WAITS) == 5
    assert board_link.WAITS[0] == 1.0
