"""The real firmware on a virtual board, for the whole-board tests: provisioned, synced and looked at from outside.

What is on its flash is read with littlefs-python, and what is on its display from the emulated controller.
"""

import itertools
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import cbor2
from buzon_host.board import frames
from buzon_host.board.client import AccountStatus, Client
from buzon_host.board.link import Link
from buzon_host.errors import BoardRefused
from buzon_host.paths import use_firmware
from buzon_host.provision import schema, steps
from buzon_host.server.run import LocalServer
from buzon_host.virtual.board import VirtualBoard
from buzon_host.virtual.flash import open_image
from PIL import Image

use_firmware()

from buzon.display.font6x12 import DATA
from buzon.display.layout import glyphs

ACCOUNT = "casa"
WIFI = ("Buzon-Demo", "ap-SECRET-4711")
PASSWORD = "mail-SECRET-0815"
SAMPLES = sorted((Path(__file__).parents[2] / "host" / "buzon_host" / "server" / "samples").glob("*.eml"))

_T = TypeVar("_T")
_names = itertools.count(1)


def until(probe: Callable[[], _T], timeout: float = 20.0, what: str = "") -> _T:
    """The first true value of `probe`. AssertionError after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < end, f"{what or probe} did not come in {timeout} s: {found!r}"
        time.sleep(0.02)


def account_of(server: LocalServer, **changes: Any) -> dict[str, Any]:
    """The settings of one account on that server; it polls only when it is asked to."""
    return {
        "id": ACCOUNT,
        "host": server.host,
        "port": server.pop3s,
        "user": server.user,
        "password": server.password,
        "delete_confirmed": True,
        "poll_s": 86400,
        **changes,
    }


def tree_of(*accounts: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Settings as a settings file has them. The device's name is new each time: it says which are in force."""
    return {
        "device": {"name": f"board-{next(_names)}"},
        "wifi": [{"ssid": WIFI[0], "password": WIFI[1]}],
        "account": list(accounts),
        "time": {"ntp": "127.0.0.1"},  # where nobody answers
        **parts,
    }


class Rig:
    """A board that runs the app, and the PC's end of its serial port."""

    def __init__(self, folder: Path, **options: Any) -> None:
        options.setdefault("flash", folder / "flash.img")
        options.setdefault("wifi", [WIFI])
        self.log = folder / f"serial-{next(_names)}.log"
        self.board = VirtualBoard(log=self.log, **options)
        try:
            self.client = Client(Link(self.board.port))
        except BaseException:
            self.board.close()
            raise

    def close(self) -> None:
        self.client.close()
        self.board.close()

    # Settings

    def provision(
        self, server: LocalServer, tree: dict[str, Any] | None = None, confirm: bool = True, **changes: Any
    ) -> steps.Result:
        """Provisions it as the PC tool does; returns when the new settings are in force."""
        tree = tree or tree_of(account_of(server, **changes))
        settings = schema.parse(tree, "The test's settings")
        self.client.hello()
        result = steps.provision(
            self.client,
            settings,
            ca=server.ca_der.read_bytes(),
            confirm=lambda question: confirm,
            progress=lambda text: None,
        )
        self.in_force(tree)
        return result

    def stage(self, tree: Any) -> None:
        """Stages a tree of plain values, past the PC's own checks."""
        self.client.stage(cbor2.dumps(tree))

    def test(self) -> Any:
        """Runs the board's test of the staged settings to its end."""
        return until(
            lambda: (state := self.client.test()).state in ("ok", "failed") and state, 60, "test's end"
        )

    def settings(self) -> Any:
        return cbor2.loads(self.client.settings())

    def in_force(self, tree: dict[str, Any]) -> None:
        """Waits until the app has taken these settings."""

        def taken() -> bool:
            try:
                return bool(self.settings()["device"]["name"] == tree["device"]["name"])
            except BoardRefused:  # there are none yet
                return False

        until(taken, what="the new settings")

    # Mail

    def status(self) -> dict[str, Any]:
        """`status` as the board sends it."""
        return self.client._ask("status")

    def settled(self, account: str = ACCOUNT, timeout: float = 60.0) -> AccountStatus:
        """The account when its poll has ended, well or not."""

        def ended() -> AccountStatus | None:
            for one in self.client.status().accounts:
                if one.id == account and one.state != "sync" and one.next:
                    return one
            return None

        return until(ended, timeout, f"the end of the poll of {account}")

    def sync(self, account: str = ACCOUNT, timeout: float = 60.0) -> AccountStatus:
        self.client.sync(account)
        return self.settled(account, timeout)

    def power_cycle(self, *, clock: bool = True) -> None:
        """Power off and on; the PC says hello again and, with `clock`, sets the clock."""
        self.board.power_cycle()
        self.client.hello()
        if clock:
            self.client.time_set(int(time.time()))

    def page(self, name: str, timeout: float = 10.0) -> None:
        """Waits until the display shows that page."""
        until(lambda: self.status()["page"] == name, timeout, f"the page {name}")

    def shows(self, *words: str, timeout: float = 10.0) -> None:
        """Waits until all of these words are to be read on the display."""
        until(
            lambda: all(readable(self.board.screen(), word) for word in words),
            timeout,
            f"{words} on the display",
        )

    # What nobody may see

    def said(self) -> bytes:
        """All that came over the serial port so far, and the content of its frames."""
        raw = self.log.read_bytes()
        parts = [raw]
        for item in frames.Decoder().feed(raw):
            if isinstance(item, frames.Frame):
                parts += [cbor2.dumps(item.map), repr(item.map).encode()]
        return b"\n".join(parts)

    def keeps_secrets(self) -> None:
        said = self.said()
        for secret in (WIFI[1], PASSWORD):
            assert secret.encode() not in said, secret


