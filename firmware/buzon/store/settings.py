"""The settings on the flash: one CBOR map in /settings.cbor, the next ones in /settings.new until the rename.

What is staged is checked in `store.staging`; here they are only read and replaced.
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
    """The settings in force; None: there are none. Raises ConfigError when the file cannot be used."""
    fs.remove(_NEW)  # staged before the power went, and not committed
    try:
        with open(_PATH, "rb") as f:
            data = f.read(
                min(size(), MAX)
            )  # not more: MAX at once may be more than the heap has in one piece
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
    """Write them beside the ones in force. `most`: bytes of CBOR that they can be. Raises MailError."""
    room = Encoder(bytearray(min(most, MAX)))
    room.put(doc)
    try:
        with open(_NEW, "wb") as f:
            f.write(memoryview(room.buf)[: room.n])
    except OSError as err:
        raise fs.trouble(err)


def commit() -> None:
    """One rename: the staged ones are in force. A cut leaves the old ones or these."""
    try:
        os.rename(_NEW, _PATH)
    except OSError as err:
        raise ConfigError(E_FLASH, str(err))


def discard() -> None:
    fs.remove(_NEW)


def erase() -> None:
    fs.remove(_NEW)
    fs.remove(_PATH)
