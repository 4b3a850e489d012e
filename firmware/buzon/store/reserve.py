"""A file that takes up room only to give it back: whatever fills the flash, what a person changes on the
board (seen, deleted, settings) can be written once more. Imported only then."""

from micropython import const

from ..errors import E_FLASH_FULL
from . import fs

_FILE = "/mail/reserve.bin"  # no account's folder: an id has no dot
_BLOCK = const(512)
_BLOCKS = const(32)
_LEAST = const(32768)  # bytes of flash that must be free to make one


def keep() -> bool:
    """Make the file if there is none and there is room; returns whether it is there."""
    if fs.exists(_FILE):
        return True
    try:
        if fs.room()[0] < _LEAST:
            return False
        with open(_FILE, "wb") as f:
            for _ in range(_BLOCKS):
                f.write(bytes(_BLOCK))
    except OSError:
        fs.remove(_FILE)
        return False
    return True


def give(err: OSError) -> bool:
    """If `err` was for want of room, remove the file; returns whether there is room now."""
    if fs.trouble(err).code != E_FLASH_FULL or not fs.exists(_FILE):
        return False
    fs.remove(_FILE)
    return True
