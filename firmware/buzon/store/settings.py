"""The settings on the flash: one CBOR map in /settings.cbor; new ones are in /settings.new until the rename.

`store.staging` checks what is staged; here settings are only read and replaced.
"""

import os

from micropython import const

from ..core.cbor import Encoder, decode
from ..errors import E_FLASH, E_SETTINGS, ConfigError, MailError
from . import fs

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

    Settings = Dict[str, Any]

MAX = const(2048)  # bytes of CBOR
VERSION = const(1)
DEPTH = const(8)  # of maps and lists

_PATH = "/settings.cbor"
_NEW = "/settings.new"


def load() -> "Settings | None":
    """The settings in force; None: there are none. Raises ConfigError if the file cannot be used."""
    try:
        with open(_PATH, "rb") as f:
            data = f.read(min(size(), MAX))  # not always MAX: the heap may have no single piece of that size
    except OSError:
        return None
    try:
        doc = decode(data, DEPTH)
    except MailError as err:
        raise ConfigError(E_SETTINGS, err.detail)
    if not isinstance(doc, dict) or doc.get("v") != VERSION:
        raise ConfigError(E_SETTINGS, "version")
    return doc


def size() -> int:
    """Bytes of the settings in force; 0: there are none."""
    try:
        return os.stat(_PATH)[6]
    except OSError:
        return 0


def stage(doc: "Settings", most: int) -> None:
    """Write new settings beside the ones in force. `most`: bound on their bytes of CBOR. Raises MailError."""
    room = Encoder(bytearray(min(most, MAX)))
    room.put(doc)
    data = memoryview(room.buf)[: room.n]
    try:
        _write(data)
    except OSError as err:
        from .reserve import give

        if not give(err):
            fs.remove(_NEW)
            raise fs.trouble(err)
        try:
            _write(data)
        except OSError as err:
            fs.remove(_NEW)
            raise fs.trouble(err)


def _write(data: memoryview) -> None:
    with open(_NEW, "wb") as f:
        f.write(data)


def commit() -> None:
    """Put the staged settings in force, by one rename: an interruption leaves the old ones or the new ones."""
    try:
        os.rename(_NEW, _PATH)
    except OSError as err:
        raise ConfigError(E_FLASH, str(err))


def discard() -> None:
    """Drop what is staged; nothing staged is no error."""
    fs.remove(_NEW)


def erase() -> None:
    fs.remove(_NEW)
    fs.remove(_PATH)
