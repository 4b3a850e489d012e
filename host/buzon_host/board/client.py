"""A typed client of the console protocol: one method for each of the board's, with chunks put together.

It returns what the board said, with types checked but nothing escaped: whoever prints it escapes it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import BoardRefused, BuzonError
from . import frames
from .link import HELLO_S, Link, SessionLost

PROTOCOL = 1
E_FLASH_FULL = 600
E_NO_MESSAGE = 602
WIPED = 16
"""Messages that one request wipes: few enough that the answer comes in time even with a slow flash."""
_E_NOT_STAGED = 106
_E_BUSY = 705
_BUSY_S = 60.0
_E_MEMORY = 802
_TRIES = 10
_TRY_EVERY_S = 0.3
_MAX_SCREEN = 64 * 1024
_MAX_SETTINGS = 16 * 1024
_MAX_LOG = 256 * 1024
_MAX_PAGES = 20_000
MAX_MESSAGE = 64 << 20
"""Most bytes that are read of one message: no board has so much room."""


class _FromBoard(BaseModel):
    """Unknown keys are ignored, so that newer boards work too."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class Hello(_FromBoard):
    protocol: int
    version: str = ""
    board: str = ""
    id: str = ""
    mpy: int = 0
    micropython: str = ""
    heap: list[int] = Field(default_factory=list)
    flash: list[int] = Field(default_factory=list)
    idf: list[int] | None = None
    caps: list[str] = Field(default_factory=list)
    configured: bool = False
    locked: bool = False


class BoardError(_FromBoard):
    """An error as the board reports it: `code` is from the firmware's tree, `path` a setting or ""."""

    code: int
    message: str
    path: str = ""
    when: int | None = None


class Wifi(_FromBoard):
    ssid: str | None = None
    up: bool = False
    rssi: int | None = None
    ip: str | None = None


class AccountStatus(_FromBoard):
    id: str
    state: str = ""
    stored: int = 0
    new: int = 0
    listed: int | None = None
    fetched: int = 0
    todo: int = 0
    last_ok: int = 0
    next: int | None = None
    error: BoardError | None = None


class Status(_FromBoard):
    version: str = ""
    uptime: int = 0
    state: str = ""
    waiting: str | None = ""
    epoch: int | None = None
    wifi: Wifi = Field(default_factory=Wifi)
    heap: list[int] = Field(default_factory=list)
    flash: list[int] = Field(default_factory=list)
    display: str = ""
    tls_verify: bool = True
    accounts: list[AccountStatus] = Field(default_factory=list)
    error: BoardError | None = None
    notify: list[tuple[str, str | None]] = Field(default_factory=list)


class TestAccount(_FromBoard):
    __test__ = False
    id: str
    messages: int = 0
    bytes: int = 0


class TestState(_FromBoard):
    """`state`: running, ok or failed; `step`: wifi, clock, connect or login; `link`: what the connection is
    waiting for, or last waited for: DNS, connect, TLS or reply."""

    __test__ = False
    state: str
    step: str | None = ""
    account: str | None = ""
    link: str = ""
    error: BoardError | None = None
    accounts: list[TestAccount] = Field(default_factory=list)


class Item(_FromBoard):
    """A stored message. The board shortens `from_`, `subject` and `date`; `time` is an epoch or 0.

    `size` and `crc` (CRC-32) describe what is stored; with `part` that is the header alone, and the message
    has `octets` bytes on the server.
    """

    id: str = Field(pattern="^[0-9a-f]{16}$")
    from_: str = Field("", alias="from")
    subject: str = ""
    date: str = ""
    size: int = Field(0, ge=0)
    crc: int = Field(0, ge=0, lt=1 << 32)
    time: int = Field(0, ge=0, lt=1 << 32)
    seen: bool = False
    part: bool = False
    octets: int = Field(0, ge=0)


class Page(_FromBoard):
    total: int
    items: list[Item] = Field(default_factory=list)
    next: str | None = None


