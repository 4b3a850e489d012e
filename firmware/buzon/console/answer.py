"""Carries out the requests that a PC sends, and makes their answers. The methods are in modules of their own, which
stay in memory from one request to the next of the same kind.
"""

from micropython import const

from ..core.cbor import Encoder, decode
from ..core.frames import OUT_ROOM
from ..errors import (
    E_BUG,
    E_MEMORY,
    E_METHOD,
    E_PARAMS,
    E_SESSION,
    ConsoleError,
    DeviceError,
    MailError,
)
from ..plugins import unload
from .status import do_status

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    from .server import Console

_SENTENCE = const(250)  # characters of an error's sentence


def answer(console: "Console", data: bytes) -> bool:
    """Carry out one request; its answer is in `console.frame`. False: it has no id, so it cannot be answered."""
    try:
        request = decode(data)
    except MailError:
        return False
    if not isinstance(request, dict):
        return False
    number: "Any" = request.get(0)
    if type(number) is not int or number < 1:
        return False
    session = request.get(7)
    method = request.get(1)
    if method == "hello" and type(session) is int and session >= 0:
        if session != console.session:
            console.session = session
            console.last = -1
    elif session != console.session or session < 0:
        _refuse(console, number, ConsoleError(E_SESSION))
        console.last = -1
        return True
    if number != console.last:
        console.last = number
        console.n = 0
        _do(console, number, method, request.get(2, {}))
    elif not console.n:  # it was carried out, but there was no memory for the answer
        _refuse(console, number, DeviceError(E_MEMORY, "answer"))
    return True


def _do(console: "Console", number: int, method: "Any", params: "Any") -> None:
    try:
        if type(method) is not str or not isinstance(params, dict):
            raise ConsoleError(E_PARAMS, "types")
        _call(console, number, method, params)
    except MailError as err:
        _refuse(console, number, err)
    except MemoryError:
        _refuse(console, number, DeviceError(E_MEMORY, str(method)))
    except Exception as err:
        _refuse(console, number, DeviceError(E_BUG, type(err).__name__))


def _call(console: "Console", number: int, method: str, params: "Dict[str, Any]") -> None:
    module = _module(method)
    if console.kept != module:
        unload()
    console.kept = module
    name = method.replace(".", "_")
    handler: "Any" = do_status
    if module != "status":
        methods = __import__("buzon.console." + module, None, None, (name,))
        # Not getattr: that would keep every name it was ever asked for in memory.
        handler = methods.__dict__.get("do_" + name)
    try:
        if not handler:
            raise ConsoleError(E_METHOD, method[:40])
        # Put it while the module is loaded: parts of it may be made only now.
        _put(console, {0: number, 3: handler(console.app, params)})
    finally:
        if console.app.busy():
            console.tidy()


def _refuse(console: "Console", number: int, err: MailError) -> None:
    _put(console, {0: number, 4: [err.code, str(err)[:_SENTENCE], getattr(err, "path", "")]})


def _put(console: "Console", item: "Any") -> None:
    if len(console.frame) < OUT_ROOM + 4:  # see `lean`
        console.frame = bytearray(OUT_ROOM + 4)
    room = Encoder(console.frame, OUT_ROOM)
    room.put(item)
    console.n = room.n


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
    return "files" if method in ("file.put", "wipe") else "base"
