"""No state in which the board has silently stopped: `status` and the display always name what it waits for."""

import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app_board import PASSWORD, Rig, account_of, mail_on, message, tree_of, until
from buzon_host.virtual.flash import open_image
from buzon_host.virtual.profile import Timing


class Server:
    """A POP3 server without TLS that says `hello` to everybody, and then answers each line with `answer`.

    None: it says nothing.
    """

    def __init__(self, hello: bytes | None, answer: bytes = b"") -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._hello = hello
        self._answer = answer
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            if self._hello is not None:
                sock.sendall(self._hello)
            while sock.recv(1000):
                if self._hello is not None:
                    sock.sendall(self._answer)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server_saying() -> Iterator[Any]:
    with contextlib.ExitStack() as stack:
        yield lambda *args: stack.enter_context(contextlib.closing(Server(*args)))


def untested(rig: Rig, *accounts: dict[str, Any], **parts: Any) -> None:
    """Settings in force without the board's test of them, which would refuse these."""
    rig.client.hello()
    rig.client.time_set(int(time.time()))
    tree = tree_of(*accounts, **parts)
    tree["v"] = 1
    rig.stage(tree)
    rig.client.commit(untested=True)
    rig.in_force(tree)


def account(port: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": "casa",
        "protocol": "pop3",
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "user": "demo",
        "password": PASSWORD,
        "keep": "forever",
        "poll_s": 86400,
        **changes,
    }


def waits(rig: Rig, words: str, timeout: float = 15.0) -> None:
    def said() -> Any:
        text = rig.status()["waiting"]
        return words in text or (seen.append(text) if not seen or seen[-1] != text else None)

    seen: list[str] = []
    until(said, timeout, f"waiting for {words!r}, but {seen}")


def test_for_settings(boot: Any, tmp_path: Path) -> None:
    rig: Rig = boot()
    rig.client.hello()
    waits(rig, "settings: run buzon provision")
    rig.shows("buzon", "provision")
    rig.close()
    image = open_image(tmp_path / "flash.img")
    with image.open("/settings.cbor", "wb") as file:
        file.write(b"\xff" * 9)
    image.unmount()
    (tmp_path / "flash.img").write_bytes(image.context.buffer)
    rig = boot()
    rig.client.hello()
    waits(rig, "new settings: run buzon provision")
    rig.shows("settings", "provision")


def test_for_wifi_and_the_time(boot: Any, serve: Any) -> None:
    rig: Rig = boot()
    rig.provision(serve(samples=False))
    rig.settled()
    waits(rig, "the next poll of casa in 24 h")
    rig.shows("Next", "check", "24 h")
    rig.board.wifi_up(False)
    waits(rig, "Wi-Fi: the next try in ")
    rig.shows("retry", "Wi-Fi", "range")
    rig.board.wifi_up(True)
    waits(rig, "the next poll of casa", 30)
    rig.power_cycle(clock=False)
    waits(rig, "the time from 127.0.0.1")
    rig.shows("Asking", "time")


def test_for_a_server_that_does_not_answer(boot: Any, server_saying: Any) -> None:
    rig: Rig = boot()
    silent = server_saying(None)
    untested(rig, account(silent.port, tls="implicit", tls_verify=False))
    waits(rig, "the server of casa (TLS)")
    rig.shows("Asking", "mail")


def test_for_a_reply(boot: Any, server_saying: Any) -> None:
    rig: Rig = boot()
    untested(rig, account(server_saying(None).port))
    waits(rig, "the server of casa (reply)")
    rig.shows("Asking", "mail")


def test_for_the_test_of_settings(boot: Any, server_saying: Any) -> None:
    rig: Rig = boot()
    rig.client.hello()
    rig.client.time_set(int(time.time()))
    rig.stage({**tree_of(account(server_saying(None).port)), "v": 1})
    rig.client.test()
    waits(rig, "the test of the new settings (login)")
    rig.shows("Testing", "login", "casa")