def mail_on(flash: Path, account: str = ACCOUNT) -> "Counter[bytes]":
    """The messages in a flash image, each as often as it is there; each file's name tells size and CRC-32."""
    fs = open_image(flash)
    found: Counter[bytes] = Counter()
    for name in fs.listdir(f"/mail/{account}"):
        if name.endswith(".eml"):
            with fs.open(f"/mail/{account}/{name}", "rb") as file:
                content = file.read()
            assert name[16:] == f"-{len(content):x}-{zlib.crc32(content):08x}.eml"
            found[content] += 1
    return found


def files_on(flash: Path, folder: str = "/") -> dict[str, bytes]:
    """The files in a folder of a flash image."""
    fs = open_image(flash)
    found = {}
    for entry in fs.scandir(folder):
        if entry.type == 1:
            with fs.open(f"{folder.rstrip('/')}/{entry.name}", "rb") as file:
                found[entry.name] = file.read()
    return found


def on_server(server: LocalServer) -> "Counter[bytes]":
    """The messages on a server, as RETR sends them."""
    return Counter(server.expected().values())


def message(number: int, size: int = 0) -> bytes:
    """A message of at least `size` bytes, CRLF line ends, unlike that of any other number."""
    head = f"From: Sender {number} <s{number}@example.org>\r\nSubject: Message {number}\r\n\r\n".encode()
    line = b"%08d the quick brown fox jumps over the lazy dog .\r\n" % number
    return head + line * (-(-(size - len(head)) // len(line)) if size > len(head) else 1)


def readable(picture: Image.Image, word: str) -> bool:
    """Whether `word` stands anywhere on the display in the 6x12 font, light on dark or dark on light.

    The rows in which lines that stand close may touch (accents, descenders) are not compared.
    """
    width, height = picture.size
    light = [[bool(picture.getpixel((x, y))) for x in range(width)] for y in range(height)]
    want = [
        [bool(DATA[n * 9 + i] >> j & 1) if j < 8 else bool(DATA[n * 9 + 6 + i // 2] >> (j - 8 + 4 * (i & 1)) & 1)
         for n in glyphs(word) for i in range(6)]
        for j in range(2, 10)
    ]  # fmt: skip
    long = len(want[0])
    for y in range(height - 9):
        for x in range(width - long + 1):
            for dark in (False, True):
                if all(
                    (light[y + 2 + j][x + i] != dark) == cell
                    for j, row in enumerate(want)
                    for i, cell in enumerate(row)
                ):
                    return True
    return False


def pixels(picture: Image.Image) -> bytes:
    """The picture as the board's own buffer has it: a byte a column of 8 pixels, the top one its lowest bit."""
    width, height = picture.size
    return bytes(
        sum(bool(picture.getpixel((x, top + bit))) << bit for bit in range(8))
        for top in range(0, height, 8)
        for x in range(width)
    )


def log_lines(text: str) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in text.splitlines()]
