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
    for name in ("time", "select", "socket", "network", "esp32", "_tls"):
        __import__(name)
        gc.collect()  # what follows fills the holes: the firmware's heap is one piece
    import _flash
    import machine

    config = _hw.config
    if config["tty"]:
        open(config["tty"], "rb").close()  # now the controlling terminal: the board ends with its runner
    if sys.implementation.version[:2] < (1, 27):
        import _raw  # noqa: F401 (the runner calls it)

        _hw.send(b"Q")
    flash = _flash.flash(config)
    gc.collect()
    rom = _flash.rom(config)
    vfs.umount("/")
    try:
        vfs.mount(vfs.VfsLfs2(flash), "/")
        os.chdir("/")
    except OSError:
        print("The file system on the flash is damaged: the board has no files.")
    vfs.mount(rom, "/rom")
    sys.path[:] = ["", "/lib", "/rom", ".frozen"]
    sys.argv[:] = []
    machine.setup(config)
    start = config["main"], config["measure"]
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
    main, measure = hardware()
    # The names of the fakes are in a board's ROM. Here they fill the table of names, which doubles when it is full:
    # the step that they bring on belongs to the hardware's share.
    for i in range(_NAMES):
        setattr(_hw, "_%d" % i, None)
        delattr(_hw, "_%d" % i)
    gc.collect()
    _hw.send(b"H", pack("<I", gc.mem_alloc()))
    if measure:
        _hw.halt()
    if exists("/boot.py") and not run("/boot.py"):
        return
    if main:
        for path in ("/main.py", "/rom/main.py"):
            if exists(path):
                run(path)
                break
    elif "_raw" in sys.modules:
        sys.modules["_raw"].repl()
