"""How files get onto a board: over its raw REPL, with mpremote's transport. `plan.py` decides which ones."""

import io
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from types import TracebackType
from typing import Self

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from pydantic import TypeAdapter

from ..board.link import BAUD, Link
from ..board.printable import escape
from ..errors import BuzonError, NoBoard
from . import scripts
from .plan import Facts

_CHUNK = 768  # bytes of a file in one command: 1 KB of base64, which fits in one piece of a small heap
_PIECES = 3  # of that size in the answer to one command: a system's serial driver keeps 4 KB
_READ_S = 5.0  # how long the board may be silent while it takes what is sent
_QUICK_S = 20.0
_RAW_REPL_S = 4.0, 10.0
"""Seconds for each attempt: an app that is starting or ending may swallow what follows the first Ctrl-C."""
_MOST = 64 * 1024
"""Bytes that a board may send in answer to one command: far more than any of ours needs."""
_HASH = TypeAdapter(tuple[str, str])  # path, SHA-256
# Leave whatever is running for the friendly prompt, and restart, as a person would.
_LEAVE = b"\r\x03\x03\x02", b"\x04"


class NoPrompt(NoBoard):
    """Ctrl-C did not lead to the prompt."""


class Repl:
    """The raw REPL of the board on a port, after a soft reset, with no program running. A context manager.

    Raises NoBoard, NoPrompt; BuzonError for what the board could not do.
    """

    def __init__(self, port: str) -> None:
        with Link(port):
            pass  # Link says in a sentence why a port cannot be opened
        self.port = port
        self._left = False
        with self._spoken():
            self._transport = SerialTransport(port, BAUD, timeout=_READ_S)
        self._left_bytes = _MOST
        # mpremote keeps all that it reads, and discards what comes first for as long as something comes.
        self._read, self._transport.serial.read = self._transport.serial.read, self._bounded
        try:
            try:
                self._enter(_RAW_REPL_S[0])
            except NoPrompt:
                self._enter(_RAW_REPL_S[1])
            self.run(scripts.TOOLS)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enter(self, seconds: float) -> None:
        self._left_bytes = _MOST
        with self._spoken(NoPrompt), redirect_stdout(io.StringIO()):  # it prints what it does not understand
            self._transport.enter_raw_repl(timeout_overall=seconds)

    def run(self, code: str, timeout: float = _QUICK_S) -> str:
        """Run code and return what it printed. `timeout`: how many seconds it may be silent."""
        self._left_bytes = _MOST
        with self._spoken():
            out, err = self._transport.exec_raw(code, timeout=timeout)
        if err:
            last = err.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise BuzonError(
                f"The board could not do it ({escape(''.join(last))[:120]}): restart it, and run the command again."
            )
        return str(out.decode("utf-8", "replace"))

    def facts(self) -> Facts:
        try:
            return Facts.model_validate_json(self.run(scripts.FACTS))
        except ValueError:
            raise _garbled() from None

    def hashes(self, paths: str) -> dict[str, str]:
        """Path -> SHA-256. `paths`: an expression that yields the paths on the board."""
        lines = self.run(f"hashes({paths})").splitlines()
        try:
            return dict(_HASH.validate_json(line) for line in lines if line.strip())
        except ValueError:
            raise _garbled() from None

    def read(self, path: str, most: int) -> bytes | None:
        """The beginning of a small file; None if it does not exist."""
        found = self.run(
            f"print(open({path!r}, 'rb').read({most}).hex() if exists({path!r}) else '-')"
        ).strip()
        try:
            return None if found == "-" else bytes.fromhex(found)
        except ValueError:
            raise _garbled() from None

    def get(self, path: str, size: int, got: Callable[[int], None]) -> bytes:
        """A whole file of that size. `got` gets the size of each piece."""
        self.run(f"from binascii import b2a_base64\nf = open({path!r}, 'rb')")
        found = b""
        while len(found) < size:
            text = self.run(
                f"for _ in range({_PIECES}):\n    print(str(b2a_base64(f.read({_CHUNK})), 'ascii'), end='')"
            )
            try:
                part = b"".join(a2b_base64(line) for line in text.split())
            except ValueError:
                raise _garbled() from None
            if not part:
                break
            found += part
            got(len(part))
        self.run("f.close()")
        return found

    def put(self, path: str, data: bytes, sent: Callable[[int], None]) -> None:
        """Write a file. `sent` gets the size of each piece that is written."""
        folder = path.rpartition("/")[0]
        self.run(f"from binascii import a2b_base64\nfolder({folder!r})\nf = open({path!r}, 'wb')")
        for at in range(0, len(data), _CHUNK):
            part = data[at : at + _CHUNK]
            self.run(f"f.write(a2b_base64({b64encode(part)!r}))")
            sent(len(part))
        self.run("f.close()")

    def reset(self) -> None:
        """Restart the board, which ends the session."""
        with self._spoken():
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
            self._transport.serial.flush()
        self._left = True
        self.close()

    def close(self) -> None:
        """Leave the board: if it was not reset, it starts what it has."""
        if not hasattr(self, "_transport"):
            return
        try:
            if not self._left:
                self._left = True
                for data in _LEAVE:
                    self._transport.serial.write(data)
                    self._transport.serial.flush()
            self._transport.close()
        except (OSError, TransportError):
            pass  # it is gone

    def _bounded(self, size: int = 1) -> bytes:
        """The port's `read`, limited for each command."""
        data: bytes = self._read(size)
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise BuzonError(
                f"The board on {self.port} sends more than {_MOST // 1024} KB where a short answer is due: restart it "
                "and run the command again, or put MicroPython onto it anew with 'buzon flash'."
            )
        return data

    @contextmanager
    def _spoken(self, silent: type[NoBoard] = NoBoard) -> Iterator[None]:
        """Turns what goes wrong on the wire into one sentence."""
        try:
            yield
        except TransportExecError:
            raise
        except TransportError:
            raise silent(
                f"The board on {self.port} stopped answering: check the cable, and run the command again."
            ) from None
        except (OSError, TypeError, ValueError, IndexError):
            # When a port goes away, what pyserial and mpremote raise depends on the system.
            raise NoBoard(
                f"The board on {self.port} went away: plug it in again, and run the command once more."
            ) from None


def _garbled() -> BuzonError:
    return BuzonError(
        "What the board said came garbled: try another cable or USB port, and run the command again."
    )
