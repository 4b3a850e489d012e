"""The boards: each a folder with a `board.toml`, loaded and checked here. It never touches a board."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from . import paths
from .errors import UsageError

_FILE = "board.toml"
Pin = Annotated[int, Field(ge=0, le=63)]


class BoardError(UsageError):
    """There is no such board, or its `board.toml` is wrong; the sentence names file and key."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Flash(_Part):
    """The flash chip."""

    kib: Annotated[int, Field(ge=256, le=1 << 20)]


class FileSystem(_Part):
    """The partition MicroPython mounts at `/` (bytes)."""

    label: str = "vfs"
    offset: Annotated[int, Field(ge=0)]
    size: Annotated[int, Field(ge=16 * 4096)]
    block_size: Literal[4096] = 4096

    @model_validator(mode="after")
    def _aligned(self) -> "FileSystem":
        if self.offset % self.block_size or self.size % self.block_size:
            raise ValueError("offset and size must be multiples of block_size")
        return self


class DisplayPins(_Part):
    scl: Pin
    sda: Pin


class Display(_Part):
    """The `display` section a new board's settings start with (docs/PROTOCOL.md, "Settings")."""

    driver: Literal["ssd1306", "null"]
    bus: Annotated[int, Field(ge=0, le=3)] = 0
    addr: Annotated[int, Field(ge=0x08, le=0x77)] = 0x3C
    w: Literal[128] = 128
    h: Literal[64] = 64
    pins: DisplayPins
    rotate: Literal[0, 180] = 0
    contrast: Annotated[int, Field(ge=0, le=255)] = 127


class Pins(_Part):
    """GPIO numbers of what every board has; None: the board has none."""

    led: Pin | None = None
    button: Pin | None = None


class Serial(_Part):
    """The port the console speaks on. `receive_ring`: bytes the board holds until it reads them."""

    baud: Annotated[int, Field(ge=9600, le=4_000_000)] = 115200
    receive_ring: Annotated[int, Field(ge=64, le=65536)] = 260


Bytes = Annotated[int, Field(ge=0, le=65536)]


class Board(_Part):
    """One board, as its `board.toml` describes it. `arch` is what `mpy-cross -march` takes.

    `tls_heap`: bytes that a TLS connection takes of MicroPython's heap, in its largest block and in all the others,
    which the firmware keeps for it; 0 where TLS has memory of its own. `watchdog_s`: seconds within which a board that
    hangs is reset; 0: never. Only for chips where a new WDT takes the place of the last, as on an ESP32.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,32}$")]
    description: str
    chip: str
    arch: str
    heap_kib: Annotated[int, Field(ge=16, le=65536)]
    tls_heap: Annotated[list[Bytes], Field(min_length=2, max_length=2)] = [0, 0]
    watchdog_s: Annotated[int, Field(ge=0, le=3600)] = 0
    flash: Flash
    filesystem: FileSystem
    display: Display
    pins: Pins
    serial: Serial = Field(default_factory=Serial)

    @model_validator(mode="after")
    def _fits(self) -> "Board":
        if self.filesystem.offset + self.filesystem.size > self.flash.kib * 1024:
            raise ValueError("filesystem: the partition ends behind the end of the flash")
        return self

    def cbor_map(self) -> dict[str, object]:
        """What `/board.cbor` holds: name, default display settings, led, button, tls_heap, watchdog_s."""
        display = self.display.model_dump()
        return {
            "name": self.name,
            "display": display,
            "led": self.pins.led,
            "button": self.pins.button,
            "tls_heap": self.tls_heap,
            "watchdog_s": self.watchdog_s,
        }


def names() -> list[str]:
    """The names of the boards that come with the tool, sorted."""
    return sorted(path.parent.name for path in paths.boards().glob("*/" + _FILE))


def load(name_or_path: str | Path) -> Board:
    """The board of that name, or of a folder or `board.toml` of one's own. Raises BoardError."""
    path = Path(name_or_path)
    if str(name_or_path) in names():  # before any folder of that name that happens to be here
        path = paths.boards() / str(name_or_path) / _FILE
    elif path.is_dir():
        path = path / _FILE
    elif not path.is_file():
        known = ", ".join(names())
        raise BoardError(f"There is no board '{name_or_path}': take one of {known}, or a board.toml.")
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BoardError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(f"{path} is not valid TOML: {error}.") from None
    try:
        return Board.model_validate(tree)
    except ValidationError as error:
        raise BoardError(f"{path}: " + "; ".join(_sentences(error))) from None


def _sentences(error: ValidationError) -> list[str]:
    """`display.pins.scl: ...`, one for each thing that is wrong."""
    found = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        what = {"extra_forbidden": "is not a known key", "missing": "is missing"}.get(item["type"])
        what = what or item["msg"].removeprefix("Value error, ")
        found.append(f"{where}: {what}" if where else what)
    return found
