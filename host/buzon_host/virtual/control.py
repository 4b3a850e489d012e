"""Virtual boards for other processes: a list of those that are running, and a channel to each.

The channel is a Unix socket: the request is a line of JSON, and so is the answer.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import socket
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from ..errors import BuzonError, NoBoard

if TYPE_CHECKING:
    from .board import VirtualBoard

_ANSWER_S = 60.0
_MAX_LINE = 65536


@dataclass(frozen=True)
class Entry:
    """A running virtual board. `port` and `link` are its serial port, `screen` is a PNG that is kept up to
    date, `control` its socket; `bare`: it was started with MicroPython alone."""

    board: str
    port: str
    link: str | None
    pid: int
    flash: str
    screen: str
    control: str
    bare: bool = False


def folder() -> Path:
    """Where running virtual boards register themselves; only this user has access."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.access(base, os.W_OK):
        path = Path(base) / "buzon"
    else:
        path = Path(tempfile.gettempdir()) / f"buzon-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise BuzonError(f"{path} belongs to somebody else: set XDG_RUNTIME_DIR to a folder of yours.")
    return path


def running() -> list[Entry]:
    """The running virtual boards, oldest first. What crashed ones have left behind is removed."""
    if os.name != "posix":
        return []
    found = []
    for path in sorted(folder().glob("*.json"), key=_age):
        try:
            entry = Entry(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if _alive(entry.pid) and Path(entry.control).exists():
            found.append(entry)
        else:
            path.unlink(missing_ok=True)
            scratch = Path(entry.control).parent
            if scratch.name.startswith("buzon-"):
                shutil.rmtree(scratch, ignore_errors=True)
    return found


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


class Client:
    """Asks a running virtual board, one request at a time. Raises BuzonError with the board's sentence."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_ANSWER_S)
        try:
            self._socket.connect(entry.control)
        except OSError:
            self._socket.close()
            raise NoBoard(f"The virtual board at {entry.port} does not answer: start it again.") from None
        self._file = self._socket.makefile("rwb")

    def ask(self, request: str, **params: object) -> dict[str, Any]:
        """One request with its parameters; returns the answer."""
        try:
            self._file.write(json.dumps({"do": request, **params}).encode() + b"\n")
            self._file.flush()
            line = self._file.readline()
        except OSError:
            line = b""
        if not line:
            raise NoBoard(f"The virtual board at {self.entry.port} went away.")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BuzonError(str(answer["error"]))
        return answer

    def stats(self) -> dict[str, Any]:
        return self.ask("stats")

    def screen(self) -> Image.Image:
        """The display: mode "1", white on black."""
        return Image.open(io.BytesIO(base64.b64decode(self.ask("screen")["png"])))

    def press(self, button: int | None = None, hold_s: float = 0.15) -> int:
        """Returns the pin."""
        return int(self.ask("press", button=button, hold_s=hold_s)["pin"])

    def wifi(self, on: bool) -> None:
        self.ask("wifi", on=on)

    def cut(self, operations: int, torn: float = 0.5) -> None:
        self.ask("cut", operations=operations, torn=torn)

    def power(self, on: bool = True) -> None:
        """On: a power cycle. Off: until the next one."""
        self.ask("power", on=on)

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(port_or_link: str | Path) -> Client:
    """The channel to the virtual board behind that serial port. Raises NoBoard if there is none."""
    wanted = os.path.realpath(port_or_link)
    for entry in running():
        if os.path.realpath(entry.port) == wanted:
            return Client(entry)
    raise NoBoard(f"{port_or_link} is not the port of a running virtual board.")


class Server:
    """The board's end: registers the board, and answers until closed."""

    def __init__(self, board: VirtualBoard, scratch: Path) -> None:
        self._board = board
        path = scratch / "control"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(8)
        self.entry = Entry(
            board=board.board.name,
            port=board.port,
            link=str(board.link.absolute()) if board.link else None,
            pid=os.getpid(),
            flash=str(board.flash_file),
            screen=str(board.screen_file),
            control=str(path),
            bare=board.bare,
        )
        self._file = folder() / f"{os.getpid()}-{scratch.name}.json"
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self.entry)), "utf-8")
        os.replace(part, self._file)
        threading.Thread(target=self._accept, name="virtual board control", daemon=True).start()

    def close(self) -> None:
        self._file.unlink(missing_ok=True)
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rwb") as file:
            while True:
                try:
                    line = file.readline(_MAX_LINE)
                    if not line:
                        return
                    file.write(json.dumps(self._answer(line)).encode() + b"\n")
                    file.flush()
                except OSError:
                    return

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            return self._do(request.pop("do"), request)
        except BuzonError as error:
            return {"error": str(error)}
        except (ValueError, TypeError, KeyError, AttributeError):
            return {"error": "The virtual board does not understand this request."}

    def _do(self, what: str, params: dict[str, Any]) -> dict[str, Any]:
        board = self._board
        if what == "stats":
            return board.stats()
        if what == "screen":
            png = io.BytesIO()
            board.screen().save(png, "PNG")
            return {"png": base64.b64encode(png.getvalue()).decode()}
        if what == "press":
            return {"pin": board.press(params["button"], float(params.get("hold_s", 0.15)))}
        if what == "wifi":
            board.wifi_up(bool(params["on"]))
        elif what == "cut":
            board.cut(int(params["operations"]), float(params.get("torn", 0.5)))
        elif what == "power":
            if params.get("on", True):
                board.power_cycle()
            else:
                board.kill()
        else:
            raise KeyError(what)
        return {"done": True}
