"""The raw REPL, for a MicroPython whose unix port has none (before 1.27): the raw mode and the raw-paste mode of
docs/reference/repl.rst in MicroPython. The runner types `__import__("_raw").repl()` where a person types Ctrl-A, and a
soft reset in it begins with it (`_boot.py`)."""

import sys

import _hw
from micropython import const

import __main__

_WINDOW = const(128)


def repl():
    """Until Ctrl-B, or a soft reset."""
    read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
    code = bytearray()
    banner = b"raw REPL; CTRL-B to exit\r\n>"
    write(banner)
    while True:
        try:
            key = read(1)[0]
            if key == 1:
                write(banner)
                code = bytearray()
            elif key == 2:
                write(b'\r\nMicroPython\r\nType "help()" for more information.\r\n')
                return
            elif key == 3:
                code = bytearray()
            elif key == 4:
                if not code:
                    _restart()
                write(b"OK")
                _run(code, write)
                code = bytearray()
            elif key == 5 and not code:
                read(2)  # A and Ctrl-A: paste mode
                code = _paste(read, write)
                _run(code, write)
                code = bytearray()
            else:
                code.append(key)
        except KeyboardInterrupt:
            code = bytearray()


def _paste(read, write):
    """What comes until Ctrl-D; the sender is told how much there is room for."""
    write(b"R\x01" + bytes((_WINDOW, 0)) + b"\x01")
    code = bytearray()
    n = 0
    while True:
        key = read(1)[0]
        if key == 4:
            write(b"\x04")
            return code
        code.append(key)
        n += 1
        if n == _WINDOW:
            n = 0
            write(b"\x01")


def _run(code, write):
    try:
        exec(str(code, "utf-8"), __main__.__dict__)
        write(b"\x04")
    except SystemExit:
        _restart()
    except BaseException as e:
        write(b"\x04")
        sys.print_exception(e, sys.stdout)
    write(b"\x04>")


def _restart():
    _hw.send(b"S")
    _hw.halt()
