"""The demo: a local mail server, a virtual board provisioned over its serial port, one sync, and the proof.

What it reports as stored was read back from the flash file with a different littlefs and compared byte for
byte.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import boards, paths
from .board.client import Client, Item, Screen
from .board.follow import follow
from .errors import BuzonError, UsageError
from .provision import schema
from .provision.steps import Result, provision

ACCOUNT = "demo"
WIFI = ("Buzon-Demo", "correct horse")
BLOCK = 4096
_SMALLEST_FLASH = 2 * 1024 * 1024
_ALERT_S = 15.0
_STALL_S = 60.0

Progress = Callable[[str, int, int], None]


@dataclass
class Demo:
    """What a run did. `document()` is what `--json` prints.

    messages: how many were on the server at the start. stored: how many of them this run put into the flash
    file, byte for byte, as read back after the board was switched off; what earlier runs left there does not
    count. bytes: the size of the messages. server_left: messages on the server at the end.
    """

    board: str
    flash: Path
    heap_limit: int = 0
    ok: bool = False
    messages: int = 0
    stored: int = 0
    bytes: int = 0
    server_left: int = -1
    screen: Path | None = None
    seconds: float = 0.0
    error: str = ""
    exit_code: int = 0
    items: list[Item] = field(default_factory=list)
    picture: Screen | None = None

    def document(self) -> dict[str, object]:
        found: dict[str, object] = {
            "ok": self.ok,
            "board": self.board,
            "messages": self.messages,
            "stored": self.stored,
            "bytes": self.bytes,
            "heap_limit": self.heap_limit,
            "server_left": self.server_left,
            "screen": str(self.screen) if self.screen is not None else None,
            "seconds": round(self.seconds, 2),
        }
        if not self.ok:
            found["error"] = self.error
        return found


def run(
    mail: Path | None,
    *,
    flash: Path | None = None,
    flash_size: int | None = None,
    board: str = "virtual",
    progress: Progress = lambda text, done, total: None,
) -> Demo:
    """Runs the demo and returns what happened; a failure is in `error` and `exit_code`, not raised.

    mail: a folder of messages, None for the samples. flash: the file that is the board's flash; an existing
    one keeps its content and size, None makes a new one in the demo's own folder. flash_size: bytes of a new
    file, by default enough for the mail, or what the chip of a real board has. Raises KeyboardInterrupt, and
    BuzonError when the new file cannot be placed.
    """
    begin = time.monotonic()
    with sentences():
        if flash is None:
            flash = default_flash()
            flash.unlink(missing_ok=True)
    demo = Demo(board, flash)
    try:
        with sentences():
            _run(demo, mail, flash_size, progress)
    except BuzonError as error:
        demo.error, demo.exit_code = str(error), error.exit_code
    demo.seconds = time.monotonic() - begin
    return demo


def _run(demo: Demo, mail: Path | None, flash_size: int | None, progress: Progress) -> None:
    from .server.run import LocalServer
    from .virtual import flash as images
    from .virtual.board import VirtualBoard

    images.check(demo.flash)
    progress("Starting the mail server", 0, 0)
    with LocalServer(mail) as server:
        demo.messages = demo.server_left = server.messages
        sizes, expected = _fingerprints(server.expected().values())
        demo.bytes = sum(sizes)
        before = stored_in(demo.flash) if demo.flash.exists() else Counter()
        size = None if demo.flash.exists() else flash_size
        if size is None and not demo.flash.exists() and boards.load(demo.board).chip == "virtual":
            size = flash_size_for(sizes)  # others have what their chip has
        demo.flash.parent.mkdir(parents=True, exist_ok=True)
        progress("Booting the virtual board", 0, 0)
        try:
            with VirtualBoard(demo.board, flash=demo.flash, flash_size=size, wifi=[WIFI]) as machine:
                demo.heap_limit = machine.heap_kib * 1024
                try:
                    with Client.connect(machine.port) as client:
                        _collect(demo, client, server, progress)
                finally:
                    demo.server_left = server.left()
                    demo.screen = _save_screen(machine, demo.flash)
        finally:
            if demo.flash.exists():  # counted after a failure too
                demo.stored = sum((expected & (stored_in(demo.flash) - before)).values())
    if demo.stored != demo.messages:
        raise BuzonError(
            f"{demo.messages - demo.stored} of {demo.messages} messages are not in {demo.flash}: look at its "
            "log, and please report it."
        )
    if demo.server_left:
        raise BuzonError(f"{demo.server_left} messages are still on the server: please report it.")
    demo.ok = True


def _collect(demo: Demo, client: Client, server: Any, progress: Progress) -> None:
    """Provision, sync, wait for the alert, read back the list and the screen."""
    result = put(client, server, progress=lambda text: progress(text, 0, 0))
    demo.board = result.board or demo.board
    # The deadline grows with the mail: it applies to each stretch without progress, and a stretch is at most
    # one message long.
    follow(client, ACCOUNT, progress=progress, stall=_STALL_S + demo.bytes / 50_000)
    progress("Reading the list from the board", 0, 0)
    demo.items = list(client.list_all(ACCOUNT))
    demo.picture = _wait_for_alert(client, demo.messages > 0)


def _wait_for_alert(client: Client, wanted: bool) -> Screen:
    deadline = time.monotonic() + _ALERT_S
    while True:
        screen = client.screen()
        if not wanted or screen.page == "alert":
            return screen
        if time.monotonic() > deadline:
            raise BuzonError(
                f"The board did not show the alert, but the page '{screen.page}': look at its log."
            )
        time.sleep(0.2)


def _save_screen(machine: Any, flash: Path) -> Path | None:
    """The display as the emulated controller shows it, beside the flash file."""
    path = flash.with_name(flash.stem + ".screen.png")
    try:
        from . import picture

        image = machine.screen()
        rows = [[1 if image.getpixel((x, y)) else 0 for x in range(image.width)] for y in range(image.height)]
        picture.to_image(rows).save(path)
    except Exception:
        # The board may have died; the error that led here is what matters.
        return None
    return path


def settings(host: str, port: int, user: str, password: str) -> schema.Settings:
    """The demo's settings: one account, which may be emptied, as its mail is ours."""
    return schema.parse(
        {
            "device": {"name": "buzon-demo"},
            "wifi": [{"ssid": WIFI[0], "password": WIFI[1]}],
            "account": [
                {
                    "id": ACCOUNT,
                    "host": host,
                    "port": port,
                    "user": user,
                    "password": password,
                    "delete_confirmed": True,
                }
            ],
        },
        "The demo's settings",
    )


