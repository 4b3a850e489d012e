"""Planted secrets on a whole board: whatever goes wrong, none is seen on the serial port, the display or the PC."""

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from app_board import ACCOUNT, PASSWORD, WIFI, Rig, account_of, files_on, message, readable, tree_of, until
from buzon_host.errors import BuzonError
from buzon_host.provision.schema import SettingsError
from buzon_host.server.run import LocalServer
from buzon_host.virtual.flash import open_image

WRONG_WIFI = "wrong-SECRET-1234"
WRONG_MAIL = "other-SECRET-5678"
SECRETS = (WIFI[1], PASSWORD, WRONG_WIFI, WRONG_MAIL)


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may look: as it is, in hex, and within base64 wherever it begins there."""
    raw = secret.encode()
    yield raw.lower()
    yield raw.hex().encode()
    for before in (b"", b"x", b"xx", b"\0demo\0"):
        middle = base64.b64encode(before + raw)
        first = -(-len(before) * 4 // 3)  # characters that what stands before has a part in
        yield middle[first : len(middle) - 4].lower()


def seen_in(data: bytes) -> list[bytes]:
    return [form for secret in SECRETS for form in forms(secret) if form in data.lower()]


class Collected:
    """What the PC got to see of exceptions, causes too."""

    def __init__(self) -> None:
        self.text = ""

    @contextlib.contextmanager
    def fails(self, what: type[BaseException] = BuzonError) -> Iterator[None]:
        with pytest.raises(what) as error:
            yield
        one: BaseException | None = error.value
        while one:
            self.text += f"{one}\n{one!r}\n"
            one = one.__cause__ or one.__context__


def look(rig: Rig, collected: Collected) -> None:
    """Everything that a person, a PC or a log can see."""
    with contextlib.suppress(BuzonError):
        cbor2.loads(rig.client.settings())
    rig.client.status()
    rig.client.log()
    rig.client.screen()
    assert not readable(rig.board.screen(), "SECRET")
    assert len(rig.said()) > 2000
    assert seen_in(rig.said()) == []
    assert seen_in(collected.text.encode()) == []
    folders = ["/", "/certs", "/mail", f"/mail/{ACCOUNT}"]
    for folder in folders:
        if folder != "/" and folder.rsplit("/", 1)[1] not in open_image(rig.board.flash_file).listdir(
            folder.rsplit("/", 1)[0] or "/"
        ):
            continue
        for name, content in files_on(rig.board.flash_file, folder).items():
            assert name != "settings.new"
            if name != "settings.cbor":
                assert seen_in(name.encode() + b" " + content) == [], name


def test_the_search_finds_what_it_looks_for() -> None:
    for secret in SECRETS:
        raw = secret.encode()
        for data in (raw, raw.upper(), raw.hex().encode(), base64.b64encode(raw)):
            assert seen_in(b"log: " + data)
        for user in ("demo", "u", "someone@example.org"):
            assert seen_in(base64.b64encode(b"\0" + user.encode() + b"\0" + raw))
    assert seen_in(b"The password is wrong: run buzon provision") == []


def plain(server: Any, **changes: Any) -> dict[str, Any]:
    return {
        **account_of(server, protocol="pop3", tls="none", port=server.pop3, keep="delete"),
        **changes,
    }


def test_no_failure_of_settings_or_login_shows_a_secret(boot: Any, serve: Any, tmp_path: Path) -> None:
    server: LocalServer = serve(samples=False)
    forged: LocalServer = serve(samples=False, certificate="other-ca")
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    server.deliver(message(1))
    assert rig.sync().error is None
    pc = Collected()
    look(rig, pc)

    with pc.fails():
        rig.provision(server, password=WRONG_MAIL)
    with pc.fails():
        rig.provision(forged)
    with pc.fails():
        rig.provision(server, port=1)
    for ssid in (WIFI[0], "Nowhere"):
        wifi = [{"ssid": ssid, "password": WRONG_WIFI}]
        with pc.fails():
            rig.provision(server, tree_of(account_of(server), wifi=wifi))
    look(rig, pc)

    # Refused by the PC, and by the board: a secret of the wrong type, too long, with a line's end, in a wrong place
    places: list[dict[str, Any]] = [
        {"password": [PASSWORD]},
        {"password": {PASSWORD: 1}},
        {"password": f"{PASSWORD}\r\n"},
        {"password": PASSWORD * 40},
        {"user": [PASSWORD]},
        {"port": PASSWORD},
        {"tls": PASSWORD},
        {"keep": PASSWORD},
        {"poll_s": [PASSWORD]},
        {"ca": [PASSWORD]},
        {"id": PASSWORD},
    ]
    for changes in places:
        with pc.fails(SettingsError):
            rig.provision(server, **changes)
        with pc.fails():
            rig.stage({"v": 1, **tree_of(plain(server, **changes))})
    for password in ([WIFI[1]], f"{WIFI[1]}\n", WIFI[1] * 9):
        tree = tree_of(plain(server), wifi=[{"ssid": WIFI[0], "password": password}])
        with pc.fails(SettingsError):
            rig.provision(server, tree)
        with pc.fails():
            rig.stage({"v": 1, **tree})
    whole = cbor2.dumps({"v": 1, **tree_of(plain(server))})
    for data in (whole[:-9], whole + whole, whole[1:], b"\xa1" + cbor2.dumps(PASSWORD) + b"\xff"):
        with pc.fails():
            rig.client.stage(data)
    look(rig, pc)

    # Staged, and left there by a power cut
    rig.stage({"v": 1, **tree_of(plain(server, password=WRONG_MAIL))})
    rig.power_cycle()
    rig.settled()
    look(rig, pc)

    # A settings file that is damaged or odd
    flash = rig.board.flash_file
    good = files_on(flash)["settings.cbor"]
    spot = good.index(PASSWORD.encode())
    odd = cbor2.loads(good)
    odd["account"][0]["poll_s"] = PASSWORD
    for damaged in (good[: spot + 4], good[:spot] + b"\xff" + good[spot + 1 :], cbor2.dumps(odd)):
        rig.board.kill()
        image = open_image(flash)
        with image.open("/settings.cbor", "wb") as file:
            file.write(damaged)
        image.unmount()
        flash.write_bytes(image.context.buffer)
        rig.power_cycle()
        until(lambda: rig.client.status().error, what="the error of the settings")
        rig.page("notice")
        look(rig, pc)


# -- a server that repeats what it is sent


class Parrot:
    """A POP3 server in plain text that answers the command with the password by `say(line)`, and goes on."""

    host = "127.0.0.1"
    user = "demo"
    password = PASSWORD

    def __init__(self, say: Callable[[bytes], bytes]) -> None:
        self.say = say
        self.told = 0
        self._listener = socket.create_server((self.host, 0))
        self.pop3 = self.pop3s = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with sock, contextlib.suppress(OSError):
                    sock.settimeout(10)
                    self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        sock.sendall(b"+OK\r\n")
        for line in sock.makefile("rb"):
            command = line.strip()
            if PASSWORD.encode() in command or command.startswith(b"AUTH"):
                self.told += 1
                sock.sendall(self.say(command) + b"\r\n")
            elif command == b"CAPA":
                sock.sendall(b"+OK\r\nUIDL\r\n.\r\n")
            else:
                sock.sendall(b"+OK\r\n")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


SAYS: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda line: b"-ERR unknown command: " + line,
    "code": lambda line: b"-ERR [" + line + b"]",
    "code-of-password": lambda line: b"-ERR [AUTH] [" + line.split()[-1] + b"] is wrong",
    "capitals": lambda line: b"-ERR BAD COMMAND: " + line.upper(),
    "echo": lambda line: line,
    "end": lambda line: b"-ERR" + b" x" * 20 + line,
}


def test_a_server_that_repeats_the_password(boot: Any) -> None:
    parrot = Parrot(SAYS["text"])
    rig: Rig = boot()
    pc = Collected()
    try:
        tree = {"v": 1, **tree_of(plain(parrot))}
        rig.client.hello()
        rig.client.time_set(int(time.time()))
        rig.stage(tree)
        rig.client.commit(untested=True)
        rig.in_force(tree)
        for name, say in SAYS.items():
            parrot.say = say
            before = parrot.told
            rig.stage(tree)
            failed = rig.test().error
            rig.client.discard()
            account = rig.sync()
            for error in (failed, account.error):
                assert error is not None, name
                assert error.code in (400, 501, 502), name
                assert "SECRET" not in error.message.upper(), name
            assert parrot.told >= before + 2
            rig.page("notice")
            look(rig, pc)
    finally:
        parrot.close()
