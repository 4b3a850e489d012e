"""Console methods on one message that is on the board: mail.read, mail.flag, mail.delete. Needs no network."""

from binascii import hexlify

from micropython import const

from ..errors import E_FLASH_FULL, E_NO_MESSAGE, StoreError
from ..store import fs
from ..store.journal import ARRIVED, DELETED, PART, SEEN, STATE, WANTED, here
from ..store.spool import size_of
from .server import account_in, field, key_in

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

_CHUNK = const(1024)


def do_mail_read(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    account = account_in(app, params)
    key = key_in(params, "id")
    off = field(params, "off", int)
    if "crc" in params:
        # Its name, so that the folder is not looked through for each chunk; and it is that very message or none.
        id = str(hexlify(key), "utf-8")
        name = "%s-%x-%08x.eml" % (id, field(params, "size", int), field(params, "crc", int))
        if not fs.exists(account.spool.folder + "/" + name):
            raise StoreError(E_NO_MESSAGE, id)
    else:
        name = account.spool.name(key)
    size = size_of(name)
    block = bytearray(min(_CHUNK, max(0, size - off)))
    n = account.spool.read(name, off, block) if block else 0
    end = off + n >= size
    if end and params.get("peek") is not True:
        was = account.journal.state(key)
        if was & STATE == ARRIVED:
            account.journal.change(was & ~STATE | SEEN, key, was)
    return {"off": off, "data": memoryview(block)[:n], "end": end, "size": size}


def do_mail_flag(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    account = account_in(app, params)
    key = key_in(params, "id")
    seen = field(params, "seen", bool)
    state = _state(account, key)
    kind = state & ~STATE | (SEEN if seen else ARRIVED)
    if state != kind:  # as it is already: nothing is written
        account.journal.change(kind, key, state)
    return {"seen": seen}


def do_mail_fetch(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    """Of what only the headers are here, the whole is wanted: the next session brings it."""
    account = account_in(app, params)
    key = key_in(params, "id")
    state = _state(account, key)
    if state & PART:
        if not state & WANTED:
            account.journal.change(state | WANTED, key, state)
        app.sync_now(account.id)
    return {"wanted": bool(state & PART)}


def do_mail_delete(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    account = account_in(app, params)
    key = key_in(params, "id")
    state = _state(account, key)
    name = account.spool.name(key)
    # The record first: a cut after it ends the deletion at the next start, and the server's copy stays away.
    try:
        account.journal.change(DELETED, key, state)
    except StoreError as err:
        if err.code != E_FLASH_FULL:
            raise
        account.spool.remove(name)  # which makes room for the record
        account.journal.flush()
        return {"deleted": True}
    account.spool.remove(name)
    return {"deleted": True}


def _state(account: "Any", key: bytes) -> int:
    """The journal's kind of a message that is here. Raises StoreError(E_NO_MESSAGE)."""
    state: int = account.journal.state(key)
    if not here(state):
        raise StoreError(E_NO_MESSAGE, str(hexlify(key), "utf-8"))
    return state
