"""Finds the board: the one that was named, or the only one there is. It does not open a port."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serial.tools import list_ports

from ..errors import NoBoard
from .printable import escape

if TYPE_CHECKING:
    from ..virtual import control


@dataclass(frozen=True)
class Found:
    """A port that may have a board, and what is known of it. `usb`: vendor and product id, `10c4:ea60`."""

    port: str
    what: str
    virtual: bool = False
    usb: str = ""


def boards() -> list[Found]:
    """Running virtual boards, then the serial ports on USB."""
    found = [Found(port, f"virtual board {name}", True) for name, port in _virtual()]
    for info in list_ports.comports():
        if info.vid is not None:
            what = escape(str(info.product or info.description or "USB serial port"))
            found.append(Found(info.device, what, usb=f"{info.vid:04x}:{info.pid or 0:04x}"))
    return found


def named() -> list[str]:
    """The ports in BUZON_PORTS, separated by commas or blanks, each once."""
    once: dict[str, str] = {}
    for port in re.split(r"[\s,]+", os.environ.get("BUZON_PORTS", "")):
        if port:
            once.setdefault(os.path.realpath(port), port)
    return list(once.values())


def only_named() -> str | None:
    """The port in BUZON_PORTS; None if there is none. Raises NoBoard if there are several."""
    ports = named()
    if len(ports) > 1:
        raise NoBoard(f"BUZON_PORTS names {len(ports)} ports: choose one with --port", ports)
    return ports[0] if ports else None


def find(port: str | None = None) -> str:
    """`port` if given, else the one in BUZON_PORTS, else the port of the only board there is.

    Raises NoBoard when there is none, or more than one; it then names the choices.
    """
    port = port or only_named()
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
    raise NoBoard(
        f"There are {len(found)} boards: choose one with --port",
        [f"{each.port} ({each.what})" for each in found],
    )


def find_all(ports: Sequence[str] = ()) -> tuple[list[str], bool]:
    """(the ports of all boards, whether they were named): `ports`, else those in BUZON_PORTS, else all there
    are. Raises NoBoard when there is none."""
    found = list(ports) or named()
    once: dict[str, str] = {}
    for port in found or [each.port for each in boards()]:
        once.setdefault(os.path.realpath(port), port)
    if not once:
        raise NoBoard(
            "No board was found: plug some in, start virtual ones with 'buzon virtual', or name their ports with "
            "--port or in BUZON_PORTS."
        )
    return list(once.values()), bool(found)


def virtual_at(port: str) -> "control.Client | None":
    """The control channel of the running virtual board on `port` (or a link to it), which the caller closes;
    None when it is not a virtual board."""
    from ..virtual import control

    where = os.path.realpath(port)
    if all(os.path.realpath(entry.port) != where for entry in control.running()):
        return None
    return control.connect(port)


def _virtual() -> list[tuple[str, str]]:
    """What tells each running virtual board from the others (its name and flash file), and its port."""
    from ..virtual import control

    return [(f"{entry.board}, flash {entry.flash}", entry.link or entry.port) for entry in control.running()]
