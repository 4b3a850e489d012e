"""The virtual board's flash: a NOR chip in a host file. Erase sets 0xFF, program only clears bits.

Operations are counted where the runner reads them, and so is the time that they take on the chip; the N-th program or
erase may be cut in the middle.
"""

import os
from array import array

import _hw
import uctypes
import utime
import vfs
from micropython import const

try:
    import _copy_native as _copy
except (ImportError, ValueError):
    import _copy

BLOCK = const(4096)
_READS = const(0)
_PROGRAMS = const(1)
_ERASES = const(2)
_PROGRAMMED = const(3)
_READ = const(4)
_OPS = const(5)
_MICROSECONDS = const(6)  # below a second, so that no number needs memory of its own
_SECONDS = const(7)
_NAP_US = const(1000)  # the least that is slept
_NO_TIME = (0, 0, 0, 0, 0)
_HEADER = const(64)


def flash(config):
    """The board's flash: mapped into memory where that is possible, else a file."""
    how = config["cut"], config["torn"], config["timing"], config["real_time"]
    chip = _mapped(0, config["flash"], config["size"])
    if not chip:
        return FileFlash(config["flash"], config["stats"], config["size"], *how)
    stats = _mapped(1, config["stats"], _HEADER + 4 * (config["size"] // BLOCK))
    return MappedFlash(chip, stats, config["size"], *how)


def _mapped(number, path, size):
    """The address at which a file is in memory: the interpreter's launcher has put it there, or `mmap` does,
    with an interpreter that can call it; else None."""
    maps = os.getenv("BUZON_MAPS")
    if maps:
        return int(maps.split()[number])
    try:
        import ffi
    except ImportError:
        return None
    mmap = ffi.open("libc.so.6").func("p", "mmap", "pLiiiL")
    with open(path, "r+b") as file:
        found = mmap(None, size, 3, 1, file.fileno(), 0)  # read and write, shared
    return None if found == -1 else found


class Flash:
    """A block device for VfsLfs2 (the extended interface). `torn` in 0..255: how much of the operation
    number `cut` is done before the power goes. `timing`: microseconds for a read, nanoseconds for each byte of it,
    the same for a program, and microseconds for an erase; with `real_time` that time really passes."""

    def __init__(self, size, cut, torn, timing=_NO_TIME, real_time=False):
        self._blocks = size // BLOCK
        self._cut = cut
        self._torn = torn
        self._read_us, self._read_ns, self._program_us, self._program_ns, self._erase_us = timing
        self._real_time = real_time
        self._owed = 0  # microseconds that are still to be slept

    def cut_after(self, n, torn):
        """The power goes in the n-th operation from now on; 0: it does not."""
        self._cut = n and (self._n[_OPS] + n) & 0xFFFFFFFF
        self._torn = torn

    # A board's flash driver is not interrupted by Ctrl-C: the operation is done again, and the runner is
    # asked to interrupt once more. `return` inside `try` leaves the interpreter no moment in between.
    def readblocks(self, block, buf, off=0):
        try:
            return self._read(block * BLOCK + off, buf)
        except KeyboardInterrupt:
            _hw.send(b"K")
            return self._read(block * BLOCK + off, buf)

    def writeblocks(self, block, buf, off=0):
        try:
            return self._program(block * BLOCK + off, buf)
        except KeyboardInterrupt:
            _hw.send(b"K")
            return self._program(block * BLOCK + off, buf)

    def ioctl(self, op, arg):
        try:
            return self._ioctl(op, arg)
        except KeyboardInterrupt:
            _hw.send(b"K")
            return self._ioctl(op, arg)

    def _ioctl(self, op, arg):
        if op == 6:
            self._erase(arg)
        elif op == 3:
            self._save()
        elif op == 4:
            return self._blocks
        elif op == 5:
            return BLOCK
        return 0

    def _read(self, at, buf):
        n = self._n
        n[_READS] += 1
        n[_READ] += len(buf)
        self._load(at, buf, len(buf))
        self._spend(self._read_us + len(buf) * self._read_ns // 1000)

    def _program(self, at, buf):
        n = self._n
        size = len(buf)
        n[_PROGRAMS] += 1
        n[_OPS] += 1
        if n[_OPS] == self._cut:
            size = size * self._torn >> 8
        n[_PROGRAMMED] += size
        self._clear(at, buf, size)
        self._took(self._program_us + size * self._program_ns // 1000)

    def _erase(self, block):
        n = self._n
        size = BLOCK
        n[_ERASES] += 1
        n[_OPS] += 1
        if n[_OPS] == self._cut:
            size = BLOCK * self._torn >> 8
        self._fill(block * BLOCK, size)
        self._count(block)
        self._took(self._erase_us)

    def _spend(self, us):
        """Put the board's clock on."""
        if not us:
            return
        n = self._n
        us_now = n[_MICROSECONDS] + us
        while us_now >= 1000000:
            us_now -= 1000000
            n[_SECONDS] += 1
        n[_MICROSECONDS] = us_now
        if self._real_time:
            self._owed += us
            if self._owed >= _NAP_US:
                utime.sleep_us(self._owed)
                self._owed = 0

    def _took(self, us):
        self._spend(us)
        if self._n[_OPS] == self._cut:
            self._save()
            _hw.send(b"C")
            _hw.halt()

    def _save(self):
        pass


class MappedFlash(Flash):
    """The image and its counters at these addresses. Allocates nothing, as the driver of a board."""

    def __init__(self, chip, stats, size, *how):
        super().__init__(size, *how)
        self._chip = uctypes.bytearray_at(chip, size)
        words = {"n": (uctypes.ARRAY | 0, _HEADER // 4 + self._blocks | uctypes.UINT32)}
        self._n = uctypes.struct(stats, words).n

    def _load(self, at, buf, n):
        _copy.load(self._chip, at, buf, n)

    def _clear(self, at, buf, n):
        _copy.clear(self._chip, at, buf, n)

    def _fill(self, at, n):
        _copy.fill(self._chip, at, n)

    def _count(self, block):
        self._n[_HEADER // 4 + block] += 1


class FileFlash(Flash):
    """The image and its counters as files. Every seek allocates: no figure for heap may be taken here."""

    def __init__(self, path, stats, size, *how):
        super().__init__(size, *how)
        self._f = open(path, "r+b")
        self._stats = open(stats, "r+b")
        self._n = array("I", bytes(_HEADER))
        self._stats.readinto(self._n)
        self._buf = bytearray(128)

    def _load(self, at, buf, n):
        self._f.seek(at)
        self._f.readinto(buf, n)

    def _clear(self, at, buf, n):
        if len(self._buf) < n:
            self._buf = bytearray(n)
        old = self._buf
        self._load(at, old, n)
        _copy.clear(old, 0, buf, n)
        self._f.seek(at)
        self._f.write(old, n)

    def _fill(self, at, n):
        blank = b"\xff" * n
        self._f.seek(at)
        self._f.write(blank)

    def _count(self, block):
        word = array("I", (0,))
        self._stats.seek(_HEADER + 4 * block)
        self._stats.readinto(word)
        word[0] += 1
        self._stats.seek(_HEADER + 4 * block)
        self._stats.write(word)
        self._save()

    def _save(self):
        self._stats.seek(0)
        self._stats.write(self._n)


def rom(config):
    """The firmware's ROMFS, as the chip has it in its address space: code in it runs in place."""
    at = _mapped(2, config["rom"], config["rom_size"])
    if at:
        memory = uctypes.bytearray_at(at, config["rom_size"])
    else:
        with open(config["rom"], "rb") as f:
            memory = f.read()
    return vfs.VfsRom(memory)