def put(
    client: Client,
    server: Any,
    change: Callable[[schema.Settings], schema.Settings] = lambda tree: tree,
    progress: Callable[[str], None] = lambda text: None,
) -> Result:
    """Put the demo's settings for a local server onto a board, changed by `change`. Raises BuzonError."""
    return provision(
        client,
        change(settings(server.host, server.pop3s, server.user, server.password)),
        ca=Path(server.ca_der).read_bytes(),
        confirm=lambda question: True,
        progress=progress,
    )


def default_flash() -> Path:
    """`build/demo/flash.img` in a checkout, else in the cache folder."""
    here = Path.cwd()
    if (here / "host" / "buzon_host").is_dir() and (here / "firmware").is_dir():
        return here / "build" / "demo" / "flash.img"
    return paths.cache() / "demo" / "flash.img"


def flash_size_for(sizes: list[int]) -> int:
    """Bytes of a flash that holds messages of these sizes, with slack for littlefs, settings and a journal.

    A file takes whole blocks, of which littlefs uses up to 8 bytes each; a directory takes about 2 blocks for
    16 names.
    """
    blocks = sum(size // (BLOCK - 8) + 2 for size in sizes) + 2 * (len(sizes) // 16 + 1)
    blocks += blocks // 16 + 128
    return max(_SMALLEST_FLASH, -(-blocks * BLOCK // 65536) * 65536)


def stored_in(flash: Path) -> "Counter[str]":
    """How often each message is in a flash file, by the SHA-256 of its bytes; empty if it has no littlefs."""
    from littlefs import LittleFS, LittleFSError

    data = flash.read_bytes()
    if len(data) < 2 * BLOCK:
        return Counter()
    found: Counter[str] = Counter()
    try:
        fs = LittleFS(block_size=BLOCK, block_count=len(data) // BLOCK, mount=False)
        fs.context.buffer = bytearray(data)
        fs.mount()
        if "mail" not in fs.listdir("/"):
            return Counter()
        for folder, _, names in fs.walk("/mail"):
            for name in names:
                if name.endswith(".eml"):
                    with fs.open(f"{folder}/{name}", "rb") as file:
                        digest = hashlib.sha256()
                        while part := file.read(65536):
                            digest.update(part)
                        found[digest.hexdigest()] += 1
    except LittleFSError:
        return found
    return found


def _fingerprints(contents: Any) -> tuple[list[int], "Counter[str]"]:
    sizes: list[int] = []
    prints: Counter[str] = Counter()
    for content in contents:
        sizes.append(len(content))
        prints[hashlib.sha256(content).hexdigest()] += 1
    return sizes, prints


@contextmanager
def sentences() -> Iterator[None]:
    """Turns errors of the server, the virtual board and the system into BuzonErrors."""
    from .server.maildir import LocalServerError, NoMailError

    try:
        yield
    except NoMailError as error:
        raise UsageError(str(error)) from None
    except LocalServerError as error:
        raise BuzonError(str(error)) from None
    except ImportError as error:
        raise BuzonError(
            f"The virtual board does not run on this system ({error.name} is missing): it needs Linux or macOS. "
            "Everything else works here with a real board."
        ) from None
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise BuzonError(f"A file or port could not be used{where}: {error.strerror or error}.") from None
