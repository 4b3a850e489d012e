"""What a person wants to know first about a stored message: sender, subject and date, clean enough to show."""

from micropython import const

from .store.head import pour
from .text.address import sender
from .text.escape import clean
from .text.headers import HeaderScan
from .text.words import decode

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Dict

    from .store.spool import Spool

_TEXT = const(64)  # bytes of each field


class Envelope:
    """Reads one message after another with the same buffers."""

    def __init__(self) -> None:
        self._scan = HeaderScan((b"from", b"subject", b"date"))
        self._block = bytearray(128)

    def read(self, spool: "Spool", name: str) -> "Dict[str, str]":
        """`from`, `subject` and `date` of the message in this file, at most 64 bytes each. Raises StoreError."""
        scan = self._scan
        pour(spool, name, scan, self._block)
        return {
            "from": clean(sender(scan.get(b"from"), _TEXT), _TEXT),
            "subject": clean(decode(scan.get(b"subject"), _TEXT), _TEXT),
            "date": clean(decode(scan.get(b"date"), _TEXT), _TEXT),
        }
