"""Console methods on one message that is on the board: mail.read, mail.flag, mail.delete. Needs no network."""

from binascii import hexlify

from micropython import const

from ..errors import E_FLASH_FULL, E_NO_MESSAGE, StoreError
from ..store import fs
from ..store.journal import ARRIVED, DELETED, PART, SEEN, STATE, WANTED, here
from ..store.spool import size_of
from .params import account_in, field, key_in

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

_CHUNK = const(1024)


def do_mail_read(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    account = account_in(app, params)
    key = key_in(params, "id")
    off = field(params, "off", int)
    # With `crc` the folder need not be searched for each chunk.
    name = _very(account, key, params) if "crc" in params else account.journal.name(account.spool, key)
    size = size_of(name)
    block = bytearray(min(_CHUNK, max(0, size - off)))
    n = account.spool.read(name, off, block) if block else 0
    end = off + n >= size
    if end and params.get("peek") is not True:
        was = account.journal.state(key)
        if was & STATE == ARRIVED:
            try:
                account.journal.change(was & ~STATE | SEEN, key, was)
            except StoreError as err:
                if err.code != E_FLASH_FULL:  # a full flash only means that it is forgotten at the next start
                    raise
    return {"off": off, "data": memoryview(block)[:n], "end": end, "size": size}


def do_mail_flag(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    account = account_in(app, params)
    key = key_in(params, "id")
    seen = field(params, "seen", bool)
    state = _state(account, key)
    kind = state & ~STATE | (SEEN if seen else ARRIVED)
    if state != kind:  # otherwise nothing needs to be written
        account.journal.change(kind, key, state)
    return {"seen": seen}


def do_mail_fetch(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    """Ask for the whole of a message whose header alone is here; the next session fetches it."""
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
    if "crc" in params:
        _very(account, key, params)
    from ..store.leave import leave

    leave(account.journal, account.spool, key, DELETED, _state(account, key))
    return {"deleted": True}


def _very(account: "Any", key: bytes, params: "Dict[str, Any]") -> str:
    """The file name of exactly the message that `size` and `crc` describe: its id may be another's by now.
    Raises StoreError(E_NO_MESSAGE)."""
    id = str(hexlify(key), "utf-8")
    name = "%s-%x-%08x.eml" % (id, field(params, "size", int), field(params, "crc", int))
    if not fs.exists(account.spool.folder + "/" + name):
        raise StoreError(E_NO_MESSAGE, id)
    return name


def _state(account: "Any", key: bytes) -> int:
    """The journal's kind of a message that is on the board. Raises StoreError(E_NO_MESSAGE)."""
    state: int = account.journal.state(key)
    if not here(state):
        raise StoreError(E_NO_MESSAGE, str(hexlify(key), "utf-8"))
    return state
