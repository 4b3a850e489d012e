"""An account's filters: they decide by sender and subject what becomes of a message whose headers came.

Runs between sessions: TLS and the header parser do not fit the heap of a small board together.
"""

import os

from micropython import const

from ..store import fs
from ..store.head import pour
from ..store.journal import ARRIVED, LEFT, PART, WANTED
from ..store.spool import octets_of
from ..store.window import Window
from ..text.fold import fold
from ..text.headers import HeaderScan
from ..text.words import decode

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    from ..store.journal import Journal
    from ..store.spool import Spool

_BATCH = const(16)
_TEXT = const(1000)  # bytes of each field: an address comes after its display name


def sift(
    settings: "Dict[str, Any]", spool: "Spool", journal: "Journal", arrived: "Callable[[bytes], object]"
) -> bool:
    """Judge all headers that are waiting; calls `arrived(key)` for those that are kept as headers. True: a
    session should fetch some messages as a whole. If interrupted anywhere, the next call carries on. Raises
    StoreError."""
    block = bytearray(512)
    scan = HeaderScan((b"from", b"subject"), _TEXT)
    wanted = False
    while True:
        window = Window(_BATCH)
        names: "List[str]" = []
        for key, name in spool.files():
            if name.endswith(".top") and len(names) < _BATCH:
                names.append(name)
                window.add(key)
        if not names:
            return wanted
        journal.mark(window)
        ways = []
        for i in range(window.n):
            kind = window.kind[i] or ARRIVED | PART
            way = choose(settings, _fields(spool, names[i], scan, block), octets_of(names[i]))
            ways.append(way)
            if way == "skip":
                journal.note(LEFT, window.key(i), kind)
            elif way == "full":
                journal.note(kind | WANTED, window.key(i), kind)
                wanted = True
        journal.flush()
        for i in range(window.n):
            if ways[i] == "skip":
                spool.remove(names[i])
            else:
                path = spool.folder + "/" + names[i]
                try:
                    os.rename(path, path[:-4] + ".hdr")
                except OSError as err:
                    raise fs.trouble(err)
            if ways[i] == "headers":
                arrived(window.key(i))
        journal.tidy()
        if (
            wanted and spool.full == "evict"
        ):  # what is wanted makes no room, so it may not fill the flash: the rest waits
            return True


def choose(settings: "Dict[str, Any]", fields: "Dict[str, bytes]", octets: int) -> str:
    """`full`, `headers` or `skip`, from the first filter whose words are all in their fields, ignoring case
    and accents; else what the account does with all other messages."""
    for rule in settings.get("filter", ()):
        if all(fold(rule[name]) in fields[name] for name in ("from", "subject") if rule.get(name)):
            return rule.get("fetch", "full")  # type: ignore[no-any-return]
    if 0 < settings.get("max_bytes", 0) < octets:
        return "headers"
    return settings.get("fetch", "full")  # type: ignore[no-any-return]


def _fields(spool: "Spool", name: str, scan: HeaderScan, block: bytearray) -> "Dict[str, bytes]":
    pour(spool, name, scan, block)
    return {
        "from": fold(decode(scan.get(b"from"), _TEXT)),
        "subject": fold(decode(scan.get(b"subject"), _TEXT)),
    }