def test_for_a_day_when_the_server_wants_a_person(boot: Any, server_saying: Any) -> None:
    rig: Rig = boot()
    refuses = server_saying(b"+OK hello\r\n", b"-ERR [SYS/PERM] account closed\r\n")
    busy = server_saying(b"+OK hello\r\n", b"-ERR [SYS/TEMP] later\r\n")
    untested(rig, account(refuses.port))
    waits(rig, "the next try of casa in 24 h")
    assert rig.status()["accounts"][0]["error"][0] == 506
    rig.shows("Problem", "retry 24 h", "provider")
    untested(rig, account(refuses.port), account(busy.port, id="lists"))
    waits(rig, "the next try of lists in ")  # the one that comes first
    rig.shows("casa", "retry 24 h", "provider")


def test_for_room_on_the_flash(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot(flash_size=256 << 10)
    rig.provision(server)
    rig.settled()
    for number in (1, 2):
        server.deliver(message(number, 100_000))
    assert rig.sync().error.code == 600
    waits(rig, "the next try of casa in ")
    rig.shows("Board full", "retry")


def test_for_wifi_that_went_away_in_a_message(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    mail = [message(1, 900), message(2, 2_000_000), message(3, 5000)]
    for each in mail:
        server.deliver(each)
    rig: Rig = boot(flash_size=8 << 20, timing=Timing(program_ns=160), real_time=True)
    rig.provision(server)
    until(lambda: rig.board.stats()["bytes_programmed"] > 600_000, 30, "a third of the message")
    rig.board.wifi_up(False)
    waits(rig, "Wi-Fi", 3)
    waits(rig, "Wi-Fi: the next try in ")
    rig.shows("Wi-Fi")
    assert server.left() == 3
    rig.board.wifi_up(True)
    done = until(
        lambda: (one := rig.client.status().accounts[0]).stored == 3 and one.next and one, 90, "the rest"
    )
    assert (done.error, server.left()) == (None, 0)
    assert mail_on(rig.board.flash_file) == Counter(mail)
    waits(rig, "the next poll of casa in 24 h")


def test_a_server_that_never_shakes_hands_holds_up_no_request_for_long(boot, server_saying) -> None:
    """TLS gets the memory that an answer would take, but not for as long as the board waits for the server."""
    rig = boot()
    silent = server_saying(None)
    untested(rig, account(silent.port, tls="implicit", tls_verify=False))
    took = []
    until(lambda: "TLS" in rig.client.status().waiting, what="TLS to begin")
    while "TLS" in rig.client.status().waiting and len(took) < 20:
        began = time.monotonic()
        rig.client.status()
        took.append(time.monotonic() - began)
    assert len(took) == 20
    assert max(took[1:]) < 1, took


@contextlib.contextmanager
def nobody_accepts() -> Iterator[int]:
    """A port whose listener takes no connection: a SYN gets no answer there."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            full = stack.enter_context(socket.socket())
            full.setblocking(False)
            full.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("step", ["connect", "TLS", "reply"])
def test_for_wifi_that_goes_away_while_a_server_says_nothing(
    boot: Any, server_saying: Any, step: str
) -> None:
    """The board goes on in every step of a connection: it answers, and joins when the Wi-Fi is back."""
    rig: Rig = boot()
    with nobody_accepts() as nobody:
        port = nobody if step == "connect" else server_saying(None).port
        untested(rig, account(port, **({"tls": "implicit", "tls_verify": False} if step == "TLS" else {})))
        for _ in range(2):
            waits(rig, f"the server of casa ({step})", 40)
            rig.board.wifi_up(False)
            waits(rig, "Wi-Fi: the next try in ", 5)
            error = rig.client.status().accounts[0].error
            assert error
            assert 200 <= error.code < 300, error
            rig.board.wifi_up(True)


def test_for_the_first_of_several_accounts(boot: Any, serve: Any) -> None:
    server = serve(samples=False)
    rig: Rig = boot()
    accounts = [account_of(server, id="rare"), account_of(server, id="often", poll_s=600)]
    rig.provision(server, tree_of(*accounts))
    rig.settled("rare")
    rig.settled("often")
    waits(rig, "the next poll of often in 10 min")
