"""Console methods over the mail that is on the board: mail.list, mail.read, mail.delete. Needs no network."""

from binascii import hexlify, unhexlify

from micropython import const

from ..envelope import Envelope
from ..errors import E_NO_ACCOUNT, E_NO_MESSAGE, E_PARAMS, ConfigError, ConsoleError, StoreError
from ..store.journal import ARRIVED, DELETED, SEEN, STATE
from ..store.spool import size_of
from .server import field

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

_PAGE = const(8)
_CHUNK = const(1024)
_ROOM = const(1100)  # bytes of a page's answer ...
_ITEM = const(80)  # ... of which an item takes this much besides its texts


def _account(app: "Any", params: "Dict[str, Any]") -> "Any":
    name = field(params, "account", str)
    for account in app.accounts:
        if account.id == name:
            return account
    raise ConfigError(E_NO_ACCOUNT, name[:16])


def _key(params: "Dict[str, Any]") -> bytes:
    text = field(params, "id", str)
    try:
        key = unhexlify(text)
    except ValueError:
        key = b""
    if len(key) != 8:
        raise ConsoleError(E_PARAMS, "id")
    return key


def do_mail_list(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    account = _account(app, params)
    start = field(params, "start", int)
    n = max(1, min(field(params, "n", int), _PAGE))
    page = []
    i = 0
    for key, time, seen in account.journal.newest():
        if i >= start + n:
            break
        if i >= start:
            page.append((key, time, seen))
        i += 1
    wanted = dict((each[0], "") for each in page)
    for key, name in account.spool.files():
        if key in wanted:
            wanted[key] = name
    envelope = Envelope()
    items: "list[Any]" = []
    room = _ROOM
    for i in range(len(page)):
        key, time, seen = page[i]
        name = wanted[key]
        if name:
            item = envelope.read(account.spool, name)
            item.update({"id": str(hexlify(key), "utf-8"), "size": size_of(name), "time": time, "seen": seen})
            room -= (
                len(item["from"].encode())
                + len(item["subject"].encode())
                + len(item["date"].encode())
                + _ITEM
            )
            if room < 0 and items:
                n = i  # the next page begins with this one
                break
            items.append(item)
    total = account.journal.stored
    return {"total": total, "items": items, "next": start + n if start + n < total else None}


def do_mail_read(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    account = _account(app, params)
    key = _key(params)
    off = field(params, "off", int)
    name = account.spool.name(key)
    size = size_of(name)
    block = bytearray(min(_CHUNK, max(0, size - off)))
    n = account.spool.read(name, off, block) if block else 0
    end = off + n >= size
    if end:
        was = account.journal.state(key)
        if was & STATE == ARRIVED:
            account.journal.change(was & ~STATE | SEEN, key, was)
    return {"off": off, "data": memoryview(block)[:n], "end": end, "size": size}


def do_mail_delete(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    account = _account(app, params)
    key = _key(params)
    state = account.journal.state(key)
    if state & STATE not in (ARRIVED, SEEN):
        raise StoreError(E_NO_MESSAGE, str(hexlify(key), "utf-8"))
    name = account.spool.name(key)
    # The record first: a cut after it ends the deletion at the next start, and the server's copy stays away.
    account.journal.change(DELETED, key, state)
    account.spool.remove(name)
    return {"deleted": True}
