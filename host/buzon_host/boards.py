"""The boards: each is a folder with a `board.toml`, loaded and checked here. No board is touched."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

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
    """The partition that MicroPython mounts at `/` (bytes). `prog_size`: the least that littlefs writes."""

    label: str = "vfs"
    offset: Annotated[int, Field(ge=0)]
    size: Annotated[int, Field(ge=16 * 4096)]
    block_size: Literal[4096] = 4096
    prog_size: Literal[32, 256] = 32

    @model_validator(mode="after")
    def _aligned(self) -> "FileSystem":
        if self.offset % self.block_size or self.size % self.block_size:
            raise ValueError("offset and size must be multiples of block_size")
        return self


class DisplayPins(_Part):
    scl: Pin
    sda: Pin


SIZES = {"ssd1306": ((128, 64), (128, 32), (72, 40)), "sh1106": ((128, 64),)}
"""The displays of each driver: width and height."""


def check_size(driver: str, w: int, h: int) -> None:
    """Raises ValueError if there is no display of that size."""
    sizes = SIZES.get(driver, tuple(size for some in SIZES.values() for size in some))
    if (w, h) not in sizes:
        known = ", ".join(f"{width}x{height}" for width, height in sizes)
        raise ValueError(f"h|{w}x{h} is no size of a display with driver {driver}: take {known}")


class Display(_Part):
    """The `display` section that a new board's settings start with (docs/PROTOCOL.md, "Settings"); `label`
    and `built_in` (it is on the board, with nothing to wire) are for people."""

    label: str
    built_in: bool = False
    driver: Literal["ssd1306", "sh1106", "null"]
    bus: Annotated[int, Field(ge=0, le=3)] = 0
    addr: Annotated[int, Field(ge=0x08, le=0x77)] = 0x3C
    w: int = 128
    h: int = 64
    pins: DisplayPins
    rotate: Literal[0, 180] = 0
    contrast: Annotated[int, Field(ge=0, le=255)] = 127

    @model_validator(mode="after")
    def _size(self) -> "Display":
        check_size(self.driver, self.w, self.h)
        return self

    def settings(self) -> dict[str, Any]:
        """The section as it is in the board's settings."""
        return self.model_dump(exclude={"label", "built_in"})


class Pins(_Part):
    """GPIO numbers; None: the board has none. `led`: "LED" if it is connected to the radio chip. A button
    that is not `button_on_board` is wired to ground, at `button_ground` if that is another pin than the display's. The
    rest is what is printed on the board, for people."""

    led: Pin | Literal["LED"] | None = None
    led_active_low: bool = False
    button: Pin | None = None
    button_name: str = "BOOT"
    button_on_board: bool = True
    power: str = "3V3"
    ground: str = "GND"
    button_ground: str = ""
    prefix: str = "GPIO"
    labels: dict[str, str] = Field(default_factory=dict)

    def name(self, number: int) -> str:
        """A pin's printed name, and where it is."""
        label = self.labels.get(str(number))
        return f"{self.prefix}{number}" + (f" ({label})" if label else "")


UsbId = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]


class Serial(_Part):
    """The console's port. `receive_ring`: bytes the board holds until it reads them.

    `usb`: ids of what is at the other end of the cable. `reset`: how the chip is brought into its loader: by
    the lines DTR and RTS, by a `button`, or not at all (`none`: an emulated chip). `flash_baud`: for
    flashing. `stub`: esptool loads a faster loader first.
    """

    baud: Annotated[int, Field(ge=9600, le=4_000_000)] = 115200
    receive_ring: Annotated[int, Field(ge=64, le=65536)] = 260
    usb: list[UsbId] = Field(default_factory=list)
    reset: Literal["dtr-rts", "button", "none"] = "dtr-rts"
    flash_baud: Annotated[int, Field(ge=9600, le=4_000_000)] = 460800
    stub: bool = True


@dataclass(frozen=True)
class Chip:
    """What all boards with a chip have in common. `title`: as its maker and ESP Web Tools write it.

    ESP32s: `image_id` is in the header of every program, `boot` is where in the flash the firmware file
    begins. RP2s: `uf2_family` is in every block of a UF2 file, `drive` is the name of the drive that they
    show up as.
    """

    title: str
    arch: str
    sda_scl: tuple[frozenset[int], frozenset[int]]
    image_id: int | None = None
    boot: int = 0
    uf2_family: int | None = None
    drive: str = ""
    button: str = "BOOT"


def _any(pins: Iterable[int]) -> tuple[frozenset[int], frozenset[int]]:
    return frozenset(pins), frozenset(pins)


_RP2 = frozenset(range(0, 29, 2)), frozenset(range(1, 29, 2))
_ESP32_FLASH = {6, 7, 8, 9, 10, 11}
CHIPS = {
    # Pins that can be used for I2C: 34 to 39 are inputs only, and some are connected to the flash chip.
    "esp32": Chip("ESP32", "xtensawin", _any({*range(34)} - _ESP32_FLASH), image_id=0, boot=0x1000),
    "esp32s3": Chip("ESP32-S3", "xtensawin", _any({*range(22), *range(33, 49)}), image_id=9),
    "esp32c3": Chip("ESP32-C3", "rv32imc", _any({*range(11), *range(18, 22)}), image_id=5),
    "rp2040": Chip("RP2040", "armv6m", _RP2, uf2_family=0xE48BFF56, drive="RPI-RP2", button="BOOTSEL"),
    "rp2350": Chip("RP2350", "armv7emsp", _RP2, uf2_family=0xE48BFF59, drive="RP2350", button="BOOTSEL"),
    "virtual": Chip("virtual", "x64", _any(range(40))),
}