class Screen(_FromBoard):
    """The picture on the display: `pixels` in `format` (mono_vlsb), `w` x `h` pixels, and the page's name."""

    w: int
    h: int
    format: str = "mono_vlsb"
    page: str = ""
    pixels: bytes = b""


_Model = TypeVar("_Model", bound=_FromBoard)


class Client:
    """The board behind a `Link`. Call `hello()` first; every method may raise BoardRefused or NoBoard."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.info: Hello | None = None

    @classmethod
    def connect(
        cls,
        port: str,
        *,
        on_text: Callable[[str], None] | None = None,
        on_notice: Callable[[str], None] | None = None,
        timeout: float = HELLO_S,
    ) -> Self:
        """Opens `port` and says hello. Raises NoBoard; the port is then closed again."""
        client = cls(Link(port, on_text=on_text, on_notice=on_notice))
        try:
            client.hello(timeout)
        except BaseException:
            client.close()
            raise
        return client

    def close(self) -> None:
        self.link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hello(self, timeout: float = HELLO_S) -> Hello:
        info = _model(Hello, self.link.hello(timeout), "hello")
        if info.protocol != PROTOCOL:
            raise BuzonError(
                f"The board speaks version {info.protocol} of the serial protocol, this PC version "
                f"{PROTOCOL}: update the older one."
            )
        self.info = info
        return info

    # Settings

    def stage(self, settings: bytes) -> int:
        """Sends new settings (CBOR); the board checks them as a whole. Returns how many bytes it has."""
        return self._put("settings.stage", {}, settings)

    def test(self) -> TestState:
        """Starts the test of the staged settings, or returns its state."""
        return _model(TestState, _coded(self._ask("settings.test")), "settings.test")

    def commit(self, *, untested: bool = False) -> None:
        self._once("settings.commit", {"untested": True} if untested else {})

    def discard(self) -> None:
        """Drops staged settings; having none is no error."""
        try:
            self._ask("settings.discard")
        except BoardRefused as error:
            if error.code != _E_NOT_STAGED:
                raise

    def settings(self) -> bytes:
        """The settings in force, as CBOR; every secret that is set reads `true`."""
        return b"".join(part for part, _ in self._get("settings.get", {}, _MAX_SETTINGS))

    # The board

    def time_set(self, epoch: int) -> int:
        """Sets the clock, in seconds since 1970 UTC."""
        return int(self._ask("time.set", {"epoch": epoch}).get("epoch", epoch))

    def wifi_scan(self) -> list[tuple[str, int, bool]]:
        found = self._ask("wifi.scan").get("networks", [])
        try:
            return [(str(ssid), int(rssi), bool(secure)) for ssid, rssi, secure in found]
        except (TypeError, ValueError):
            raise _not_understood("wifi.scan") from None

    def status(self) -> Status:
        return _model(Status, _coded(self._ask("status")), "status")

    def sync(self, account: str | None = None) -> None:
        """Starts a sync of one account or all; `status()` shows its progress."""
        self._ask("sync", {"account": account} if account else {})

    def log(self) -> str:
        """The board's last log lines, oldest first."""
        parts = [part for part, _ in self._get("log", {}, _MAX_LOG)]
        return b"".join(parts).decode("utf-8", "replace")

    def screen(self) -> Screen:
        first: dict[str, Any] = {}
        pixels = bytearray()
        for part, result in self._get("screen", {}, _MAX_SCREEN):
            first = first or result
            pixels += part
        screen = _model(Screen, {**first, "pixels": bytes(pixels)}, "screen")
        if screen.format != "mono_vlsb" or screen.w < 1 or screen.h < 1 or screen.h % 8:
            raise _not_understood("screen")
        if len(screen.pixels) != screen.h // 8 * screen.w:
            raise _not_understood("screen")
        return screen

    def put_file(self, path: str, data: bytes) -> int:
        """Writes a file below /certs/ or /lib/, completely or not at all."""
        return self._put("file.put", {"path": path}, data)

    def reboot(self) -> None:
        """Restarts the board. The session ends; say hello again."""
        try:
            self.link.request("reboot")
        except SessionLost:
            pass  # the answer was lost, and the board has restarted

    def wipe(self, what: str, progress: Callable[[int], None] = lambda done: None) -> str:
        """Erases `mail`, `settings` or `all`. Mail is erased a few messages at a time; `progress` gets the
        most that can be gone. A sync that comes in between is waited for. If it is interrupted, what is
        erased stays erased."""
        if what != "mail":
            return str(self._ask("wipe", {"what": what}).get("wiped", what))
        done = 0
        deadline = time.monotonic() + _BUSY_S
        for _ in range(_MAX_PAGES):
            try:
                answer = self._ask("wipe", {"what": what, "n": WIPED})
            except BoardRefused as error:
                if error.code != _E_BUSY or not done or time.monotonic() > deadline:
                    raise
                time.sleep(_TRY_EVERY_S)
                continue
            if answer.get("more") is not True:
                return str(answer.get("wiped", what))
            done += WIPED
            progress(done)
            deadline = time.monotonic() + _BUSY_S
        raise _not_understood("wipe")

    def repl(self) -> None:
        """Ends the app, which leaves the MicroPython prompt on this port."""
        self._once("repl", {})

    # Mail

    def list_page(
        self,
        account: str,
        after: str | None = None,
        n: int = 8,
        *,
        brief: bool = False,
        find: Mapping[str, str] | None = None,
    ) -> Page:
        """At most `n` messages, newest first: from the newest one, or from the one after the id `after`.

        `next` is the `after` of the next page, or None; a search may have a next page though this one is
        empty. `brief`: without what comes from the headers. `find`: words to look for in `from`, `subject` or
        `text` (either of the two).
        """
        params: dict[str, Any] = {"account": account, "n": n, **(find or {})}
        if after is not None:
            params["after"] = after
        if brief:
            params["brief"] = True
        return _model(Page, self._read("mail.list", params), "mail.list")

    def list_all(
        self, account: str, *, brief: bool = False, find: Mapping[str, str] | None = None
    ) -> Iterator[Item]:
        """An account's stored messages, or those that match, newest first, each once; see `list_page`."""
        known: set[str] = set()
        after: str | None = None
        for _ in range(_MAX_PAGES):
            try:
                page = self.list_page(account, after, brief=brief, find=find)
            except BoardRefused as error:
                if error.code != E_NO_MESSAGE or after is None:
                    raise
                after = None  # that message has gone meanwhile: start again from the newest
                continue
            for item in page.items:
                if item.id not in known:
                    known.add(item.id)
                    yield item
            if page.next is None:
                return
            after = page.next
        raise _not_understood("mail.list")

    def read_message(
        self, account: str, id: str, *, off: int = 0, peek: bool = False, item: Item | None = None
    ) -> Iterator[bytes]:
        """The message's bytes as they are stored, from `off` on, in pieces of at most 1,024.

        The board marks it as seen when the last piece is read, unless `peek` is set. `item`: the board
        refuses any other content as no message. Raises BuzonError when the board sends more than the size
        that it announced, or than MAX_MESSAGE.
        """
        params: dict[str, Any] = {"account": account, "id": id}
        if peek:
            params["peek"] = True
        if item is not None:
            params |= {"size": item.size, "crc": item.crc}
        size: int | None = item.size if item else None
        for part, result in self._get("mail.read", params, MAX_MESSAGE if size is None else size, off):
            told = result.get("size")
            if size is None and isinstance(told, int):
                size = told
            off += len(part)
            if size is not None and off > size:
                raise _not_understood("mail.read")
            yield part

    def flag_message(self, account: str, id: str, *, seen: bool) -> None:
        """Marks a message as seen or unseen."""
        self._ask("mail.flag", {"account": account, "id": id, "seen": seen})

    def fetch_message(self, account: str, id: str) -> bool:
        """Has the next session fetch all of a message stored without its body; False if all is stored."""
        answer = self._ask("mail.fetch", {"account": account, "id": id})
        return bool(answer.get("wanted"))

    def delete_message(self, account: str, id: str, item: Item | None = None) -> None:
        """`item`: the board refuses any other content as no message, so the request is safe to repeat."""
        params: dict[str, Any] = {"account": account, "id": id}
        if item is None:
            self._once("mail.delete", params)
        else:
            self._ask("mail.delete", params | {"size": item.size, "crc": item.crc})

    # How it is done

    def _ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """For requests that may be repeated: after a restart of the board it is sent once more."""
        try:
            return self.link.request(method, params)
        except SessionLost:
            self.hello()
            return self.link.request(method, params)

    def _read(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """For large answers: asks again if a TLS handshake fills a small heap for a moment."""
        for _ in range(_TRIES - 1):
            try:
                return self._ask(method, params)
            except BoardRefused as error:
                if error.code != _E_MEMORY:
                    raise
                time.sleep(_TRY_EVERY_S)
        return self._ask(method, params)

    def _once(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """For requests that must not be repeated: after a restart nobody knows whether they were done."""
        try:
            return self.link.request(method, params)
        except SessionLost:
            raise BuzonError(
                f"The board restarted during {method}: look at its status, and try again if it was not done."
            ) from None

    def _put(self, method: str, params: dict[str, Any], data: bytes) -> int:
        """Sends `data` in chunks; starts over, once, when the board has lost what it had."""
        try:
            return self._put_chunks(method, params, data)
        except SessionLost:
            self.hello()
            return self._put_chunks(method, params, data)

    def _put_chunks(self, method: str, params: dict[str, Any], data: bytes) -> int:
        size = frames.room(method, {**params, "off": len(data), "end": False})
        if size < 1:
            raise BuzonError(f"The name is too long for the serial protocol ({method}): use a shorter one.")
        off = 0
        while True:
            part = data[off : off + size]
            end = off + len(part) == len(data)
            result = self.link.request(method, {**params, "off": off, "data": part, "end": end})
            off += len(part)
            if result.get("have") != off:
                raise _not_understood(method)
            if end:
                return off

    def _get(
        self, method: str, params: dict[str, Any], limit: int, off: int = 0
    ) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """The pieces of something large, from `off` on. Raises BuzonError when the board sends anything
        beyond byte `limit` of it."""
        while True:
            result = self._read(method, {**params, "off": off})
            data, end = result.get("data"), result.get("end")
            if not isinstance(data, bytes) or type(end) is not bool or result.get("off") != off:
                raise _not_understood(method)
            if not data and not end:
                raise _not_understood(method)
            off += len(data)
            if off > limit:
                raise _not_understood(method)
            yield data, result
            if end:
                return


def _coded(result: dict[str, Any]) -> dict[str, Any]:
    """Names the parts of errors, which travel as lists: [code, message], a path (text) or a time (int)."""

    def turned(error: object) -> object:
        if not isinstance(error, list) or len(error) < 2:
            return error
        named: dict[str, Any] = {"code": error[0], "message": error[1]}
        if len(error) > 2 and error[2] is not None:
            named["path" if isinstance(error[2], str) else "when"] = error[2]
        return named

    result = {**result, "error": turned(result.get("error"))}
    accounts = result.get("accounts")
    if isinstance(accounts, list):
        result["accounts"] = [
            {**account, "error": turned(account.get("error"))} if isinstance(account, dict) else account
            for account in accounts
        ]
    return result


def _model(kind: type[_Model], result: dict[str, Any], method: str) -> _Model:
    try:
        return kind.model_validate(result)
    except ValidationError:
        raise _not_understood(method) from None


def _not_understood(method: str) -> BuzonError:
    return BuzonError(
        f"The board's answer to {method} was not understood: update board and PC to the same version."
    )
