"""What is attached: which chip, and which boards have it. Nothing on it is changed."""

from dataclasses import dataclass
from pathlib import Path

from .. import boards
from ..board.find import Found, only_named
from ..board.find import boards as ports
from ..board.printable import escape
from ..boards import CHIPS, Board
from ..build.firmware import for_chip
from ..errors import BuzonError, NoBoard, UsageError
from . import drive as drives
from . import esp

_HOW = "plug it in with a USB cable that carries data (a Pico: hold its BOOTSEL button while you do)"


@dataclass(frozen=True)
class Attached:
    """A chip. `where`: its serial port, or the drive of an RP2 in its loader; `fitting`: the boards that have it."""

    where: str
    chip: str
    fitting: list[Board]

    @property
    def text(self) -> str:
        return f"The chip at {self.where} is an {escape(self.chip)}"

    def check(self) -> None:
        """Raises BuzonError if no board fits."""
        if not self.fitting:
            raise BuzonError(f"{self.text}: {for_chip(self.chip)}.")

    def only(self) -> Board:
        """The board that fits. Raises BuzonError if there is none, UsageError if a person has to choose."""
        self.check()
        if len(self.fitting) > 1:
            raise UsageError(f"{self.text}: {for_chip(self.chip)}.")
        return self.fitting[0]


def look(
    board: Board | None = None, port: str | None = None, drive: Path | None = None, stay: bool = False
) -> Attached:
    """The chip at that port, on that drive, or the only one there is. Raises NoBoard, or BuzonError if it does not say.

    `board`: how its loader is reached, if that is known. `stay`: an ESP32 stays in its loader, because something is
    about to be written.
    """
    drive = drive if port is None else None
    port = port or (only_named() if drive is None else None)
    if port is None and drive is None:
        port, drive = _only()
    if drive is None:
        assert port is not None
        chip = esp.chip_at(board, port, stay)
        return Attached(port, chip, boards.fitting(chip))
    name = drives.board_id(drive)
    if name is None:
        raise NoBoard(f"{drive} is no drive of a board (it has no {drives.INFO}): {_HOW}.")
    chip = next((one.title for one in CHIPS.values() if one.drive == name), name)
    return Attached(str(drive), chip, boards.fitting(chip))


def _only() -> tuple[str | None, Path | None]:
    """The only serial port that an ESP32 may be on, or the only drive."""
    places = drives.loaders()
    likely = _likely([one for one in ports() if not one.virtual])
    if len(places) + len(likely) == 1:
        return (likely[0].port, None) if likely else (None, next(iter(places)))
    if not places and not likely:
        raise NoBoard(f"No board was found: {_HOW}, or name its port with --port.")
    choices = [f"--port {one.port} ({one.what})" for one in likely]
    choices += [f"--drive {place} ({escape(name)})" for place, name in places.items()]
    raise NoBoard(f"There are {len(choices)} boards: choose one with {', '.join(choices)}.")


def _likely(found: list[Found]) -> list[Found]:
    """Those with an ESP32's USB id; if there are none, all that are no Pico that runs."""
    known = [board for board in map(boards.load, boards.names()) if board.soc.title != CHIPS["virtual"].title]
    esp32s, picos = (
        {usb for board in known if (board.soc.uf2_family is not None) is rp2 for usb in board.serial.usb}
        for rp2 in (False, True)
    )
    return [one for one in found if one.usb in esp32s] or [one for one in found if one.usb not in picos]
