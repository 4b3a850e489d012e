"""Which messages hold what is looked for in their From and Subject fields. For mail.list, and loaded only then."""

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
_WHOLE = const(900)  # as many as these can become when they are decoded
_LOOK_MS = const(250)


def search(spool: "Spool", names: "List[str]", words: "Sequence[str]", n: int) -> int:
    """Make the names of messages that do not match "", until `n` matched or _LOOK_MS are over. Returns how many
    were looked at, at least one. Raises StoreError.

    `words`: what must be in From (name or address), in Subject, in one of both: decoded, white space as one space,
    letters in any case, with their accents or not. An empty one is in any.
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
