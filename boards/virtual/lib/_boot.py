"""Puts the virtual hardware in place, then starts the board as an ESP32 does: boot.py, main.py, REPL."""

import gc
import os
import sys
from struct import pack

import _hw
import vfs
from micropython import const

import __main__

_NAMES = const(120)


def hardware():
    """The fakes, the flash at `/`, the firmware at `/rom`; host files are out of reach afterwards."""
    config = _hw.config
    rp2 = config["port"] == "rp2"
    own = ("rp2",) if rp2 else ("esp32", "flashbdev")
    for name in ("time", "select", "socket", "network") + own + ("_tls",):
        __import__(name)
        gc.collect()  # what follows fills the holes: the firmware's heap is one piece
    import _flash
    import machine

    if config["tty"]:
        open(config["tty"], "rb").close()  # now the controlling terminal: the board ends with its runner
    if sys.implementation.version[:2] < (1, 27):
        import _raw  # noqa: F401 (the runner calls it)

        _hw.send(b"Q")
    flash = _flash.flash(config)
    gc.collect()
    rom = _flash.rom(config) if config["rom"] else None
    vfs.umount("/")
    if rp2:
        sys.modules["rp2"].flash = flash
    else:
        sys.modules["flashbdev"].bdev = flash
    try:
        vfs.mount(vfs.VfsLfs2(flash, progsize=256) if rp2 else vfs.VfsLfs2(flash), "/")
        os.chdir("/")
    except OSError:
        print("The file system on the flash is damaged: the board has no files.")
    if rom:
        vfs.mount(rom, "/rom")
        sys.path[:] = ["", "/lib", "/rom", ".frozen"]
    else:
        sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    machine.setup(config)
    start = config["main"], config["measure"], config["idf"]
    _hw.config = None
    for name in ("_boot", "_flash", "_tls"):
        sys.modules.pop(name, None)
    return start


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def run(path):
    """Run one file in `__main__`, as a board does. Returns False when it ended with an exception."""
    try:
        exec("execfile(" + repr(path) + ")", __main__.__dict__)
    except SystemExit:
        _hw.send(b"S")
        _hw.halt()
    except BaseException as e:
        sys.print_exception(e, sys.stdout)
        return False
    return True


def start():
    main, measure, idf = hardware()
    # The names of the fakes are in a board's ROM. Here they fill the table of names, which doubles when it is full:
    # the step that they bring on belongs to the hardware's share.
    for i in range(_NAMES):
        setattr(_hw, "_%d" % i, None)
        delattr(_hw, "_%d" % i)
    gc.collect()
    _hw.send(b"H", pack("<I", gc.mem_alloc()))
    if measure:
        _hw.halt()
    if idf:
        sys.modules["_idf"].setup()
    if exists("/boot.py") and not run("/boot.py"):
        return
    if main:
        for path in ("/main.py", "/rom/main.py"):
            if exists(path):
                run(path)
                break
    elif "_raw" in sys.modules:
        sys.modules["_raw"].repl()
