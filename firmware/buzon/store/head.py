"""Reads the beginning of a stored message for its header fields."""

from micropython import const

from . import fs

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from .spool import Spool

_HEAD = const(65536)  # bytes of a message that are searched for header fields


def pour(spool: "Spool", name: str, scan: "Any", block: bytearray) -> None:
    """Feed the beginning of a message to a `HeaderScan` until it has its fields. `block`: lent. Raises StoreError."""
    scan.reset()
    left = _HEAD
    try:
        with open(spool.folder + "/" + name, "rb") as f:
            while not scan.done and left > 0:
                n = f.readinto(block)
                if not n:
                    break
                scan.write(block, 0, n)
                left -= n
    except OSError as err:
        raise fs.trouble(err)
