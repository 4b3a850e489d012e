"""Console methods that write files (certificates, plug-ins, code) and wipe the board."""

import os

from micropython import const

from .. import watchdog
from ..errors import E_BUSY, E_PARAMS, E_PATH, E_TOO_LONG, ConsoleError, StoreError
from ..store import fs, settings
from ..store.fs import ENOSPC
from ..store.journal import Journal
from ..store.spool import Spool
from .params import field

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

_FILE_MAX = const(262144)
_STEP = const(16)  # messages removed at once: the answer must come before the PC stops waiting for it
_MEASURED = const(8192)  # bytes of a file between measurements of the free room, which are slow
_CERTS = const(16384)  # bytes that certificates may take of the room otherwise kept free
_FOLDERS = ("/certs/", "/lib/")


def do_file_put(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    coming = app.upload
    path = field(params, "path", str)
    off = field(params, "off", int)
    data = field(params, "data", bytes)
    if (
        not path.startswith(_FOLDERS)
        or len(path) > 96
        or path.endswith("/")
        or [part for part in ("//", "/.", "..", "\0") if part in path]
    ):
        raise StoreError(E_PATH, path[:40])
    if off == 0:
        coming[:] = [path, 0, 0]
    if path != coming[0] or off != coming[1]:
        raise ConsoleError(E_PARAMS, "off, have %d" % coming[1])
    if off + len(data) > _FILE_MAX:
        raise ConsoleError(E_TOO_LONG, "file, at most %d" % _FILE_MAX)
    part = path + ".tmp"
    try:
        if off + len(data) > coming[2]:  # up to there it is known to fit
            room = fs.room()[0] - fs.kept("/mail")
            if path.startswith("/certs/"):  # settings may have to change on a full flash too
                room += _CERTS
            if room < len(data):
                raise OSError(ENOSPC)
            coming[2] = off + min(room, len(data) + _MEASURED)
        if off == 0:
            fs.make_folder(path.rpartition("/")[0])
        with open(part, "ab" if off else "wb") as f:
            f.write(data)
        coming[1] = off + len(data)
        if params.get("end") is True:
            os.rename(part, path)
            coming[1] = 0  # nothing may be appended any more
            fs.forget()
    except OSError as err:
        coming[1] = 0
        fs.remove(part)  # on a full flash it would take up the room for good
        fs.forget()
        raise fs.trouble(err)
    return {"have": off + len(data)}


def do_wipe(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    """Erase `what`: all mail, the settings with certificates, or everything.

    `mail`: the record of each message stays, so that none comes again (`store.clear`). At most `n` messages,
    16 at most, of one account are removed; `more` says to repeat the request. Without `n`, all messages are
    removed.
    `all`: nothing is known afterwards, as on a new board.
    """
    what = params.get("what")
    if what not in ("mail", "settings", "all"):
        raise ConsoleError(E_PARAMS, "what")
    n = min(_STEP, field(params, "n", int)) if "n" in params else 0
    if app.busy():
        raise ConsoleError(E_BUSY, "a sync")
    if what != "mail":
        settings.erase()
        app.trial = None
        app.wifi.leave()
        app.wifi.ssid = ""
    try:
        if what != "mail":
            _remove_below("/certs")
        if what == "mail":
            if _leave_mail(app, n):
                return {"wiped": what, "more": True}
        elif what == "all":
            fs.forget()
            _remove_below("/mail")
            fs.remove("/clock")
            app.error = None  # it is about what is gone
    except OSError as err:
        raise fs.trouble(err)
    app.reload = True
    return {"wiped": what}


def _leave_mail(app: "Any", n: int) -> bool:
    """Remove `n` messages of one account; 0: all messages of all accounts. True: there may be more. Includes
    accounts that the settings no longer name: they may come back."""
    from ..store.clear import clear

    known = {}
    for account in app.accounts:
        known[account.id] = account
    for id in fs.folders("/mail"):
        if id in known:
            spool = known[id].spool
            journal = known[id].journal
            deletes = known[id].settings.get("keep", "delete") != "forever"
        else:
            spool = Spool(id)
            journal = Journal(spool.folder)
            journal.open(spool)
            deletes = True
        while True:
            if watchdog.running:
                watchdog.running.feed()
            if not clear(journal, spool, n or _STEP, deletes):
                break
            if n:
                return True
    return False


def _remove_below(folder: str) -> None:
    """Remove everything in a folder, a few entries at a time: a list of all names could be of any length."""
    while fs.exists(folder):
        batch = []
        for entry in os.ilistdir(folder):
            batch.append((folder + "/" + entry[0], entry[1]))
            if len(batch) == 16:
                break
        if not batch:
            return
        for path, kind in batch:
            if kind == 0x4000:
                _remove_below(path)
                os.rmdir(path)
            else:
                os.remove(path)
