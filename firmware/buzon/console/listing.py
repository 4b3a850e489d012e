"""The console method mail.list: pages of the messages on the board, newest first, or of those that match a search.

One request looks at a bounded number of messages, and briefly at each. It fits the heap beside a TLS session:
items are made one at a time, as they are put into the answer.
"""

import gc
from binascii import hexlify

from micropython import const

from ..errors import E_PARAMS, ConsoleError
from ..plugins import unload
from ..store import fs
from ..store.journal import PART, SEEN, STATE
from ..store.spool import name_of
from ..store.window import Window
from .params import account_in, field, key_in

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List

# This many items always fit a frame: one takes at most 300 bytes, or 76 without the header fields.
_PAGE = const(4)
_BRIEF = const(8)
_LOOK = const(8)  # messages that one search request looks at


def do_mail_list(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    gc.collect()
    account = account_in(app, params)
    after = key_in(params, "after") if "after" in params else None
    brief = params.get("brief") is True
    words = [params.get(name, "") for name in ("from", "subject", "text")]
    if any(type(each) is not str for each in words):
        raise ConsoleError(E_PARAMS, "text")
    n = max(1, min(field(params, "n", int), _BRIEF if brief else _PAGE))
    page = Window(_LOOK if any(words) else n)
    names: "List[str]" = []
    more = _fill(page, names, account.journal.list(after), account.spool.folder)
    if "" in names:
        _search(page, names, account.spool)
    gc.collect()
    end = page.n
    if any(words):
        from .search import search

        end = search(account.spool, names, words, n)
        del search
        unload()
        gc.collect()
    return {
        "total": account.journal.stored,
        "items": _items(account.spool, page, names, end, brief),
        "next": str(hexlify(page.key(end - 1)), "utf-8") if more or end < page.n else None,
    }


def _fill(page: Window, names: "List[str]", entries: "Any", folder: str) -> bool:
    """Fill the page with the next messages, and their file names as the journal tells them, or ""; returns whether
    there are more."""
    try:
        for kind, _, time, octets, crc, size, key in entries:
            if page.n == page.size:
                return True
            page.add(key, time)
            page.state[page.n - 1] = kind & STATE == SEEN
            name = name_of(key, kind & PART, octets, crc, size)
            names.append(name if size and fs.exists(folder + "/" + name) else "")
        return False
    finally:
        entries.close()  # releases its file and buffers right away


def _search(page: Window, names: "List[str]", spool: "Any") -> None:
    """Look through the folder for the file names that are missing."""
    for key, name in spool.files():
        i = page.find(key)
        if i >= 0 and not names[i]:
            names[i] = name


def _items(
    spool: "Any", page: Window, names: "List[str]", end: int, brief: bool
) -> "Iterator[Dict[str, Any]]":
    envelope = None
    for i in range(end):
        if names[i]:
            item = told(names[i])
            item["time"] = page.number[i]
            item["seen"] = bool(page.state[i])
            if not brief:
                if not envelope:
                    from ..envelope import Envelope

                    envelope = Envelope()
                item.update(envelope.read(spool, names[i]))
            yield item


def told(name: str) -> "Dict[str, Any]":
    """What a message's file name tells: id, size and CRC-32 of what is stored, and whether it is only a header."""
    parts = name[:-4].split("-")
    item: "Dict[str, Any]" = {"id": parts[0], "size": int(parts[1], 16), "crc": int(parts[2], 16)}
    if not name.endswith(".eml"):
        item["part"] = True
        item["octets"] = int(parts[3], 16) if len(parts) > 3 else 0
    return item
