"""Finds the board: the one that was named, or the only one there is. It opens no port."""

from dataclasses import dataclass
from typing import Any

from serial.tools import list_ports

from ..errors import NoBoard
from .printable import escape


@dataclass(frozen=True)
class Found:
    """A port behind which a board may be, and what is known of it."""

    port: str
    what: str
    virtual: bool = False


def boards() -> list[Found]:
    """Running virtual boards, then the serial ports on USB."""
    found = [Found(port, f"virtual board {name}", True) for name, port in _virtual()]
    for info in list_ports.comports():
        if info.vid is not None:
            what = escape(str(info.product or info.description or "USB serial port"))
            found.append(Found(info.device, what))
    return found


def find(port: str | None = None) -> str:
    """`port` itself when it was given, else the port of the only board there is.

    Raises NoBoard, naming the choices, when there is none or more than one.
    """
    if port:
        return port
    found = boards()
    if len(found) == 1:
        return found[0].port
    if not found:
        raise NoBoard(
            "No board was found: plug one in, start a virtual one with 'buzon virtual', or name its port "
            "with --port."
        )
    choices = ", ".join(f"{board.port} ({board.what})" for board in found)
    raise NoBoard(f"There are {len(found)} boards: choose one with --port: {choices}.")


def virtual_at(port: str) -> Any | None:
    """The control of the running virtual board on `port`, or None when that is no virtual board."""
    try:
        from ..virtual import control
    except ImportError:
        return None
    return control.at(port)


def _virtual() -> list[tuple[str, str]]:
    """Name and port of each running virtual board."""
    try:
        from ..virtual import control
    except ImportError:
        return []
    return [(entry.board, entry.port) for entry in control.running()]