Bytes = Annotated[int, Field(ge=0, le=65536)]


class Board(_Part):
    """One board, as its `board.toml` describes it. `arch` is what `mpy-cross -march` takes.

    `display` is what its settings start with; `displays` are other well-known ones. `tls_heap`: bytes of
    MicroPython's heap that a TLS connection takes, in its largest block and in all the others; the firmware
    reserves them. 0 where TLS has its own memory. `watchdog_s`: seconds after which a hanging board is reset;
    0: never. Only for chips where a new WDT replaces the last one, as on an ESP32.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,32}$")]
    description: str
    chip: Literal["esp32", "esp32s3", "esp32c3", "rp2040", "rp2350", "virtual"]
    arch: str
    heap_kib: Annotated[int, Field(ge=16, le=65536)]
    tls_heap: Annotated[list[Bytes], Field(min_length=2, max_length=2)] = [0, 0]
    watchdog_s: Annotated[int, Field(ge=0, le=3600)] = 0
    flash: Flash
    filesystem: FileSystem
    display: Display
    displays: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,24}$")], Display] = Field(default_factory=dict)
    pins: Pins
    serial: Serial = Field(default_factory=Serial)

    @model_validator(mode="after")
    def _fits(self) -> "Board":
        if self.filesystem.offset + self.filesystem.size > self.flash.kib * 1024:
            raise ValueError("filesystem|the partition ends behind the end of the flash")
        chip = CHIPS[self.chip]
        if self.arch != chip.arch:
            raise ValueError(f'arch|must be "{chip.arch}" for chip "{self.chip}"')
        for path, display in [
            ("display", self.display),
            *((f"displays.{n}", d) for n, d in self.displays.items()),
        ]:
            for line, pin, able in zip(
                ("sda", "scl"), (display.pins.sda, display.pins.scl), chip.sda_scl, strict=True
            ):
                # On an RP2 every second pair of pins belongs to I2C1.
                wrong_bus = chip.uf2_family is not None and pin // 2 % 2 != display.bus
                if pin not in able or wrong_bus:
                    what = f"I2C bus {display.bus}" if wrong_bus else "an I2C bus"
                    raise ValueError(
                        f"{path}.pins.{line}|pin {pin} of this chip cannot be {line.upper()} of {what}"
                    )
        if self.display.pins.scl == self.display.pins.sda:
            raise ValueError("display.pins|scl and sda are the same pin")
        return self

    @property
    def soc(self) -> Chip:
        """The facts of its chip."""
        return CHIPS[self.chip]

    def with_display(self, name: str | None) -> "Board":
        """The board with one of `displays` instead of its own; None: unchanged. Raises BoardError."""
        if name is None:
            return self
        if name not in self.displays:
            known = ", ".join(self.displays)
            end = f"take one of {known}, or leave --display out" if known else "leave --display out"
            raise BoardError(f"{self.name} has no display '{name}': {end}.")
        return self.model_copy(update={"display": self.displays[name]})

    def cbor_map(self) -> dict[str, object]:
        """What `/board.cbor` holds: name, default display settings, led, button, tls_heap, watchdog_s."""
        return {
            "name": self.name,
            "display": self.display.settings(),
            "led": self.pins.led,
            "button": self.pins.button,
            "tls_heap": self.tls_heap,
            "watchdog_s": self.watchdog_s,
        }


def names() -> list[str]:
    """The names of the boards that come with the tool, sorted."""
    return sorted(path.parent.name for path in paths.boards().glob("*/" + _FILE))


def known(name: str) -> str | None:
    """The proper spelling of the name of a board that comes with the tool, or None. Case is ignored."""
    return next((each for each in names() if each.casefold() == name.casefold()), None)


def fitting(chip: str) -> list[Board]:
    """The boards that come with the tool and have the chip with that title."""
    return [board for board in map(load, names()) if board.soc.title == chip]


def load(name_or_path: str | Path) -> Board:
    """The board of that name, or of one's own folder or `board.toml`. Raises BoardError."""
    path = Path(name_or_path)
    if name := known(str(name_or_path)):  # before any folder of that name that happens to be here
        path = paths.boards() / name / _FILE
    elif path.is_dir():
        path = path / _FILE
    elif not path.is_file():
        raise BoardError(
            f"There is no board '{name_or_path}': take one of {', '.join(names())}, or a board.toml."
        )
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
    """One sentence for each mistake: `display.pins.scl: ...`."""
    found = []
    for item in error.errors():
        what = {"extra_forbidden": "is not a known key", "missing": "is missing"}.get(item["type"])
        # A check of several keys says `key|what is wrong`.
        below, _, what = (what or item["msg"].removeprefix("Value error, ")).rpartition("|")
        where = ".".join(str(part) for part in (*item["loc"], *filter(None, [below])))
        found.append(f"{where}: {what}" if where else what)
    return found
