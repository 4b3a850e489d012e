"""Console methods that write files (certificates, plug-ins, code) and that wipe the board."""

import os

from micropython import const

from ..errors import E_BUSY, E_PARAMS, E_PATH, E_TOO_LONG, ConsoleError, StoreError
from ..store import fs, settings
from .server import field

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict

_FILE_MAX = const(262144)
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
        coming[0] = path
        coming[1] = 0
    if path != coming[0] or off != coming[1]:
        raise ConsoleError(E_PARAMS, "off, have %d" % coming[1])
    if off + len(data) > _FILE_MAX:
        raise ConsoleError(E_TOO_LONG, "file, at most %d" % _FILE_MAX)
    part = path + ".tmp"
    if off == 0:
        fs.make_folder(path.rpartition("/")[0])
    try:
        with open(part, "ab" if off else "wb") as f:
            f.write(data)
        coming[1] = off + len(data)
        if params.get("end") is True:
            os.rename(part, path)
            coming[1] = 0  # nothing may be put behind it
    except OSError as err:
        coming[1] = 0
        fs.remove(part)  # on a full flash, it would take the room for good
        raise fs.trouble(err)
    return {"have": off + len(data)}


def do_wipe(app: "Any", params: "Dict[str, Any]") -> "Dict[str, Any]":
    what = params.get("what")
    if what not in ("mail", "settings", "all"):
        raise ConsoleError(E_PARAMS, "what")
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
        if what != "settings":
            _remove_below("/mail")
        if what == "all":
            fs.remove("/clock")
    except OSError as err:
        raise fs.trouble(err)
    app.reload = True
    return {"wiped": what}


def _remove_below(folder: str) -> None:
    """Remove all in a folder, a few at a time: a list of all names could be any length."""
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
