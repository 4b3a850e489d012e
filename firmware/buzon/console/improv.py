"""Improv Wi-Fi on the serial port, version 1 (improv-wifi.com/serial): a browser sets the Wi-Fi and nothing else.

Loaded when one of its frames arrives. The network is tried before it is saved; all other settings stay as
they are.
"""

import sys

from micropython import const

from .. import __version__
from ..core.frames import IMPROV
from ..errors import E_BUG, E_NOT_STAGED, ConfigError, DeviceError, LinkError, MailError
from ..store import settings, staging
from ..trial import Trial

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    from ..net.link import Link
    from ..net.wifi import Wifi

    Write = Callable[[bytes], object]

_STATE = const(1)  # types of packets
_ERROR = const(2)
_COMMAND = const(3)
_RESULT = const(4)
_READY = const(2)  # states
_PROVISIONING = const(3)
_PROVISIONED = const(4)
_NO_ERROR = const(0)  # errors
_INVALID = const(1)
_UNKNOWN = const(2)
_NOT_JOINED = const(3)
_OTHER = const(255)
_SET_WIFI = const(1)  # commands
_GET_STATE = const(2)
_GET_INFO = const(3)
_SCAN = const(4)

_MOST = const(128)  # bytes of data; a name and a password take 100
_WAIT_MS = const(300)  # for the next byte of a frame
_NETWORKS = const(4)


class Join(Trial):
    """A trial of one network, saved once joined. The supervisor runs it, as it runs the PC tool's trials."""

    def __init__(self, app: "Any", doc: "Dict[str, Any]", write: "Write") -> None:
        super().__init__(doc)
        self.state = "wanted"
        self.step = "wifi"
        self.app = app
        self.write = write

    async def run(self, wifi: "Wifi", link: "Link") -> None:
        """Raises nothing but cancellation."""
        self.state = "running"
        failed = _NO_ERROR
        try:
            await wifi.join(self.settings["wifi"][:1])
            if self.app.trial is not self:  # a wipe has dropped it: something else is staged now
                raise ConfigError(E_NOT_STAGED)
            settings.commit()
            self.app.reload = True
            self.state = "ok"
        except Exception as err:  # the radio's own errors too: a trial that never ends blocks all others
            self.error = err if isinstance(err, MailError) else DeviceError(E_BUG, type(err).__name__)
            self.state = "failed"
            failed = _NOT_JOINED if isinstance(err, LinkError) else _OTHER
        if self.app.trial is self:
            self.app.trial = None
            if failed:
                settings.discard()
        if failed:
            send(self.write, _ERROR, bytes((failed,)))
            send(self.write, _STATE, bytes((_READY,)))
        else:
            send(self.write, _STATE, bytes((_PROVISIONED,)))
            answer(self.write, _SET_WIFI, ())


def serve(app: "Any", stdin: "Any", poller: "Any", write: "Write") -> None:
    """Read the rest of a frame whose header has arrived, and answer it."""
    frame = read(stdin, poller)
    if frame is None:
        return
    n = len(frame) - 1
    if frame[7] != _COMMAND:
        return
    try:
        if sum(frame[:n]) & 255 != frame[n] or n < 11 or frame[10] != n - 11:
            error = _INVALID
        elif (app.settings or {}).get("device", {}).get("lock"):
            error = _OTHER
        else:
            error = _do(app, frame[9], bytes(frame[11:n]), write)
    except MailError:
        error = _INVALID if frame[9] == _SET_WIFI else _OTHER
    except MemoryError:  # the browser asks again
        raise
    except Exception:  # the radio, or a bug: the console goes on
        error = _OTHER
    if error:
        send(write, _ERROR, bytes((error,)))


def read(stdin: "Any", poller: "Any") -> "bytearray | None":
    """The frame with its header and checksum; None if it does not arrive or is too long."""
    frame = bytearray(IMPROV)
    one = bytearray(1)
    need = len(IMPROV) + 3
    while len(frame) < need:
        if not poller.poll(_WAIT_MS) or not stdin.readinto(one):
            return None
        frame.append(one[0])
        if len(frame) == len(IMPROV) + 2:
            if one[0] > _MOST:
                return None
            need += one[0]
    return frame


def send(write: "Write", kind: int, data: bytes) -> None:
    """Write one packet on a line of its own."""
    packet = IMPROV + bytes((kind, len(data))) + data
    write(b"\n" + packet + bytes((sum(packet) & 255, 10)))


def answer(write: "Write", command: int, texts: "List[str] | tuple[str, ...]") -> None:
    """Write the result of a command."""
    data = b""
    for text in texts:
        part = text.encode()[:60]
        data += bytes((len(part),)) + part
    send(write, _RESULT, bytes((command, len(data))) + data)


def _do(app: "Any", command: int, data: bytes, write: "Write") -> int:
    """Carry out a command and answer it; returns the error, _NO_ERROR if there is none."""
    if command not in (_SET_WIFI, _GET_STATE, _GET_INFO, _SCAN):
        return _UNKNOWN
    send(write, _ERROR, b"\0")
    if command == _SET_WIFI:
        return _set_wifi(app, data, write)
    if command == _GET_STATE:
        up = app.wifi.up()
        state = _PROVISIONING if app.trial and app.trial.state in ("wanted", "running") else _READY
        send(write, _STATE, bytes((_PROVISIONED if up and state == _READY else state,)))
        if up and state == _READY:
            answer(write, command, ())
    elif command == _GET_INFO:
        board = app.board.get("name", "")
        name = (app.settings or {}).get("device", {}).get("name") or board
        info = sys.implementation
        answer(write, command, ("Buzon", __version__, info._machine, name))
    else:
        from ..net.join import scan

        for ssid, rssi, secure in scan(app.wifi):
            try:
                name = str(ssid, "utf-8")
            except UnicodeError:
                continue  # a name that is not text cannot be sent back
            answer(write, command, (name, str(rssi), "YES" if secure else "NO"))
        answer(write, command, ())
    return _NO_ERROR


def _set_wifi(app: "Any", data: bytes, write: "Write") -> int:
    if app.trial and app.trial.state in ("wanted", "running"):
        return _OTHER
    if app.settings is None and settings.size():
        return _OTHER  # the board has settings that cannot be read: they must not be replaced
    at = 1 + data[0] if data else 1
    if len(data) <= at or len(data) != at + 1 + data[at]:
        return _INVALID
    try:
        network = {"ssid": str(data[1:at], "utf-8"), "password": str(data[at + 1 :], "utf-8")}
    except ValueError:
        return _INVALID
    doc = dict(app.settings or {"v": settings.VERSION})
    others = [each for each in doc.get("wifi", ()) if each["ssid"] != network["ssid"]]
    doc["wifi"] = [network] + others[: _NETWORKS - 1]
    staging.check(doc)
    settings.stage(doc, settings.size() + 2 * _MOST)
    app.staged = bytearray()  # whatever a PC was staging is discarded
    app.trial = Join(app, doc, write)
    send(write, _STATE, bytes((_PROVISIONING,)))
    return _NO_ERROR
