"""Searches the From and Subject fields of messages. For mail.list, and loaded only when it searches."""

from time import ticks_diff, ticks_ms

from micropython import const

from ..store.head import pour
from ..text.escape import clean
from ..text.fold import fold
from ..text.headers import HeaderScan
from ..text.words import decode

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import List, Sequence

    from ..store.spool import Spool

_FIELD = const(300)  # bytes of a field that are searched
_WHOLE = const(900)  # bytes that these can grow to when decoded
_LOOK_MS = const(250)


def search(spool: "Spool", names: "List[str]", words: "Sequence[str]", n: int) -> int:
    """Set the name of each message that does not match to "", until `n` have matched or _LOOK_MS is over.
    Returns how many were looked at, at least one. Raises StoreError.

    `words`: what must be in From (name or address), in Subject, and in either of them. The fields are
    decoded, runs of white space count as one space, case and accents are ignored. An empty word matches
    anything.
    """
    by, about, either = [_folded(word) for word in words]
    scan = HeaderScan((b"from", b"subject"), _FIELD)
    block = bytearray(128)
    begun = ticks_ms()
    for i in range(len(names)):
        if not n or (i and ticks_diff(ticks_ms(), begun) >= _LOOK_MS):
            return i
        if names[i]:
            pour(spool, names[i], scan, block)
            sender = _folded(decode(scan.get(b"from"), _WHOLE))
            subject = _folded(decode(scan.get(b"subject"), _WHOLE))
            if _in(by, sender) and _in(about, subject) and (_in(either, sender) or _in(either, subject)):
                n -= 1
            else:
                names[i] = ""
    return len(names)


def _in(word: bytes, text: bytes) -> bool:
    return not word or word in text  # MicroPython does not find b"" in another b""


def _folded(text: str) -> bytes:
    return fold(clean(text, _WHOLE))
