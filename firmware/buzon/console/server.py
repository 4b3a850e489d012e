"""The serial port: frames in, answers out, each request carried out once. The methods are in modules of their own."""

import gc
import select
import sys
from asyncio import core as _core  # type: ignore[attr-defined]
from binascii import unhexlify

from micropython import const

from .. import log
from ..core import frames
from ..core.cbor import Encoder, decode
from ..errors import (
    E_BUG,
    E_MEMORY,
    E_METHOD,
    E_NO_ACCOUNT,
    E_PARAMS,
    E_SESSION,
    ConfigError,
    ConsoleError,
    DeviceError,
    MailError,
)
from ..plugins import unload

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, Generator


_CTRL_C = const(3)
_SENTENCE = const(250)  # characters of an error's sentence


class Console:
    """Serves one session with one PC at a time. `app` is what the methods work on."""

    def __init__(self, app: "Any") -> None:
        self._app = app
        self._out = sys.stdout.buffer
        self._frame = bytearray(frames.OUT_ROOM + 4)
        self._answer = Encoder(self._frame, frames.OUT_ROOM)  # the last answer, kept to be repeated
        self._session = -1
        self._last = -1
        log.echo = self._out.write

    def serve(self) -> "Generator[Any, None, None]":
        """Serve until the app is to be left. A generator that asyncio awaits."""
        reader = frames.FrameReader()
        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)
        one = bytearray(1)
        stdin = sys.stdin.buffer
        while not self._app.leaving:
            yield _core._io_queue.queue_read(sys.stdin)
            while poller.poll(0):  # reading more than has arrived would block
                if not stdin.readinto(one):
                    return  # the port is gone
                try:
                    if one[0] == _CTRL_C:
                        raise KeyboardInterrupt
                    request = reader.feed(one[0])
                    if request is frames.IMPROV:
                        self._improv(stdin, poller)
                    elif request is not None:
                        self._handle(request)
                except MemoryError:  # the PC asks again
                    gc.collect()

    def _improv(self, stdin: "Any", poller: "Any") -> None:
        from .improv import serve

        try:
            serve(self._app, stdin, poller, self._out.write)
        finally:
            unload()

    def _handle(self, data: bytes) -> None:
        """Answer one request. A request without an id cannot be answered and is dropped."""
        try:
            request = decode(data)
        except MailError:
            return
        if not isinstance(request, dict):
            return
        number: "Any" = request.get(0)
        if type(number) is not int or number < 1:
            return
        session = request.get(7)
        method = request.get(1)
        if method == "hello" and type(session) is int and session >= 0:
            if session != self._session:
                self._session = session
                self._last = -1
        elif session != self._session or session < 0:
            self._refuse(number, ConsoleError(E_SESSION))
            self._last = -1
            return self._send()
        if number != self._last:
            self._last = number
            self._answer.n = 0
            self._do(number, method, request.get(2, {}))
        elif not self._answer.n:  # it was carried out, but there was no memory for the answer
            self._refuse(number, DeviceError(E_MEMORY, "answer"))
        self._send()

    def _do(self, number: int, method: "Any", params: "Any") -> None:
        try:
            if type(method) is not str or not isinstance(params, dict):
                raise ConsoleError(E_PARAMS, "types")
            self._call(number, method, params)
        except MailError as err:
            self._refuse(number, err)
        except MemoryError:
            self._refuse(number, DeviceError(E_MEMORY, str(method)))
        except Exception as err:
            self._refuse(number, DeviceError(E_BUG, type(err).__name__))

    def _call(self, number: int, method: str, params: "Dict[str, Any]") -> None:
        module = _module(method)
        name = method.replace(".", "_")
        if module:
            methods = __import__("buzon.console." + module, None, None, (name,))
            # Not getattr: that would keep every name it was ever asked for in memory.
            handler = methods.__dict__.get("do_" + name)
            try:
                if handler:
                    # Put it while the module is loaded: parts of it may be made only now.
                    self._answer.put({0: number, 3: handler(self._app, params)})
                    return
            finally:
                unload()
        raise ConsoleError(E_METHOD, method[:40])

    def _refuse(self, number: int, err: MailError) -> None:
        self._answer.n = 0
        self._answer.put({0: number, 4: [err.code, str(err)[:_SENTENCE], getattr(err, "path", "")]})

    def _send(self) -> None:
        frames.send(self._frame, self._answer.n, self._out.write)


def _module(method: str) -> str:
    """The module that has a method; it is imported when one of its methods is called."""
    if method == "status":
        return "status"
    if method.startswith("mail."):
        return "listing" if method == "mail.list" else "mailbox"
    if method in ("settings.test", "settings.commit", "settings.discard"):
        return "change"
    if method.startswith("settings."):
        return "config"
    if method == "wifi.scan":
        return "scan"
    return "files" if method in ("file.put", "wipe") else "base"


def field(params: "Dict[str, Any]", name: str, kind: type) -> "Any":
    """A parameter, checked for its type; an int is 0 or more. Raises ConsoleError(E_PARAMS)."""
    value: "Any" = params.get(name)
    if type(value) is not kind or (type(value) is int and value < 0):
        raise ConsoleError(E_PARAMS, name)
    return value


def account_in(app: "Any", params: "Dict[str, Any]") -> "Any":
    """The account that the params name. Raises ConfigError(E_NO_ACCOUNT)."""
    name = field(params, "account", str)
    for account in app.accounts:
        if account.id == name:
            return account
    raise ConfigError(E_NO_ACCOUNT, name[:16])


def key_in(params: "Dict[str, Any]", name: str) -> bytes:
    """The key of the message whose id is in the parameter `name`. Raises ConsoleError(E_PARAMS)."""
    text = field(params, name, str)
    try:
        key = unhexlify(text)
    except ValueError:
        key = b""
    if len(key) != 8:
        raise ConsoleError(E_PARAMS, name)
    return key


def chunk(
    data: "bytes | bytearray | memoryview", params: "Dict[str, Any]", most: int = 1024
) -> "Dict[str, Any]":
    """The part of `data` from the parameter `off` on, by the continuation rule."""
    off = field(params, "off", int)
    part = bytes(data[off : off + most])
    return {"off": off, "data": part, "end": off + len(part) >= len(data)}
